import type { Finding, Host } from "./host.js";

/** Other programs that meddle with interfaces, or hold what tapnetd would use. */
export async function examineNeighbours(host: Host): Promise<Finding[]> {
  return [...examineConfigurators(host), ...examineDhcpServers(host), ...examineDnsServers(host)];
}

interface Configurator {
  readonly check: string;
  readonly name: string;
  readonly runs: string;
  readonly folders: readonly string[];
  readonly harm: string;
  readonly advice: string;
}

const CONFIGURATORS: readonly Configurator[] = [
  {
    check: "networkmanager",
    name: "NetworkManager",
    runs: "/run/NetworkManager",
    folders: ["/etc/NetworkManager/conf.d", "/run/NetworkManager/conf.d", "/usr/lib/NetworkManager/conf.d"],
    harm: "runs DHCP on TAPs that it does not know",
    advice: "cp packaging/networkmanager/10-tapnet.conf /etc/NetworkManager/conf.d/ && nmcli general reload conf",
  },
  {
    check: "networkd",
    name: "systemd-networkd",
    runs: "/run/systemd/netif/state",
    folders: ["/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network"],
    harm: "deletes routes of others when it restarts",
    advice: "cp packaging/networkd/05-tapnet.network /etc/systemd/network/ && networkctl reload",
  },
];

function examineConfigurators(host: Host): Finding[] {
  return CONFIGURATORS.filter((configurator) => host.exists(configurator.runs)).map(({ check, name, folders, harm, advice }) => {
    const told = folders.some((folder) => host.list(folder).some((file) => file.includes("tapnet")));
    if (told) return { check, result: "ok", message: `${name} leaves our interfaces alone`, advice: null };
    return { check, result: "warning", message: `${name} ${harm}`, advice };
  });
}

const PORT_DHCP_SERVER = 67;
const PORT_DNS = 53;

function examineDhcpServers(host: Host): Finding[] {
  const holders = holdersOf(host, ["/proc/net/udp"], PORT_DHCP_SERVER, () => true);
  if (holders.length === 0) return [];
  const message = `${holders.join(", ")} serves DHCP on this host; tapnetd takes no port from it`;
  return [
    { check: "dhcp-servers", result: "note", message, advice: "let it not serve the interfaces tn-* and those under serve:" },
  ];
}

/** Whoever listens on all addresses holds the gateway addresses too: UDP reaches us as frames, TCP does not. */
function examineDnsServers(host: Host): Finding[] {
  const holders = holdersOf(host, ["/proc/net/tcp", "/proc/net/tcp6"], PORT_DNS, (address) => /^0+$/.test(address));
  if (holders.length === 0) return [];
  return [
    {
      check: "dns-servers",
      result: "warning",
      message: `${holders.join(", ")} listens for DNS over TCP on all addresses, also on the gateways of our networks`,
      advice: "let it listen on its own addresses only (dnsmasq: bind-interfaces; unbound: interface)",
    },
  ];
}

/** Names of the programs that have a port open, from the kernel's socket tables. */
function holdersOf(host: Host, tables: readonly string[], port: number, matches: (address: string) => boolean): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = new Set<string>();
  for (const table of tables) {
    const isTcp = table.includes("tcp");
    for (const line of (host.readText(table) ?? "").split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [address, localPort] = (fields[1] ?? "").split(":");
      const listens = !isTcp || fields[3] === "0A";
      if (localPort === wanted && listens && matches(address)) inodes.add(fields[9]);
    }
  }
  return inodes.size === 0 ? [] : programsWith(host, inodes);
}

function programsWith(host: Host, inodes: ReadonlySet<string>): string[] {
  const found = new Set<string>();
  for (const pid of host.list("/proc").filter((name) => /^\d+$/.test(name))) {
    const holds = host.list(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(host.readLink(`/proc/${pid}/fd/${fd}`) ?? "")?.[1];
      return inode !== undefined && inodes.has(inode);
    });
    const name = host.readText(`/proc/${pid}/comm`)?.trim() ?? "a program";
    if (holds && name !== "tapnetd") found.add(`${name} (process ${pid})`);
  }
  if (found.size === 0 && host.uid !== 0) found.add("a program of another user");
  return [...found];
}
