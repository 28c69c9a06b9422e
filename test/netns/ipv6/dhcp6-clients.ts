/**
 * The DHCPv6 clients that people run, each brought up by hand on eth0 of a lab host, without touching the machine's own
 * files.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Host } from "../../support/lab.js";
import { command } from "../../support/needs.js";
import type { DhcpClient } from "../interop/clients.js";

/** Sets what dhclient was told; the names of the variables are its own. */
export const DHCLIENT_SCRIPT = `#!/bin/sh
case $reason in
  BOUND6 | RENEW6 | REBIND6) [ -z "$new_ip6_address" ] || ip -6 address replace "$new_ip6_address/128" dev "$interface" ;;
  RELEASE6 | EXPIRE6 | STOP6) [ -z "$old_ip6_address" ] || ip -6 address delete "$old_ip6_address/128" dev "$interface" ;;
esac
exit 0
`;

function written(host: Host, name: string, text: string, mode = 0o644): string {
  const path = join(host.lab.folder, `${host.name}.${name}`);
  writeFileSync(path, text, { mode });
  return path;
}

/** ISC's. A second one with `-r` reads the lease that the first has written, and releases it. */
export const dhclient: DhcpClient = {
  name: "dhclient",
  requirement: command("dhclient", "isc-dhcp-client"),
  start(host) {
    const script = written(host, "dhclient-script", DHCLIENT_SCRIPT, 0o755);
    const at = (suffix: string): string => join(host.lab.folder, `${host.name}.${suffix}`);
    const files = ["-lf", at("leases6"), "-pf", at("pid6"), "-cf", "/dev/null", "-sf", script];
    const argv = (...more: readonly string[]): string[] => ["dhclient", "-6", "-N", "-P", "-d", ...more, ...files, "eth0"];
    const process = host.start(argv());
    return {
      process,
      async release() {
        await process.stop("SIGKILL");
        await host.must(...argv("-r"));
      },
    };
  },
};

const DHCPCD_CONFIGURATION = `duid
ipv6only
noipv6rs
interface eth0
  ia_na 1
  ia_pd 2
`;

/** Roy Marples's; it sets addresses itself. SIGALRM releases. */
export const dhcpcd: DhcpClient = {
  name: "dhcpcd",
  requirement: command("dhcpcd", "dhcpcd-base"),
  start(host) {
    const configuration = written(host, "dhcpcd.conf", DHCPCD_CONFIGURATION);
    const options = ["-6", "-B", "-d", "-f", configuration, "-c", "/bin/true", "--nolink"];
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

const DHCP6C_CONFIGURATION = `interface eth0 {
  send ia-na 1;
  send ia-pd 2;
  request domain-name-servers, domain-name;
  script "/bin/true";
};
id-assoc na 1 { };
id-assoc pd 2 { };
`;

/** The KAME client of wide-dhcpv6; it releases when it is asked to end. */
export const dhcp6c: DhcpClient = {
  name: "wide-dhcpv6 dhcp6c",
  requirement: command("dhcp6c", "wide-dhcpv6-client"),
  start(host) {
    const configuration = written(host, "dhcp6c.conf", DHCP6C_CONFIGURATION);
    const pid = join(host.lab.folder, `${host.name}.dhcp6c.pid`);
    const prepare = `mkdir -p /var/lib/dhcpv6; exec dhcp6c -f -D -c '${configuration}' -p '${pid}' eth0`;
    const process = host.start(Host.withOwnFiles(["sh", "-e", "-c", prepare], { empty: ["/var/lib"] }));
    return {
      process,
      async release() {
        process.signal("SIGTERM");
        await process.exited;
      },
    };
  },
};

const DIBBLER_CONFIGURATION = `log-level 8
log-mode full
duid-type duid-ll
iface "eth0" {
  ia
  pd
  option dns-server
}
`;

/** Dibbler has its paths built in, and releases when it is asked to end. */
export const dibbler: DhcpClient = {
  name: "dibbler-client",
  requirement: command("dibbler-client"),
  start(host) {
    const folder = host.lab.subfolder(`${host.name}.dibbler`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "client.conf"), DIBBLER_CONFIGURATION);
    const prepare = `mkdir -p /var/lib/dibbler /var/log/dibbler /run/dibbler; cp '${folder}/client.conf' /etc/dibbler/; exec dibbler-client run`;
    const process = host.start(
      Host.withOwnFiles(["sh", "-e", "-c", prepare], { empty: ["/run", "/var/lib", "/var/log", "/etc/dibbler"] }),
    );
    return {
      process,
      async release() {
        process.signal("SIGINT");
        await process.exited;
      },
    };
  },
};

const NETWORKD_CONFIGURATION = `[Match]
Name=eth0

[Network]
DHCP=ipv6
IPv6AcceptRA=yes
LinkLocalAddressing=ipv6

[DHCPv6]
WithoutRA=solicit
`;

/** systemd's, without systemd and without udev; told by the advertisement's M flag. It releases when it ends. */
export const networkd: DhcpClient = {
  name: "systemd-networkd",
  requirement: command("/lib/systemd/systemd-networkd", "systemd"),
  start(host) {
    const folder = host.lab.subfolder(`${host.name}.networkd`);
    writeFileSync(join(folder, "eth0.network"), NETWORKD_CONFIGURATION);
    writeFileSync(join(folder, "machine-id"), "0123456789abcdef0123456789abcdef\n");
    const prepare = [
      "mount -o remount,ro /sys",
      "mkdir -p /run/systemd/network",
      `cp '${folder}/eth0.network' /run/systemd/network/`,
      "exec /lib/systemd/systemd-networkd",
    ];
    const own = { empty: ["/run"], replaced: { "/etc/machine-id": join(folder, "machine-id") } };
    const process = host.start(Host.withOwnFiles(["sh", "-e", "-c", prepare.join("\n")], own), {
      env: { SYSTEMD_LOG_LEVEL: "debug", SYSTEMD_LOG_TARGET: "console" },
    });
    return {
      process,
      async release() {
        await process.stop();
      },
    };
  },
};
