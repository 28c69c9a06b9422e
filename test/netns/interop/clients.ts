/** The DHCP clients that people run, each brought up by hand on eth0 of a lab host, without touching the machine's own files. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Host } from "../../support/lab.js";
import { command, type Requirement } from "../../support/needs.js";
import type { RunningProcess } from "../../support/process.js";

export interface DhcpClient {
  readonly name: string;
  readonly requirement: Requirement;
  /** Starts it in the foreground; it keeps its lease alive until told otherwise. */
  start(host: Host): RunningClient;
}

export interface RunningClient {
  readonly process: RunningProcess;
  /** Makes it give its lease back, and ends it. */
  release(): Promise<void>;
}

/** Sets what udhcpc or dhclient was told on the interface; the names of the variables are the clients' own. */
const EVENT_SCRIPT = `#!/bin/sh
event=\${reason:-$1}
address=\${new_ip_address:-$ip}
router=\${new_routers:-$router}
case $event in
  bound | renew | BOUND | RENEW | REBIND | REBOOT)
    ip address replace "$address/\${mask:-24}" dev "$interface"
    ip route replace default via "\${router%% *}" dev "$interface" ;;
  deconfig | EXPIRE | FAIL | RELEASE | STOP)
    ip -4 address flush dev "$interface" ;;
  PREINIT)
    ip link set "$interface" up ;;
esac
`;

function eventScript(host: Host): string {
  const path = join(host.lab.folder, `${host.name}.event`);
  writeFileSync(path, EVENT_SCRIPT, { mode: 0o755 });
  return path;
}

/** busybox's. SIGUSR2 releases. */
export const udhcpc: DhcpClient = {
  name: "udhcpc",
  requirement: command("udhcpc"),
  start(host) {
    const options = ["-s", eventScript(host), "-x", `hostname:${host.name}`, "-t", "20", "-T", "1"];
    const process = host.start(["udhcpc", "-f", "-i", "eth0", ...options]);
    return {
      process,
      async release() {
        process.signal("SIGUSR2");
        await process.waitFor(/entering released state/i);
        await process.stop();
      },
    };
  },
};

/** ISC's. A second one with `-r` reads the lease that the first has written, and releases it. */
export const dhclient: DhcpClient = {
  name: "dhclient",
  requirement: command("dhclient", "isc-dhcp-client"),
  start(host) {
    const process = host.start(dhclientCommand(host));
    return {
      process,
      async release() {
        // Stopped without a word to the server; then the lease file still says what there is to release.
        await process.stop("SIGKILL");
        await host.must(...dhclientCommand(host, "-r"));
      },
    };
  },
};

function dhclientCommand(host: Host, ...more: readonly string[]): string[] {
  const at = (suffix: string): string => join(host.lab.folder, `${host.name}.${suffix}`);
  const files = ["-lf", at("leases"), "-pf", at("pid"), "-cf", "/dev/null", "-sf", eventScript(host)];
  return ["dhclient", "-4", "-d", ...more, ...files, "eth0"];
}

/** Roy Marples's; it sets addresses and routes itself. SIGALRM releases. */
export const dhcpcd: DhcpClient = {
  name: "dhcpcd",
  requirement: command("dhcpcd", "dhcpcd-base"),
  start(host) {
    const options = ["-4", "-B", "-d", "-f", "/dev/null", "-c", "/bin/true", "--noarp", "--nolink"];
    const process = host.start(Host.withOwnFiles(["dhcpcd", ...options, "eth0"], { empty: ["/run", "/var/lib"] }));
    return {
      process,
      async release() {
        process.signal("SIGALRM");
        await process.exited;
      },
    };
  },
};

/**
 * systemd's, without systemd: it runs alone when /run is its own, and takes no notice of udev when /sys is read-only. There is no
 * bus to ask it by; it releases when it ends. Version 252 leaves the server identifier out of its RELEASE, against RFC 2131
 * §4.4.1 table 5: a server that insists on it keeps the lease.
 */
export const networkd: DhcpClient = {
  name: "systemd-networkd",
  requirement: command("/lib/systemd/systemd-networkd", "systemd"),
  start(host) {
    const folder = host.lab.subfolder(`${host.name}.networkd`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "eth0.network"), NETWORKD_CONFIGURATION);
    writeFileSync(join(folder, "machine-id"), "0123456789abcdef0123456789abcdef\n");
    const prepare = [
      "mount -o remount,ro /sys",
      "mkdir -p /run/systemd/network",
      `cp '${folder}/eth0.network' /run/systemd/network/`,
      "exec /lib/systemd/systemd-networkd",
    ];
    const process = host.start(
      Host.withOwnFiles(["sh", "-e", "-c", prepare.join("\n")], {
        empty: ["/run"],
        replaced: { "/etc/machine-id": join(folder, "machine-id") },
      }),
      { env: { SYSTEMD_LOG_LEVEL: "debug", SYSTEMD_LOG_TARGET: "console" } },
    );
    return {
      process,
      async release() {
        await process.stop();
      },
    };
  },
};

const NETWORKD_CONFIGURATION = `[Match]
Name=eth0

[Network]
DHCP=ipv4
IPv6AcceptRA=no
LinkLocalAddressing=no

[DHCPv4]
ClientIdentifier=mac
SendRelease=yes
`;
