/**
 * Theory of operation. Goal: a guest that makes its own addresses is reachable at them at once, and takes nothing that is
 * another's. Whatever a port says about an address of its own teaches it: a duplicate address detection (RFC 4862 §5.4), an
 * advertisement, the source of a solicitation. Only addresses inside the port's prefixes count, and, where asked for, a few
 * link-local ones: without those the guard would keep the guest from its router. A link-local address is the port's alone,
 * others may have the same. Then
 *   somebody else's (`owner`, or learnt on another port of the network): a detection is answered "taken", so that the guest
 *     gives it up; nothing is learnt;
 *   new: learnt, told to the listener, watched;
 *   known: its silence begins anew.
 * An address that was silent for `idleMs` is asked for, three times a second apart, and forgotten without an answer: a paused
 * guest loses its addresses and gets them back with its first solicitation. A port has `most` addresses. When they are used
 * up, all are asked at once; the new one waits for the place of the first that stays silent, and is refused when all answer.
 * A listener report names only the last 24 bits of an address. If they are those of an address made from the sender's MAC (RFC
 * 4291 App. A), that one is asked for, once a second at most, and a few times more: the report may be about the link-local
 * address, which has the same group, while the router has not been heard yet. So guests that skip the detection are found.
 * Solicitations for a neighbour behind another port, or for the gateway, are answered with our MAC: guests that believe their
 * prefix is on the link work. On a port of a bridge the prefix really is, and only the gateway's are answered.
 * A guest that has taken an address while nobody listened does not say so again. When its port is adopted it is asked by an echo
 * to all nodes from our global address: it answers from the global address that it uses first, and that one is learnt.
 * Why not FCFS SAVI (RFC 6620) with its wait for the detection to end: one guest, one link; who else would object has been
 * asked.
 */
import type { Clock, Timer } from "../../base/clock.js";
import { Counters } from "../../base/counters.js";
import { hasReservedIdentifier, IPV6_ANY, type Ipv6Address, isLinkLocalIpv6, readIpv6 } from "../../base/ipv6-address.js";
import type { Mac } from "../../base/mac.js";
import { type Ipv6Prefix, ipv6InPrefix } from "../../base/prefix.js";
import { type Reply, VERDICT, type Verdict } from "../../frame/datagram.js";
import { isLinkLocal, isMulticast, isUnspecified } from "../../frame/ipv6-bytes.js";
import type { Link } from "../../frame/link.js";
import { PORT_LINK_LOCAL } from "../../frame/link-table.js";
import type { Packet, PacketSender, PacketService } from "../../frame/packet.js";
import { TimerWheel } from "../../lease/timer-wheel.js";
import * as icmpv6 from "../../wire/icmpv6.js";
import * as mld from "../../wire/mld.js";
import { FAULTS, type NdpFault, OPTION } from "../../wire/ndp/codes.js";
import * as message from "../../wire/ndp/message.js";
import * as option from "../../wire/ndp/option.js";
import { LearnedAddress, LinkAddresses } from "./link-addresses.js";
import { answersOurEcho, echoAllNodes, emitAdvertisement, NEIGHBOUR_BYTES, solicit } from "./solicitation.js";

const ALL_NODES_MAC: Mac = 0x3333_0000_0001;
const MOST_ADDRESSES = 8;
const IDLE_MS = 600_000;
const PROBES = 3;
const PROBE_INTERVAL_MS = 1000;
const ASK_INTERVAL_MS = 1000;
/** After how long, each time, it is asked again for an address that a report has hinted at: hosts wait for routers up to 12 s. */
const ASK_AGAIN_MS = [1000, 2000, 4000, 8000] as const;

/** How long an answer to an echo is waited for, and when another one follows the first, which a busy guest may have missed. */
const ECHO_WAIT_MS = 10_000;
const ECHO_AGAIN_MS = [3000] as const;

const OWN_COUNTERS = [
  "solicitations",
  "advertisements",
  "reports",
  "learned",
  "forgotten",
  "defended",
  "answered-for-neighbour",
  "not-permitted",
  "not-its-own",
  "detection-malformed",
  "advertisement-malformed",
  "full",
  "router-advertisement",
  "redirect",
  "no-port",
  "echoes",
  "echo-unasked",
] as const;
type MldFault = mld.MldFault;
export type NdCounter = (typeof OWN_COUNTERS)[number] | NdpFault | MldFault;

/** An address that a guest has taken. */
export interface GuestAddress {
  readonly link: Link;
  readonly address: Ipv6Address;
  readonly mac: Mac;
}

/** Told of every address that comes and goes, in order. */
export interface GuestAddressEvents {
  /** Also when a known address moved to another MAC of the same guest. */
  learned(taken: GuestAddress): void;
  forgotten(taken: GuestAddress): void;
}

export interface AddressLearnerOptions {
  readonly clock: Clock;
  readonly sender: PacketSender;
  readonly events: GuestAddressEvents;
  /** The guest that an address is given to by other means, `""` for nobody's guest (the gateway); undefined: free. */
  readonly owner: (network: string, address: Ipv6Address) => string | undefined;
  /** Addresses that one guest may have; 8 when left out. */
  readonly most?: number;
  /** Link-local addresses that it may have besides; none when left out. */
  readonly mostLinkLocal?: number;
  /** Silence after which an address is asked for; ten minutes when left out. */
  readonly idleMs?: number;
}

export class AddressLearner implements PacketService {
  readonly counters = new Counters<NdCounter>([...OWN_COUNTERS, ...FAULTS, "mld-truncated", "mld-type", "mld-record"]);
  readonly #options: AddressLearnerOptions;
  readonly #most: number;
  readonly #mostLinkLocal: number;
  readonly #idleMs: number;
  readonly #links: (LinkAddresses | undefined)[] = [];
  readonly #byNetwork = new Map<string, Map<Ipv6Address, LearnedAddress>>();
  readonly #wheel: TimerWheel<LearnedAddress>;
  #timer: Timer | undefined;

  constructor(options: AddressLearnerOptions) {
    this.#options = options;
    this.#most = options.most ?? MOST_ADDRESSES;
    this.#mostLinkLocal = options.mostLinkLocal ?? 0;
    this.#idleMs = options.idleMs ?? IDLE_MS;
    this.#wheel = new TimerWheel(options.clock.monotonicMs());
  }

  /** Learns from this port, within these prefixes. Only ports: on a shared link neighbours speak for themselves. */
  addLink(link: Link, prefixes: readonly Ipv6Prefix[]): void {
    this.removeLink(link.slot);
    this.#links[link.slot] = new LinkAddresses(link, prefixes);
  }

  /** What has changed about a port, and its prefixes from now on; what lies outside them is forgotten. A new port is added. */
  updateLink(link: Link, prefixes: readonly Ipv6Prefix[]): void {
    const port = this.#links[link.slot];
    if (port === undefined) {
      this.addLink(link, prefixes);
      return;
    }
    port.link = link;
    this.setLinkPrefixes(link.slot, prefixes);
  }

  /** Other prefixes for all ports of a network: before they are advertised, as guests take addresses of them at once. */
  setNetworkPrefixes(network: string, prefixes: readonly Ipv6Prefix[]): void {
    for (const [slot, port] of this.#links.entries()) if (port?.link.network === network) this.setLinkPrefixes(slot, prefixes);
  }

  /** Other prefixes for a port; what lies outside them is forgotten. */
  setLinkPrefixes(slot: number, prefixes: readonly Ipv6Prefix[]): void {
    const port = this.#links[slot];
    if (port === undefined) return;
    port.prefixes = prefixes;
    for (const learned of [...port.learned]) if (!this.#isPermitted(port, learned.address)) this.#forget(learned);
  }

  /** The port is gone, and its addresses with it. */
  removeLink(slot: number): void {
    const port = this.#links[slot];
    if (port === undefined) return;
    this.#links[slot] = undefined;
    port.waiting = undefined;
    for (const timer of [port.asking, port.echoing]) if (timer !== undefined) this.#options.clock.cancel(timer);
    for (const learned of [...port.learned]) this.#forget(learned);
  }

  /** Takes back an address that the kernel still has from an earlier life of this process. Nobody is told. */
  adopt(slot: number, address: Ipv6Address, mac: Mac): void {
    const port = this.#links[slot];
    if (port === undefined || !this.#isPermitted(port, address) || this.#ownerOf(port, address) !== undefined) return;
    if (this.#hasRoom(port, address)) this.#note(port, address, mac);
  }

  /**
   * Asks the guest from which address it speaks: for one that has taken an address while nobody listened, and says no word of it
   * until it takes another. What it answers is learnt.
   */
  poll(slot: number): void {
    const port = this.#links[slot];
    if (port !== undefined && port.link.gatewayIpv6 !== IPV6_ANY && port.prefixes.length > 0) this.#echo(port, 0);
  }

  #echo(port: LinkAddresses, asked: number): void {
    const { clock, sender } = this.#options;
    if (port.echoing !== undefined) clock.cancel(port.echoing);
    port.echoing = undefined;
    port.echoedUntilMs = clock.monotonicMs() + ECHO_WAIT_MS;
    echoAllNodes(sender, port.link);
    if (asked < ECHO_AGAIN_MS.length) port.echoing = clock.after(ECHO_AGAIN_MS[asked], () => this.#echo(port, asked + 1));
  }

  /** The address is given to somebody by other means (a lease, a reservation): whoever has merely taken it loses it. */
  withdraw(network: string, address: Ipv6Address): void {
    const learned = this.#byNetwork.get(network)?.get(address);
    if (learned !== undefined) this.#forget(learned);
  }

  /** Addresses that a port's guest has taken, in the order in which they were learnt. */
  addresses(slot: number): Ipv6Address[] {
    return this.#links[slot]?.learned.map(({ address }) => address) ?? [];
  }

  /** Stops the timer. What was learnt stays. */
  close(): void {
    if (this.#timer !== undefined) this.#options.clock.cancel(this.#timer);
    this.#timer = undefined;
  }

  /** Takes solicitations, advertisements, redirects and listener reports of either version. */
  handle(request: Packet, reply: Reply): Verdict {
    const port = this.#links[request.link.slot];
    if (port === undefined) return this.#drop("no-port");
    const { view, payloadOffset, payloadLength } = request;
    const type = icmpv6.type(view, payloadOffset);
    if (icmpv6.isListenerDiscovery(type)) return this.#report(port, request);
    if (type === icmpv6.TYPE.echoReply) return this.#answered(port, request);
    const fault = message.check(view, payloadOffset, payloadLength);
    if (fault !== undefined) return this.#drop(fault);
    switch (type) {
      case icmpv6.TYPE.neighbourSolicitation:
        return this.#solicitation(port, request, reply);
      case icmpv6.TYPE.neighbourAdvertisement:
        if (!isSoundAdvertisement(request)) return this.#drop("advertisement-malformed");
        this.#count("advertisements");
        this.#hear(port, request, payloadOffset + message.NEIGHBOUR_FIELD.target);
        return VERDICT.silent;
      default:
        return this.#drop(type === icmpv6.TYPE.redirect ? "redirect" : "router-advertisement");
    }
  }

  #solicitation(port: LinkAddresses, request: Packet, reply: Reply): Verdict {
    const target = request.payloadOffset + message.NEIGHBOUR_FIELD.target;
    const detects = isUnspecified(request.view, request.ipv6SourceOffset);
    if (detects && !isSoundDetection(request)) return this.#drop("detection-malformed");
    this.#count("solicitations");
    if (!detects) {
      this.#hear(port, request, request.ipv6SourceOffset);
      return this.#answerForNeighbour(port, request, target, reply);
    }
    return this.#hear(port, request, target) ? VERDICT.silent : this.#defend(port, request, target, reply);
  }

  /** Only what was asked for: a guest that is pinged by the host answers as well. */
  #answered(port: LinkAddresses, request: Packet): Verdict {
    const { view, payloadOffset, payloadLength } = request;
    const isOurs = answersOurEcho(view, payloadOffset, payloadLength) && this.#options.clock.monotonicMs() < port.echoedUntilMs;
    if (!isOurs) return this.#drop("echo-unasked");
    this.#count("echoes");
    this.#hear(port, request, request.ipv6SourceOffset);
    return VERDICT.silent;
  }

  /** The guest says that it has the address at `offset`. False when that is somebody else's. */
  #hear(port: LinkAddresses, request: Packet, offset: number): boolean {
    const known = port.find(request.view, offset);
    if (known !== undefined) {
      this.#refresh(known, request.etherSource);
      return true;
    }
    if (this.#mostLinkLocal === 0 && isLinkLocal(request.view, offset)) return true;
    const address = readIpv6(request.view, offset);
    if (!this.#isPermitted(port, address)) {
      this.#count("not-permitted");
      return true;
    }
    const owner = this.#ownerOf(port, address);
    if (owner === port.link.guest) return true;
    if (owner !== undefined) {
      this.#count("not-its-own");
      return false;
    }
    this.#learn(port, address, request.etherSource);
    return true;
  }

  /** Whether a guest may take the address for itself, as far as the port is concerned. */
  #isPermitted(port: LinkAddresses, address: Ipv6Address): boolean {
    if (isLinkLocalIpv6(address)) return this.#mostLinkLocal > 0 && port.prefixes.length > 0;
    // Anycast addresses are nobody's own, the one of all routers (identifier 0) least of all (RFC 4291 §2.6.1, RFC 2526).
    if (hasReservedIdentifier(address)) return false;
    return port.prefixes.some((prefix) => ipv6InPrefix(address, prefix));
  }

  /** Whether a port may have one more address of this scope. */
  #hasRoom(port: LinkAddresses, address: Ipv6Address): boolean {
    const linkLocal = isLinkLocalIpv6(address);
    return port.countOf(linkLocal) < (linkLocal ? this.#mostLinkLocal : this.#most);
  }

  /** Whose an address is: learnt on another port, or given by other means. */
  #ownerOf(port: LinkAddresses, address: Ipv6Address): string | undefined {
    if (isLinkLocalIpv6(address)) return address === (port.link.linkLocalIpv6 ?? PORT_LINK_LOCAL) ? "" : undefined;
    const { network } = port.link;
    const learned = this.#byNetwork.get(network)?.get(address);
    if (learned !== undefined && learned.owner !== port) return learned.owner.link.guest ?? "";
    return this.#options.owner(network, address);
  }

  #learn(port: LinkAddresses, address: Ipv6Address, mac: Mac): void {
    if (!this.#hasRoom(port, address)) {
      this.#makeRoom(port, address, mac);
      return;
    }
    this.#note(port, address, mac);
    this.#count("learned");
    this.#options.events.learned({ link: port.link, address, mac });
  }

  #note(port: LinkAddresses, address: Ipv6Address, mac: Mac): void {
    const learned = new LearnedAddress(port, address, mac);
    if (!isLinkLocalIpv6(address)) this.#makeKnown(learned);
    port.learned.push(learned);
    this.#watch(learned, this.#idleMs);
  }

  /** From now on the address is this port's in the whole network. */
  #makeKnown(learned: LearnedAddress): void {
    const { network } = learned.owner.link;
    const ofNetwork = this.#byNetwork.get(network) ?? new Map<Ipv6Address, LearnedAddress>();
    this.#byNetwork.set(network, ofNetwork);
    ofNetwork.set(learned.address, learned);
  }

  /** All places are taken: who of them is still there? */
  #makeRoom(port: LinkAddresses, address: Ipv6Address, mac: Mac): void {
    this.#count("full");
    const asking = port.waiting !== undefined;
    port.waiting = { address, mac };
    if (asking) return;
    const linkLocal = isLinkLocalIpv6(address);
    for (const learned of port.learned) {
      if (learned.probes === 0 && isLinkLocalIpv6(learned.address) === linkLocal) this.#probe(learned);
    }
  }

  /** The guest has spoken for the address: its silence begins anew. */
  #refresh(learned: LearnedAddress, mac: Mac): void {
    if (learned.probes > 0) {
      learned.probes = 0;
      this.#watch(learned, this.#idleMs);
      this.#refuseWaiting(learned.owner);
    } else {
      learned.untilMs = this.#options.clock.monotonicMs() + this.#idleMs;
    }
    if (learned.mac === mac) return;
    learned.mac = mac;
    this.#options.events.learned({ link: learned.owner.link, address: learned.address, mac });
  }

  /** When every address has answered, there is no place for the one that waits. */
  #refuseWaiting(port: LinkAddresses): void {
    if (port.learned.every(({ probes }) => probes === 0)) port.waiting = undefined;
  }

  #probe(learned: LearnedAddress): void {
    learned.probes++;
    this.#watch(learned, PROBE_INTERVAL_MS);
    solicit(this.#options.sender, learned.owner.link, learned.address, learned.mac);
  }

  #onDue(learned: LearnedAddress): void {
    if (learned.probes < PROBES) this.#probe(learned);
    else this.#forget(learned);
  }

  #forget(learned: LearnedAddress): void {
    const { owner: port, address, mac } = learned;
    this.#wheel.clear(learned);
    port.remove(learned);
    const ofNetwork = this.#byNetwork.get(port.link.network);
    if (ofNetwork?.get(address) === learned) ofNetwork.delete(address);
    if (ofNetwork?.size === 0) this.#byNetwork.delete(port.link.network);
    this.#count("forgotten");
    this.#options.events.forgotten({ link: port.link, address, mac });
    const { waiting } = port;
    port.waiting = undefined;
    if (waiting === undefined || !this.#isPermitted(port, waiting.address)) return;
    if (this.#ownerOf(port, waiting.address) === undefined) this.#learn(port, waiting.address, waiting.mac);
  }

  #watch(learned: LearnedAddress, delayMs: number): void {
    learned.untilMs = this.#options.clock.monotonicMs() + delayMs;
    this.#wheel.set(learned);
    this.#schedule();
  }

  #schedule(): void {
    const { clock } = this.#options;
    const delayMs = this.#wheel.nextDelayMs(clock.monotonicMs());
    if (this.#timer !== undefined) clock.cancel(this.#timer);
    this.#timer = undefined;
    if (delayMs === undefined) return;
    this.#timer = clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#wheel.advance(clock.monotonicMs(), (learned) => this.#onDue(learned));
      this.#schedule();
    });
  }

  /**
   * "Taken": the answer to a duplicate address detection, to all nodes because the asker has no address (RFC 4861 §7.2.4). Of our
   * own addresses it says that we are a router, as the kernel does: who has one of them as its router would drop it (§7.2.5).
   */
  #defend(port: LinkAddresses, request: Packet, target: number, reply: Reply): Verdict {
    this.#count("defended");
    const { gatewayMac, gatewayIpv6, linkLocalIpv6 = PORT_LINK_LOCAL } = port.link;
    const address = readIpv6(request.view, target);
    const { router, override } = message.NEIGHBOUR_FLAG;
    const flags = address === linkLocalIpv6 || address === gatewayIpv6 ? router | override : 0;
    reply.etherDestination = ALL_NODES_MAC;
    reply.ipv6Destination.fill(0);
    reply.ipv6Destination[0] = 0xff;
    reply.ipv6Destination[1] = 0x02;
    reply.ipv6Destination[15] = 1;
    reply.payloadLength = emitAdvertisement(reply.view, reply.payloadOffset, flags, request.view, target, gatewayMac);
    return VERDICT.reply;
  }

  /** "Send it to me": for a neighbour that is behind another port of the network. */
  #answerForNeighbour(port: LinkAddresses, request: Packet, target: number, reply: Reply): Verdict {
    if (isLinkLocal(request.view, target) || port.find(request.view, target) !== undefined) return VERDICT.silent;
    const address = readIpv6(request.view, target);
    const owner = this.#ownerOf(port, address);
    if (owner === undefined || owner === port.link.guest || reply.payloadLimit < NEIGHBOUR_BYTES) return VERDICT.silent;
    if (owner === "" && address !== port.link.gatewayIpv6) return VERDICT.silent;
    if (port.link.bridged === true && address !== port.link.gatewayIpv6) return VERDICT.silent;
    this.#count("answered-for-neighbour");
    const { solicited, router } = message.NEIGHBOUR_FLAG;
    // A host that has the gateway's global address as its router drops it when it is called no router (RFC 4861 §7.2.5).
    const flags = owner === "" ? solicited | router : solicited;
    reply.payloadLength = emitAdvertisement(reply.view, reply.payloadOffset, flags, request.view, target, port.link.gatewayMac);
    return VERDICT.reply;
  }

  #report(port: LinkAddresses, request: Packet): Verdict {
    const { view, payloadOffset, payloadLength } = request;
    const fault = mld.check(view, payloadOffset, payloadLength);
    if (fault !== undefined) return this.#drop(fault);
    this.#count("reports");
    if (view.getUint8(payloadOffset) === icmpv6.TYPE.listenerReport) {
      this.#joined(port, request, payloadOffset + mld.FIELD.v1Group);
      return VERDICT.silent;
    }
    let record = mld.firstRecord(payloadOffset);
    for (let left = mld.recordCount(view, payloadOffset); left > 0; left--) {
      if (mld.isJoin(view, record)) this.#joined(port, request, record + mld.RECORD_FIELD.group);
      record = mld.nextRecord(view, record);
    }
    return VERDICT.silent;
  }

  /** The guest listens to a group: is it that of an address made from its MAC, which we do not know yet? */
  #joined(port: LinkAddresses, request: Packet, group: number): void {
    const { view, etherSource } = request;
    if (!isSolicitedNode(view, group) || (view.getUint32(group + 12) & 0xff_ffff) !== etherSource % 0x100_0000) return;
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - port.askedMs < ASK_INTERVAL_MS) return;
    port.askedMs = nowMs;
    this.#askForOwn(port, etherSource, 0);
  }

  /** Asks for what a station would make of its MAC, and again later while some of it is not known. */
  #askForOwn(port: LinkAddresses, mac: Mac, asked: number): void {
    const { clock, sender } = this.#options;
    if (port.asking !== undefined) clock.cancel(port.asking);
    port.asking = undefined;
    const unknown = port.prefixes
      .filter(({ prefixLength }) => prefixLength === 64)
      .map((prefix) => prefix.address | interfaceIdentifier(mac))
      .filter((own) => !port.learned.some(({ address }) => address === own) && this.#ownerOf(port, own) === undefined);
    for (const address of unknown) solicit(sender, port.link, address, undefined);
    if (unknown.length === 0 || asked >= ASK_AGAIN_MS.length) return;
    port.asking = clock.after(ASK_AGAIN_MS[asked], () => this.#askForOwn(port, mac, asked + 1));
  }

  #drop(reason: NdCounter): Verdict {
    this.#count(reason);
    return VERDICT.silent;
  }

  #count(name: NdCounter): void {
    this.counters.count(this.counters.index(name));
  }
}

/** Without an address of its own, a solicitation asks a solicited-node group and names no station (RFC 4861 §7.1.1). */
function isSoundDetection({ view, payloadOffset, payloadLength, ipv6DestinationOffset }: Packet): boolean {
  const options = payloadOffset + message.HEADER_BYTES.neighbourSolicitation;
  const named = option.find(view, options, payloadOffset + payloadLength, OPTION.sourceLinkLayerAddress);
  return named < 0 && isSolicitedNode(view, ipv6DestinationOffset);
}

/** What goes to a group answers nobody in particular (RFC 4861 §7.1.2). */
function isSoundAdvertisement({ view, payloadOffset, ipv6DestinationOffset }: Packet): boolean {
  const solicited = (view.getUint8(payloadOffset + message.NEIGHBOUR_FIELD.flags) & message.NEIGHBOUR_FLAG.solicited) !== 0;
  return !(solicited && isMulticast(view, ipv6DestinationOffset));
}

/** ff02::1:ff00:0/104 (RFC 4291 §2.7.1). */
function isSolicitedNode(view: DataView, offset: number): boolean {
  return (
    view.getUint32(offset) === 0xff02_0000 &&
    view.getUint32(offset + 4) === 0 &&
    view.getUint32(offset + 8) === 1 &&
    view.getUint8(offset + 12) === 0xff
  );
}

/** The modified EUI-64 of a MAC address (RFC 4291 App. A). */
function interfaceIdentifier(mac: Mac): bigint {
  const whole = BigInt(mac);
  return (((whole >> 24n) << 40n) | (0xfffen << 24n) | (whole & 0xff_ffffn)) ^ (1n << 57n);
}
