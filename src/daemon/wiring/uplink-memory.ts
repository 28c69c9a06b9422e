/**
 * What the routers of uplinks have given us, kept over a restart, so that guests keep their addresses while it is confirmed. A
 * memory that cannot be read is none: the prefix is asked for anew.
 */
import { join } from "node:path";
import type { Clock } from "../../base/clock.js";
import { fileReason } from "../../base/errors.js";
import type { Logger } from "../../base/log.js";
import { formatPrefix, parseIpv6Prefix } from "../../base/prefix.js";
import { readWholeFile, writeWholeFile } from "../../os/whole-file.js";
import type { Delegation } from "../../services/dhcp6-client/delegated-prefix.js";

const FILE = "uplink-prefixes";

/** Times are milliseconds since 1970; null for never. */
interface Entry {
  readonly ifname: string;
  readonly server: string;
  readonly renewAtMs: number | null;
  readonly rebindAtMs: number | null;
  readonly prefixes: readonly {
    readonly prefix: string;
    readonly preferredUntilMs: number | null;
    readonly validUntilMs: number | null;
  }[];
}

export class UplinkMemory {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(stateDirectory: string, clock: Clock, log: Logger) {
    this.#path = join(stateDirectory, FILE);
    this.#clock = clock;
    this.#log = log;
  }

  load(): Map<string, Delegation> {
    try {
      const text = readWholeFile(this.#path);
      const entries = text === undefined ? [] : (JSON.parse(text) as Entry[]);
      return new Map(entries.map((entry) => [entry.ifname, this.#delegationOf(entry)]));
    } catch (thrown) {
      this.#log.warn({ path: this.#path, error: fileReason(thrown) }, "what uplinks had delegated is forgotten: asking anew");
      return new Map();
    }
  }

  save(delegations: ReadonlyMap<string, Delegation>): void {
    const entries = [...delegations].map(([ifname, delegation]) => this.#entryOf(ifname, delegation));
    try {
      writeWholeFile(this.#path, `${JSON.stringify(entries, undefined, 2)}\n`);
    } catch (thrown) {
      this.#log.error({ path: this.#path, error: fileReason(thrown) }, "what uplinks delegate to us cannot be kept");
    }
  }

  #delegationOf({ server, renewAtMs, rebindAtMs, prefixes }: Entry): Delegation {
    const offsetMs = this.#clock.monotonicMs() - this.#clock.nowMs();
    const read = (wallMs: number | null): number => (wallMs === null ? Number.POSITIVE_INFINITY : wallMs + offsetMs);
    return {
      serverDuid: Buffer.from(server, "hex"),
      renewAtMs: read(renewAtMs),
      rebindAtMs: read(rebindAtMs),
      prefixes: prefixes.flatMap(({ prefix: written, preferredUntilMs, validUntilMs }) => {
        const prefix = parseIpv6Prefix(written);
        if (prefix === undefined) return [];
        return [{ prefix, preferredUntilMs: read(preferredUntilMs), validUntilMs: read(validUntilMs) }];
      }),
    };
  }

  #entryOf(ifname: string, { serverDuid, renewAtMs, rebindAtMs, prefixes }: Delegation): Entry {
    const offsetMs = this.#clock.nowMs() - this.#clock.monotonicMs();
    const write = (atMs: number): number | null => (Number.isFinite(atMs) ? Math.round(atMs + offsetMs) : null);
    return {
      ifname,
      server: Buffer.from(serverDuid).toString("hex"),
      renewAtMs: write(renewAtMs),
      rebindAtMs: write(rebindAtMs),
      prefixes: prefixes.map(({ prefix, preferredUntilMs, validUntilMs }) => {
        return {
          prefix: formatPrefix(prefix),
          preferredUntilMs: write(preferredUntilMs),
          validUntilMs: write(validUntilMs),
        };
      }),
    };
  }
}
