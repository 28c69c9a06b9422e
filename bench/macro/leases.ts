/**
 * How fast leases are given, and what they cost: tapnetd beside Kea, dnsmasq and ISC dhcpd, under the same load.
 *
 * Two topologies. *Shared link*: each server has a namespace of its own and is joined by a veth to another one where the load
 * plays its clients. *TAPs*: the load makes TAPs in the server's namespace and plays one client on each, all behind one gateway
 * address. `native/bench/dhcp-load.c` keeps a fixed number of exchanges open, checks every reply, and counts an exchange only
 * when its ACK is right; so a server that answers wrongly is not fast, it fails. Renewals come through a relay for all
 * servers, because clients that have no stack could not answer the ARP that a unicast reply to them begins with.
 */
import { type Host, Lab } from "../../test/support/lab.js";
import type { Bench, BenchSize } from "../frame/bench.js";
import { programVersion } from "../frame/machine.js";
import type { Report } from "../frame/report.js";
import { runRounds } from "../frame/rounds.js";
import { dhcpRivals } from "../peers/dhcp-rivals.js";
import { type DhcpPeer, installedPeers } from "../peers/dhcp-server.js";
import { SERVED } from "../peers/dhcp-site.js";
import { TapnetdDhcp } from "../peers/tapnetd-dhcp.js";
import { SharedLink, type Work } from "./leases/shared-link.js";
import { TAP_PREFIX, Taps } from "./leases/taps.js";

interface Size {
  /** Clients of the shared link, which take turns. */
  readonly clients: number;
  readonly windows: readonly number[];
  readonly seconds: number;
  /** Leases in the store where it is to be full. */
  readonly held: number | undefined;
  readonly crashAfterAcks: number;
  readonly tracedExchanges: number;
  readonly taps: number;
}

const FULL: Size = {
  clients: 1000,
  windows: [1, 32, 256],
  seconds: 3,
  held: 50_000,
  crashAfterAcks: 2_000,
  tracedExchanges: 1_000,
  taps: 1_000,
};
const SMOKE: Size = {
  clients: 20,
  windows: [8],
  seconds: 0.4,
  held: undefined,
  crashAfterAcks: 20,
  tracedExchanges: 20,
  taps: 20,
};
const TAPS_WINDOW = 32;

export const bench: Bench = {
  about: "tapnetd as DHCP server, with Kea, dnsmasq and ISC dhcpd",
  rounds: 3,
  async run(size, report) {
    const rivals = installedPeers(dhcpRivals, report);
    await onSharedLinks(rivals, size, report);
    await onTaps(rivals, size, report);
  },
};

async function onSharedLinks(rivals: readonly DhcpPeer[], size: BenchSize, report: Report): Promise<void> {
  const lab = new Lab();
  try {
    const makers = [
      (host: Host, clients: Host) => new TapnetdDhcp(host, SERVED, clients),
      ...rivals.map((rival) => (host: Host) => rival.make(host, SERVED)),
    ];
    const systems: SharedLink[] = [];
    const bounds = size.smoke ? SMOKE : FULL;
    for (const [number, make] of makers.entries())
      systems.push(await SharedLink.make(lab, { number, make, clients: bounds.clients }));
    await runRounds({ cases: casesOf(bounds, report), systems }, size, report);
  } finally {
    await lab.dispose();
  }
}

/** In an order in which the store is small while it is to be small, and the crash comes last. */
function casesOf(size: Size, report: Report): { name: string; workload: Work }[] {
  const { windows, seconds, held, crashAfterAcks, tracedExchanges } = size;
  const cases: { name: string; workload: Work }[] = [
    { name: "shared link, no leases", workload: (link) => link.startWith(0) },
    ...windows.map((window) => ({
      name: `shared link, exchanges, ${window} open`,
      workload: (link: SharedLink) => link.load("exchanges", window, seconds),
    })),
    ...windows.map((window) => ({
      name: `shared link, renewals, ${window} open`,
      workload: (link: SharedLink) => link.load("renewals", window, seconds),
    })),
  ];
  if (programVersion("strace", "--version") === undefined) report.miss("flushes per ACK", "needs the Debian package strace");
  else cases.push({ name: "shared link, 32 open", workload: (link) => link.flushes(tracedExchanges) });
  if (held !== undefined) {
    cases.push(
      { name: `shared link, ${held} leases held`, workload: (link) => link.startWith(held) },
      { name: `shared link, ${held} leases held, exchanges, 32 open`, workload: (link) => link.load("exchanges", 32, seconds) },
      { name: `shared link, ${held} leases held, renewals, 32 open`, workload: (link) => link.load("renewals", 32, seconds) },
    );
  }
  cases.push({ name: "shared link, crash", workload: (link) => link.startWith(0).then(() => link.crash(crashAfterAcks)) });
  return cases;
}

async function onTaps(rivals: readonly DhcpPeer[], size: BenchSize, report: Report): Promise<void> {
  const { taps, seconds } = size.smoke ? SMOKE : FULL;
  const lab = new Lab();
  try {
    const interfaces = `${TAP_PREFIX}*`;
    const systems = [new Taps(lab, "tapnet", (host) => new TapnetdDhcp(host, undefined))];
    for (const rival of rivals) {
      if (rival.noTaps === undefined) systems.push(new Taps(lab, rival.name, (host) => rival.make(host, interfaces)));
      else report.miss(`${rival.name} on TAPs`, rival.noTaps);
    }
    const workload = { taps, window: Math.min(TAPS_WINDOW, taps), seconds };
    await runRounds({ cases: [{ name: `${taps} TAPs, exchanges, ${workload.window} open`, workload }], systems }, size, report);
  } finally {
    await lab.dispose();
  }
}
