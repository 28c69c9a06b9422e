import { renameSync } from "node:fs";
import { join } from "node:path";
import { fileReason, TapnetError } from "../../base/errors.js";
import type { Logger } from "../../base/log.js";
import { formatForward, type PortForward, parseForward } from "../../config/index.js";
import { readWholeFile, writeWholeFile } from "../../os/whole-file.js";

/** A forward that was added while the daemon ran. */
export interface AddedForward {
  readonly guest: string;
  readonly forward: PortForward;
}

const FILE = "forwards.json";

/** The added forwards of a directory: in the state directory they outlive the host's restart, in the run directory the daemon's. */
export class ForwardFile {
  readonly #path: string;

  constructor(directory: string) {
    this.#path = join(directory, FILE);
  }

  /** None where there is no file. One that cannot be read as such is put aside, for people to look at, and the log says so. */
  load(log: Logger): AddedForward[] {
    try {
      const text = readWholeFile(this.#path);
      return text === undefined ? [] : parse(text);
    } catch (thrown) {
      log.error(
        { file: this.#path, error: fileReason(thrown) },
        `forwards that were added cannot be read: put aside as ${FILE}.broken; add them again`,
      );
      this.#putAside(log);
      return [];
    }
  }

  /** Throws TapnetError FORWARDS when it cannot be kept. */
  save(forwards: readonly AddedForward[]): void {
    const lines = forwards.map(({ guest, forward }) => ({ guest, forward: formatForward(forward) }));
    try {
      writeWholeFile(this.#path, `${JSON.stringify({ version: 1, forwards: lines }, undefined, 2)}\n`);
    } catch (thrown) {
      throw new TapnetError("FORWARDS", `${this.#path} cannot be written: ${fileReason(thrown)}`, { cause: thrown });
    }
  }

  #putAside(log: Logger): void {
    try {
      renameSync(this.#path, `${this.#path}.broken`);
    } catch (thrown) {
      log.error({ file: this.#path, error: fileReason(thrown) }, "nor can it be put aside");
    }
  }
}

function parse(text: string): AddedForward[] {
  const { version, forwards } = JSON.parse(text) as { version?: unknown; forwards?: unknown };
  if (version !== 1 || !Array.isArray(forwards)) throw new Error("it is not version 1, with a list of forwards");
  return forwards.map((entry: unknown, row) => {
    const { guest, forward } = (entry ?? {}) as { guest?: unknown; forward?: unknown };
    if (typeof guest !== "string" || typeof forward !== "string") throw new Error(`entry ${row + 1} has no guest or no forward`);
    const parsed = parseForward(forward);
    if ("message" in parsed) throw new Error(parsed.message);
    return { guest, forward: parsed };
  });
}
