import { TapnetError } from "../../base/errors.js";
import { foldName, parseName } from "../../wire/dns/name.js";
import type { Upstream } from "./upstream.js";

/** Servers that know the same names, the preferred first. An empty one means: nobody to ask. */
export interface UpstreamGroup {
  /** Read each time it is used, so that it may follow `resolv.conf`. */
  readonly upstreams: readonly Upstream[];
}

export interface ForwardSettings {
  readonly upstreams: UpstreamGroup;
  /** Other servers for these domains and all below (split DNS). What they say may be private addresses. */
  readonly domains?: readonly { readonly domain: string; readonly upstreams: UpstreamGroup }[];
  /** Refuse private addresses under names of the outside world; true if not given. */
  readonly rebindProtection?: boolean;
  /** Domains under which private addresses are fine. */
  readonly rebindExceptions?: readonly string[];
  /** Special-use names that the servers know all the same. */
  readonly hostDomains?: HostDomains;
  /** Also forward A and AAAA questions for names of a single label; false if not given. */
  readonly forwardBareNames?: boolean;
}

/** Domains that are private by what they are: RFC 8375, and the one that ICANN set aside. */
const PRIVATE_DOMAINS = ["home.arpa", "internal"];

/** Domains that a host is in, as its `resolv.conf` says at the time. */
export class HostDomains {
  #keys: ReadonlySet<string> = new Set();

  /** True where these are others than before; what is no domain name is left out. */
  replace(domains: readonly string[]): boolean {
    const before = this.#keys;
    this.#keys = new Set(domains.filter((domain) => parseName(domain) !== undefined).map(domainKey));
    return before.size !== this.#keys.size || [...before].some((key) => !this.#keys.has(key));
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }
}

/** What is set for a domain. Wherever anything is, private addresses are fine. */
interface Rule {
  readonly group: UpstreamGroup | undefined;
}

/** Where a question goes, and whether the answer may name private addresses. */
export interface Route {
  readonly group: UpstreamGroup;
  readonly allowPrivate: boolean;
  /** Whether servers were set for a domain that the name is in, or the host itself is in it. */
  readonly isClaimed: boolean;
}

/**
 * Where the questions of some networks go that are not answered here. Networks with the same settings share one, and its
 * cached answers.
 */
export class ForwardPolicy {
  /** Keeps the cached answers of one policy from those of another. */
  readonly partition: number;
  readonly forwardBareNames: boolean;
  readonly #default: UpstreamGroup;
  readonly #protects: boolean;
  readonly #rules = new Map<string, Rule>();
  readonly #hostDomains: HostDomains | undefined;

  constructor(partition: number, settings: ForwardSettings) {
    this.partition = partition;
    this.forwardBareNames = settings.forwardBareNames ?? false;
    this.#default = settings.upstreams;
    this.#hostDomains = settings.hostDomains;
    this.#protects = settings.rebindProtection ?? true;
    for (const domain of [...PRIVATE_DOMAINS, ...(settings.rebindExceptions ?? [])]) {
      this.#rules.set(domainKey(domain), { group: undefined });
    }
    for (const { domain, upstreams } of settings.domains ?? []) {
      this.#rules.set(domainKey(domain), { group: upstreams });
    }
  }

  /** Where a question for a name (folded, on the wire) goes: to the servers of the longest domain that it is in. */
  routeFor(name: Uint8Array): Route {
    let group: UpstreamGroup | undefined;
    let allowPrivate = !this.#protects;
    let isOfHost = false;
    const text = latin1(name);
    for (let at = 0; ; at += name[at] + 1) {
      const suffix = at === 0 ? text : text.slice(at);
      const rule = this.#rules.get(suffix);
      if (rule !== undefined) {
        allowPrivate = true;
        group ??= rule.group;
      }
      isOfHost ||= this.#hostDomains?.has(suffix) === true;
      if (name[at] !== 0) continue;
      const isClaimed = isOfHost || group !== undefined;
      return { group: group ?? this.#default, allowPrivate: allowPrivate || isOfHost, isClaimed };
    }
  }

  /** Whether the servers for a name know it even where it is a special-use name. */
  claims(name: Uint8Array): boolean {
    return this.routeFor(name).isClaimed;
  }
}

function latin1(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString("latin1");
}

/** Wire names as latin1 text are what the rules are kept by. */
function domainKey(domain: string): string {
  const name = parseName(domain);
  if (name === undefined) throw new TapnetError("DNS_DOMAIN", `${domain} is not a domain name: write one like corp.example`);
  return latin1(foldName(name));
}
