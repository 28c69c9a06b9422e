import type { Clock, Timer } from "../../base/clock.js";
import { IPV4_ANY, type Ipv4Address } from "../../base/ipv4-address.js";
import { MAC_BROADCAST, MAC_ZERO } from "../../base/mac.js";
import { VERDICT, type Verdict } from "../../frame/datagram.js";
import type { Link } from "../../frame/link.js";
import type { Packet, PacketSender, PacketService } from "../../frame/packet.js";
import * as arp from "../../wire/arp.js";
import type { AddressProbe } from "./conflict-check.js";

/** Questions per probe, spread over its time: one may get lost. */
const QUESTIONS = 2;

interface Pending {
  readonly link: Link;
  readonly address: Ipv4Address;
  readonly done: (isUsed: boolean) => void;
  timer: Timer | undefined;
}

/**
 * Asks by ARP whether anybody uses an address (RFC 5227 §2.1.1): sender address zero, so that no host learns anything wrong.
 * Bind it as the service of ARP messages. Whoever speaks for the address, or probes for it too, uses it.
 */
export class ArpProbe implements AddressProbe, PacketService {
  readonly #sender: PacketSender;
  readonly #clock: Clock;
  /** By address: few are probed at once, and hardly ever one of them on two links. */
  readonly #pending = new Map<Ipv4Address, Pending[]>();

  constructor(sender: PacketSender, clock: Clock) {
    this.#sender = sender;
    this.#clock = clock;
  }

  probe(link: Link, address: Ipv4Address, waitMs: number, done: (isUsed: boolean) => void): void {
    const pending: Pending = { link, address, done, timer: undefined };
    this.#pending.set(address, [...(this.#pending.get(address) ?? []), pending]);
    this.#ask(pending, waitMs / QUESTIONS, QUESTIONS);
  }

  handle(packet: Packet): Verdict {
    const { view, payloadOffset, link } = packet;
    const sender = arp.senderAddress(view, payloadOffset);
    const address = sender === IPV4_ANY ? arp.targetAddress(view, payloadOffset) : sender;
    const waiting = this.#pending.get(address);
    if (waiting === undefined || arp.senderMac(view, payloadOffset) === link.gatewayMac) return VERDICT.silent;
    for (const pending of waiting) if (pending.link.ifindex === link.ifindex) this.#finish(pending, true);
    return VERDICT.silent;
  }

  #ask(pending: Pending, everyMs: number, left: number): void {
    if (left === 0) {
      this.#finish(pending, false);
      return;
    }
    const { link, address } = pending;
    const question = new Uint8Array(arp.HEADER_BYTES);
    const message = {
      operation: arp.OPERATION.request,
      senderMac: link.gatewayMac,
      senderAddress: IPV4_ANY,
      targetMac: MAC_ZERO,
    };
    arp.emit({ ...message, targetAddress: address }, new DataView(question.buffer), 0);
    this.#sender.sendArp(link, MAC_BROADCAST, question);
    pending.timer = this.#clock.after(everyMs, () => this.#ask(pending, everyMs, left - 1));
  }

  #finish(pending: Pending, isUsed: boolean): void {
    if (pending.timer !== undefined) this.#clock.cancel(pending.timer);
    const others = (this.#pending.get(pending.address) ?? []).filter((other) => other !== pending);
    if (others.length === 0) this.#pending.delete(pending.address);
    else this.#pending.set(pending.address, others);
    pending.done(isUsed);
  }
}
