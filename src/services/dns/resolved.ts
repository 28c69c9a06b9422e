import type { Clock } from "../../base/clock.js";
import type { Logger } from "../../base/log.js";

/** Runs a program and tells how it ended; the daemon hands it in. Never rejects: what cannot be started has code 127. */
export type Exec = (command: string, args: readonly string[]) => Promise<{ code: number; stderr: string }>;

export interface HostLookup {
  /** An interface that carries `server`: resolved wants one that is up and has an address of its own. Not `lo`. */
  readonly ifname: string;
  /** Where our DNS listens for this host. */
  readonly server: string;
  /** Domains and reverse zones that are ours. */
  readonly domains: readonly string[];
}

const PROGRAM = "resolvectl";
/** Resolved learns of a new interface a moment after we have made it. */
const TRIES_MOST = 10;
const TRY_AGAIN_MS = 100;

/**
 * Lets this host resolve guests' names: tells systemd-resolved that our domains, and only those, are asked of us (per-link DNS
 * with routing domains, `~domain`). Where there is no resolved, says what to write where instead. `remove` undoes it.
 */
export class ResolvedRegistration {
  readonly #exec: Exec;
  readonly #clock: Clock;
  readonly #log: Logger;
  #ifname: string | undefined = undefined;

  constructor(exec: Exec, clock: Clock, log: Logger) {
    this.#exec = exec;
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether there is a resolved that answers. */
  async isPresent(): Promise<boolean> {
    return (await this.#exec(PROGRAM, ["dns"])).code === 0;
  }

  /** True where resolved took it. It may be called again when something has changed. */
  async register(lookup: HostLookup): Promise<boolean> {
    const { ifname, server, domains } = lookup;
    const commands = [
      ["domain", ifname, ...domains.map((domain) => `~${domain}`)],
      ["default-route", ifname, "no"],
      // Ours are not signed, and this host asks itself.
      ["dnssec", ifname, "no"],
      ["dnsovertls", ifname, "no"],
    ];
    let { code, stderr } = await this.#introduce(ifname, server);
    if (code === 0) this.#ifname = ifname;
    for (const args of commands) if (code === 0) ({ code, stderr } = await this.#exec(PROGRAM, args));
    if (code === 0) return true;
    this.#log.info({ code, stderr: stderr.trim() }, instruction(lookup));
    await this.remove();
    return false;
  }

  async #introduce(ifname: string, server: string): ReturnType<Exec> {
    for (let tries = 1; ; tries++) {
      const result = await this.#exec(PROGRAM, ["dns", ifname, server]);
      const isUnknown = result.code !== 0 && /not known|No such/.test(result.stderr);
      if (!isUnknown || tries === TRIES_MOST) return result;
      await new Promise<void>((resolve) => this.#clock.after(TRY_AGAIN_MS, resolve));
    }
  }

  /** Takes back what `register` told resolved. An interface that is gone took it along. */
  async remove(): Promise<void> {
    const ifname = this.#ifname;
    this.#ifname = undefined;
    if (ifname !== undefined) await this.#exec(PROGRAM, ["revert", ifname]);
  }
}

/** What to do by hand where there is no systemd-resolved. */
export function instruction({ server, domains }: Omit<HostLookup, "ifname">): string {
  const [domain = "tapnet.internal"] = domains;
  return (
    `to resolve guests' names on this host, send questions for ${domain} to ${server}: ` +
    `with dnsmasq "server=/${domain}/${server}", with unbound a forward-zone, ` +
    `or put "nameserver ${server}" first into /etc/resolv.conf (tapnet forwards everything else)`
  );
}
