/**
 * Theory of operation. Goal: an advertisement costs a copy, and a prefix that is no longer ours goes away on every host. The
 * message is composed when its content changes; only the router's MAC is patched per link. A prefix that was advertised and
 * now is not is *withdrawn*: it is mentioned with preferred lifetime 0 and what is left of two hours, the shortest that hosts
 * believe without authentication (RFC 4862 §5.5.3 e), until those are over. Its lifetime runs down, so while anything is
 * withdrawn the message is composed again when it is older than a second.
 */
import { formatPrefix } from "../../base/prefix.js";
import { OPTION } from "../../wire/ndp/codes.js";
import * as message from "../../wire/ndp/message.js";
import * as option from "../../wire/ndp/option.js";
import type { Option } from "../../wire/ndp/option-repr.js";
import type { AdvertisedNetwork, AdvertisedPrefix } from "./network.js";

/** The shortest valid lifetime that a host lets itself be talked into. */
const WITHDRAWAL_SECONDS = 7200;
const STALE_MS = 1000;
/** Withdrawn prefixes that are remembered; what is withdrawn beyond that is forgotten, oldest first. */
const MOST_WITHDRAWN = 16;

interface Withdrawn {
  readonly advertised: AdvertisedPrefix;
  readonly untilMs: number;
}

export class Announcement {
  /** The whole ICMPv6 message, its checksum and the MAC of the source link-layer address left zero. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Where in `bytes` that MAC goes. */
  macOffset = 0;
  #network: AdvertisedNetwork;
  #prefixes: readonly AdvertisedPrefix[];
  readonly #withdrawn = new Map<string, Withdrawn>();
  #composedMs = 0;

  constructor(network: AdvertisedNetwork, ownPrefixes: readonly AdvertisedPrefix[], nowMs: number) {
    this.#network = network;
    this.#prefixes = [...network.prefixes, ...ownPrefixes];
    this.#compose(nowMs);
  }

  /** Another content from now on. Prefixes that are gone are withdrawn, prefixes that came back are not any more. */
  replace(network: AdvertisedNetwork, ownPrefixes: readonly AdvertisedPrefix[], nowMs: number): void {
    const before = this.#prefixes;
    this.#network = network;
    this.#prefixes = [...network.prefixes, ...ownPrefixes];
    const now = new Set(this.#prefixes.map(({ prefix }) => formatPrefix(prefix)));
    for (const advertised of before) {
      const name = formatPrefix(advertised.prefix);
      if (!now.has(name)) this.#withdrawn.set(name, { advertised, untilMs: nowMs + withdrawalSeconds(advertised) * 1000 });
    }
    for (const name of this.#withdrawn.keys()) {
      if (now.has(name) || this.#withdrawn.size > MOST_WITHDRAWN) this.#withdrawn.delete(name);
    }
    this.#compose(nowMs);
  }

  /** Brings lifetimes that run down up to date. Nothing to do in quiet times. */
  refresh(nowMs: number): void {
    if (this.#withdrawn.size > 0 && nowMs - this.#composedMs >= STALE_MS) this.#compose(nowMs);
  }

  /** The same message as it is sent when the router goes: no default router any more (RFC 4861 §6.2.5). */
  farewell(): Uint8Array {
    const last = this.bytes.slice();
    message.setRouterLifetime(new DataView(last.buffer), 0, 0);
    return last;
  }

  #compose(nowMs: number): void {
    this.#composedMs = nowMs;
    for (const [name, { untilMs }] of this.#withdrawn) if (untilMs <= nowMs) this.#withdrawn.delete(name);
    this.bytes = message.toBytes(advertisement(this.#network, this.#prefixes, [...this.#withdrawn.values()], nowMs));
    const end = this.bytes.length;
    const view = new DataView(this.bytes.buffer);
    const header = message.HEADER_BYTES.routerAdvertisement;
    this.macOffset = option.find(view, header, end, OPTION.sourceLinkLayerAddress) + option.HEADER_BYTES;
  }
}

function withdrawalSeconds({ validSeconds }: AdvertisedPrefix): number {
  return Math.min(validSeconds, WITHDRAWAL_SECONDS);
}

function advertisement(
  network: AdvertisedNetwork,
  prefixes: readonly AdvertisedPrefix[],
  withdrawn: readonly Withdrawn[],
  nowMs: number,
): message.RouterAdvertisement {
  const options: Option[] = [{ kind: "source-link-layer-address", mac: 0 }];
  if (network.mtu !== undefined) options.push({ kind: "mtu", mtu: network.mtu });
  for (const advertised of prefixes)
    options.push(prefixInformation(advertised, advertised.validSeconds, advertised.preferredSeconds));
  for (const { advertised, untilMs } of withdrawn) {
    options.push(prefixInformation(advertised, Math.max(0, Math.ceil((untilMs - nowMs) / 1000)), 0));
  }
  for (const route of network.routes) options.push({ kind: "route-information", ...route });
  const { servers, searchDomains, lifetimeSeconds } = network.dns;
  if (servers.length > 0) options.push({ kind: "recursive-dns", lifetimeSeconds, addresses: servers });
  if (searchDomains.length > 0) options.push({ kind: "dns-search-list", lifetimeSeconds, names: searchDomains });
  if (network.pref64 !== undefined) options.push({ kind: "pref64", ...network.pref64 });
  const { hopLimit, managed, other, preference, routerLifetimeSeconds, reachableMs, retransmitMs } = network;
  const header = { hopLimit, managed, other, preference, routerLifetimeSeconds, reachableMs, retransmitMs };
  return { kind: "router-advertisement", ...header, options };
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
