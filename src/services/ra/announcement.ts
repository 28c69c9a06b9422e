/**
 * Theory of operation. Goal: an advertisement costs a copy, and what is no longer ours goes away on every host. The message is
 * composed when its content changes; only the router's MAC is patched per link. A prefix that was advertised and now is not is
 * *withdrawn*: it is mentioned with preferred lifetime 0 and what is left of two hours, the shortest that hosts believe without
 * authentication (RFC 4862 §5.5.3 e), until those are over. DNS servers, search domains and routes that are gone are mentioned
 * with lifetime 0 as long as a host might remember them (RFC 8106 §5.1, RFC 4191 §3.1). Lifetimes run down, so while anything
 * is withdrawn or ends at a set time the message is composed again when it is older than a second.
 */
import { formatIpv6 } from "../../base/ipv6-address.js";
import { formatPrefix } from "../../base/prefix.js";
import * as message from "../../wire/ndp/message.js";
import * as option from "../../wire/ndp/option.js";
import type { Option } from "../../wire/ndp/option-repr.js";
import type { AdvertisedNetwork, AdvertisedPrefix } from "./network.js";

/** The shortest valid lifetime that a host lets itself be talked into. */
const WITHDRAWAL_SECONDS = 7200;
const STALE_MS = 1000;
/** Withdrawn things of each sort that are remembered; beyond that the oldest is forgotten. */
const MOST_WITHDRAWN = 16;

/** Where the router's MAC goes: its option is the first. */
export const MAC_OFFSET = message.HEADER_BYTES.routerAdvertisement + option.HEADER_BYTES;

/** Values by their name, each with the time until which it has to be mentioned. */
class Withdrawn<Value> {
  readonly #entries = new Map<string, { readonly value: Value; readonly untilMs: number }>();
  readonly #nameOf: (value: Value) => string;
  readonly #rememberedSeconds: (value: Value) => number;

  constructor(nameOf: (value: Value) => string, rememberedSeconds: (value: Value) => number) {
    this.#nameOf = nameOf;
    this.#rememberedSeconds = rememberedSeconds;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What was there and is no longer is withdrawn; what came back is not any more. */
  replace(before: readonly Value[], after: readonly Value[], nowMs: number): void {
    const now = new Set(after.map(this.#nameOf));
    for (const value of before) {
      const name = this.#nameOf(value);
      if (!now.has(name)) this.#entries.set(name, { value, untilMs: nowMs + this.#rememberedSeconds(value) * 1000 });
    }
    for (const name of this.#entries.keys()) if (now.has(name) || this.#entries.size > MOST_WITHDRAWN) this.#entries.delete(name);
  }

  /** What is to be mentioned still, with the seconds that are left. */
  left(nowMs: number): { readonly value: Value; readonly seconds: number }[] {
    for (const [name, { untilMs }] of this.#entries) if (untilMs <= nowMs) this.#entries.delete(name);
    return [...this.#entries.values()].map(({ value, untilMs }) => ({ value, seconds: Math.ceil((untilMs - nowMs) / 1000) }));
  }
}

type Route = AdvertisedNetwork["routes"][number];
/** With the lifetime that it was told with: hosts remember it for so long. */
type Named<Value> = { readonly value: Value; readonly lifetimeSeconds: number };

/** What is mentioned only so that hosts forget it. */
interface Gone {
  readonly prefixes: readonly { readonly value: AdvertisedPrefix; readonly seconds: number }[];
  readonly routes: readonly Route[];
  readonly servers: readonly bigint[];
  readonly searchDomains: readonly string[];
}

export class Announcement {
  /** The whole ICMPv6 message, its checksum and the MAC of the source link-layer address left zero. */
  bytes: Uint8Array = new Uint8Array(0);
  #network: AdvertisedNetwork;
  #prefixes: readonly AdvertisedPrefix[];
  readonly #gonePrefixes = new Withdrawn<AdvertisedPrefix>(({ prefix }) => formatPrefix(prefix), withdrawalSeconds);
  readonly #goneRoutes = new Withdrawn<Route>(routeName, ({ lifetimeSeconds }) => lifetimeSeconds);
  readonly #goneServers = new Withdrawn<Named<bigint>>(
    ({ value }) => formatIpv6(value),
    ({ lifetimeSeconds }) => lifetimeSeconds,
  );
  readonly #goneDomains = new Withdrawn<Named<string>>(
    ({ value }) => value,
    ({ lifetimeSeconds }) => lifetimeSeconds,
  );
  #composedMs = 0;

  constructor(network: AdvertisedNetwork, ownPrefixes: readonly AdvertisedPrefix[], nowMs: number) {
    this.#network = network;
    this.#prefixes = [...network.prefixes, ...ownPrefixes];
    this.#compose(nowMs);
  }

  /** Another content from now on. What is gone is withdrawn, what came back is not any more. */
  replace(network: AdvertisedNetwork, ownPrefixes: readonly AdvertisedPrefix[], nowMs: number): void {
    const before = this.#network;
    const prefixes = [...network.prefixes, ...ownPrefixes];
    this.#gonePrefixes.replace(this.#prefixes, prefixes, nowMs);
    this.#goneRoutes.replace(before.routes, network.routes, nowMs);
    this.#goneServers.replace(named(before, before.dns.servers), named(network, network.dns.servers), nowMs);
    this.#goneDomains.replace(named(before, before.dns.searchDomains), named(network, network.dns.searchDomains), nowMs);
    this.#network = network;
    this.#prefixes = prefixes;
    this.#compose(nowMs);
  }

  /** Brings lifetimes that run down up to date. Nothing to do in quiet times. */
  refresh(nowMs: number): void {
    if (this.#runsDown() && nowMs - this.#composedMs >= STALE_MS) this.#compose(nowMs);
  }

  #runsDown(): boolean {
    const gone = [this.#gonePrefixes, this.#goneRoutes, this.#goneServers, this.#goneDomains];
    return gone.some(({ size }) => size > 0) || this.#prefixes.some(({ ends }) => ends !== undefined);
  }

  #compose(nowMs: number): void {
    this.#composedMs = nowMs;
    const gone: Gone = {
      prefixes: this.#gonePrefixes.left(nowMs),
      routes: this.#goneRoutes.left(nowMs).map(({ value }) => value),
      servers: this.#goneServers.left(nowMs).map(({ value }) => value.value),
      searchDomains: this.#goneDomains.left(nowMs).map(({ value }) => value.value),
    };
    this.bytes = message.toBytes(advertisement(this.#network, this.#prefixes, gone, nowMs));
  }
}

/** The last message about a network: no router any more, nothing that it told is good from now on (RFC 4861 §6.2.5). */
export function farewell(network: AdvertisedNetwork, ownPrefixes: readonly AdvertisedPrefix[]): Uint8Array {
  const prefixes = [...network.prefixes, ...ownPrefixes];
  const last: AdvertisedNetwork = {
    ...network,
    routerLifetimeSeconds: 0,
    routes: [],
    dns: { ...network.dns, servers: [], searchDomains: [] },
    pref64: network.pref64 && { ...network.pref64, lifetimeSeconds: 0 },
  };
  const gone: Gone = {
    prefixes: prefixes.map((value) => ({ value, seconds: withdrawalSeconds(value) })),
    routes: network.routes,
    servers: network.dns.servers,
    searchDomains: network.dns.searchDomains,
  };
  return message.toBytes(advertisement(last, [], gone, 0));
}

function withdrawalSeconds({ validSeconds }: AdvertisedPrefix): number {
  return Math.min(validSeconds, WITHDRAWAL_SECONDS);
}

function routeName({ prefix, prefixLength }: Route): string {
  return `${formatIpv6(prefix)}/${prefixLength}`;
}

function named<Value>({ dns }: AdvertisedNetwork, values: readonly Value[]): Named<Value>[] {
  return values.map((value) => ({ value, lifetimeSeconds: dns.lifetimeSeconds }));
}

function advertisement(
  network: AdvertisedNetwork,
  prefixes: readonly AdvertisedPrefix[],
  gone: Gone,
  nowMs: number,
): message.RouterAdvertisement {
  const options: Option[] = [{ kind: "source-link-layer-address", mac: 0 }];
  if (network.mtu !== undefined) options.push({ kind: "mtu", mtu: network.mtu });
  for (const advertised of prefixes) options.push(prefixInformation(advertised, ...lifetimesOf(advertised, nowMs)));
  for (const { value, seconds } of gone.prefixes) options.push(prefixInformation(value, seconds, 0));
  for (const route of network.routes) options.push({ kind: "route-information", ...route });
  for (const route of gone.routes) options.push({ kind: "route-information", ...route, lifetimeSeconds: 0 });
  const { servers, searchDomains, lifetimeSeconds } = network.dns;
  if (servers.length > 0) options.push({ kind: "recursive-dns", lifetimeSeconds, addresses: servers });
  if (gone.servers.length > 0) options.push({ kind: "recursive-dns", lifetimeSeconds: 0, addresses: gone.servers });
  if (searchDomains.length > 0) options.push({ kind: "dns-search-list", lifetimeSeconds, names: searchDomains });
  if (gone.searchDomains.length > 0) options.push({ kind: "dns-search-list", lifetimeSeconds: 0, names: gone.searchDomains });
  if (network.pref64 !== undefined) options.push({ kind: "pref64", ...network.pref64 });
  const { hopLimit, managed, other, routerLifetimeSeconds, reachableMs, retransmitMs } = network;
  // RFC 4191 §2.2: what is no default router has no preference among them.
  const preference = routerLifetimeSeconds === 0 ? "medium" : network.preference;
  const header = { hopLimit, managed, other, preference, routerLifetimeSeconds, reachableMs, retransmitMs };
  return { kind: "router-advertisement", ...header, options };
}

/** Valid and preferred lifetime; of a prefix that ends, never more than it has left. */
function lifetimesOf({ validSeconds, preferredSeconds, ends }: AdvertisedPrefix, nowMs: number): [number, number] {
  if (ends === undefined) return [validSeconds, preferredSeconds];
  const left = (atMs: number): number => Math.max(0, Math.floor((atMs - nowMs) / 1000));
  return [Math.min(validSeconds, left(ends.validMs)), Math.min(preferredSeconds, left(ends.preferredMs))];
}

function prefixInformation(
  { prefix, onLink, autonomous }: AdvertisedPrefix,
  validSeconds: number,
  preferredSeconds: number,
): Option {
  const { address, prefixLength } = prefix;
  const lifetimes = { validSeconds, preferredSeconds: Math.min(preferredSeconds, validSeconds) };
  return { kind: "prefix-information", prefix: address, prefixLength, onLink, autonomous, ...lifetimes };
}
