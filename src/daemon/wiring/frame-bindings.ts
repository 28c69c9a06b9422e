import type { Budget } from "../../frame/budget.js";
import type { DatagramService } from "../../frame/datagram.js";
import type { FrameBindings } from "../../frame/frame-path.js";
import type { Link } from "../../frame/link.js";
import type { PacketService } from "../../frame/packet.js";
import { DHCP6_PORT } from "../../wire/dhcp6/codes.js";
import { DNS_PORT } from "./dns.js";

const DHCP4_PORT = 67;

/**
 * What one guest may ask of each service. A guest that boots sends two DHCP messages of each family; one that floods gets so many
 * served and no more, so that others have their turn.
 */
const BUDGET = {
  dhcp: { burst: 64, perSecond: 128 },
  router: { burst: 16, perSecond: 16 },
  neighbours: { burst: 256, perSecond: 512 },
  dns: { burst: 4000, perSecond: 20_000 },
} as const;

/** Answers from here and from the cache cost little: so many a guest may have whatever its rate upstream, and more if that is more. */
export function dnsBudget(rate: number): Budget {
  const { burst, perSecond } = BUDGET.dns;
  return { burst: Math.max(burst, rate / 5), perSecond: Math.max(perSecond, rate) };
}

export interface FrameServices {
  readonly dhcp4: DatagramService;
  readonly dhcp6: DatagramService;
  readonly dns: DatagramService;
  /** Answers router solicitations. */
  readonly advertiser: PacketService;
  /** Takes everything else of neighbour discovery, what guests listen to, and their answers to our echoes. */
  readonly learner: PacketService;
  /** Hears the answers to address probes. */
  readonly arp: PacketService;
  readonly dnsBudget: Budget;
  /** Whether addresses are probed on a link: from no other does ARP come up. */
  readonly probes: (link: Link) => boolean;
}

const NEIGHBOUR_MESSAGES = [
  "neighbourSolicitation",
  "neighbourAdvertisement",
  "listenerReport",
  "listenerReportV2",
  "routerAdvertisement",
  "redirect",
] as const;

/** Which frames go to which service. */
export function frameBindings(services: FrameServices): FrameBindings {
  const { dhcp4, dhcp6, dns, advertiser, learner, arp, probes } = services;
  return {
    datagrams: [
      { family: 4, port: DHCP4_PORT, reach: "link", service: dhcp4, budget: BUDGET.dhcp },
      { family: 6, port: DHCP6_PORT.server, reach: "link", service: dhcp6, budget: BUDGET.dhcp },
      { family: 4, port: DNS_PORT, reach: "gateway", service: dns, budget: services.dnsBudget },
      { family: 6, port: DNS_PORT, reach: "gateway", service: dns, budget: services.dnsBudget },
    ],
    packets: [
      { message: "routerSolicitation", service: advertiser, budget: BUDGET.router },
      { message: "arp", service: arp, budget: BUDGET.neighbours, wants: probes },
      ...NEIGHBOUR_MESSAGES.map((message) => ({ message, service: learner, budget: BUDGET.neighbours })),
      { message: "echoReply", service: learner, budget: BUDGET.neighbours, wants: ({ guest }) => guest !== undefined },
    ],
  };
}
