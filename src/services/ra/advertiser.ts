/**
 * Theory of operation. Goal: a guest that asks has its answer before it asks twice, whoever else floods; and a network of
 * thousands of links costs one timer. A solicitation is answered in its own batch, unicast to its sender (RFC 7772), or to all
 * nodes when the sender has no address yet. What goes to all nodes goes at most every three seconds a link, whatever it is for
 * (RFC 4861 §6.2.6; §10, MIN_DELAY_BETWEEN_RAS): what comes sooner waits until then, and one advertisement answers all that wait.
 * The random delay of up to half a second that the RFC asks for keeps routers on one link from answering at once; on a port is
 * one router, so there is none. Unsolicited advertisements go to all links of a network at a random time between the two
 * intervals, the first three after a change within sixteen seconds (§6.2.4). A new link is told at once. A network that is no
 * longer advertised says so (§6.2.5). Limits: state per link is one object, by slot. Why a message per network and not per link:
 * at 5,000 ports it is the difference between one composition and 5,000.
 */
import type { Clock, Timer } from "../../base/clock.js";
import { Counters } from "../../base/counters.js";
import { IPV6_ALL_NODES, writeIpv6 } from "../../base/ipv6-address.js";
import { type Mac, writeMac } from "../../base/mac.js";
import type { Random } from "../../base/random.js";
import { type Reply, VERDICT, type Verdict } from "../../frame/datagram.js";
import { ADDRESS_BYTES, copyAddress, isUnspecified } from "../../frame/ipv6-bytes.js";
import type { Link } from "../../frame/link.js";
import { PORT_LINK_LOCAL } from "../../frame/link-table.js";
import type { Packet, PacketSender, PacketService } from "../../frame/packet.js";
import * as icmpv6 from "../../wire/icmpv6.js";
import { FAULTS, type NdpFault, OPTION } from "../../wire/ndp/codes.js";
import * as message from "../../wire/ndp/message.js";
import * as option from "../../wire/ndp/option.js";
import { Announcement, farewell, MAC_OFFSET } from "./announcement.js";
import type { AdvertisedNetwork, AdvertisedPrefix } from "./network.js";

/** RFC 4861 §10. */
const MIN_DELAY_BETWEEN_RAS_MS = 3000;
const MAX_INITIAL_RTR_ADVERTISEMENTS = 3;
const MAX_INITIAL_RTR_ADVERT_INTERVAL_MS = 16_000;

const ALL_NODES_MAC: Mac = 0x3333_0000_0001;

const OWN_COUNTERS = [
  "solicitations",
  "answers",
  "unsolicited",
  "source-link-layer-address",
  "delayed",
  "too-long",
  "network-unknown",
] as const;
export type RaCounter = (typeof OWN_COUNTERS)[number] | NdpFault;

interface NetworkState {
  network: AdvertisedNetwork;
  readonly announcement: Announcement;
  readonly links: Set<LinkState>;
  timer: Timer | undefined;
  /** Advertisements left that come early, after a change. */
  early: number;
  /** Links that are to be told as soon as they may be, and when the first of them may. */
  readonly late: Set<LinkState>;
  lateTimer: Timer | undefined;
}

interface LinkState {
  readonly link: Link;
  readonly network: NetworkState;
  readonly ipv6Source: Uint8Array;
  ownPrefixes: readonly AdvertisedPrefix[];
  /** The network's, or one of the link's own where it has prefixes of its own, or we are no router there. */
  announcement: Announcement;
  /** When all nodes were told last. */
  toldAllMs: number;
}

export interface RouterAdvertiserOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly sender: PacketSender;
}

export class RouterAdvertiser implements PacketService {
  readonly counters = new Counters<RaCounter>([...OWN_COUNTERS, ...FAULTS]);
  readonly #options: RouterAdvertiserOptions;
  readonly #networks = new Map<string, NetworkState>();
  readonly #links: (LinkState | undefined)[] = [];
  readonly #allNodes = addressBytes(IPV6_ALL_NODES);

  constructor(options: RouterAdvertiserOptions) {
    this.#options = options;
  }

  /**
   * Advertises a network from now on, or something else about it: its links are told at once. Links are added after it.
   * `earlier` are prefixes that were advertised in an earlier life: those that are no more are withdrawn.
   */
  setNetwork(network: AdvertisedNetwork, earlier: readonly AdvertisedPrefix[] = []): void {
    const nowMs = this.#options.clock.monotonicMs();
    const state = this.#networks.get(network.name);
    if (state === undefined) {
      const announcement = new Announcement({ ...network, prefixes: earlier }, [], nowMs);
      announcement.replace(network, [], nowMs);
      const timers = { timer: undefined, late: new Set<LinkState>(), lateTimer: undefined };
      this.#networks.set(network.name, { network, announcement, links: new Set(), early: 0, ...timers });
      return;
    }
    state.network = network;
    state.announcement.replace(network, [], nowMs);
    for (const each of state.links) {
      if (each.announcement !== state.announcement)
        each.announcement.replace(networkFor(network, each.link), each.ownPrefixes, nowMs);
    }
    state.early = MAX_INITIAL_RTR_ADVERTISEMENTS;
    this.#advertise(state);
  }

  /** Tells every link of the network that this is no router any more, and its prefixes good for nothing new; then is silent. */
  removeNetwork(name: string): void {
    const state = this.#networks.get(name);
    if (state === undefined) return;
    this.#disarm(state);
    this.#bidFarewell(state);
    for (const { link } of state.links) this.#links[link.slot] = undefined;
    this.#networks.delete(name);
  }

  /**
   * A link of one of the networks, whose name is the link's network unless said; one at the same slot is replaced. `ownPrefixes`
   * are advertised on this link alone. One that is `quiet` is not told at once.
   */
  addLink(link: Link, ownPrefixes: readonly AdvertisedPrefix[] = [], name = link.network, quiet = false): void {
    this.removeLink(link.slot);
    const network = this.#networks.get(name);
    if (network === undefined) return;
    const state: LinkState = {
      link,
      network,
      ipv6Source: addressBytes(link.linkLocalIpv6 ?? PORT_LINK_LOCAL),
      ownPrefixes,
      announcement: this.#announcementFor(network, link, ownPrefixes),
      toldAllMs: Number.NEGATIVE_INFINITY,
    };
    this.#links[link.slot] = state;
    network.links.add(state);
    if (!quiet) this.#tell(state);
    if (network.timer === undefined) this.#arm(network);
  }

  /** Other prefixes on this link: those that are gone are withdrawn, and the link is told at once. */
  setLinkPrefixes(slot: number, ownPrefixes: readonly AdvertisedPrefix[]): void {
    const state = this.#links[slot];
    if (state === undefined) return;
    state.ownPrefixes = ownPrefixes;
    if (state.announcement === state.network.announcement)
      state.announcement = this.#announcementFor(state.network, state.link, ownPrefixes);
    else
      state.announcement.replace(networkFor(state.network.network, state.link), ownPrefixes, this.#options.clock.monotonicMs());
    this.#tell(state);
  }

  removeLink(slot: number): void {
    const state = this.#links[slot];
    if (state === undefined) return;
    this.#links[slot] = undefined;
    state.network.links.delete(state);
    state.network.late.delete(state);
    if (state.network.links.size === 0) this.#disarm(state.network);
  }

  /** Ends all timers. Hosts keep what they were told until it runs out. */
  close(): void {
    for (const state of this.#networks.values()) this.#disarm(state);
  }

  /** Answers a router solicitation (RFC 4861 §6.1.1, §6.2.6). */
  handle(request: Packet, reply: Reply): Verdict {
    const { view, payloadOffset, payloadLength } = request;
    const fault = message.check(view, payloadOffset, payloadLength);
    if (fault !== undefined) return this.#drop(fault);
    if (icmpv6.type(view, payloadOffset) !== icmpv6.TYPE.routerSolicitation) return this.#drop("ndp-type");
    const state = this.#links[request.link.slot];
    if (state === undefined) return this.#drop("network-unknown");
    this.#count("solicitations");
    const nowMs = this.#options.clock.monotonicMs();
    if (isUnspecified(view, request.ipv6SourceOffset)) {
      const options = payloadOffset + message.HEADER_BYTES.routerSolicitation;
      const named = option.find(view, options, payloadOffset + payloadLength, OPTION.sourceLinkLayerAddress);
      if (named >= 0) return this.#drop("source-link-layer-address");
      if (nowMs - state.toldAllMs < MIN_DELAY_BETWEEN_RAS_MS) {
        this.#tellLater(state);
        return VERDICT.silent;
      }
      state.toldAllMs = nowMs;
      copyAddress(this.#allNodes, 0, reply.ipv6Destination, 0);
      reply.etherDestination = ALL_NODES_MAC;
    }
    const { announcement } = state;
    announcement.refresh(nowMs);
    if (announcement.bytes.length > reply.payloadLimit) return this.#drop("too-long");
    reply.bytes.set(announcement.bytes, reply.payloadOffset);
    writeMac(reply.view, reply.payloadOffset + MAC_OFFSET, request.link.gatewayMac);
    reply.payloadLength = announcement.bytes.length;
    this.#count("answers");
    return VERDICT.reply;
  }

  #announcementFor(network: NetworkState, link: Link, ownPrefixes: readonly AdvertisedPrefix[]): Announcement {
    if (ownPrefixes.length === 0 && link.defaultRoute !== false) return network.announcement;
    return new Announcement(networkFor(network.network, link), ownPrefixes, this.#options.clock.monotonicMs());
  }

  /** Tells every link of a network, and sets the time for the next round. */
  #advertise(state: NetworkState): void {
    this.#disarm(state);
    for (const each of state.links) this.#tell(each);
    if (state.links.size > 0) this.#arm(state);
  }

  #arm(state: NetworkState): void {
    const { minIntervalSeconds, maxIntervalSeconds } = state.network;
    const share = this.#options.random.uint32() / 0x1_0000_0000;
    let delayMs = (minIntervalSeconds + (maxIntervalSeconds - minIntervalSeconds) * share) * 1000;
    if (state.early > 0) {
      state.early--;
      delayMs = Math.min(delayMs, MAX_INITIAL_RTR_ADVERT_INTERVAL_MS);
    }
    state.timer = this.#options.clock.after(delayMs, () => this.#advertise(state));
  }

  #disarm(state: NetworkState): void {
    const { clock } = this.#options;
    for (const timer of [state.timer, state.lateTimer]) if (timer !== undefined) clock.cancel(timer);
    state.timer = undefined;
    state.lateTimer = undefined;
    state.late.clear();
  }

  /** Tells all nodes of a link, now or as soon as they may be told again. */
  #tell(state: LinkState): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - state.toldAllMs < MIN_DELAY_BETWEEN_RAS_MS) {
      this.#tellLater(state);
      return;
    }
    state.toldAllMs = nowMs;
    state.network.late.delete(state);
    state.announcement.refresh(nowMs);
    this.#count("unsolicited");
    this.#send(state, state.announcement.bytes);
  }

  #tellLater(state: LinkState): void {
    const { clock } = this.#options;
    const { network } = state;
    this.#count("delayed");
    network.late.add(state);
    network.lateTimer ??= clock.after(state.toldAllMs + MIN_DELAY_BETWEEN_RAS_MS - clock.monotonicMs(), () => {
      network.lateTimer = undefined;
      const waiting = [...network.late];
      network.late.clear();
      for (const each of waiting) this.#tell(each);
    });
  }

  #bidFarewell({ links, network }: NetworkState): void {
    for (const each of links) this.#send(each, farewell(network, each.ownPrefixes));
  }

  /** The sender copies before it returns, so the MAC may be patched in the shared message. */
  #send({ link, ipv6Source }: LinkState, bytes: Uint8Array): void {
    writeMac(new DataView(bytes.buffer), MAC_OFFSET, link.gatewayMac);
    const path = { link, etherDestination: ALL_NODES_MAC, ipv6Source, ipv6Destination: this.#allNodes };
    this.#options.sender.sendIcmpv6(path, bytes);
  }

  #drop(reason: RaCounter): Verdict {
    this.#count(reason);
    return VERDICT.silent;
  }

  #count(name: RaCounter): void {
    this.counters.count(this.counters.index(name));
  }
}

/** To a guest whose default route leads elsewhere we are no router: its neighbours are on the link, and we answer for them. */
function networkFor(network: AdvertisedNetwork, { defaultRoute }: Link): AdvertisedNetwork {
  if (defaultRoute !== false) return network;
  return { ...network, routerLifetimeSeconds: 0, prefixes: network.prefixes.map((prefix) => ({ ...prefix, onLink: true })) };
}

function addressBytes(address: bigint): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES);
  writeIpv6(new DataView(bytes.buffer), 0, address);
  return bytes;
}
