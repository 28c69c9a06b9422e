/**
 * Theory of operation
 *
 * Which guests have lists of whom they may speak to, and where whom those name is now. A guest's link is one element that has
 * its list's number; guests with the same list share it, and the lists are in the sets from the start (`ruleset/lists.ts`), so a
 * guest that comes adds an element and no rule. A guest that lists name has a number, which its links lead to as they come and
 * go; who may speak to it has an element of its own for that. Guests on a bridge are known so at the bridge, and by their
 * addresses where the host forwards.
 *
 * A name is known by what our own DNS has told the guest itself of it: each address lets this guest through as long as the
 * answer holds, and a little longer, since programs ask before they speak. So nobody opens another's list by asking, be it for
 * an address that is told to askers elsewhere, or when an upstream lies; and who asks without end fills his own share only.
 * Addresses are in the packet filter before the answer leaves. Connections stay when one goes. They are kept here as well, so
 * that they are there again after the rules are loaded.
 */
import type { Clock } from "../base/clock.js";
import { familyOf, type IpAddress } from "../base/kernel-objects.js";
import type { Logger } from "../base/log.js";
import type { Firewall, TableKey } from "./kernel.js";
import { LearntAddresses } from "./learnt.js";
import { ListNumbers } from "./list-numbers.js";
import type { Port } from "./model.js";
import type { NumberedPolicy, Policy } from "./policy.js";
import { GUEST_MAPS, namedGuestElements, nameElement } from "./ruleset/lists.js";
import { ADDRESS_POLICY_MAPS, BRIDGE_POLICY_MAPS, LISTED_SET, POLICY_MAPS } from "./ruleset/policies.js";
import { type Service, servicesOf } from "./ruleset/services.js";
import { BRIDGE_TABLE, TABLE } from "./ruleset/table.js";
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

type ListedPort = Pick<Port, "ifindex" | "guest" | "network" | "bindings">;
type Elements = ReadonlyMap<string, PlacedElement>;

/** A port that has lists, or that lists name. */
interface Listed {
  readonly port: ListedPort;
  readonly elements: Elements;
  readonly learnt: LearntAddresses;
}

/** How long an address serves at least, and beyond what its answer says. */
const LEAST_SECONDS = 30;
const GRACE_SECONDS = 30;
const MOST_SECONDS = 86_400;

const NO_ELEMENTS: Elements = new Map();

export class Policies {
  readonly #options: PoliciesOptions;
  readonly #ports = new Map<number, Listed>();
  /** Of ports that names are listed for, by `network/guest`. */
  readonly #askers = new Map<string, number>();
  #policies: readonly NumberedPolicy[] = [];
  readonly #numbers = new ListNumbers();
  #named = new Set<string>();
  #learns = false;
  #open = false;

  constructor(options: PoliciesOptions) {
    this.#options = options;
  }

  get traffic(): Pick<Traffic, "policies" | "elements"> {
    const elements = [...this.#ports.values()].flatMap((listed) => {
      listed.learnt.forgetExpired(this.#options.clock.monotonicMs());
      return [...listed.elements.values(), ...this.#learntElements(listed.port, listed.learnt).values()];
    });
    return { policies: this.#policies, elements };
  }

  /** Whether answers of DNS have to be told at all. */
  get learns(): boolean {
    return this.#learns;
  }

  /**
   * All lists that there are from now on; `bridged`: digests of those that guests on bridges may have. The rules are loaded after
   * it, so that ports are in them with the lists they have now.
   */
  configure(policies: readonly Policy[], bridged: ReadonlySet<string> = new Set()): void {
    const distinct = new Map(policies.map((policy) => [policy.digest, policy]));
    // Elements of the lists so far may still be about.
    this.#numbers.keepOnly(new Set([...distinct.keys(), ...this.#policies.map(({ digest }) => digest)]));
    this.#policies = [...distinct.values()].map((policy) => {
      return { ...policy, number: this.#numbers.of(policy), bridged: bridged.has(policy.digest) };
    });
    const targets = this.#policies.flatMap(({ rules }) => rules.map(({ target }) => target));
    this.#named = new Set(targets.flatMap((target) => (target.kind === "guest" ? [target.name] : [])));
    this.#learns = targets.some(({ kind }) => kind === "name");
    for (const { port, learnt } of [...this.#ports.values()]) this.#keep(port, learnt);
  }

  open(): void {
    this.#open = true;
  }

  /** A port is there, or its lists or addresses may have changed. */
  add(port: ListedPort): void {
    const before = this.#ports.get(port.ifindex);
    const after = this.#keep(port, before?.learnt ?? new LearntAddresses());
    this.#carry(port.ifindex, before, after);
  }

  remove({ ifindex }: Pick<Port, "ifindex">): void {
    const before = this.#ports.get(ifindex);
    this.#forget(ifindex);
    this.#carry(ifindex, before, undefined);
  }

  /** A guest, `network/guest`, is told these addresses, all of one name, as it asked for it. */
  learn(asker: string, asked: string, addresses: readonly LearntAddress[]): void {
    const listed = this.#ports.get(this.#askers.get(asker) ?? 0);
    const patterns = listed?.learnt.patternsOf(asked) ?? [];
    if (listed === undefined || patterns.length === 0) return;
    const { port, learnt } = listed;
    const nowMs = this.#options.clock.monotonicMs();
    const batch = this.#options.firewall.batch();
    for (const { address, ttlSeconds } of addresses) {
      const seconds = Math.min(Math.max(ttlSeconds, LEAST_SECONDS) + GRACE_SECONDS, MOST_SECONDS);
      if (!learnt.learn(patterns, address, nowMs + seconds * 1000)) continue;
      for (const { set, element } of this.#placesOf(port, learnt, address)) batch.renew(set, element);
    }
    learnt.forgetOldest(nowMs, (address) => {
      for (const { set, element } of this.#placesOf(port, learnt, address)) batch.remove(set, element);
    });
    this.#send(batch, asked);
  }

  /** Makes a port known with the lists it has now, or forgets it where there are none. */
  #keep(port: ListedPort, learnt: LearntAddresses): Listed | undefined {
    this.#forget(port.ifindex);
    const { ifindex, guest, network } = port;
    const { egress, ingress } = this.#options.policiesOf(guest, network.name);
    const elements = this.#elementsOf(
      port,
      [egress, ingress].filter((policy) => policy !== undefined),
    );
    if (elements.size === 0) return undefined;
    const names = namesOf(egress);
    learnt.hold(names);
    const listed = { port, elements, learnt };
    this.#ports.set(ifindex, listed);
    if (names.size > 0) this.#askers.set(askerOf(port), ifindex);
    return listed;
  }

  #forget(ifindex: number): void {
    const listed = this.#ports.get(ifindex);
    if (listed === undefined) return;
    this.#ports.delete(ifindex);
    const asker = askerOf(listed.port);
    if (this.#askers.get(asker) === ifindex) this.#askers.delete(asker);
  }

  #elementsOf({ ifindex, guest, network, bindings }: ListedPort, policies: readonly Policy[]): Elements {
    const link = { kind: "ifindex", value: ifindex } as const;
    const bridged = network.bridge !== undefined;
    const addresses = routedByHost(network) ? bindings.map(({ address }) => addressPart(address)) : [];
    const wanted: PlacedElement[] = [];
    const [table, maps] = bridged ? ([BRIDGE_TABLE, BRIDGE_POLICY_MAPS] as const) : ([TABLE, POLICY_MAPS] as const);
    for (const policy of policies) {
      const data = { kind: "class", value: this.#numbers.of(policy) } as const;
      const named = (own: typeof link | (typeof addresses)[number], where: TableKey): PlacedElement[] =>
        namedGuestElements(policy, own, where, (name) => this.#numbers.ofGuest(name));
      wanted.push({ set: maps[policy.direction], element: { key: [link], data } }, ...named(link, table));
      for (const address of addresses) {
        const set = ADDRESS_POLICY_MAPS[familyOf(address.value)][policy.direction];
        wanted.push({ set, element: { key: [address], data } }, ...named(address, TABLE));
      }
    }
    if (bridged && policies.length > 0) wanted.push({ set: LISTED_SET, element: { key: [link] } });
    if (this.#named.has(guest)) {
      const data = { kind: "class", value: this.#numbers.ofGuest(guest) } as const;
      wanted.push({ set: bridged ? GUEST_MAPS.bridge : GUEST_MAPS.link, element: { key: [link], data } });
      for (const address of addresses)
        wanted.push({ set: GUEST_MAPS[familyOf(address.value)], element: { key: [address], data } });
    }
    return new Map(wanted.map((placed) => [elementText(placed), placed]));
  }

  #learntElements(port: ListedPort, learnt: LearntAddresses): Elements {
    const places = learnt.addresses.flatMap((address) => this.#placesOf(port, learnt, address));
    return new Map(places.map((placed) => [elementText(placed), placed]));
  }

  /** Where it stands that a guest may speak to an address. */
  #placesOf({ ifindex, network, bindings }: ListedPort, learnt: LearntAddresses, address: IpAddress): PlacedElement[] {
    const nowMs = this.#options.clock.monotonicMs();
    const table = network.bridge === undefined ? TABLE : BRIDGE_TABLE;
    const own = routedByHost(network) ? bindings.filter((binding) => familyOf(binding.address) === familyOf(address)) : [];
    return learnt.services(address).flatMap(({ service, untilMs }) => {
      const placed = [
        nameElement(service, { kind: "ifindex", value: ifindex }, table, address),
        ...own.map((binding) => nameElement(service, addressPart(binding.address), TABLE, address)),
      ];
      return placed.map(({ set, element }) => ({ set, element: { ...element, timeoutMs: Math.ceil(untilMs - nowMs) } }));
    });
  }

  #carry(ifindex: number, before: Listed | undefined, after: Listed | undefined): void {
    if (before === undefined && after === undefined) return;
    const batch = this.#options.firewall.batch();
    const [old, wanted] = [before, after].map((listed) => listed?.elements ?? NO_ELEMENTS);
    for (const [text, { set, element }] of old) if (!wanted.has(text)) batch.remove(set, element);
    for (const [text, { set, element }] of wanted) if (!old.has(text)) batch.put(set, element);
    if (before !== undefined || after !== undefined) this.#carryLearnt(batch, before, after);
    this.#send(batch, `link ${ifindex}`);
  }

  /** What was learnt follows the guest's addresses. */
  #carryLearnt(batch: ReturnType<Firewall["batch"]>, before: Listed | undefined, after: Listed | undefined): void {
    const learnt = after?.learnt ?? before?.learnt;
    if (learnt === undefined) return;
    const [old, wanted] = [before, after].map((listed) =>
      listed === undefined ? NO_ELEMENTS : this.#learntElements(listed.port, learnt),
    );
    for (const [text, { set, element }] of old) if (!wanted.has(text)) batch.remove(set, element);
    for (const [text, { set, element }] of wanted) if (!old.has(text)) batch.renew(set, element);
  }

  #send(batch: ReturnType<Firewall["batch"]>, what: string): void {
    if (!this.#open || batch.count === 0) return;
    const refused = batch.send();
    if (refused === undefined) return;
    this.#options.log.error({ what, error: refused.message }, "rules of guests could not be changed in the kernel");
    this.#options.onRefused();
  }
}

function askerOf({ guest, network }: Pick<Port, "guest" | "network">): string {
  return `${network.name}/${guest}`;
}

/** Whether what guests on this bridge send beyond it is forwarded by this host's rules of ours. */
function routedByHost({ bridge }: Port["network"]): boolean {
  return bridge?.existing === false;
}

function namesOf(egress: Policy | undefined): Map<string, Service[]> {
  const names = new Map<string, Service[]>();
  for (const { target, ...rule } of egress?.rules ?? [])
    if (target.kind === "name") names.set(target.name, [...(names.get(target.name) ?? []), ...servicesOf(rule)]);
  return names;
}

function addressPart(value: IpAddress): { readonly kind: "address"; readonly value: IpAddress } {
  return { kind: "address", value };
}
