import { mkdirSync, rmSync } from "node:fs";
import { Daemon } from "../../test/support/daemon.js";
import type { Host } from "../../test/support/lab.js";
import type { DhcpServer } from "./dhcp-server.js";
import { POOL6, PREFIX6 } from "./dhcp6-site.js";

/** tapnetd in the benchmark of DHCPv6 leases, on a shared link. */
export class TapnetdDhcp6 implements DhcpServer {
  readonly name = "tapnet";
  readonly hook = "";
  readonly #daemon: Daemon;

  constructor(host: Host, serve: string) {
    const keys = `kind: isolated, ipv6: "${PREFIX6}", dhcp6: { pool: "${POOL6}" }, serve: ${serve}`;
    this.#daemon = new Daemon(host, `networks:\n  default: { ${keys} }\n`);
  }

  async start(): Promise<number> {
    await this.#daemon.start();
    return this.#daemon.process.pid;
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    await this.#daemon.process.stop(signal);
  }

  get output(): string {
    return this.#daemon.log;
  }

  hold(): void {
    rmSync(this.#daemon.stateFolder, { recursive: true, force: true });
    mkdirSync(this.#daemon.stateFolder, { recursive: true });
  }

  async stored(): Promise<ReadonlySet<string>> {
    const leases = (await this.#daemon.tapnet("lease", "list")) as { readonly address: string; readonly state: string }[];
    return new Set(leases.filter(({ state }) => state === "bound").map(({ address }) => address));
  }
}
