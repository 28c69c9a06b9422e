import type { Clock, Timer } from "../base/clock.js";
import type { Mac } from "../base/mac.js";
import { EndedList } from "./ended-list.js";
import type { GroupCommit } from "./group-commit.js";
import type { EndReason, LeaseAddress, LeaseKind, LeaseRecord, StoredState } from "./lease.js";
import { Lease, type LeaseOwner } from "./lease-entry.js";
import type { AddressPool } from "./pool.js";
import { Quarantine } from "./quarantine.js";
import { TimerWheel } from "./timer-wheel.js";

/** How long an address stays with a client whose binding could not be saved, so that its next try finds it again. */
const FALL_BACK_HOLD_MS = 10_000;
/**
 * Offers of new addresses that are held at once. A flood of made-up clients on a shared link ends them by the minute; without a
 * bound it would fill memory as far as a /8 has addresses.
 */
const MOST_OFFERS = 65_536;

/** What a message told about the client that is being bound. */
export interface LeaseFacts {
  readonly mac: Mac;
  readonly clientId: string;
  readonly hostname: string;
  readonly ifindex: number;
}

export interface LeaseBookOptions {
  readonly network: string;
  readonly family: 4 | 6;
  readonly kind: LeaseKind;
  /** Of each lease: 32 or 128 for addresses. */
  readonly prefixLength: number;
  /** Where addresses come from: the first by default, others for those who are sent to them (classes). They may overlap. */
  readonly pools: readonly AddressPool[];
  readonly commit: GroupCommit;
  readonly clock: Clock;
}

export interface LeaseCounts {
  readonly bound: number;
  readonly offered: number;
  readonly ended: number;
  readonly declined: number;
}

/**
 * Theory of operation. Goal: every address has one owner, a client finds its own address again, and nothing costs more at 50,000
 * leases than at one. An address is *free* (in the pool), or has exactly one `Lease` in `#byAddress`, which is
 *   offered   held for one identity for a few seconds; nothing is stored;
 *   bound     the identity's until `untilMs`; stored before the ACK leaves (`GroupCommit`);
 *   released, expired   over, but remembered: its identity gets it back, others only when no free address is left, oldest first;
 *   declined  nobody's until its quarantine ends.
 * An identity has at most one *main* lease (bound, or over and remembered) and one *pending* offer of another address, which
 * replaces the main lease when it is bound: that is how a new reservation takes effect. Expiry is noticed by the timer wheel,
 * and at once whenever somebody asks for the lease. Addresses outside the pool (reservations) live here just the same; the pool
 * is only asked to choose. Limits: as many leases as addresses; of offers that nobody has taken up yet 65,536, then the oldest
 * goes; quarantine bounded by `Quarantine`. Why memory is the truth and the store its shadow: a lookup per packet must not leave
 * the process, and a store that is only written in commit order can be anything from a file to a cluster.
 */
export class LeaseBook implements LeaseOwner {
  readonly network: string;
  readonly family: 4 | 6;
  readonly kind: LeaseKind;
  readonly prefixLength: number;
  readonly #commit: GroupCommit;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel<Lease>;
  readonly #byAddress = new Map<LeaseAddress, Lease>();
  readonly #main = new Map<string, Lease>();
  readonly #pending = new Map<string, Lease>();
  readonly #ended = new EndedList();
  readonly #quarantine = new Quarantine();
  #pools: readonly AddressPool[];
  #timer: Timer | undefined;
  #sweepAtMs = Number.POSITIVE_INFINITY;

  constructor(options: LeaseBookOptions) {
    this.network = options.network;
    this.family = options.family;
    this.kind = options.kind;
    this.prefixLength = options.prefixLength;
    this.#pools = options.pools;
    this.#commit = options.commit;
    this.#clock = options.clock;
    this.#wheel = new TimerWheel(options.clock.nowMs());
  }

  /** Where addresses come from unless a caller says otherwise. */
  get pool(): AddressPool {
    return this.#pools[0];
  }

  /** The identity's lease: bound, or over and remembered. Expiry is settled first. */
  find(identity: string): Lease | undefined {
    const lease = this.#main.get(identity);
    if (lease !== undefined) this.#settleTime(lease);
    return lease;
  }

  /** The identity's pending offer of an address that is not (yet) its main lease. */
  findOffer(identity: string): Lease | undefined {
    const lease = this.#pending.get(identity);
    return lease !== undefined && lease.untilMs > this.#clock.nowMs() ? lease : undefined;
  }

  /** Whoever has this address, in whatever state. */
  at(address: LeaseAddress): Lease | undefined {
    const lease = this.#byAddress.get(address);
    if (lease !== undefined) this.#settleTime(lease);
    return this.#byAddress.get(address);
  }

  leases(): IterableIterator<Lease> {
    return this.#byAddress.values();
  }

  counts(): LeaseCounts {
    const declined = this.#quarantine.size;
    let offered = 0;
    for (const lease of this.#byAddress.values()) if (lease.state === "offered") offered++;
    const ended = this.#ended.size;
    return { bound: this.#byAddress.size - offered - ended - declined, offered, ended, declined };
  }

  /**
   * Holds an address for this identity: the one that it has or had, else the wanted one, else the one that its identity gives,
   * else any free one, else the one whose lease ended longest ago. Undefined when the pool is used up. Nothing is stored.
   */
  offer(identity: string, wanted: LeaseAddress | undefined, holdMs: number, pool = this.pool): Lease | undefined {
    const own = this.find(identity);
    if (own !== undefined && pool.contains(own.address)) return this.#hold(own, holdMs);
    const pending = this.findOffer(identity);
    if (pending !== undefined && pool.contains(pending.address)) return this.#hold(pending, holdMs);
    if (wanted !== undefined && pool.take(wanted)) return this.#offerNew(identity, wanted, holdMs);
    const address = pool.takeFor(identity) ?? this.#reclaim(pool);
    return address === undefined ? undefined : this.#offerNew(identity, address, holdMs);
  }

  /**
   * Holds exactly this address for this identity, be it in the pool or not (a reservation); undefined when somebody else has it.
   */
  claim(identity: string, address: LeaseAddress, holdMs: number): Lease | undefined {
    const holder = this.at(address);
    if (holder !== undefined) {
      if (holder.identity === identity && holder.state !== "declined") return this.#hold(holder, holdMs);
      if (!this.#ended.has(holder)) return undefined;
      this.#drop(holder, "reassigned");
    }
    return this.#offerNew(identity, address, holdMs);
  }

  /** Makes an offer a lease, or extends a lease; stages it to be saved. The caller answers only after the commit. */
  bind(lease: Lease, facts: LeaseFacts, durationMs: number): LeaseRecord {
    const nowMs = this.#clock.nowMs();
    const tenure = lease.state === "bound" ? lease.record : undefined;
    this.#becomeMain(lease);
    lease.state = "bound";
    lease.ifindex = facts.ifindex;
    const record: LeaseRecord = {
      network: this.network,
      family: this.family,
      kind: this.kind,
      address: lease.address,
      prefixLength: this.prefixLength,
      identity: lease.identity,
      state: "bound",
      mac: facts.mac,
      clientId: facts.clientId,
      hostname: facts.hostname,
      boundAtMs: tenure?.boundAtMs ?? nowMs,
      renewedAtMs: nowMs,
      expiresAtMs: nowMs + durationMs,
    };
    lease.record = record;
    this.#until(lease, record.expiresAtMs);
    this.#commit.stage(lease);
    return record;
  }

  /** The client gave its address back; it is remembered for it. */
  release(lease: Lease): void {
    this.#end(lease, "released");
  }

  /** The client went to another server: its offer is free again. A lease that is bound stays. */
  withdraw(identity: string): void {
    const pending = this.#pending.get(identity);
    if (pending !== undefined) this.#forgetOffer(pending);
    const main = this.#main.get(identity);
    if (main?.state === "offered") this.#forgetOffer(main);
  }

  /**
   * The client found somebody else at the address: nobody gets it until the quarantine ends. One identity can quarantine only a
   * few addresses, all together only half of the pool: beyond that the oldest is freed.
   */
  decline(lease: Lease, quarantineMs: number): void {
    const nowMs = this.#clock.nowMs();
    const was = lease.state === "bound" ? lease.record : undefined;
    this.#detach(lease);
    this.#closeTenure(lease, was, "declined");
    lease.state = "declined";
    lease.record = {
      network: this.network,
      family: this.family,
      kind: this.kind,
      address: lease.address,
      prefixLength: this.prefixLength,
      identity: lease.identity,
      state: "declined",
      mac: was?.mac ?? 0,
      clientId: was?.clientId ?? "",
      hostname: "",
      boundAtMs: nowMs,
      renewedAtMs: nowMs,
      expiresAtMs: nowMs + quarantineMs,
    };
    this.#until(lease, lease.record.expiresAtMs);
    this.#commit.stage(lease);
    this.#enterQuarantine(lease);
  }

  /** Takes a lease away, whatever its state: an operator's wish. Its address is free at once. */
  remove(lease: Lease, reason: EndReason = "removed"): void {
    this.#drop(lease, reason);
  }

  /** Other pools from now on (ranges or reservations changed). Leases outside them stay until their client asks again. */
  replacePools(pools: readonly AddressPool[]): void {
    this.#pools = pools;
    for (const lease of this.#byAddress.values()) this.#take(lease.address);
  }

  /** Takes over what the store holds: once, at start. Of two records of one identity the one renewed last wins. */
  load(records: readonly LeaseRecord[]): void {
    const nowMs = this.#clock.nowMs();
    const mine = records.filter(
      (record) => record.network === this.network && record.family === this.family && record.kind === this.kind,
    );
    for (const record of mine.sort((a, b) => a.renewedAtMs - b.renewedAtMs)) this.#adopt(record, nowMs);
    this.#schedule();
  }

  /**
   * Takes over a lease from elsewhere (an import, an operator) and stages it to be saved; false when somebody else has the
   * address now. A former owner's claim on it is given up.
   */
  take(record: LeaseRecord): boolean {
    const holder = this.at(record.address);
    if (holder !== undefined && holder.identity !== record.identity && !this.#ended.has(holder)) return false;
    const lease = this.#adopt(record, this.#clock.nowMs());
    lease.saved = holder?.saved;
    lease.told = holder?.told;
    this.#commit.stage(lease);
    this.#schedule();
    return true;
  }

  /** Settles everything that is due by now; the timer does the same. */
  sweep(): void {
    const nowMs = this.#clock.nowMs();
    this.#wheel.advance(nowMs, (lease) => this.#expire(lease));
    this.#schedule();
  }

  /** Stops the timer. */
  close(): void {
    if (this.#timer !== undefined) this.#clock.cancel(this.#timer);
    this.#timer = undefined;
    this.#sweepAtMs = Number.POSITIVE_INFINITY;
  }

  mayRemove(lease: Lease): boolean {
    const holder = this.#byAddress.get(lease.address);
    return holder === undefined || holder === lease || holder.record === undefined;
  }

  fallBack(lease: Lease, saved: LeaseRecord | undefined): void {
    if (this.#byAddress.get(lease.address) !== lease) return;
    lease.record = saved;
    if (saved?.state === "bound") {
      this.#until(lease, saved.expiresAtMs);
      return;
    }
    lease.state = "offered";
    if (saved === undefined && this.#main.get(lease.identity) === lease) {
      this.#main.delete(lease.identity);
      this.#pending.set(lease.identity, lease);
    }
    this.#until(lease, this.#clock.nowMs() + FALL_BACK_HOLD_MS);
  }

  #adopt(stored: LeaseRecord, nowMs: number): Lease {
    const record = clampTime(stored, nowMs);
    const lease = new Lease(this, record.identity, record.address);
    lease.record = record;
    lease.saved = stored;
    lease.told = stored;
    lease.state = record.state;
    const holder = this.#byAddress.get(record.address);
    if (holder !== undefined) this.#drop(holder, "reassigned");
    this.#take(record.address);
    this.#byAddress.set(record.address, lease);
    lease.untilMs = record.expiresAtMs;
    if (record.state === "declined") {
      this.#enterQuarantine(lease);
    } else {
      this.#becomeMain(lease);
      if (record.state !== "bound") this.#ended.append(lease);
    }
    if (record.state === "bound" || record.state === "declined") {
      if (lease.untilMs <= nowMs) this.#expire(lease);
      else this.#wheel.set(lease);
    }
    return lease;
  }

  #hold(lease: Lease, holdMs: number): Lease {
    if (lease.state === "bound") return lease;
    this.#ended.remove(lease);
    lease.state = "offered";
    this.#until(lease, this.#clock.nowMs() + holdMs);
    return lease;
  }

  #offerNew(identity: string, address: LeaseAddress, holdMs: number): Lease {
    const before = this.#pending.get(identity);
    if (before !== undefined) this.#forgetOffer(before);
    if (this.#pending.size >= MOST_OFFERS) this.#forgetOldestOffer();
    const lease = new Lease(this, identity, address);
    this.#take(address);
    this.#byAddress.set(address, lease);
    this.#pending.set(identity, lease);
    this.#until(lease, this.#clock.nowMs() + holdMs);
    return lease;
  }

  /** The lease becomes the one that its identity has; another address that it had is given up. */
  #becomeMain(lease: Lease): void {
    if (this.#pending.get(lease.identity) === lease) this.#pending.delete(lease.identity);
    this.#ended.remove(lease);
    const main = this.#main.get(lease.identity);
    if (main === lease) return;
    if (main !== undefined) this.#drop(main, "reassigned");
    this.#main.set(lease.identity, lease);
  }

  /** An address whose lease ended longest ago, taken from its former owner. */
  #reclaim(pool: AddressPool): LeaseAddress | undefined {
    this.sweep();
    let lease = this.#ended.oldest;
    while (lease !== undefined && !pool.contains(lease.address)) lease = lease.endedNext;
    if (lease === undefined) return undefined;
    this.#drop(lease, "reassigned");
    return lease.address;
  }

  /** In every pool that has it: they may overlap. */
  #take(address: LeaseAddress): void {
    for (const pool of this.#pools) pool.take(address);
  }

  #settleTime(lease: Lease): void {
    if (lease.untilMs <= this.#clock.nowMs() && lease.state !== "released" && lease.state !== "expired") {
      this.#wheel.clear(lease);
      this.#expire(lease);
    }
  }

  #expire(lease: Lease): void {
    if (lease.state === "bound") this.#end(lease, "expired");
    else if (lease.state === "offered") this.#forgetOffer(lease);
    else if (lease.state === "declined") this.#drop(lease, "expired");
  }

  /** Bound, then over: remembered. */
  #end(lease: Lease, state: Extract<StoredState, "released" | "expired">): void {
    if (lease.state !== "bound" || lease.record === undefined) return;
    this.#closeTenure(lease, lease.record, state);
    lease.state = state;
    lease.record = { ...lease.record, state, expiresAtMs: Math.min(lease.record.expiresAtMs, this.#clock.nowMs()) };
    this.#wheel.clear(lease);
    this.#ended.append(lease);
    this.#commit.stage(lease);
  }

  /** An offer that was not taken up: back to what the lease was before, or free. */
  #forgetOffer(lease: Lease): void {
    if (lease.record === undefined) {
      this.#drop(lease, "expired");
      return;
    }
    lease.state = lease.record.state;
    this.#wheel.clear(lease);
    this.#ended.append(lease);
  }

  /** The map keeps the order in which they were made. */
  #forgetOldestOffer(): void {
    for (const lease of this.#pending.values()) {
      this.#forgetOffer(lease);
      return;
    }
  }

  #closeTenure(lease: Lease, was: LeaseRecord | undefined, reason: EndReason): void {
    lease.endReason = reason;
    if (was?.state !== "bound") return;
    this.#commit.stageEnded({ lease: was, endedAtMs: Math.min(this.#clock.nowMs(), was.expiresAtMs), reason });
  }

  /** Out of every index but the address's own. */
  #detach(lease: Lease): void {
    this.#wheel.clear(lease);
    this.#ended.remove(lease);
    this.#quarantine.remove(lease);
    if (this.#main.get(lease.identity) === lease) this.#main.delete(lease.identity);
    if (this.#pending.get(lease.identity) === lease) this.#pending.delete(lease.identity);
  }

  /** Out of the book; the address is free. */
  #drop(lease: Lease, reason: EndReason): void {
    this.#detach(lease);
    this.#closeTenure(lease, lease.state === "bound" ? lease.record : undefined, reason);
    this.#byAddress.delete(lease.address);
    for (const pool of this.#pools) pool.give(lease.address);
    lease.state = "expired";
    lease.record = undefined;
    if (lease.saved !== undefined || lease.group !== undefined) this.#commit.stage(lease);
  }

  #enterQuarantine(lease: Lease): void {
    for (const freed of this.#quarantine.add(lease, Math.max(1, this.pool.size >>> 1))) this.#drop(freed, "expired");
  }

  #until(lease: Lease, untilMs: number): void {
    const earlier = untilMs < lease.untilMs || lease.wheelSlot < 0;
    lease.untilMs = untilMs;
    if (earlier) this.#wheel.set(lease);
    if (untilMs < this.#sweepAtMs) this.#schedule();
  }

  #schedule(): void {
    this.close();
    const nowMs = this.#clock.nowMs();
    const delayMs = this.#wheel.nextDelayMs(nowMs);
    if (delayMs === undefined) return;
    this.#sweepAtMs = nowMs + delayMs;
    this.#timer = this.#clock.after(delayMs, () => this.sweep());
  }
}

/** A clock that was set back must not make leases longer than they were given. */
function clampTime(record: LeaseRecord, nowMs: number): LeaseRecord {
  const longestMs = record.expiresAtMs - record.renewedAtMs;
  if (record.expiresAtMs - nowMs <= longestMs || longestMs === Number.POSITIVE_INFINITY) return record;
  return { ...record, renewedAtMs: nowMs, boundAtMs: Math.min(record.boundAtMs, nowMs), expiresAtMs: nowMs + longestMs };
}
