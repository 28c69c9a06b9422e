import { readFile, stat } from "node:fs/promises";
import type { Clock, Timer } from "../../base/clock.js";

/** Files, as far as DNS reads them; tests hand in their own. */
export interface FileSource {
  /** Something that changes whenever the file does; undefined where there is no such file. */
  stamp(path: string): Promise<string | undefined>;
  /** The text; undefined where it cannot be read. At most `bytesMost` bytes. */
  read(path: string, bytesMost: number): Promise<string | undefined>;
}

/** The machine's own files. Links are followed, since `resolv.conf` is often one. */
export const systemFiles: FileSource = {
  async stamp(path) {
    const found = await stat(path).catch(() => undefined);
    return found === undefined ? undefined : `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}:${found.ctimeMs}`;
  },
  async read(path, bytesMost) {
    const bytes = await readFile(path).catch(() => undefined);
    return bytes?.subarray(0, bytesMost).toString("latin1");
  },
};

/** A look costs two system calls. Watching by inotify would miss files that are replaced, and those behind links. */
const LOOK_MS = 500;
const BYTES_MOST = 16 * 1024 * 1024;

/** A file that is read again whenever it has changed, come into being, or gone. */
export class WatchedFile {
  readonly path: string;
  readonly #clock: Clock;
  readonly #files: FileSource;
  readonly #onChange: (text: string) => void;
  #stamp: string | undefined = undefined;
  #timer: Timer | undefined = undefined;
  #stopped = true;

  /** `onChange` gets the text, empty where there is no file. */
  constructor(path: string, clock: Clock, files: FileSource, onChange: (text: string) => void) {
    this.path = path;
    this.#clock = clock;
    this.#files = files;
    this.#onChange = onChange;
  }

  /** Reads the file, and goes on watching it. */
  async start(): Promise<void> {
    this.#stopped = false;
    await this.look();
    this.#again();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== undefined) this.#clock.cancel(this.#timer);
    this.#timer = undefined;
  }

  /** Looks now. */
  async look(): Promise<void> {
    const stamp = await this.#files.stamp(this.path);
    if (stamp === this.#stamp) return;
    const text = stamp === undefined ? "" : await this.#files.read(this.path, BYTES_MOST);
    // Unreadable for now: it is tried again with the next look.
    if (text === undefined) return;
    this.#stamp = stamp;
    this.#onChange(text);
  }

  #again(): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.after(LOOK_MS, () => void this.look().finally(() => this.#again()));
  }
}
