import { Counters } from "../base/counters.js";
import type { Mac } from "../base/mac.js";
import { SendBatch, type Transmitter } from "./batch.js";
import { composeArp, composeIcmpv6, composeUdpv4, composeUdpv6, PAYLOAD_LIMIT, pointAt } from "./compose.js";
import { type DatagramSender, Reply, type ReturnPath } from "./datagram.js";
import { copyAddress } from "./ipv6-bytes.js";
import type { Link } from "./link.js";
import type { Icmpv6Path, PacketSender } from "./packet.js";

const COUNTER = { sent: 0, unsent: 1, "too-long": 2 } as const;
export type SenderCounter = keyof typeof COUNTER;

/**
 * Sends what does not answer a frame of the current batch: forwarded DNS answers, periodic advertisements.
 *
 * Frames gather until the end of the event loop's turn and leave in one call; a full batch leaves at once, and so does what its
 * sender wants to. So a burst of upstream answers costs one system call, and a single one waits for nothing.
 */
export class FrameSender implements DatagramSender, PacketSender {
  readonly counters = new Counters<SenderCounter>(Object.keys(COUNTER) as SenderCounter[]);
  readonly #transmitter: Transmitter;
  readonly #schedule: (flush: () => void) => void;
  readonly #batch = new SendBatch();
  readonly #reply = new Reply();
  #scheduled = false;

  /** `schedule` runs the flush at the end of this turn; a simulator hands in its own. */
  constructor(transmitter: Transmitter, schedule: (flush: () => void) => void = setImmediate) {
    this.#transmitter = transmitter;
    this.#schedule = schedule;
  }

  send(path: ReturnPath, payload: Uint8Array, atOnce = false): void {
    const limit = path.ipVersion === 4 ? PAYLOAD_LIMIT.udpv4 : PAYLOAD_LIMIT.udpv6;
    if (!this.#begin(path.link, path.etherDestination, payload, limit)) return;
    const reply = this.#reply;
    reply.udpSource = path.udpSource;
    reply.udpDestination = path.udpDestination;
    if (path.ipv6Source !== undefined && path.ipv6Destination !== undefined) {
      this.#addressIpv6(path.ipv6Source, path.ipv6Destination);
      composeUdpv6(reply, this.#batch);
    } else {
      reply.ipSource = path.ipSource;
      reply.ipDestination = path.ipDestination;
      composeUdpv4(reply, this.#batch);
    }
    if (atOnce) this.flush();
    else this.#finish();
  }

  sendIcmpv6(path: Icmpv6Path, payload: Uint8Array): void {
    if (!this.#begin(path.link, path.etherDestination, payload, PAYLOAD_LIMIT.icmpv6)) return;
    this.#addressIpv6(path.ipv6Source, path.ipv6Destination);
    composeIcmpv6(this.#reply, this.#batch);
    this.#finish();
  }

  sendArp(link: Link, etherDestination: Mac, payload: Uint8Array): void {
    if (!this.#begin(link, etherDestination, payload, PAYLOAD_LIMIT.arp)) return;
    composeArp(this.#reply, this.#batch);
    this.#finish();
  }

  /** Sends what has gathered, without waiting for the end of the turn. */
  flush(): void {
    const batch = this.#batch;
    if (batch.count === 0) return;
    const sent = this.#transmitter.send(batch);
    this.counters.count(COUNTER.sent, sent);
    this.counters.count(COUNTER.unsent, batch.count - sent);
    batch.count = 0;
  }

  #begin(link: Link, etherDestination: Mac, payload: Uint8Array, limit: number): boolean {
    if (payload.length > limit) {
      this.counters.count(COUNTER["too-long"]);
      return false;
    }
    const reply = this.#reply;
    pointAt(reply, this.#batch, limit);
    reply.ifindex = link.ifindex;
    reply.etherSource = link.gatewayMac;
    reply.etherDestination = etherDestination;
    reply.bytes.set(payload, reply.payloadOffset);
    reply.payloadLength = payload.length;
    return true;
  }

  #addressIpv6(source: Uint8Array, destination: Uint8Array): void {
    copyAddress(source, 0, this.#reply.ipv6Source, 0);
    copyAddress(destination, 0, this.#reply.ipv6Destination, 0);
  }

  #finish(): void {
    if (this.#batch.count === this.#batch.capacity) this.flush();
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      this.flush();
    });
  }
}
