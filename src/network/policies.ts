/**
 * Theory of operation
 *
 * Which guests have lists of whom they may speak to, and where whom those name is now. A guest's link is one element that has
 * its list's number; guests with the same list share it, and the lists are in the rules from the start, so a guest that comes
 * adds an element and no rule. A guest that lists name is known by its links, which come and go with it. Guests on a bridge are
 * known so at the bridge, and by their addresses where the host forwards.
 *
 * A name is known by what our own DNS has told the guest itself of it: each address lets this guest through as long as the
 * answer holds, and a little longer, since programs ask before they speak. So nobody opens another's list by asking, be it for
 * an address that is told to askers elsewhere, or when an upstream lies; and who asks without end fills his own share only.
 * Addresses are in the packet filter before the answer leaves. Connections stay when one goes. They are kept here as well, so
 * that they are there again after the rules are loaded.
 */
import type { Clock } from "../base/clock.js";
import { familyOf, formatAddress, type IpAddress } from "../base/kernel-objects.js";
import type { Logger } from "../base/log.js";
import type { Firewall } from "./kernel.js";
import type { Port } from "./model.js";
import { guestAddressSet, guestSet, type NumberedPolicy, nameMatches, nameSet, type Policy } from "./policy.js";
import { ADDRESS_POLICY_MAPS, askedFromSet, BRIDGE_POLICY_MAPS, LISTED_SET, POLICY_MAPS } from "./ruleset/policies.js";
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

interface Learnt {
  readonly pattern: string;
  readonly address: IpAddress;
  readonly untilMs: number;
}

type ListedPort = Pick<Port, "ifindex" | "guest" | "network" | "bindings">;
type Elements = ReadonlyMap<string, PlacedElement>;

/** A port that has lists, or that lists name. */
interface Listed {
  readonly port: ListedPort;
  readonly elements: Elements;
  /** Names that it may speak to. */
  readonly patterns: readonly string[];
  /** What it was told of them, by `pattern address`; the oldest first. */
  readonly learnt: Map<string, Learnt>;
}

/** How long an address serves at least, and beyond what its answer says. */
const LEAST_SECONDS = 30;
const GRACE_SECONDS = 30;
const MOST_SECONDS = 86_400;
/** Addresses that are remembered of one guest; with more, the oldest are forgotten. */
const LEARNT_MOST = 4096;

const NO_ELEMENTS: Elements = new Map();

export class Policies {
  readonly #options: PoliciesOptions;
  readonly #ports = new Map<number, Listed>();
  /** Of ports that names are listed for, by `network/guest`. */
  readonly #askers = new Map<string, number>();
  #policies: readonly NumberedPolicy[] = [];
  /** By chain. A number is never given to another list: elements of the old one may still be about. */
  readonly #numbers = new Map<string, number>();
  #named = new Set<string>();
  #learns = false;
  #open = false;

  constructor(options: PoliciesOptions) {
    this.#options = options;
  }

  get traffic(): Pick<Traffic, "policies" | "elements"> {
    const elements = [...this.#ports.values()].flatMap((listed) => {
      this.#forgetExpired(listed);
      return [...listed.elements.values(), ...this.#learntElements(listed).values()];
    });
    return { policies: this.#policies, elements };
  }

  /** Whether answers of DNS have to be told at all. */
  get learns(): boolean {
    return this.#learns;
  }

  /**
   * All lists that there are from now on; `bridged`: chains of those that guests on bridges may have. The rules are loaded after it, so
   * that ports are in them with the lists they have now.
   */
  configure(policies: readonly Policy[], bridged: ReadonlySet<string> = new Set()): void {
    const distinct = [...new Map(policies.map((policy) => [policy.chain, policy])).values()];
    this.#policies = distinct.map((policy) => ({
      ...policy,
      number: this.#numberOf(policy),
      bridged: bridged.has(policy.chain),
    }));
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
    const after = this.#keep(port, before?.learnt ?? new Map());
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
    const patterns = listed?.patterns.filter((pattern) => nameMatches(pattern, asked)) ?? [];
    if (listed === undefined || patterns.length === 0 || addresses.length === 0) return;
    const { port, learnt } = listed;
    const nowMs = this.#options.clock.monotonicMs();
    const batch = this.#options.firewall.batch();
    for (const { address, ttlSeconds } of addresses) {
      const seconds = Math.min(Math.max(ttlSeconds, LEAST_SECONDS) + GRACE_SECONDS, MOST_SECONDS);
      for (const pattern of patterns) {
        const key = `${pattern} ${formatAddress(address)}`;
        const untilMs = nowMs + seconds * 1000;
        if ((learnt.get(key)?.untilMs ?? 0) >= untilMs) continue;
        learnt.delete(key);
        learnt.set(key, { pattern, address, untilMs });
        for (const { set, element } of placesOf(port, pattern, address))
          batch.renew(set, { ...element, timeoutMs: seconds * 1000 });
      }
    }
    if (learnt.size > LEARNT_MOST) {
      this.#forgetExpired(listed);
      for (const [key, { pattern, address }] of learnt) {
        if (learnt.size <= LEARNT_MOST) break;
        learnt.delete(key);
        for (const { set, element } of placesOf(port, pattern, address)) batch.remove(set, element);
      }
    }
    this.#send(batch, asked);
  }

  /** Makes a port known with the lists it has now, or forgets it where there are none. */
  #keep(port: ListedPort, learnt: Map<string, Learnt>): Listed | undefined {
    this.#forget(port.ifindex);
    const { ifindex, guest, network } = port;
    const { egress, ingress } = this.#options.policiesOf(guest, network.name);
    const elements = this.#elementsOf(
      port,
      [egress, ingress].filter((policy) => policy !== undefined),
    );
    if (elements.size === 0) return undefined;
    const patterns = (egress?.rules ?? []).flatMap(({ target }) => (target.kind === "name" ? [target.name] : []));
    for (const [key, { pattern }] of learnt) if (!patterns.includes(pattern)) learnt.delete(key);
    const listed = { port, elements, patterns, learnt };
    this.#ports.set(ifindex, listed);
    if (patterns.length > 0) this.#askers.set(askerOf(port), ifindex);
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
    for (const policy of policies) {
      const data = { kind: "class", value: this.#numberOf(policy) } as const;
      const { [policy.direction]: set } = bridged ? BRIDGE_POLICY_MAPS : POLICY_MAPS;
      wanted.push({ set, element: { key: [link], data } });
      for (const address of addresses)
        wanted.push({ set: ADDRESS_POLICY_MAPS[familyOf(address.value)][policy.direction], element: { key: [address], data } });
    }
    if (bridged && policies.length > 0) wanted.push({ set: LISTED_SET, element: { key: [link] } });
    if (this.#named.has(guest)) {
      const table = bridged ? BRIDGE_TABLE : TABLE;
      const isListed = !bridged || this.#policies.some((policy) => policy.bridged && names(policy, guest));
      if (isListed) wanted.push({ set: { table, name: guestSet(guest) }, element: { key: [link] } });
      for (const address of addresses) {
        const name = guestAddressSet(guest, familyOf(address.value));
        wanted.push({ set: { table: TABLE, name }, element: { key: [address] } });
      }
    }
    return new Map(wanted.map((placed) => [elementText(placed), placed]));
  }

  #learntElements({ port, learnt }: Pick<Listed, "port" | "learnt">): Elements {
    const nowMs = this.#options.clock.monotonicMs();
    const placed = [...learnt.values()].flatMap(({ pattern, address, untilMs }) =>
      placesOf(port, pattern, address).map((place): [string, PlacedElement] => {
        const timeoutMs = Math.ceil(untilMs - nowMs);
        return [elementText(place), { set: place.set, element: { ...place.element, timeoutMs } }];
      }),
    );
    return new Map(placed);
  }

  #numberOf({ chain }: Policy): number {
    const number = this.#numbers.get(chain) ?? this.#numbers.size + 1;
    this.#numbers.set(chain, number);
    return number;
  }

  #forgetExpired({ learnt }: Listed): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [key, { untilMs }] of learnt) if (untilMs <= nowMs) learnt.delete(key);
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
    if (learnt === undefined || learnt.size === 0) return;
    const [old, wanted] = [before, after].map((listed) =>
      listed === undefined ? NO_ELEMENTS : this.#learntElements({ port: listed.port, learnt }),
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

function names({ rules }: Policy, guest: string): boolean {
  return rules.some(({ target }) => target.kind === "guest" && target.name === guest);
}

function addressPart(value: IpAddress): { readonly kind: "address"; readonly value: IpAddress } {
  return { kind: "address", value };
}

/** Where it stands that a guest may speak to an address under a name. */
function placesOf({ ifindex, network, bindings }: ListedPort, pattern: string, address: IpAddress): PlacedElement[] {
  const family = familyOf(address);
  const daddr = addressPart(address);
  const table = network.bridge === undefined ? TABLE : BRIDGE_TABLE;
  const byLink = {
    set: { table, name: nameSet(pattern, family) },
    element: { key: [{ kind: "ifindex", value: ifindex }, daddr] },
  } as const;
  const own = routedByHost(network) ? bindings.filter((binding) => familyOf(binding.address) === family) : [];
  const byAddress = own.map((binding) => ({
    set: { table: TABLE, name: askedFromSet(pattern, family) },
    element: { key: [addressPart(binding.address), daddr] },
  }));
  return [byLink, ...byAddress];
}
