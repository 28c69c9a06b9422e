import { mkdirSync, rmSync } from "node:fs";
import { Daemon } from "../../test/support/daemon.js";
import type { Host } from "../../test/support/lab.js";
import { hook } from "../../test/support/paths.js";
import { runLoad } from "../frame/load.js";
import type { DhcpServer } from "./dhcp-server.js";
import { GATEWAY, type HeldLease, PREFIX, RANGE } from "./dhcp-site.js";

/** How many clients are open while the store is filled. */
const FILL_WINDOW = 256;

/** tapnetd in the benchmark of leases: on a shared link, or on the ports that `qemu-ifup` attaches. */
export class TapnetdDhcp implements DhcpServer {
  readonly name = "tapnet";
  readonly hook = hook("qemu-ifup");
  readonly #daemon: Daemon;
  readonly #fillFrom: Host | undefined;

  /** `fillFrom` is the host at the other end of the shared link. */
  constructor(host: Host, serve: string | undefined, fillFrom?: Host) {
    const dhcp = `{ ranges: [${RANGE.join("-")}] }`;
    const link = serve === undefined ? "" : `, serve: ${serve}`;
    this.#daemon = new Daemon(
      host,
      `networks:\n  default: { kind: isolated, ipv4: ${PREFIX}, gateway: ${GATEWAY}, dhcp: ${dhcp}${link} }\n`,
    );
    this.#fillFrom = fillFrom;
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

  /** The leases are made by clients that ask for them, as there is no file that could be written from outside. */
  async hold(leases: readonly HeldLease[]): Promise<void> {
    rmSync(this.#daemon.stateFolder, { recursive: true, force: true });
    mkdirSync(this.#daemon.stateFolder, { recursive: true });
    if (leases.length === 0 || this.#fillFrom === undefined) return;
    await this.start();
    const counts = ["--clients", String(leases.length), "--exchanges", String(leases.length)];
    await runLoad(this.#fillFrom, "dhcp-load", [
      "--interface",
      "load",
      ...counts,
      "--window",
      String(FILL_WINDOW),
      "--seconds",
      "100",
    ]);
    await this.stop("SIGTERM");
  }

  async stored(): Promise<ReadonlySet<string>> {
    const leases = (await this.#daemon.tapnet("lease", "list")) as { readonly address: string; readonly state: string }[];
    return new Set(leases.filter(({ state }) => state === "bound").map(({ address }) => address));
  }
}
