import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { examine, type Finding, type Host } from "../../../src/cli/doctor/index.js";

interface Fake {
  readonly uid?: number;
  readonly files?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  readonly commands?: Readonly<Record<string, string | number>>;
}

const HEALTHY: Required<Fake> = {
  uid: 0,
  files: {
    "/proc/self/status": "Name:\tnode\nCapEff:\t000001ffffffffff\n",
    "/dev/net/tun": "",
    "/proc/sys/net/ipv4/ip_forward": "1\n",
  },
  links: {},
  commands: { "nft --version": "nftables v1.0.6\n", "nft list tables": "", "nft -j list chains": '{"nftables":[]}' },
};

/** A host made of files, links and what commands print; a number is an exit code. */
function host(changes: Fake): Host {
  const files = { ...HEALTHY.files, ...changes.files };
  const links = changes.links ?? {};
  const commands = { ...HEALTHY.commands, ...changes.commands };
  const paths = [...Object.keys(files), ...Object.keys(links)].filter((path) => files[path] !== "(absent)");
  return {
    uid: changes.uid ?? 0,
    readText: (path) => (files[path] === "(absent)" ? undefined : files[path]),
    list: (path) => [
      ...new Set(paths.filter((name) => name.startsWith(`${path}/`)).map((name) => name.slice(path.length + 1).split("/")[0])),
    ],
    readLink: (path) => links[path],
    exists: (path) => paths.some((name) => name === path || name.startsWith(`${path}/`)),
    mayReadAndWrite: (path) => files[path] === "",
    async run(command, args) {
      const output = commands[[command, ...args].join(" ")];
      if (output === undefined || output === "(absent)") return undefined;
      if (typeof output === "number") return { exitCode: output, stdout: "", stderr: "Error: Operation not supported\n" };
      return { exitCode: 0, stdout: output, stderr: "" };
    },
  };
}

async function finding(changes: Fake, check: string): Promise<Finding | undefined> {
  return (await examine(host(changes), "/nonexistent")).find((found) => found.check === check);
}

function chains(...list: object[]): string {
  return JSON.stringify({ nftables: [{ metainfo: {} }, ...list.map((chain) => ({ chain }))] });
}

const FORWARD_DROP = { family: "ip", table: "filter", name: "FORWARD", hook: "forward", policy: "drop" };
const ROUTES =
  "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0\t3\t0\t0\t0\t00000000\neth1\t00000000\t0\t3\t0\t0\t9\t00000000\n";
const UDP_67 =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n  1: 00000000:0043 00000000:0000 07 0:0 0:0 0 0 0 4242 2\n";
const TCP_53 = "  sl  local_address\n  0: 00000000:0035 00000000:0000 0A 0:0 0:0 0 0 0 4243 1\n";

describe("the doctor", () => {
  it("finds nothing on a healthy host", async () => {
    const findings = await examine(host({}), "/nonexistent");
    assert.deepEqual([...new Set(findings.filter((found) => found.check !== "daemon").map((found) => found.result))], ["ok"]);
  });

  const rows: readonly (readonly [name: string, changes: Fake, check: string, result: Finding["result"], text: RegExp])[] = [
    ["no root", { uid: 1000 }, "privileges", "note", /tapnetd --rootless/],
    [
      "root without CAP_NET_ADMIN",
      { files: { "/proc/self/status": "CapEff:\t00000000a80425fb\n" } },
      "privileges",
      "failure",
      /--cap-add=NET_ADMIN/,
    ],
    ["no /dev/net/tun", { files: { "/dev/net/tun": "(absent)" } }, "tun", "failure", /modprobe tun/],
    ["a forbidden /dev/net/tun", { files: { "/dev/net/tun": "forbidden" } }, "tun", "failure", /may not be opened/],
    ["no nft", { commands: { "nft --version": "(absent)" } }, "nftables", "failure", /apt install nftables/],
    [
      "a kernel without nftables",
      { commands: { "nft list tables": 1 } },
      "nftables",
      "failure",
      /refuses nftables: Error: Operation not supported/,
    ],
    ["forwarding off", { files: { "/proc/sys/net/ipv4/ip_forward": "0\n" } }, "forwarding", "note", /switches it on/],
    [
      "strict filtering with two uplinks",
      { files: { "/proc/net/route": ROUTES, "/proc/sys/net/ipv4/conf/all/rp_filter": "1\n" } },
      "rp_filter",
      "warning",
      /eth0, eth1.*conf\.eth0\.rp_filter=2/,
    ],
    [
      "loose filtering with two uplinks",
      { files: { "/proc/net/route": ROUTES, "/proc/sys/net/ipv4/conf/all/rp_filter": "2\n" } },
      "rp_filter",
      "ok",
      /not in the way/,
    ],
    [
      "Docker's forward policy",
      { commands: { "nft -j list chains": chains(FORWARD_DROP, { family: "ip", table: "filter", name: "DOCKER-USER" }) } },
      "forward-policy",
      "warning",
      /ip filter FORWARD.*iptables -I DOCKER-USER/,
    ],
    [
      "Docker's forward policy, with our rules in its way",
      {
        commands: {
          "nft -j list chains": chains(FORWARD_DROP, { family: "ip", table: "filter", name: "DOCKER-USER" }),
          "iptables -S FORWARD":
            "-P FORWARD DROP\n-A FORWARD -m devgroup --src-group 0x1/0x1 -m comment --comment tapnet -j ACCEPT\n-A FORWARD -m devgroup --dst-group 0x1/0x1 -m comment --comment tapnet -j ACCEPT\n",
        },
      },
      "forward-policy",
      "ok",
      /but not guests'/,
    ],
    [
      "a ruleset by hand that drops",
      { commands: { "nft -j list chains": chains({ ...FORWARD_DROP, family: "inet", name: "forward" }) } },
      "forward-policy",
      "warning",
      /nft add rule inet filter forward meta oifgroup 1953366016\/16 accept/,
    ],
    [
      "a ruleset by hand that drops all but guests' packets",
      {
        commands: {
          "nft -j list chains": chains({ ...FORWARD_DROP, family: "inet", name: "forward" }),
          "nft list chain inet filter forward": 'iifgroup 1 accept comment "tapnet"\noifgroup 1 accept comment "tapnet"\n',
        },
      },
      "forward-policy",
      "ok",
      /but not guests'/,
    ],
    [
      "firewalld",
      { commands: { "nft -j list chains": chains({ ...FORWARD_DROP, table: "firewalld", policy: "accept" }) } },
      "forward-policy",
      "warning",
      /firewall-cmd .*add-interface=tn-\+/,
    ],
    [
      "ufw's forward policy",
      { commands: { "nft -j list chains": chains(FORWARD_DROP, { family: "ip", table: "filter", name: "ufw-before-forward" }) } },
      "forward-policy",
      "warning",
      /ufw route allow/,
    ],
    [
      "ufw's policy for what comes in",
      {
        commands: {
          "nft -j list chains": chains(
            { ...FORWARD_DROP, name: "INPUT", hook: "input" },
            { family: "ip", table: "filter", name: "ufw-before-forward" },
          ),
        },
      },
      "forward-policy",
      "warning",
      /ip filter INPUT.*ufw allow in on tn-\+ to any port 53 proto tcp/,
    ],
    [
      "the same with our rules in its way",
      {
        commands: {
          "nft -j list chains": chains({ ...FORWARD_DROP, name: "INPUT", hook: "input" }),
          "nft list chain ip filter INPUT":
            'iifgroup 1 tcp dport 53 accept comment "tapnet"\niifgroup 1 accept comment "tapnet"\n',
        },
      },
      "forward-policy",
      "ok",
      /no other firewall/,
    ],
    [
      "our own forward policy",
      { commands: { "nft -j list chains": chains({ ...FORWARD_DROP, family: "inet", table: "tapnet" }) } },
      "forward-policy",
      "ok",
      /no other firewall/,
    ],
    ["NetworkManager", { files: { "/run/NetworkManager/devices": "" } }, "networkmanager", "warning", /10-tapnet\.conf/],
    [
      "NetworkManager that was told",
      { files: { "/run/NetworkManager/devices": "", "/etc/NetworkManager/conf.d/10-tapnet.conf": "" } },
      "networkmanager",
      "ok",
      /leaves our interfaces alone/,
    ],
    ["networkd", { files: { "/run/systemd/netif/state": "" } }, "networkd", "warning", /05-tapnet\.network/],
    [
      "another DHCP server",
      { files: { "/proc/net/udp": UDP_67, "/proc/77/comm": "dnsmasq\n" }, links: { "/proc/77/fd/4": "socket:[4242]" } },
      "dhcp-servers",
      "note",
      /dnsmasq \(process 77\) serves DHCP/,
    ],
    [
      "a DNS server on all addresses",
      { files: { "/proc/net/tcp": TCP_53, "/proc/78/comm": "unbound\n" }, links: { "/proc/78/fd/4": "socket:[4243]" } },
      "dns-servers",
      "warning",
      /unbound \(process 78\) listens/,
    ],
    ["no daemon", {}, "daemon", "note", /systemctl start tapnetd/],
  ];
  for (const [name, changes, check, result, text] of rows) {
    it(`sees ${name}`, async () => {
      const found = await finding(changes, check);
      assert(found !== undefined);
      assert.equal(found.result, result);
      assert.match(`${found.message} → ${found.advice}`, text);
    });
  }
});
