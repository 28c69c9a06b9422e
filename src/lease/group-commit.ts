import type { Clock, Timer } from "../base/clock.js";
import { errorMessage, TapnetError } from "../base/errors.js";
import type { Logger } from "../base/log.js";
import type { LeaseEvent, LeaseEvents, LeaseUnbound } from "./events.js";
import type { LeaseRecord, Tenure } from "./lease.js";
import { type Lease, NEVER_TOLD } from "./lease-entry.js";
import type { LeaseChange, LeaseStore } from "./store.js";

/** Changes that nobody waits for (expiry, release) are saved this long after the first of them. */
const IDLE_COMMIT_MS = 200;
/** After a failed save, what must be saved all the same is tried again this much later. */
const RETRY_COMMIT_MS = 1000;
/** A store that keeps failing, or keeps being slow, is reported this often, not once per group. */
const REPORT_EVERY_MS = 10_000;
/** A save that takes longer is told: clients ask again after a second or more, and the disk is why. */
const SLOW_SAVE_MS = 1000;

/** Leases that are saved together. */
export class CommitGroup {
  readonly leases: Lease[] = [];
  readonly tenures: Tenure[] = [];
  /** Per lease: the record that this group saves, and the one that was saved before. */
  readonly wanted: (LeaseRecord | undefined)[] = [];
  readonly before: (LeaseRecord | undefined)[] = [];
  /** The store has taken it; what failed then is the telling. */
  isSaved = false;
  /** Set when somebody waits. */
  waiters: Waiters | undefined;
}

interface Waiters {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

export interface GroupCommitOptions {
  readonly store: LeaseStore;
  readonly events: LeaseEvents;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Theory of operation. Goal: no ACK leaves before its lease is on disk, at one flush for all that wait. Whatever the books
 * change is staged in the open group. `commit` closes it when no save is under way, otherwise it is closed when that one has
 * ended; so there is one save at a time, and groups grow by themselves while the disk is slow. A group goes through: records
 * taken → `save`, and while the disk writes, listeners told (kernel, names) → both done → waiters resolved → ACKs leave. They
 * take about as long as each other (0.4 to 2.5 ms and 0.8 to 1.9 in a guest's boot), and nobody hears of a lease before both. A
 * failure of either rejects the waiters. Promises (new bindings, renewals) fall back to what was saved before, unless a later
 * group has already replaced them, and listeners are told so. What takes rights away (expired, released, declined, removed)
 * stands in memory whatever the disk says, and is tried again: forgetting it would give an address that its owner left, and a
 * stale record on disk only costs an address until it expires. Why not one promise per lease: 256 promises per flush cost more
 * than the flush.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #open = new CommitGroup();
  #current: CommitGroup | undefined;
  #timer: Timer | undefined;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #saidSlowAtMs = Number.NEGATIVE_INFINITY;
  /** Saves that failed, and saves that were made, since the start. */
  failures = 0;
  commits = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** The lease's record is to be saved with the next commit. */
  stage(lease: Lease): void {
    if (lease.group !== this.#open) {
      lease.group = this.#open;
      this.#open.leases.push(lease);
    }
    this.#arm(IDLE_COMMIT_MS);
  }

  /** A tenure is closed: history keeps it with the next commit. */
  stageEnded(tenure: Tenure): void {
    this.#open.tenures.push(tenure);
    this.#arm(IDLE_COMMIT_MS);
  }

  /**
   * Resolves when everything staged so far is durable and applied; undefined when nothing waits. Rejects with LEASE_SAVE when
   * this group was not saved: nobody may be told that he has a lease.
   */
  commit(): Promise<void> | undefined {
    const group = this.#open.leases.length + this.#open.tenures.length > 0 ? this.#open : this.#current;
    if (group === undefined) return undefined;
    group.waiters ??= makeWaiters();
    const { promise } = group.waiters;
    if (this.#current === undefined) this.#begin();
    return promise;
  }

  /** Saves what is staged and waits for all of it; for a clean end. */
  async drain(): Promise<void> {
    for (let pending = this.commit(); pending !== undefined; pending = this.commit()) await pending;
    this.#disarm();
  }

  #arm(delayMs: number): void {
    if (this.#timer !== undefined || this.#current !== undefined) return;
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.commit()?.catch(() => undefined);
    });
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#options.clock.cancel(this.#timer);
    this.#timer = undefined;
  }

  #begin(): void {
    const group = this.#open;
    this.#open = new CommitGroup();
    this.#current = group;
    this.#disarm();
    this.#run(group).then(
      () => this.#finish(group, undefined),
      (cause: unknown) => this.#finish(group, cause),
    );
  }

  async #run(group: CommitGroup): Promise<void> {
    const changes = takeChanges(group);
    const startedMs = this.#options.clock.monotonicMs();
    const saving = changes.length === 0 ? undefined : this.#options.store.save(changes);
    const telling = this.#tell(eventsOf(group));
    try {
      await saving;
    } catch (thrown) {
      // Before anything is taken back.
      await telling;
      throw thrown;
    }
    this.#noteSlowness(changes.length, startedMs);
    group.isSaved = true;
    this.commits++;
    for (const [index, lease] of group.leases.entries()) lease.saved = group.wanted[index];
    const refused = await telling;
    if (refused !== undefined) throw refused.cause;
  }

  /** Undefined where all went well, also later. Never rejects. */
  #tell(events: readonly LeaseEvent[]): Promise<{ cause: unknown } | undefined> | { cause: unknown } | undefined {
    if (events.length === 0) return undefined;
    try {
      return this.#options.events.apply(events)?.then(
        () => undefined,
        (cause: unknown) => ({ cause }),
      );
    } catch (cause) {
      return { cause };
    }
  }

  #finish(group: CommitGroup, cause: unknown): void {
    this.#current = undefined;
    if (cause !== undefined) this.#fail(group, cause);
    const { waiters } = group;
    if (cause === undefined) waiters?.resolve();
    else waiters?.reject(new TapnetError("LEASE_SAVE", `leases were not saved: ${errorMessage(cause)}`, { cause }));
    if (this.#open.waiters !== undefined) this.#begin();
    else if (this.#open.leases.length + this.#open.tenures.length > 0)
      this.#arm(cause === undefined ? IDLE_COMMIT_MS : RETRY_COMMIT_MS);
  }

  #fail(group: CommitGroup, cause: unknown): void {
    this.failures++;
    this.#report(group, cause);
    if (!group.isSaved) this.#open.tenures.push(...group.tenures);
    const takenBack: LeaseEvent[] = [];
    for (const [index, lease] of group.leases.entries()) {
      const wanted = group.wanted[index];
      if (lease.record === wanted && wanted?.state === "bound") {
        lease.owner.fallBack(lease, group.before[index]);
        // What is on disk already is told with the removal from it.
        const event = group.isSaved ? undefined : eventOf(lease, lease.record, "unsaved");
        if (event !== undefined) takenBack.push(event);
      }
      if (group.isSaved) lease.toldIfindex = NEVER_TOLD;
      if (lease.record?.state !== "bound" || group.isSaved) this.stage(lease);
    }
    void this.#tellTakenBack(takenBack);
  }

  /** Nobody waits for it any more, so what refuses it is said. */
  async #tellTakenBack(events: readonly LeaseEvent[]): Promise<void> {
    const refused = await this.#tell(events);
    if (refused === undefined) return;
    const { cause } = refused;
    this.#options.log.error({ err: cause }, `leases that were not saved are not all unbound again: ${errorMessage(cause)}`);
  }

  #noteSlowness(changes: number, startedMs: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    const tookMs = Math.round(nowMs - startedMs);
    if (tookMs < SLOW_SAVE_MS || nowMs - this.#saidSlowAtMs < REPORT_EVERY_MS) return;
    this.#saidSlowAtMs = nowMs;
    this.#options.log.warn({ changes, tookMs }, `a save of leases took ${tookMs} ms: the disk is slow, and clients wait for it`);
  }

  #report(group: CommitGroup, cause: unknown): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#reportedAtMs < REPORT_EVERY_MS) return;
    this.#reportedAtMs = nowMs;
    this.#options.log.error(
      { err: cause, leases: group.leases.length, failures: this.failures },
      `leases were not saved, so no ACK was sent: ${errorMessage(cause)}`,
    );
  }
}

/** Fixes what the group saves: each lease's record as it is now. */
function takeChanges(group: CommitGroup): LeaseChange[] {
  const changes: LeaseChange[] = [];
  for (const lease of group.leases) {
    group.wanted.push(lease.record);
    group.before.push(lease.saved);
    lease.group = undefined;
    if (lease.record !== undefined) changes.push({ kind: "put", lease: lease.record });
    else if (lease.saved !== undefined && lease.owner.mayRemove(lease)) changes.push({ kind: "remove", lease: lease.saved });
  }
  for (const tenure of group.tenures) changes.push({ kind: "ended", tenure });
  return changes;
}

function eventsOf(group: CommitGroup): LeaseEvent[] {
  const events: LeaseEvent[] = [];
  for (const [index, lease] of group.leases.entries()) {
    const event = eventOf(lease, group.wanted[index]);
    if (event !== undefined) events.push(event);
  }
  return events;
}

/** What listeners have to hear so that they know of this record; they are taken to have heard it. */
function eventOf(
  lease: Lease,
  after: LeaseRecord | undefined,
  reason: LeaseUnbound["reason"] = lease.endReason,
): LeaseEvent | undefined {
  const previous = lease.told?.state === "bound" ? lease.told : undefined;
  lease.told = after;
  if (after?.state === "bound") {
    const { ifindex } = lease;
    const same = previous !== undefined && previous.mac === after.mac && previous.hostname === after.hostname;
    if (same && lease.toldIfindex === ifindex) return undefined;
    lease.toldIfindex = ifindex;
    return { kind: "bound", lease: after, previous, ifindex };
  }
  if (previous === undefined) return undefined;
  return { kind: "unbound", lease: previous, reason, ifindex: lease.ifindex };
}

function makeWaiters(): Waiters {
  let resolve: (() => void) | undefined;
  let reject: ((reason: Error) => void) | undefined;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve: () => resolve?.(), reject: (reason) => reject?.(reason) };
}
