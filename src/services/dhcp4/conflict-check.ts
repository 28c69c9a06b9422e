import type { Ipv4Address } from "../../base/ipv4-address.js";
import { Datagram } from "../../frame/datagram.js";
import type { Link } from "../../frame/link.js";
import type { Lease } from "../../lease/lease-entry.js";
import type { Exchange } from "./exchange.js";

/** Longest time that a client waits for its offer because of a probe; its own retransmission comes after one second at least. */
const WAIT_MS = 500;
/** Probes under way at once. More clients than that are answered unprobed: a flood must not fill memory. */
const MOST_AT_ONCE = 256;

/** Asks a link by ARP (RFC 5227 §2.1.1) who uses an address. */
export interface AddressProbe {
  /** Calls `done` exactly once, at the latest after `waitMs`. */
  probe(link: Link, address: Ipv4Address, waitMs: number, done: (isUsed: boolean) => void): void;
}

/** What happens when the answer is there. */
export interface ConflictOutcome {
  /** Nobody uses it: the request that was kept is handled again. */
  free(request: Datagram): void;
  /** Somebody does: the lease goes into quarantine, and the request is handled again with another address. */
  used(request: Datagram, lease: Lease): void;
}

/**
 * Theory of operation. Goal: an address that somebody uses without a lease is not offered (RFC 2131 §3.1 step 2), and no other
 * client waits meanwhile. A DISCOVER for an address that has to be probed is copied and answered with silence; its lease is
 * held. When the answer is there, the copy is handled again: now the lease is marked as probed, so it is offered. A lease is
 * probed once per time in the book while it is not bound; a bound one never, because its own client would answer.
 */
export class ConflictCheck {
  readonly #probe: AddressProbe;
  readonly #outcome: ConflictOutcome;
  readonly #pending = new Set<Lease>();
  #passed = new WeakSet<Lease>();

  constructor(probe: AddressProbe, outcome: ConflictOutcome) {
    this.#probe = probe;
    this.#outcome = outcome;
  }

  /** Whether this lease must be probed before it is offered. True also while that goes on. */
  isNeeded(exchange: Exchange, lease: Lease): boolean {
    const { link } = exchange.datagram;
    if (!exchange.served.config.probe || link.guest !== undefined || exchange.request.giaddr !== 0) return false;
    if (lease.state === "bound" || this.#passed.has(lease)) return false;
    return this.#pending.has(lease) || this.#pending.size < MOST_AT_ONCE;
  }

  /** Starts the probe, unless it is under way. */
  begin(exchange: Exchange, lease: Lease): void {
    if (this.#pending.has(lease)) return;
    this.#pending.add(lease);
    const kept = keep(exchange.datagram);
    this.#probe.probe(kept.link, Number(lease.address), WAIT_MS, (isUsed) => {
      this.#pending.delete(lease);
      if (isUsed) return this.#outcome.used(kept, lease);
      this.#passed.add(lease);
      return this.#outcome.free(kept);
    });
  }
}

/** A copy that outlives the batch. */
function keep(datagram: Datagram): Datagram {
  const kept = Object.assign(new Datagram(), datagram);
  const end = datagram.payloadOffset + datagram.payloadLength;
  kept.bytes = datagram.bytes.slice(datagram.payloadOffset, end);
  kept.view = new DataView(kept.bytes.buffer);
  kept.payloadOffset = 0;
  return kept;
}
