/**
 * How fast DHCPv6 leases are given, and what they cost: tapnetd beside Kea and dnsmasq, under the same load.
 *
 * Each server has a namespace of its own and is joined by a veth to another one where the load plays its clients.
 * `native/bench/dhcp6-load.c` keeps a fixed number of exchanges open, checks every reply, and counts an exchange only when its
 * Reply is right. perfdhcp, which is Kea's own load generator, offers a fixed rate besides: who answers all of it, and how soon.
 * All keep their leases in a file, as they do by default; that is looked at after kill -9.
 */
import { type Host, Lab } from "../../test/support/lab.js";
import type { Bench } from "../frame/bench.js";
import { programVersion } from "../frame/machine.js";
import type { Report } from "../frame/report.js";
import { runRounds } from "../frame/rounds.js";
import { installedPeers } from "../peers/dhcp-server.js";
import { dhcp6Rivals } from "../peers/dhcp6-rivals.js";
import { SERVED6 } from "../peers/dhcp6-site.js";
import { TapnetdDhcp6 } from "../peers/tapnetd-dhcp6.js";
import { SharedLink6, type Work6 } from "./leases-ipv6/shared-link.js";

interface Size {
  readonly clients: number;
  readonly windows: readonly number[];
  readonly seconds: number;
  /** What perfdhcp offers, in exchanges a second. */
  readonly offered: readonly number[];
  readonly crashAfterReplies: number;
  readonly tracedExchanges: number;
}

const FULL: Size = {
  clients: 1000,
  windows: [1, 32, 256],
  seconds: 3,
  offered: [2000, 6000, 8000],
  crashAfterReplies: 2000,
  tracedExchanges: 1000,
};
const SMOKE: Size = { clients: 20, windows: [8], seconds: 0.4, offered: [50], crashAfterReplies: 20, tracedExchanges: 20 };

export const bench: Bench = {
  about: "tapnetd as DHCPv6 server, with Kea and dnsmasq; also `leases --ipv6`",
  rounds: 3,
  async run(size, report) {
    const rivals = installedPeers(dhcp6Rivals, report);
    const lab = new Lab();
    try {
      const makers = [
        (host: Host) => new TapnetdDhcp6(host, SERVED6),
        ...rivals.map((rival) => (host: Host) => rival.make(host, SERVED6)),
      ];
      const bounds = size.smoke ? SMOKE : FULL;
      const systems: SharedLink6[] = [];
      for (const [number, make] of makers.entries())
        systems.push(await SharedLink6.make(lab, { number, make, clients: bounds.clients }));
      await runRounds({ cases: casesOf(bounds, report), systems }, size, report);
    } finally {
      await lab.dispose();
    }
  },
};

/** In an order in which the store is small at first, and the crash comes last. */
function casesOf(size: Size, report: Report): { name: string; workload: Work6 }[] {
  const { windows, seconds, offered, crashAfterReplies, tracedExchanges } = size;
  const cases: { name: string; workload: Work6 }[] = [
    { name: "no leases", workload: (link) => link.startEmpty() },
    ...windows.map((window) => ({
      name: `exchanges, ${window} open`,
      workload: (link: SharedLink6) => link.load("exchanges", window, seconds),
    })),
    ...windows.map((window) => ({
      name: `renewals, ${window} open`,
      workload: (link: SharedLink6) => link.load("renewals", window, seconds),
    })),
  ];
  if (programVersion("perfdhcp", "-v") === undefined) report.miss("perfdhcp's load", "needs the Debian package kea-admin");
  else
    cases.push(
      ...offered.map((rate) => ({
        name: `perfdhcp -6 offers ${rate}/s`,
        workload: (link: SharedLink6) => link.perfdhcp(rate, Math.max(1, seconds)),
      })),
    );
  if (programVersion("strace", "--version") === undefined) report.miss("flushes per Reply", "needs the Debian package strace");
  else cases.push({ name: "32 open", workload: (link) => link.flushes(tracedExchanges) });
  cases.push({ name: "crash", workload: (link) => link.startEmpty().then(() => link.crash(crashAfterReplies)) });
  return cases;
}
