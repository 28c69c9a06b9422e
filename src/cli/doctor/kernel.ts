import type { Finding, Host } from "./host.js";

/** Bits of CapEff (linux/capability.h). */
const CAPABILITIES: readonly (readonly [name: string, bit: number])[] = [
  ["CAP_NET_ADMIN", 12],
  ["CAP_NET_RAW", 13],
];

/** What the kernel has and lets us do. */
export async function examineKernel(host: Host): Promise<Finding[]> {
  return [
    examinePrivileges(host),
    examineTun(host),
    await examineNftables(host),
    examineForwarding(host),
    examineReversePath(host),
  ];
}

function examinePrivileges(host: Host): Finding {
  const check = "privileges";
  if (host.uid !== 0) {
    const advice = "start tapnetd as root (systemctl start tapnetd), or without root: tapnetd --rootless";
    return { check, result: "note", message: "this is not root; checks that need it are left out", advice };
  }
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(host.readText("/proc/self/status") ?? "")?.[1] ?? "0";
  const bits = BigInt(`0x${effective}`);
  const missing = CAPABILITIES.filter(([, bit]) => ((bits >> BigInt(bit)) & 1n) === 0n).map(([name]) => name);
  if (missing.length === 0) return { check, result: "ok", message: "root, with the capabilities that it takes", advice: null };
  const flags = missing.map((name) => `--cap-add=${name.replace("CAP_", "")}`).join(" ");
  return {
    check,
    result: "failure",
    message: `root, but without ${missing.join(" and ")}`,
    advice: `give the container ${flags}`,
  };
}

function examineTun(host: Host): Finding {
  const check = "tun";
  if (!host.exists("/dev/net/tun")) {
    return {
      check,
      result: "failure",
      message: "there is no /dev/net/tun, so no TAP can be made",
      advice: "modprobe tun; in a container: --device=/dev/net/tun",
    };
  }
  if (host.mayReadAndWrite("/dev/net/tun")) return { check, result: "ok", message: "/dev/net/tun is there", advice: null };
  return { check, result: "failure", message: "/dev/net/tun may not be opened", advice: "chmod 666 /dev/net/tun, as udev does" };
}

async function examineNftables(host: Host): Promise<Finding> {
  const check = "nftables";
  const version = await host.run("nft", ["--version"]);
  if (version === undefined) {
    return {
      check,
      result: "failure",
      message: "the command nft is missing",
      advice: "apt install nftables, or your distribution's package",
    };
  }
  const name = version.stdout.trim().split("\n", 1)[0];
  if (host.uid !== 0) return { check, result: "ok", message: `${name} is there`, advice: null };
  const tables = await host.run("nft", ["list", "tables"]);
  if (tables?.exitCode === 0) return { check, result: "ok", message: `${name}, and the kernel answers it`, advice: null };
  const reason = tables?.stderr.trim().split("\n", 1)[0] ?? "no answer";
  return {
    check,
    result: "failure",
    message: `the kernel refuses nftables: ${reason}`,
    advice: "modprobe nf_tables, or a kernel with CONFIG_NF_TABLES",
  };
}

function examineForwarding(host: Host): Finding {
  const check = "forwarding";
  const ipv4 = host.readText("/proc/sys/net/ipv4/ip_forward")?.trim();
  if (ipv4 === "1") return { check, result: "ok", message: "the kernel forwards IPv4", advice: null };
  return { check, result: "note", message: "the kernel does not forward IPv4 yet; tapnetd switches it on", advice: null };
}

/** Strict reverse-path filtering drops answers that come by another uplink than the one that leads back (RFC 3704 §2.2). */
function examineReversePath(host: Host): Finding {
  const check = "rp_filter";
  const uplinks = defaultRouteInterfaces(host.readText("/proc/net/route") ?? "");
  const modeOf = (name: string): number => Number(host.readText(`/proc/sys/net/ipv4/conf/${name}/rp_filter`)?.trim() ?? 0);
  // 1 is strict, 2 is loose; of the two settings the kernel takes the larger number.
  const strict = uplinks.filter((name) => Math.max(modeOf("all"), modeOf(name)) === 1);
  if (uplinks.length < 2 || strict.length === 0)
    return { check, result: "ok", message: "reverse-path filtering is not in the way", advice: null };
  return {
    check,
    result: "warning",
    message:
      `of ${uplinks.length} uplinks ${strict.join(", ")} filter by reverse path strictly: ` +
      "answers by another uplink are dropped",
    advice: strict.map((name) => `sysctl -w net.ipv4.conf.${name}.rp_filter=2`).join("; "),
  };
}

function defaultRouteInterfaces(table: string): string[] {
  const rows = table
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"));
  return [...new Set(rows.filter((fields) => fields[1] === "00000000" && fields[7] === "00000000").map((fields) => fields[0]))];
}
