/**
 * The DHCP servers that tapnetd is measured against, from Debian's packages. All lease 10.64.16.0 to 10.65.255.255 for an
 * hour, send netmask and router, and ping nothing unless their name says so. Where a server would answer a client that comes
 * back soon without storing its lease again (Kea's lease caching, ISC's cache threshold), that is switched off: every ACK is a
 * stored lease, as ours is. None of them is told to flush more or less than it does by default.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../../test/support/lab.js";
import { packageRoot } from "../../test/support/paths.js";
import type { RunningProcess } from "../../test/support/process.js";
import { type DhcpPeer, type DhcpServer, settledText } from "./dhcp-server.js";
import { GATEWAY, type HeldLease, LEASE_SECONDS, NETMASK, PREFIX, RANGE } from "./dhcp-site.js";
import { startRival } from "./rival.js";

/** Each TAP's script where no daemon does it: up, with the shared gateway's address. */
const TAP_UP = join(packageRoot, "bench", "peers", "tap-up.sh");

/** What is the same for the rivals: one process in the foreground, one file of leases. */
abstract class Rival implements DhcpServer {
  abstract readonly name: string;
  readonly hook = TAP_UP;
  protected readonly host: Host;
  protected readonly interfaces: string;
  #process: RunningProcess | undefined;

  constructor(host: Host, interfaces: string) {
    this.host = host;
    this.interfaces = interfaces;
  }

  start(): Promise<number> {
    this.#process = startRival(this.host, this.command(), this.environment);
    return Promise.resolve(this.#process.pid);
  }

  get output(): string {
    return this.#process?.output ?? "";
  }

  hold(leases: readonly HeldLease[]): void {
    writeFileSync(this.leaseFile, this.formatLeases(leases));
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    await this.#process?.stop(signal);
  }

  async stored(): Promise<ReadonlySet<string>> {
    return new Set((await settledText(this.leaseFile)).match(/\b10\.6[4-7]\.\d+\.\d+\b/g) ?? []);
  }

  protected get environment(): Record<string, string> {
    return {};
  }

  protected file(name: string): string {
    return join(this.host.lab.subfolder(this.host.name), name);
  }

  protected get leaseFile(): string {
    return this.file("leases");
  }

  /** The command that serves the interfaces, in the foreground. */
  protected abstract command(): string[];
  protected abstract formatLeases(leases: readonly HeldLease[]): string;
}

class Dnsmasq extends Rival {
  readonly name = "dnsmasq";
  /** Asks by ICMP, for three seconds, whether an address is taken before it is offered: what dnsmasq does unless told not to. */
  readonly #pings: boolean;

  constructor(host: Host, interfaces: string, pings = false) {
    super(host, interfaces);
    this.#pings = pings;
  }

  protected command(): string[] {
    const range = `${RANGE.join(",")},${NETMASK},${LEASE_SECONDS}`;
    return [
      ...[
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--port=0",
        "--user=root",
        "--pid-file=",
        "--log-facility=-",
      ],
      ...(this.#pings ? [] : ["--no-ping"]),
      ...["--quiet-dhcp", "--dhcp-authoritative", "--dhcp-lease-max=1000000", `--dhcp-leasefile=${this.leaseFile}`],
      ...[`--interface=${this.interfaces}`, `--dhcp-range=${range}`, `--dhcp-option=3,${GATEWAY}`],
    ];
  }

  protected formatLeases(leases: readonly HeldLease[]): string {
    const expires = Math.floor(Date.now() / 1000) + LEASE_SECONDS;
    return leases.map(({ address, mac }) => `${expires} ${mac} ${address} * *\n`).join("");
  }
}

/** Kea wants a fraction above 0: this one of the lease time is less than a second, the finest age that it knows. */
const CACHE_NOTHING = 1e-9;

class Kea extends Rival {
  readonly name: string;
  readonly #threads: number;

  constructor(host: Host, interfaces: string, name: string, threads: number) {
    super(host, interfaces);
    this.name = name;
    this.#threads = threads;
  }

  protected override get environment(): Record<string, string> {
    return { KEA_PIDFILE_DIR: this.host.lab.subfolder(this.host.name), KEA_LOCKFILE_DIR: "none" };
  }

  protected command(): string[] {
    writeFileSync(this.file("kea.json"), JSON.stringify({ Dhcp4: this.#configuration() }));
    return ["kea-dhcp4", "-c", this.file("kea.json")];
  }

  #configuration(): object {
    return {
      "interfaces-config": { interfaces: [this.interfaces], "dhcp-socket-type": "raw" },
      "lease-database": { type: "memfile", persist: true, name: this.leaseFile, "lfc-interval": 0 },
      "multi-threading": {
        "enable-multi-threading": this.#threads > 1,
        "thread-pool-size": this.#threads,
        "packet-queue-size": 64,
      },
      "valid-lifetime": LEASE_SECONDS,
      "cache-threshold": CACHE_NOTHING,
      subnet4: [{ subnet: PREFIX, pools: [{ pool: RANGE.join(" - ") }], "option-data": [{ name: "routers", data: GATEWAY }] }],
      loggers: [{ name: "kea-dhcp4", severity: "ERROR", output_options: [{ output: "stdout" }] }],
    };
  }

  protected formatLeases(leases: readonly HeldLease[]): string {
    const expires = Math.floor(Date.now() / 1000) + LEASE_SECONDS;
    const header = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n";
    return header + leases.map(({ address, mac }) => `${address},${mac},,${LEASE_SECONDS},${expires},1,0,0,,0,\n`).join("");
  }
}

class IscDhcpd extends Rival {
  readonly name = "ISC dhcpd";

  protected command(): string[] {
    const subnet = `subnet ${PREFIX.split("/")[0]} netmask ${NETMASK} { range ${RANGE.join(" ")}; option routers ${GATEWAY}; }`;
    const times = `default-lease-time ${LEASE_SECONDS}; max-lease-time ${LEASE_SECONDS};`;
    const rules = "authoritative; ping-check false; dhcp-cache-threshold 0; ddns-update-style none;";
    writeFileSync(this.file("dhcpd.conf"), `${rules}\n${times}\nshared-network all { ${subnet} }\n`);
    writeFileSync(this.leaseFile, "", { flag: "a" });
    const served = this.interfaces.endsWith("*") ? [] : [this.interfaces];
    return ["dhcpd", "-4", "-f", "-q", "--no-pid", "-cf", this.file("dhcpd.conf"), "-lf", this.leaseFile, ...served];
  }

  protected formatLeases(leases: readonly HeldLease[]): string {
    const [starts, ends] = [0, LEASE_SECONDS * 1000].map((afterMs) => formatIscTime(Date.now() + afterMs));
    const state = `starts ${starts}; ends ${ends}; binding state active;`;
    return leases.map(({ address, mac }) => `lease ${address} { ${state} hardware ethernet ${mac}; }\n`).join("");
  }
}

/** `5 2026/11/20 21:00:00`: the day of the week, then UTC (dhcpd.leases(5)). */
function formatIscTime(timeMs: number): string {
  const time = new Date(timeMs);
  return `${time.getUTCDay()} ${time.toISOString().slice(0, 19).replaceAll("-", "/").replace("T", " ")}`;
}

const KEA = {
  program: "kea-dhcp4",
  package: "kea-dhcp4-server",
  versionWords: ["-v"],
  noTaps: "serves only the first of many interfaces with one subnet",
};

const DNSMASQ = { program: "dnsmasq", package: "dnsmasq-base", versionWords: ["--version"] };

export const dhcpRivals: readonly DhcpPeer[] = [
  { name: "Kea", ...KEA, make: (host, interfaces) => new Kea(host, interfaces, "Kea", 1) },
  { name: "Kea, 2 threads", ...KEA, make: (host, interfaces) => new Kea(host, interfaces, "Kea, 2 threads", 2) },
  { name: "dnsmasq", ...DNSMASQ, make: (host, interfaces) => new Dnsmasq(host, interfaces) },
  {
    name: "ISC dhcpd",
    program: "dhcpd",
    package: "isc-dhcp-server",
    versionWords: ["--version"],
    make: (host, interfaces) => new IscDhcpd(host, interfaces),
  },
];

/** dnsmasq as its package has it. */
export const pingingDnsmasq: DhcpPeer = {
  name: "dnsmasq with its ping",
  ...DNSMASQ,
  make: (host, interfaces) => new Dnsmasq(host, interfaces, true),
};
