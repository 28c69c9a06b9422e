/**
 * Theory of operation
 *
 * One received batch goes through here in one call: each frame is classified, handed to the service that is bound to its
 * destination port (or message type), and the reply is composed in place. Replies that are ready leave in one flush at the end;
 * replies that promise something durable are held (`held-replies.ts`).
 *
 * Services are bound at construction and never change: the table of ports is a typed array, so a lookup is one read. A service
 * writes its payload straight into the row of the send batch that would leave next; silence just leaves the row for the next.
 *
 * Guests are kept from starving each other: each binding may have a budget per port. A frame above it is counted and
 * dropped before the service sees it. A shared link has no budget, because many clients share it.
 *
 * A service that throws has a mistake in it, but one guest's frame must not end everybody's network: the frame is counted, the
 * first such mistake of each second is logged, and the batch goes on. The `try` is around the loop, not around each frame.
 */
import type { Clock } from "../base/clock.js";
import { Counters } from "../base/counters.js";
import { IPV4_BROADCAST } from "../base/ipv4-address.js";
import type { Logger } from "../base/log.js";
import * as icmpv6 from "../wire/icmpv6.js";
import { type ReceiveBatch, SendBatch, type Transmitter } from "./batch.js";
import { type Budget, LinkBudget } from "./budget.js";
import { Classifier, FRAME_KIND } from "./classify.js";
import { composeArp, composeIcmpv6, composeUdpv4, composeUdpv6, PAYLOAD_LIMIT, pointAt } from "./compose.js";
import { type Datagram, type DatagramService, Reply, VERDICT, type Verdict } from "./datagram.js";
import { type Commit, HeldReplies } from "./held-replies.js";
import { copyAddress, isLinkLocal, isMulticast } from "./ipv6-bytes.js";
import type { Link } from "./link.js";
import type { LinkTable } from "./link-table.js";
import type { FirstFrameObserver, Packet, PacketService } from "./packet.js";

/** Which datagrams a service gets. */
export interface DatagramBinding {
  readonly family: 4 | 6;
  /** UDP destination port. */
  readonly port: number;
  /** `gateway`: only what is addressed to the gateway's own address. `link`: broadcast and multicast as well. */
  readonly reach: "gateway" | "link";
  readonly service: DatagramService;
  readonly budget?: Budget;
}

/** Which messages below UDP a service gets: ARP, or one type of ICMPv6. */
export interface PacketBinding {
  readonly message: "arp" | IcmpMessage;
  readonly service: PacketService;
  /**
   * Whether such messages come up from this link; from all unless said. Asked when a link is added or changes, so that the kernel
   * keeps the others away.
   */
  readonly wants?: (link: Link) => boolean;
  readonly budget?: Budget;
}

/** The ICMPv6 messages that pass `classify`, by their names in `wire/icmpv6.ts`. */
export type IcmpMessage = Exclude<
  keyof typeof icmpv6.TYPE,
  "unreachable" | "packetTooBig" | "timeExceeded" | "parameterProblem" | "echoRequest"
>;

export interface DispatcherOptions {
  readonly links: LinkTable;
  readonly transmitter: Transmitter;
  readonly datagrams: readonly DatagramBinding[];
  readonly packets?: readonly PacketBinding[];
  readonly commit: Commit;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called for the first frame of a link that `awaitFirstFrame` was called for, before that frame is handled. */
  readonly onFirstFrame?: FirstFrameObserver;
  /** Replies that may wait for one flush; 1,024 by default. */
  readonly heldCapacity?: number;
}

const COUNTER = {
  received: 0,
  replies: 1,
  unsent: 2,
  "no-service": 3,
  "not-for-gateway": 4,
  "over-budget": 5,
  "service-fault": 6,
} as const;
export type DispatchCounter = keyof typeof COUNTER;

const FAULT_LOG_INTERVAL_MS = 1000;

interface Bound<Service> {
  readonly service: Service;
  readonly gatewayOnly: boolean;
  readonly budget: LinkBudget | undefined;
}

export class Dispatcher {
  readonly counters = new Counters<DispatchCounter>(Object.keys(COUNTER) as DispatchCounter[]);
  readonly classifier: Classifier;
  readonly held: HeldReplies;
  readonly #links: LinkTable;
  readonly #transmitter: Transmitter;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onFirstFrame: FirstFrameObserver | undefined;
  readonly #services: Bound<DatagramService>[] = [];
  /** Index into `#services` plus one, by UDP port; zero where nobody is bound. */
  readonly #ports4 = new Uint8Array(0x1_0000);
  readonly #ports6 = new Uint8Array(0x1_0000);
  readonly #icmpv6: (Bound<PacketService> | undefined)[] = Array(256).fill(undefined);
  readonly #arp: Bound<PacketService> | undefined;
  readonly #reply = new Reply();
  readonly #ready: SendBatch;
  #awaited = new Uint8Array(64);
  #nowMs = 0;
  #faultLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: DispatcherOptions) {
    const { links, transmitter, commit, log, heldCapacity } = options;
    this.#links = links;
    this.#transmitter = transmitter;
    this.#clock = options.clock;
    this.#log = log;
    this.#onFirstFrame = options.onFirstFrame;
    this.classifier = new Classifier(links);
    this.held = new HeldReplies({ transmitter, commit, log, ...(heldCapacity === undefined ? {} : { capacity: heldCapacity }) });
    this.#ready = new SendBatch();
    for (const binding of options.datagrams) this.#bindDatagram(binding);
    for (const { message, ...binding } of options.packets ?? []) {
      if (message === "arp") this.#arp = bound(binding, false);
      else this.#icmpv6[icmpv6.TYPE[message]] = bound(binding, false);
    }
  }

  #bindDatagram(binding: DatagramBinding): void {
    const ports = binding.family === 4 ? this.#ports4 : this.#ports6;
    if (ports[binding.port] !== 0) throw new RangeError(`two services for UDP port ${binding.port} over IPv${binding.family}`);
    ports[binding.port] = this.#services.push(bound(binding, binding.reach === "gateway"));
  }

  /** Calls `onFirstFrame` once, for the next frame on this link. */
  awaitFirstFrame(slot: number): void {
    if (slot >= this.#awaited.length) {
      const larger = new Uint8Array((slot + 1) * 2);
      larger.set(this.#awaited);
      this.#awaited = larger;
    }
    this.#awaited[slot] = 1;
  }

  /** Forgets what was counted against a link: call it when a slot gets a new one. */
  resetLink(slot: number): void {
    if (slot < this.#awaited.length) this.#awaited[slot] = 0;
    for (const binding of [...this.#services, ...this.#icmpv6, this.#arp]) binding?.budget?.reset(slot);
  }

  /** Handles every frame of a batch and sends what is ready. The batch may be reused when this returns. */
  dispatch(batch: ReceiveBatch): void {
    this.#nowMs = this.#clock.monotonicMs();
    let row = 0;
    while (row < batch.count) {
      try {
        while (row < batch.count) this.#frame(batch, row++);
      } catch (thrown) {
        this.#serviceFault(thrown);
      }
    }
    this.counters.count(COUNTER.received, batch.count);
    this.#flush();
    this.held.settle();
  }

  /** Resolves when no reply waits for a commit any more. */
  drain(): Promise<void> {
    return this.held.drain();
  }

  #frame(batch: ReceiveBatch, row: number): void {
    const slot = batch.slot[row];
    if (this.#awaited[slot] === 1) this.#firstFrame(batch, row, slot);
    switch (this.classifier.classify(batch, row)) {
      case FRAME_KIND.dropped:
        break;
      case FRAME_KIND.datagram:
        this.#datagram(this.classifier.datagram);
        break;
      case FRAME_KIND.icmpv6:
        this.#icmp(this.classifier.packet);
        break;
      case FRAME_KIND.arp:
        this.#packet(this.#arp, this.classifier.packet, false);
        break;
    }
  }

  #datagram(request: Datagram): void {
    const index = request.ipVersion === 4 ? this.#ports4[request.udpDestination] : this.#ports6[request.udpDestination];
    if (index === 0) {
      this.counters.count(COUNTER["no-service"]);
      return;
    }
    const { service, gatewayOnly, budget } = this.#services[index - 1];
    if (gatewayOnly && !isForGateway(request)) {
      this.counters.count(COUNTER["not-for-gateway"]);
      return;
    }
    if (!this.#mayPass(budget, request.link.slot, request.link.guest)) return;
    if (request.ipVersion === 4) this.#handleUdpv4(service, request);
    else this.#handleUdpv6(service, request);
  }

  #handleUdpv4(service: DatagramService, request: Datagram): void {
    const reply = this.#reply;
    const ready = this.#ready;
    this.#beginUdp(request, PAYLOAD_LIMIT.udpv4);
    reply.ipSource = request.link.gatewayIpv4;
    reply.ipDestination = request.ipSource;
    const verdict = service.handle(request, reply);
    if (verdict === VERDICT.silent) return;
    composeUdpv4(reply, ready);
    this.#leave(verdict);
  }

  #handleUdpv6(service: DatagramService, request: Datagram): void {
    const reply = this.#reply;
    this.#beginUdp(request, PAYLOAD_LIMIT.udpv6);
    this.#addressUdpv6(request);
    const verdict = service.handle(request, reply);
    if (verdict === VERDICT.silent) return;
    composeUdpv6(reply, this.#ready);
    this.#leave(verdict);
  }

  #beginUdp(request: Datagram, payloadLimit: number): void {
    const reply = this.#reply;
    pointAt(reply, this.#ready, payloadLimit);
    reply.ifindex = request.link.ifindex;
    reply.etherSource = request.link.gatewayMac;
    reply.etherDestination = request.etherSource;
    reply.udpSource = request.udpDestination;
    reply.udpDestination = request.udpSource;
  }

  #icmp(request: Packet): void {
    this.#packet(this.#icmpv6[icmpv6.type(request.view, request.payloadOffset)], request, true);
  }

  #packet(binding: Bound<PacketService> | undefined, request: Packet, overIpv6: boolean): void {
    if (binding === undefined) {
      this.counters.count(COUNTER["no-service"]);
      return;
    }
    const { link } = request;
    if (!this.#mayPass(binding.budget, link.slot, link.guest)) return;
    const reply = this.#reply;
    pointAt(reply, this.#ready, overIpv6 ? PAYLOAD_LIMIT.icmpv6 : PAYLOAD_LIMIT.arp);
    reply.ifindex = link.ifindex;
    reply.etherSource = link.gatewayMac;
    reply.etherDestination = request.etherSource;
    if (overIpv6) this.#addressIcmpv6(request);
    const verdict = binding.service.handle(request, reply);
    if (verdict === VERDICT.silent) return;
    if (overIpv6) composeIcmpv6(reply, this.#ready);
    else composeArp(reply, this.#ready);
    this.#leave(verdict);
  }

  /** The answer to a group comes from our address of the asker's scope (RFC 6724 rule 2). */
  #addressUdpv6(request: Datagram): void {
    const { ipv6Source, ipv6Destination } = this.#reply;
    const { bytes, view, ipv6SourceOffset, ipv6DestinationOffset } = request;
    const { slot } = request.link;
    copyAddress(bytes, ipv6SourceOffset, ipv6Destination, 0);
    if (!isMulticast(view, ipv6DestinationOffset)) copyAddress(bytes, ipv6DestinationOffset, ipv6Source, 0);
    else if (isLinkLocal(view, ipv6SourceOffset)) this.#links.copyLinkLocalIpv6(slot, ipv6Source);
    else this.#links.copyGatewayIpv6(slot, ipv6Source);
  }

  /** Neighbour discovery is answered from the link-local address; an advertisement must be (RFC 4861 §4.2). */
  #addressIcmpv6(request: Packet): void {
    copyAddress(request.bytes, request.ipv6SourceOffset, this.#reply.ipv6Destination, 0);
    this.#links.copyLinkLocalIpv6(request.link.slot, this.#reply.ipv6Source);
  }

  #mayPass(budget: LinkBudget | undefined, slot: number, guest: string | undefined): boolean {
    if (budget === undefined || guest === undefined || budget.take(slot, this.#nowMs)) return true;
    this.counters.count(COUNTER["over-budget"]);
    return false;
  }

  #leave(verdict: Verdict): void {
    const ready = this.#ready;
    if (verdict === VERDICT.replyAfterCommit) {
      ready.count--;
      this.held.hold(ready, ready.count);
      return;
    }
    if (ready.count === ready.capacity) this.#flush();
  }

  #flush(): void {
    const ready = this.#ready;
    if (ready.count === 0) return;
    const sent = this.#transmitter.send(ready);
    this.counters.count(COUNTER.replies, sent);
    this.counters.count(COUNTER.unsent, ready.count - sent);
    ready.count = 0;
  }

  #firstFrame(batch: ReceiveBatch, row: number, slot: number): void {
    const link = this.#links.at(slot);
    const source = this.classifier.station(batch, row);
    if (link === undefined || source === undefined) return;
    this.#awaited[slot] = 0;
    this.#onFirstFrame?.(link, source);
  }

  #serviceFault(thrown: unknown): void {
    this.counters.count(COUNTER["service-fault"]);
    if (this.#nowMs - this.#faultLoggedMs < FAULT_LOG_INTERVAL_MS) return;
    this.#faultLoggedMs = this.#nowMs;
    const error = thrown instanceof Error ? thrown.stack : thrown;
    this.#log.error({ error }, "a service failed on a frame, which is dropped; please report this");
  }
}

function bound<Service>(binding: { service: Service; budget?: Budget }, gatewayOnly: boolean): Bound<Service> {
  const budget = binding.budget === undefined ? undefined : new LinkBudget(binding.budget);
  return { service: binding.service, gatewayOnly, budget };
}

function isForGateway(request: Datagram): boolean {
  if (request.ipVersion === 4) return request.ipDestination !== IPV4_BROADCAST && request.ipSource !== 0;
  return !isMulticast(request.view, request.ipv6DestinationOffset);
}
