/**
 * Theory of operation
 *
 * Which guests have lists of whom they may speak to, and where whom those name is now. A guest's link is one element that has
 * its list's number; guests with the same list share it, and the lists are in the rules from the start, so a guest that comes
 * adds an element and no rule. A guest that lists name is known by its links, which come and go with it.
 *
 * A name is known by what our own DNS has told guests of it: each address lets through as long as the answer holds, and a little
 * longer, since programs ask before they speak. It is in the packet filter before the answer leaves. Connections stay when an
 * address goes. Learnt addresses are kept here as well, so that they are there again after the rules are loaded.
 */
import type { Clock } from "../base/clock.js";
import type { IpAddress } from "../base/kernel-objects.js";
import type { Logger } from "../base/log.js";
import type { Firewall } from "./kernel.js";
import type { Port } from "./model.js";
import { guestSet, type NumberedPolicy, nameMatches, nameSet, type Policy } from "./policy.js";
import { POLICY_MAPS } from "./ruleset/policies.js";
import { TABLE } from "./ruleset/table.js";
import { elementText, type PlacedElement, type Traffic } from "./traffic.js";

/** The lists of a guest; undefined: whatever its network lets. */
export interface GuestPolicies {
  readonly egress: Policy | undefined;
  readonly ingress: Policy | undefined;
}

export interface PoliciesOptions {
  readonly firewall: Firewall;
  readonly clock: Clock;
  readonly log: Logger;
  readonly policiesOf: (guest: string, network: string) => GuestPolicies;
  /** The packet filter refused a change. */
  onRefused(): void;
}

/** An address of a name that a guest was told. */
export interface LearntAddress {
  readonly name: string;
  readonly address: IpAddress;
  readonly ttlSeconds: number;
}

interface Learnt extends PlacedElement {
  readonly untilMs: number;
}

/** A port, with its elements. */
interface Listed {
  readonly guest: string;
  readonly network: string;
  readonly elements: ReadonlyMap<string, PlacedElement>;
}

/** How long an address serves at least, and beyond what its answer says. */
const LEAST_SECONDS = 30;
const GRACE_SECONDS = 30;
const MOST_SECONDS = 86_400;
/** Addresses that are remembered; with more, those that end soonest are forgotten first. */
const LEARNT_MOST = 65_536;

const NO_ELEMENTS: ReadonlyMap<string, PlacedElement> = new Map();

export class Policies {
  readonly #options: PoliciesOptions;
  readonly #ports = new Map<number, Listed>();
  readonly #learnt = new Map<string, Learnt>();
  #policies: readonly NumberedPolicy[] = [];
  /** By chain. A number is never given to another list: elements of the old one may still be about. */
  readonly #numbers = new Map<string, number>();
  #named = new Set<string>();
  #patterns: readonly string[] = [];
  #open = false;

  constructor(options: PoliciesOptions) {
    this.#options = options;
  }

  get traffic(): Pick<Traffic, "policies" | "elements"> {
    this.#forgetExpired();
    const nowMs = this.#options.clock.monotonicMs();
    const learnt = [...this.#learnt.values()].map(({ set, element, untilMs }) => ({
      set,
      element: { ...element, timeoutMs: Math.ceil(untilMs - nowMs) },
    }));
    const placed = [...this.#ports.values()].flatMap(({ elements }) => [...elements.values()]);
    return { policies: this.#policies, elements: [...placed, ...learnt] };
  }

  /** Whether answers of DNS have to be told at all. */
  get learns(): boolean {
    return this.#patterns.length > 0;
  }

  /** All lists that there are from now on. The rules are loaded after it, so that ports are in them with the lists they have now. */
  configure(policies: readonly Policy[]): void {
    const distinct = [...new Map(policies.map((policy) => [policy.chain, policy])).values()];
    this.#policies = distinct.map((policy) => ({ ...policy, number: this.#numberOf(policy) }));
    const targets = this.#policies.flatMap(({ rules }) => rules.map(({ target }) => target));
    this.#named = new Set(targets.flatMap((target) => (target.kind === "guest" ? [target.name] : [])));
    this.#patterns = [...new Set(targets.flatMap((target) => (target.kind === "name" ? [target.name] : [])))];
    for (const [ifindex, { guest, network }] of this.#ports)
      this.#keep(ifindex, guest, network, this.#elementsOf(ifindex, guest, network));
    for (const [text, { set }] of this.#learnt) {
      if (!this.#patterns.some((pattern) => [4, 6].some((family) => nameSet(pattern, family as 4 | 6) === set.name)))
        this.#learnt.delete(text);
    }
  }

  open(): void {
    this.#open = true;
  }

  /** A port is there, or its lists may have changed. */
  add({ ifindex, guest, network }: Pick<Port, "ifindex" | "guest" | "network">): void {
    const before = this.#ports.get(ifindex)?.elements;
    const after = this.#elementsOf(ifindex, guest, network.name);
    this.#keep(ifindex, guest, network.name, after);
    this.#carry(ifindex, before, after);
  }

  remove({ ifindex }: Pick<Port, "ifindex">): void {
    const before = this.#ports.get(ifindex)?.elements;
    this.#ports.delete(ifindex);
    this.#carry(ifindex, before, NO_ELEMENTS);
  }

  /** A guest was told these addresses, all of one name, as it asked for it. */
  learn(asked: string, addresses: readonly LearntAddress[]): void {
    const patterns = this.#patterns.filter((pattern) => nameMatches(pattern, asked));
    if (patterns.length === 0 || addresses.length === 0) return;
    const nowMs = this.#options.clock.monotonicMs();
    const batch = this.#options.firewall.batch();
    for (const { address, ttlSeconds } of addresses) {
      const seconds = Math.min(Math.max(ttlSeconds, LEAST_SECONDS) + GRACE_SECONDS, MOST_SECONDS);
      for (const pattern of patterns) {
        const set = { table: TABLE, name: nameSet(pattern, typeof address === "number" ? 4 : 6) };
        const element = { key: [{ kind: "address", value: address } as const] };
        const text = elementText({ set, element });
        const untilMs = nowMs + seconds * 1000;
        if ((this.#learnt.get(text)?.untilMs ?? 0) >= untilMs) continue;
        this.#learnt.delete(text);
        this.#learnt.set(text, { set, element, untilMs });
        batch.renew(set, { ...element, timeoutMs: seconds * 1000 });
      }
    }
    if (this.#learnt.size > LEARNT_MOST) this.#forgetExpired();
    this.#send(batch, asked);
  }

  #elementsOf(ifindex: number, guest: string, network: string): ReadonlyMap<string, PlacedElement> {
    const { egress, ingress } = this.#options.policiesOf(guest, network);
    const key = [{ kind: "ifindex", value: ifindex } as const];
    const wanted: PlacedElement[] = [];
    for (const policy of [egress, ingress]) {
      if (policy === undefined) continue;
      const data = { kind: "class", value: this.#numberOf(policy) } as const;
      wanted.push({ set: POLICY_MAPS[policy.direction], element: { key, data } });
    }
    if (this.#named.has(guest)) wanted.push({ set: { table: TABLE, name: guestSet(guest) }, element: { key } });
    return new Map(wanted.map((placed) => [elementText(placed), placed]));
  }

  #keep(ifindex: number, guest: string, network: string, elements: ReadonlyMap<string, PlacedElement>): void {
    if (elements.size === 0) this.#ports.delete(ifindex);
    else this.#ports.set(ifindex, { guest, network, elements });
  }

  #numberOf({ chain }: Policy): number {
    const number = this.#numbers.get(chain) ?? this.#numbers.size + 1;
    this.#numbers.set(chain, number);
    return number;
  }

  #forgetExpired(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [text, { untilMs }] of this.#learnt) if (untilMs <= nowMs) this.#learnt.delete(text);
    for (const text of this.#learnt.keys()) {
      if (this.#learnt.size <= LEARNT_MOST) break;
      this.#learnt.delete(text);
    }
  }

  #carry(ifindex: number, before = NO_ELEMENTS, after = NO_ELEMENTS): void {
    const batch = this.#options.firewall.batch();
    for (const [text, { set, element }] of before) if (!after.has(text)) batch.remove(set, element);
    for (const [text, { set, element }] of after) if (!before.has(text)) batch.put(set, element);
    this.#send(batch, `link ${ifindex}`);
  }

  #send(batch: ReturnType<Firewall["batch"]>, what: string): void {
    if (!this.#open || batch.count === 0) return;
    const refused = batch.send();
    if (refused === undefined) return;
    this.#options.log.error({ what, error: refused.message }, "rules of guests could not be changed in the kernel");
    this.#options.onRefused();
  }
}
