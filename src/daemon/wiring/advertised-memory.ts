/**
 * Which prefixes were advertised, kept over a restart: when the configuration has changed while nobody was there to tell, or the
 * uplink's prefix has, guests hear that the old ones are not good any more (RFC 9096 §3.3). Without the file they would use
 * them until they run out.
 */
import { join } from "node:path";
import { fileReason } from "../../base/errors.js";
import type { Logger } from "../../base/log.js";
import { formatPrefix, parseIpv6Prefix } from "../../base/prefix.js";
import { readWholeFile, writeWholeFile } from "../../os/whole-file.js";
import type { AdvertisedNetwork, AdvertisedPrefix } from "../../services/ra/network.js";

const FILE = "advertised-prefixes";

interface Entry {
  readonly network: string;
  readonly prefix: string;
  readonly onLink: boolean;
  readonly autonomous: boolean;
  readonly validSeconds: number;
}

export class AdvertisedMemory {
  readonly #path: string;
  readonly #log: Logger;
  #earlier: ReadonlyMap<string, readonly AdvertisedPrefix[]> | undefined;
  #saved = "";

  constructor(stateDirectory: string, log: Logger) {
    this.#path = join(stateDirectory, FILE);
    this.#log = log;
  }

  /** What a network was advertised with in the life before this one. */
  earlier(network: string): readonly AdvertisedPrefix[] {
    this.#earlier ??= this.#load();
    return this.#earlier.get(network) ?? [];
  }

  save(networks: readonly AdvertisedNetwork[]): void {
    const entries = networks.flatMap(({ name, prefixes }) =>
      prefixes.map(({ prefix, onLink, autonomous, validSeconds }): Entry => {
        return { network: name, prefix: formatPrefix(prefix), onLink, autonomous, validSeconds };
      }),
    );
    const text = `${JSON.stringify(entries, undefined, 2)}\n`;
    if (text === this.#saved) return;
    try {
      writeWholeFile(this.#path, text);
      this.#saved = text;
    } catch (thrown) {
      this.#log.error({ path: this.#path, error: fileReason(thrown) }, "which prefixes are advertised cannot be kept");
    }
  }

  #load(): Map<string, AdvertisedPrefix[]> {
    const byNetwork = new Map<string, AdvertisedPrefix[]>();
    try {
      const text = readWholeFile(this.#path);
      for (const { network, prefix: written, ...rest } of text === undefined ? [] : (JSON.parse(text) as Entry[])) {
        const prefix = parseIpv6Prefix(written);
        if (prefix !== undefined)
          byNetwork.set(network, [...(byNetwork.get(network) ?? []), { prefix, preferredSeconds: 0, ...rest }]);
      }
    } catch (thrown) {
      this.#log.warn({ path: this.#path, error: fileReason(thrown) }, "which prefixes were advertised is forgotten");
    }
    return byNetwork;
  }
}
