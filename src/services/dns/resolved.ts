import type { Logger } from "../../base/log.js";

/** Runs a program and tells how it ended; the daemon hands it in. Never rejects: what cannot be started has code 127. */
export type Exec = (command: string, args: readonly string[]) => Promise<{ code: number; stderr: string }>;

export interface HostLookup {
  /** The interface that carries the gateway address: resolved wants one that is up and has an address of its own. Not `lo`. */
  readonly ifname: string;
  /** Where our DNS listens for this host. */
  readonly server: string;
  /** Domains and reverse zones that are ours. */
  readonly domains: readonly string[];
}

const PROGRAM = "resolvectl";

/**
 * Lets this host resolve guests' names: tells systemd-resolved that our domains, and only those, are asked of us (per-link DNS
 * with routing domains, `~domain`). Where there is no resolved, says what to write where instead. `remove` undoes it.
 */
export class ResolvedRegistration {
  readonly #exec: Exec;
  readonly #log: Logger;
  #ifname: string | undefined = undefined;

  constructor(exec: Exec, log: Logger) {
    this.#exec = exec;
    this.#log = log;
  }

  /** True where resolved took it. It may be called again when something has changed. */
  async register(lookup: HostLookup): Promise<boolean> {
    const { ifname, server, domains } = lookup;
    const commands = [
      ["dns", ifname, server],
      ["domain", ifname, ...domains.map((domain) => `~${domain}`)],
      ["default-route", ifname, "no"],
    ];
    for (const args of commands) {
      const { code, stderr } = await this.#exec(PROGRAM, args);
      if (code === 0) {
        this.#ifname = ifname;
        continue;
      }
      this.#log.info({ code, stderr: stderr.trim() }, instruction(lookup));
      await this.remove();
      return false;
    }
    return true;
  }

  /** Takes back what `register` told resolved. An interface that is gone took it along. */
  async remove(): Promise<void> {
    const ifname = this.#ifname;
    this.#ifname = undefined;
    if (ifname !== undefined) await this.#exec(PROGRAM, ["revert", ifname]);
  }
}

/** What to do by hand where there is no systemd-resolved. */
export function instruction({ server, domains }: HostLookup): string {
  const [domain = "tapnet.internal"] = domains;
  return (
    `to resolve guests' names on this host, send questions for ${domain} to ${server}: ` +
    `with dnsmasq "server=/${domain}/${server}", with unbound a forward-zone, ` +
    `or put "nameserver ${server}" first into /etc/resolv.conf (tapnet forwards everything else)`
  );
}
