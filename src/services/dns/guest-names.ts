import { TapnetError } from "../../base/errors.js";
import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import { WaitingLists } from "../../base/waiting-lists.js";
import { foldName, formatName, parseName, sameName } from "../../wire/dns/name.js";
import { TYPE } from "../../wire/dns/numbers.js";
import { addressData } from "./addresses.js";
import { type NameNode, type NameTree, RecordSet, type RecordSource } from "./name-tree.js";
import { PlacedRecords } from "./placed-records.js";
import type { Views } from "./views.js";
import { reverseIpv4, reverseIpv6 } from "./zones.js";

/**
 * Theory of operation
 *
 * A guest is set as a whole: all its names and addresses replace what was there. Its own name and those that the operator gave
 * it always hold; the name that it calls itself by DHCP (`hostname`) holds only while nobody else has it, so no guest can take
 * another's place, nor one of the names that software trusts blindly. Who could not have it waits, and gets it when its holder is
 * gone. The address leads back to the guest's own name.
 *
 * Setting and removing cost as much as the guest has names and addresses, however many other guests there are.
 */
export interface GuestAddresses {
  readonly ipv4?: readonly Ipv4Address[];
  readonly ipv6?: readonly Ipv6Address[];
  /** Further names that the operator gave: labels, or whole names; either may stand behind `*.` (RFC 4592). */
  readonly names?: readonly string[];
  /** What the guest calls itself. */
  readonly hostname?: string | undefined;
  readonly ttlSeconds?: number;
}

/** What a guest's names lead to, for people. */
export interface GuestEntry {
  readonly network: string;
  readonly guest: string;
  readonly names: readonly string[];
  readonly ipv4: readonly Ipv4Address[];
  readonly ipv6: readonly Ipv6Address[];
}

/** How long others may remember a guest's name and address. */
export const TTL_SECONDS = 60;
const ADDRESSES_MOST = 64;
const NAMES_MOST = 32;

/**
 * Labels that no guest may call itself: ours, and those that browsers and operating systems look for and trust (a web proxy's
 * configuration, a tunnel broker).
 */
const RESERVED_LABELS = new Set(["gateway", "localhost", "wpad", "isatap"]);
const HOST_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

interface KnownGuest {
  readonly entry: GuestEntry;
  readonly addresses: GuestAddresses;
  readonly placed: PlacedRecords;
  /** The name that it calls itself, in a network, where somebody else has it. */
  readonly awaited: string | undefined;
}

export class GuestNames {
  readonly #tree: NameTree;
  readonly #views: Views;
  readonly #guests = new Map<string, KnownGuest>();
  readonly #waiting = new WaitingLists<string>();
  /** Guests that had a name until its true owner came. */
  readonly #yielded = new Set<string>();

  constructor(tree: NameTree, views: Views) {
    this.#tree = tree;
    this.#views = views;
  }

  get count(): number {
    return this.#guests.size;
  }

  /** Replaces all that is known of a guest; visible with the next question. Returns the names that it could not have. */
  set(network: string, guest: string, addresses: GuestAddresses): string[] {
    const view = this.#views.get(network);
    const domain = this.#views.namesOf(network)?.domain;
    if (view === undefined || domain === undefined) {
      throw new TapnetError("DNS_NETWORK", `guest ${guest}: DNS does not know a network ${network}`);
    }
    const key = guestKey(network, guest);
    const before = this.#forget(key);
    const { ipv4 = [], ipv6 = [], names = [], hostname, ttlSeconds = TTL_SECONDS } = addresses;
    const source: RecordSource = { kind: "guest", owner: key };
    const data = addressData(ipv4.slice(0, ADDRESSES_MOST), ipv6.slice(0, ADDRESSES_MOST));
    const sets = data.map((set) => new RecordSet(source, view.number, set.type, ttlSeconds, set.data));
    const placed = new PlacedRecords(this.#tree);
    const refused: string[] = [];
    let awaited: string | undefined;
    const held = sets.length === 0 ? [] : this.#chooseNames(domain, [guest, ...names], refused);
    for (const name of held) this.#placeName(placed, name, sets);
    const claimed = hostname === undefined ? undefined : claimName(hostname, domain);
    if (hostname !== undefined && sets.length > 0 && !this.#placeHostname(placed, claimed, sets, held)) {
      refused.push(hostname);
      awaited = claimed === undefined ? undefined : awaitedKey(network, formatName(claimed));
    }
    if (held.length > 0) {
      const pointer = new RecordSet(source, view.number, TYPE.PTR, ttlSeconds, [held[0]]);
      for (const address of ipv4) placed.put(this.#tree.insert(reverseIpv4(address)), pointer);
      for (const address of ipv6) placed.put(this.#tree.insert(reverseIpv6(address)), pointer);
    }
    const entry = { network, guest, names: held.map((name) => formatName(name)), ipv4, ipv6 };
    this.#guests.set(key, { entry, addresses, placed, awaited });
    if (awaited !== undefined) this.#waiting.add(awaited, key);
    for (const name of before) if (!entry.names.includes(name)) this.#handOn(network, name);
    for (const former of this.#yielded) {
      this.#yielded.delete(former);
      this.#setAgain(former);
    }
    return refused;
  }

  /** Forgets a guest; nothing happens where there is none. */
  remove(network: string, guest: string): void {
    for (const name of this.#forget(guestKey(network, guest))) this.#handOn(network, name);
  }

  /** Takes a guest's records back; hands back the names that it had. */
  #forget(key: string): readonly string[] {
    const known = this.#guests.get(key);
    if (known === undefined) return [];
    this.#guests.delete(key);
    known.placed.clear();
    if (known.awaited !== undefined) this.#waiting.remove(known.awaited, key);
    return known.entry.names;
  }

  /** A name is free: who waits for it gets it. */
  #handOn(network: string, name: string): void {
    const next = this.#waiting.first(awaitedKey(network, name));
    if (next !== undefined) this.#setAgain(next);
  }

  #setAgain(key: string): void {
    const known = this.#guests.get(key);
    if (known !== undefined) this.set(known.entry.network, known.entry.guest, known.addresses);
  }

  get(network: string, guest: string): GuestEntry | undefined {
    return this.#guests.get(guestKey(network, guest))?.entry;
  }

  /** The guest of a network that has this address. */
  guestAt(network: string, address: Ipv4Address | Ipv6Address): string | undefined {
    if (!this.#tree.findName(typeof address === "bigint" ? reverseIpv6(address) : reverseIpv4(address))) return undefined;
    const number = this.#views.get(network)?.number;
    const set = this.#tree.closest.sets.find((candidate) => candidate.source.kind === "guest" && candidate.network === number);
    return set === undefined ? undefined : this.#guests.get(set.source.owner)?.entry.guest;
  }

  *all(): Generator<GuestEntry> {
    for (const { entry } of this.#guests.values()) yield entry;
  }

  #chooseNames(domain: string, texts: readonly string[], refused: string[]): Uint8Array[] {
    const chosen: Uint8Array[] = [];
    for (const text of texts.slice(0, NAMES_MOST)) {
      const name = completeName(text, domain);
      if (name === undefined) refused.push(text);
      else if (!chosen.some((other) => sameName(other, 0, name, 0))) chosen.push(name);
    }
    return chosen;
  }

  #placeName(placed: PlacedRecords, name: Uint8Array, sets: readonly RecordSet[]): void {
    const node = this.#tree.insert(name);
    this.#yieldHostname(node, sets[0].network);
    for (const set of sets) placed.put(node, set);
  }

  /** Adds what the guest calls itself to the names it holds; false where it cannot have that. */
  #placeHostname(placed: PlacedRecords, name: Uint8Array | undefined, sets: readonly RecordSet[], held: Uint8Array[]): boolean {
    if (name === undefined) return false;
    if (held.some((other) => sameName(other, 0, name, 0))) return true;
    const node = this.#tree.insert(name);
    const isTaken = (set: RecordSet) => set.network === sets[0].network || set.source.kind === "configuration";
    if (node.sets.some(isTaken)) return false;
    for (const { source, network, type, ttlSeconds, data } of sets) {
      placed.put(node, new RecordSet({ kind: "hostname", owner: source.owner }, network, type, ttlSeconds, data));
    }
    held.push(name);
    return true;
  }

  /** Where a guest only calls itself by this name, its true owner takes it over. */
  #yieldHostname(node: NameNode, network: number): void {
    for (const set of [...node.sets]) {
      if (set.source.kind !== "hostname" || set.network !== network) continue;
      this.#guests.get(set.source.owner)?.placed.yield(node, set);
      this.#yielded.add(set.source.owner);
    }
  }
}

function guestKey(network: string, guest: string): string {
  return `${network}/${guest}`;
}

function awaitedKey(network: string, name: string): string {
  return `${network} ${name}`;
}

/** A name from the operator: one label, also behind `*.`, is completed with the domain; anything else is a whole name. */
function completeName(text: string, domain: string): Uint8Array | undefined {
  const isLabel = !text.replace(/^\*\./, "").includes(".");
  const name = parseName(isLabel ? `${text}.${domain}` : text);
  return name === undefined ? undefined : foldName(name);
}

/** A name from the guest: its first label, if it is one that a host may have (RFC 1123 §2.1), in the network's own domain. */
function claimName(hostname: string, domain: string): Uint8Array | undefined {
  const label = hostname.split(".", 1)[0].toLowerCase();
  return HOST_LABEL.test(label) && !RESERVED_LABELS.has(label) ? completeName(label, domain) : undefined;
}
