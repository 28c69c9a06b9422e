/** The router of an uplink that delegates prefixes: Kea's DHCPv6 server on a host of the lab, and the routes to what it gave. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../../support/lab.js";
import { command } from "../../support/needs.js";
import type { RunningProcess } from "../../support/process.js";

export const kea6 = command("kea-dhcp6", "kea-dhcp6-server");

/** Lifetimes in seconds, as Kea has them. */
export interface Times {
  readonly renew: number;
  readonly rebind: number;
  readonly preferred: number;
  readonly valid: number;
}

export class DelegatingRouter {
  readonly #host: Host;
  readonly #ifname: string;
  readonly #folder: string;
  #process: RunningProcess | undefined;

  constructor(host: Host, ifname: string) {
    this.#host = host;
    this.#ifname = ifname;
    this.#folder = host.lab.subfolder(`${host.name}.kea`);
  }

  /** Delegates prefixes of `length` out of `pool` (a /48) from now on, and remembers nothing of an earlier life. */
  async serve(pool: string, length: number, times: Times): Promise<void> {
    await this.stop();
    const configuration = {
      "interfaces-config": { interfaces: [this.#ifname] },
      // In no file of the machine's.
      "server-id": { type: "EN", "enterprise-id": 32_473, identifier: "0123456789abcdef", persist: false },
      "lease-database": { type: "memfile", persist: false },
      "renew-timer": times.renew,
      "rebind-timer": times.rebind,
      "preferred-lifetime": times.preferred,
      "valid-lifetime": times.valid,
      subnet6: [
        {
          subnet: "2001:db8:5::/64",
          interface: this.#ifname,
          "pd-pools": [{ prefix: pool, "prefix-len": 48, "delegated-len": length }],
        },
      ],
      loggers: [{ name: "kea-dhcp6", severity: "INFO", output_options: [{ output: "stdout" }] }],
    };
    const path = join(this.#folder, "kea.json");
    writeFileSync(path, JSON.stringify({ Dhcp6: configuration }));
    const env = { KEA_PIDFILE_DIR: this.#folder, KEA_LOCKFILE_DIR: "none" };
    this.#process = this.#host.start(["kea-dhcp6", "-c", path], { env });
    await this.#process.waitFor(/DHCP6_STARTED/, 15_000);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }

  get output(): string {
    return this.#process?.output ?? "";
  }
}
