/**
 * tapnetd and the DNS servers that it is measured against, from Debian's packages: 10,000 local names, one thread each (what
 * tapnetd has), and for those that forward, one upstream. knotd and nsd only know their zone. Limits on how fast one client
 * may ask are off, as the load is one client.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Daemon } from "../../test/support/daemon.js";
import type { Host } from "../../test/support/lab.js";
import { hook, packageRoot } from "../../test/support/paths.js";
import { DOMAIN, GATEWAY_MAC, GUEST, hostsFile, localNames, SERVER, SERVER_PREFIX, UPSTREAM, zoneFile } from "./dns-site.js";
import { startRival } from "./rival.js";

/** How a server takes part. */
export interface DnsPeer {
  readonly name: string;
  /** Undefined for ours. */
  readonly installed?: { readonly program: string; readonly package: string; readonly versionWords: readonly string[] };
  readonly forwards: boolean;
  /** What brings the guest's TAP up. */
  readonly hook: string;
  /** Starts it on its host; hands back its process id. It may not answer yet. */
  start(host: Host): Promise<number>;
}

const TAP_UP = join(packageRoot, "bench", "peers", "tap-up.sh");

const tapnetd: DnsPeer = {
  name: "tapnet",
  forwards: true,
  hook: hook("qemu-ifup"),
  async start(host) {
    const hosts = fileOf(host, "hosts", hostsFile());
    const daemon = await new Daemon(
      host,
      `networks:
  default:
    kind: isolated
    ipv4: ${SERVER_PREFIX}
    gateway-mac: "${GATEWAY_MAC}"
    domain: ${DOMAIN}
    dns: { forward: true }
guests:
  ${GUEST.name}: { network: default, mac: "${GUEST.mac}", ipv4: ${GUEST.address} }
dns: { upstreams: [${UPSTREAM}], hosts: [${hosts}], rate: 1000000, open: 100000 }
`,
    ).start();
    return daemon.process.pid;
  },
};

const dnsmasq: DnsPeer = {
  name: "dnsmasq",
  installed: { program: "dnsmasq", package: "dnsmasq-base", versionWords: ["--version"] },
  forwards: true,
  hook: TAP_UP,
  start: (host) =>
    startWithAddress(host, [
      ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file=", "--log-facility=-"],
      ...["--bind-interfaces", "--except-interface=none", `--listen-address=${SERVER}`, "--no-hosts"],
      ...[`--addn-hosts=${fileOf(host, "hosts", hostsFile())}`, `--local=/${DOMAIN}/`, "--no-resolv", `--server=${UPSTREAM}`],
      ...["--cache-size=20000", "--dns-forward-max=10000"],
    ]),
};

const unbound: DnsPeer = {
  name: "unbound",
  installed: { program: "unbound", package: "unbound", versionWords: ["-V"] },
  forwards: true,
  hook: TAP_UP,
  start(host) {
    const names = localNames().map(({ name, address }) => `  local-data: "${name}. 60 A ${address}"\n`);
    const configuration = `server:
  interface: ${SERVER}
  access-control: 0.0.0.0/0 allow
  num-threads: 1
  outgoing-range: 4096
  num-queries-per-thread: 2048
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  verbosity: 0
  module-config: "iterator"
  local-zone: "${DOMAIN}." static
${names.join("")}forward-zone:
  name: "."
  forward-addr: ${UPSTREAM}
`;
    return startWithAddress(host, ["unbound", "-d", "-c", fileOf(host, "unbound.conf", configuration)]);
  },
};

const knot: DnsPeer = {
  name: "Knot",
  installed: { program: "knotd", package: "knot", versionWords: ["-V"] },
  forwards: false,
  hook: TAP_UP,
  start(host) {
    const folder = host.lab.subfolder(host.name);
    const configuration = `server:
  rundir: ${folder}
  listen: ${SERVER}@53
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: error
database:
  storage: ${folder}
zone:
  - domain: ${DOMAIN}
    file: ${fileOf(host, "zone", zoneFile())}
    zonefile-sync: -1
    journal-content: none
`;
    return startWithAddress(host, ["knotd", "-c", fileOf(host, "knot.conf", configuration)]);
  },
};

const nsd: DnsPeer = {
  name: "NSD",
  installed: { program: "nsd", package: "nsd", versionWords: ["-v"] },
  forwards: false,
  hook: TAP_UP,
  start(host) {
    const folder = host.lab.subfolder(host.name);
    const configuration = `server:
  ip-address: ${SERVER}
  server-count: 1
  username: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  xfrdir: "${folder}"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: ${DOMAIN}
  zonefile: ${fileOf(host, "zone", zoneFile())}
`;
    return startWithAddress(host, ["nsd", "-d", "-c", fileOf(host, "nsd.conf", configuration)]);
  },
};

export const dnsServers: readonly DnsPeer[] = [tapnetd, dnsmasq, unbound, knot, nsd];

/** Rivals find the address there already; tapnetd brings its own. */
async function startWithAddress(host: Host, command: readonly string[]): Promise<number> {
  await host.ip(`address add ${SERVER}/32 dev lo`);
  return startRival(host, command).pid;
}

/** Writes a file in the host's folder; hands back its path. */
function fileOf(host: Host, name: string, text: string): string {
  const path = join(host.lab.subfolder(host.name), name);
  writeFileSync(path, text);
  return path;
}
