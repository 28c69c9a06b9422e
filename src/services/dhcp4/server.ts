import type { Clock } from "../../base/clock.js";
import type { Counters } from "../../base/counters.js";
import type { Logger } from "../../base/log.js";
import { VERDICT, type Verdict } from "../../frame/datagram.js";
import type { LeaseFacts } from "../../lease/book.js";
import { formatLeaseAddress } from "../../lease/lease.js";
import type { Lease } from "../../lease/lease-entry.js";
import { MESSAGE } from "../../wire/dhcp4/codes.js";
import type { ConflictCheck } from "./conflict-check.js";
import { COUNTER_NAMES, type Dhcp4Counter } from "./counter-names.js";
import type { Exchange } from "./exchange.js";
import { clientIdOf } from "./identity.js";
import { leaseSeconds } from "./lease-time.js";
import { INFINITE_SECONDS } from "./network.js";
import type { ReplyComposer } from "./reply.js";
import type { NetworkState } from "./served-network.js";

/** What can happen often is said this seldom, per network. */
const SAY_EVERY_MS = 60_000;

const COUNTER = Object.fromEntries(COUNTER_NAMES.map((name, index) => [name, index])) as Record<Dhcp4Counter, number>;

/** What every message's handler works with. */
export interface ServerParts {
  readonly composer: ReplyComposer;
  readonly counters: Counters<Dhcp4Counter>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined: nobody can be asked by ARP. */
  readonly conflicts: ConflictCheck | undefined;
}

/** The steps that several messages share; each ends in a verdict. */
export class Dhcp4Server {
  readonly composer: ReplyComposer;
  readonly clock: Clock;
  readonly log: Logger;
  readonly conflicts: ConflictCheck | undefined;
  readonly #counters: Counters<Dhcp4Counter>;

  constructor(parts: ServerParts) {
    this.composer = parts.composer;
    this.clock = parts.clock;
    this.log = parts.log;
    this.conflicts = parts.conflicts;
    this.#counters = parts.counters;
  }

  count(name: Dhcp4Counter): void {
    this.#counters.count(COUNTER[name]);
  }

  countReply(name: Dhcp4Counter): void {
    this.count(name);
    if (this.composer.hasOmitted) this.count("options-omitted");
  }

  /** No reply, and why. */
  silent(why: Dhcp4Counter): Verdict {
    this.count(why);
    return VERDICT.silent;
  }

  /** The reply that was composed leaves at once. */
  answer(isComposed: boolean, counter: Dhcp4Counter): Verdict {
    if (!isComposed) return this.silent("drop-reply-too-long");
    this.countReply(counter);
    return VERDICT.reply;
  }

  /** DHCPOFFER; nothing is stored. */
  offer(exchange: Exchange, lease: Lease): Verdict {
    const seconds = leaseSeconds(exchange.request, exchange.served.config, exchange.usualLeaseSeconds(lease.address));
    return this.answer(this.composer.lease(exchange, MESSAGE.offer, Number(lease.address), seconds, false), "offer");
  }

  /** DHCPACK: the lease is staged, the reply waits for its commit. */
  acknowledge(exchange: Exchange, lease: Lease, isRapid = false): Verdict {
    const seconds = leaseSeconds(exchange.request, exchange.served.config, exchange.usualLeaseSeconds(lease.address));
    const isComposed = this.composer.lease(exchange, MESSAGE.ack, Number(lease.address), seconds, isRapid);
    if (!isComposed) return this.silent("drop-reply-too-long");
    this.bind(exchange, lease, seconds);
    this.countReply(isRapid ? "rapid-commit" : "ack");
    return VERDICT.replyAfterCommit;
  }

  bind(exchange: Exchange, lease: Lease, seconds: number): void {
    const { request } = exchange;
    const facts: LeaseFacts = {
      mac: exchange.mac,
      clientId: clientIdOf(request),
      hostname: exchange.nameOf(lease),
      ifindex: exchange.ifindex,
    };
    exchange.book.bind(lease, facts, seconds === INFINITE_SECONDS ? Number.POSITIVE_INFINITY : seconds * 1000);
  }

  nak(exchange: Exchange, reason: string): Verdict {
    return this.answer(this.composer.nak(exchange, reason), "nak");
  }

  /** NAK where we speak for the network, silence where another server may know better. */
  refuse(exchange: Exchange, reason: string): Verdict {
    return exchange.served.config.authoritative ? this.nak(exchange, reason) : this.silent("silent-unknown-client");
  }

  /** Nothing left to offer. */
  full(exchange: Exchange): Verdict {
    const { state } = exchange;
    const nowMs = this.clock.monotonicMs();
    if (nowMs - state.saidFullMs >= SAY_EVERY_MS) {
      state.saidFullMs = nowMs;
      const { name } = exchange.served.config;
      this.log.warn(
        { network: name, addresses: exchange.pool.size },
        `network ${name} has no free address: give it more ranges, or shorter leases`,
      );
    }
    return this.silent("silent-pool-full");
  }

  /** Somebody on a shared link asks for another network's addresses, which does not give them through relays. */
  sayNotRelayed(exchange: Exchange, wanted: NetworkState): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - wanted.saidRelayMs < SAY_EVERY_MS) return;
    wanted.saidRelayMs = nowMs;
    const { name } = wanted.served.config;
    const { ifname } = exchange.datagram.link;
    this.log.warn(
      { network: name, ifname },
      `a relay on ${ifname} asks for addresses of ${name}: to allow it, set relay: true in its dhcp:`,
    );
  }

  /** A client found somebody else at the address of its lease. */
  quarantine(exchange: Exchange, lease: Lease): void {
    const { state, book } = exchange;
    const nowMs = this.clock.monotonicMs();
    this.count("conflict");
    book.decline(lease, exchange.served.config.quarantineSeconds * 1000);
    if (nowMs - state.saidConflictMs < SAY_EVERY_MS) return;
    state.saidConflictMs = nowMs;
    const address = formatLeaseAddress({ address: lease.address, kind: "address", prefixLength: 32 });
    this.log.warn(
      { network: book.network, address, client: exchange.identity },
      `${address} is in use by somebody without a lease; it is kept out of the pool`,
    );
  }
}
