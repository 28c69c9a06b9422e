import type { Clock } from "../../base/clock.js";
import { HostsFile, isForOthers, parseHosts } from "./hosts-file.js";
import type { NameTree } from "./name-tree.js";
import { type FileSource, WatchedFile } from "./watched-file.js";

/** The one of which only a part means something to others. */
const HOSTS_OF_THIS_HOST = "/etc/hosts";

/** The hosts files whose names are in the tree, each read again when it changes. */
export class WatchedHosts {
  readonly #tree: NameTree;
  readonly #clock: Clock;
  readonly #files: FileSource;
  readonly #watched = new Map<string, { readonly file: WatchedFile; readonly names: HostsFile }>();
  #started = false;

  constructor(tree: NameTree, clock: Clock, files: FileSource) {
    this.#tree = tree;
    this.#clock = clock;
    this.#files = files;
  }

  /** These files and no others: the names of those that are left out go at once, those of new ones come when they are read. */
  set(paths: readonly string[]): void {
    for (const [path, { file, names }] of this.#watched) {
      if (paths.includes(path)) continue;
      this.#watched.delete(path);
      file.stop();
      names.replace([]);
    }
    for (const path of paths) {
      if (this.#watched.has(path)) continue;
      const watched = this.#watch(path);
      this.#watched.set(path, watched);
      if (this.#started) void watched.file.start();
    }
  }

  /** Reads all of them, and goes on watching. */
  async start(): Promise<void> {
    this.#started = true;
    await Promise.all([...this.#watched.values()].map(({ file }) => file.start()));
  }

  stop(): void {
    this.#started = false;
    for (const { file } of this.#watched.values()) file.stop();
  }

  #watch(path: string): { file: WatchedFile; names: HostsFile } {
    const names = new HostsFile(this.#tree, path);
    const accept = path === HOSTS_OF_THIS_HOST ? isForOthers : () => true;
    const onChange = (text: string): void => {
      // Left out while it was being read.
      if (this.#watched.get(path)?.names === names) names.replace(parseHosts(text).filter(accept));
    };
    return { names, file: new WatchedFile(path, this.#clock, this.#files, onChange) };
  }
}
