/**
 * The DHCPv6 servers that tapnetd is measured against, from Debian's packages. All give addresses of one pool for an hour, and
 * each Reply is a stored lease: where a server would answer a client that comes back soon without storing its lease again, that
 * is switched off. None of them is told to flush more or less than it does by default.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../../test/support/lab.js";
import type { RunningProcess } from "../../test/support/process.js";
import { type DhcpPeer, type DhcpServer, settledText } from "./dhcp-server.js";
import { addressesIn, LEASE6_SECONDS, PREFIX6, PREFIX6_LENGTH, RANGE6 } from "./dhcp6-site.js";
import { startRival } from "./rival.js";

/** One process in the foreground, one file of leases. */
abstract class Rival6 implements DhcpServer {
  abstract readonly name: string;
  readonly hook = "";
  protected readonly host: Host;
  protected readonly ifname: string;
  #process: RunningProcess | undefined;

  constructor(host: Host, ifname: string) {
    this.host = host;
    this.ifname = ifname;
  }

  start(): Promise<number> {
    this.#process = startRival(this.host, this.command(), this.environment);
    return Promise.resolve(this.#process.pid);
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    await this.#process?.stop(signal);
  }

  get output(): string {
    return this.#process?.output ?? "";
  }

  hold(): void {
    rmSync(this.leaseFile, { force: true });
  }

  async stored(): Promise<ReadonlySet<string>> {
    return addressesIn(await settledText(this.leaseFile));
  }

  protected get environment(): Record<string, string> {
    return {};
  }

  protected file(name: string): string {
    return join(this.host.lab.subfolder(this.host.name), name);
  }

  protected get leaseFile(): string {
    return this.file("leases6");
  }

  protected abstract command(): string[];
}

class Dnsmasq6 extends Rival6 {
  readonly name = "dnsmasq";

  protected command(): string[] {
    const range = `${RANGE6.join(",")},${PREFIX6_LENGTH},${LEASE6_SECONDS}`;
    const alone = ["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file=", "--log-facility=-"];
    const leases = ["--dhcp-lease-max=1000000", `--dhcp-leasefile=${this.leaseFile}`];
    const quiet = ["--quiet-dhcp6", "--dhcp-authoritative"];
    return ["dnsmasq", ...alone, ...quiet, ...leases, `--interface=${this.ifname}`, `--dhcp-range=${range}`];
  }
}

/** Kea wants a fraction above 0: this one of the lease time is less than a second, the finest age that it knows. */
const CACHE_NOTHING = 1e-9;

class Kea6 extends Rival6 {
  readonly name: string;
  readonly #threads: number;

  constructor(host: Host, ifname: string, name: string, threads: number) {
    super(host, ifname);
    this.name = name;
    this.#threads = threads;
  }

  protected override get environment(): Record<string, string> {
    return { KEA_PIDFILE_DIR: this.host.lab.subfolder(this.host.name), KEA_LOCKFILE_DIR: "none" };
  }

  protected command(): string[] {
    writeFileSync(this.file("kea6.json"), JSON.stringify({ Dhcp6: this.#configuration() }));
    return ["kea-dhcp6", "-c", this.file("kea6.json")];
  }

  #configuration(): object {
    return {
      "interfaces-config": { interfaces: [this.ifname] },
      // In no file of the machine's.
      "server-id": { type: "EN", "enterprise-id": 32_473, identifier: "0123456789abcdef", persist: false },
      "lease-database": { type: "memfile", persist: true, name: this.leaseFile, "lfc-interval": 0 },
      "multi-threading": {
        "enable-multi-threading": this.#threads > 1,
        "thread-pool-size": this.#threads,
        "packet-queue-size": 64,
      },
      "valid-lifetime": LEASE6_SECONDS,
      "preferred-lifetime": LEASE6_SECONDS * 0.75,
      "cache-threshold": CACHE_NOTHING,
      subnet6: [{ subnet: PREFIX6, interface: this.ifname, pools: [{ pool: RANGE6.join(" - ") }] }],
      loggers: [{ name: "kea-dhcp6", severity: "ERROR", output_options: [{ output: "stdout" }] }],
    };
  }
}

const KEA = { program: "kea-dhcp6", package: "kea-dhcp6-server", versionWords: ["-v"] };

export const dhcp6Rivals: readonly DhcpPeer[] = [
  { name: "Kea", ...KEA, make: (host, ifname) => new Kea6(host, ifname, "Kea", 1) },
  { name: "Kea, 2 threads", ...KEA, make: (host, ifname) => new Kea6(host, ifname, "Kea, 2 threads", 2) },
  {
    name: "dnsmasq",
    program: "dnsmasq",
    package: "dnsmasq-base",
    versionWords: ["--version"],
    make: (host, ifname) => new Dnsmasq6(host, ifname),
  },
];
