/**
 * How long a guest that boots waits for its DHCP server: real guests in QEMU, under emulation on the same cores as the server.
 *
 * Each measurement starts a server anew, on an empty store, and boots two guests one after the other: the first finds a server
 * that has answered nobody yet, the second one that has. The server's time is read off tcpdump's clock: from DISCOVER to OFFER plus from
 * REQUEST to ACK, without what the client takes in between. tapnetd attaches the guests by `qemu-ifup`; rivals serve a bridge
 * that the TAPs are ports of.
 */
import { join } from "node:path";
import { serverTimesMs } from "../../test/support/dhcp-times.js";
import { bootGuest } from "../../test/support/guest.js";
import { type Host, Lab } from "../../test/support/lab.js";
import { command, qemu } from "../../test/support/needs.js";
import { packageRoot } from "../../test/support/paths.js";
import { until } from "../../test/support/wait.js";
import type { Bench } from "../frame/bench.js";
import { macOf } from "../frame/guests.js";
import { programVersion } from "../frame/machine.js";
import { type Measured, runRounds, type System } from "../frame/rounds.js";
import { dhcpRivals, pingingDnsmasq } from "../peers/dhcp-rivals.js";
import { type DhcpPeer, type DhcpServer, installedPeers } from "../peers/dhcp-server.js";
import { GATEWAY, PREFIX_LENGTH, SERVED } from "../peers/dhcp-site.js";
import { TapnetdDhcp } from "../peers/tapnetd-dhcp.js";

/** Each TAP's script where no daemon does it: a port of the bridge. */
const TAP_BRIDGE = join(packageRoot, "bench", "peers", "tap-bridge.sh");
const GUESTS = ["first guest after the start", "the guest after it"] as const;
/** The rivals whose first answer is of interest; more threads and slower servers are for `leases`. */
const RIVALS: ReadonlySet<string> = new Set(["Kea", "dnsmasq"]);

export const bench: Bench = {
  about: "a booting guest's DISCOVER to its ACK, with Kea and dnsmasq",
  rounds: 8,
  async run(size, report) {
    const missing = qemu() ?? command("tcpdump")();
    if (missing !== undefined) {
      report.miss("a real boot", missing);
      return;
    }
    report.versions["qemu"] = /version ([\d.]+)/.exec(programVersion("qemu-system-x86_64", "--version") ?? "")?.[1] ?? "unknown";
    const rivals = installedPeers([...dhcpRivals.filter(({ name }) => RIVALS.has(name)), pingingDnsmasq], report);
    const guests = size.smoke ? GUESTS.slice(0, 1) : GUESTS;
    const systems: System<readonly string[]>[] = [
      { name: "tapnet", measure: (names) => inLab((host) => measure(host, new TapnetdDhcp(host, undefined), names)) },
      ...rivals.map((peer) => ({
        name: peer.name,
        isRival: true,
        measure: (names: readonly string[]) => inLab((host) => measureRival(host, peer, names)),
      })),
    ];
    await runRounds({ cases: [{ name: "DISCOVER to ACK in a real boot", workload: guests }], systems }, size, report);
  },
};

async function inLab<Found>(work: (host: Host) => Promise<Found>): Promise<Found> {
  const lab = new Lab();
  try {
    return await work(await lab.host("host"));
  } finally {
    await lab.dispose();
  }
}

async function measureRival(host: Host, peer: DhcpPeer, guests: readonly string[]): Promise<Measured[]> {
  await host.ip(`link add ${SERVED} type bridge`);
  await host.ip(`address add ${GATEWAY}/${PREFIX_LENGTH} dev ${SERVED}`);
  await host.ip(`link set ${SERVED} up`);
  host.env["BRIDGE"] = SERVED;
  return measure(host, peer.make(host, SERVED), guests, TAP_BRIDGE);
}

/** Boots one guest after the other; each stays. */
async function measure(host: Host, server: DhcpServer, guests: readonly string[], hook = server.hook): Promise<Measured[]> {
  const watch = host.start(["tcpdump", "-n", "-l", "-tt", "-v", "-i", "any", "udp port 67 or udp port 68"]);
  await watch.waitFor(/listening on/);
  await server.hold([]);
  await server.start();
  const measured: Measured[] = [];
  for (const [index, metric] of guests.entries()) {
    const known = serverTimesMs(watch.stdout).size;
    const netdev = `tap,ifname=tn-g${index},script=${hook},downscript=no`;
    const guest = await bootGuest(host, { name: `g${index}`, nics: [{ netdev, mac: macOf(index) }] });
    await guest.lease();
    await until("tcpdump to have written", () => serverTimesMs(watch.stdout).size > known);
    measured.push({ metric, unit: "ms", value: [...serverTimesMs(watch.stdout).values()][known] });
  }
  return measured;
}
