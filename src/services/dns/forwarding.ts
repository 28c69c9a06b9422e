import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import { ForwardPolicy, HostDomains } from "./forward-policy.js";
import { formatUpstream, type UpstreamAddress } from "./upstream.js";
import type { ChangingGroup, UpstreamPool } from "./upstream-pool.js";
import { isSpecialUse } from "./zones.js";

/** Where questions about the outside world go, for all networks. */
export interface ForwardingSettings {
  /** Undefined: those of the host's `resolv.conf`. */
  readonly upstreams?: readonly UpstreamAddress[] | undefined;
  /** Split DNS. An empty list of servers: nobody is asked. */
  readonly domains?: readonly { readonly domain: string; readonly upstreams: readonly UpstreamAddress[] }[];
  readonly rebindProtection?: boolean;
  readonly rebindAllowed?: readonly string[];
  readonly forwardBareNames?: boolean;
}

/** The policies in use. Networks that ask the same servers share one, and with it the cached answers. */
export class Forwarding {
  readonly #pool: UpstreamPool;
  readonly #resolvConf: ChangingGroup;
  readonly #policies = new Map<string, ForwardPolicy>();
  #groups: ChangingGroup[] = [];
  #settings: ForwardingSettings = {};
  #described = "";
  #host: readonly UpstreamAddress[] = [];
  /** Follows `resolv.conf` as `#resolvConf` does. */
  readonly #hostDomains = new HostDomains();
  #ours: ReadonlySet<Ipv4Address | Ipv6Address> = new Set();
  #partition = 0;

  constructor(pool: UpstreamPool) {
    this.#pool = pool;
    this.#resolvConf = pool.group([]);
  }

  get upstreamsFromHost(): boolean {
    return this.#settings.upstreams === undefined;
  }

  /** Other settings; every policy given out before is void. The same ones again change nothing, and keep what is cached. */
  configure(settings: ForwardingSettings): void {
    const described = describeSettings(settings);
    if (described === this.#described) return;
    this.#described = described;
    this.#settings = settings;
    this.#policies.clear();
    this.#pool.drop(this.#groups);
    this.#groups = [];
  }

  /**
   * What `resolv.conf` says now; true where that changes anything. Of its domains those matter that are special-use names: a host
   * that is itself in `home.arpa`, or in a company's `corp.local`, has servers that know them (RFC 8375 §4).
   */
  setHostServers(servers: readonly UpstreamAddress[], search: readonly string[] = []): boolean {
    this.#host = servers;
    const otherDomains = this.#hostDomains.replace(search.filter(isSpecialUse));
    return this.#fillFromHost() || otherDomains;
  }

  /** Addresses of ours: they are never an upstream, also if `resolv.conf` says so. */
  setOwnAddresses(addresses: Iterable<Ipv4Address | Ipv6Address>): void {
    this.#ours = new Set(addresses);
    this.#fillFromHost();
  }

  /** The policy of a network with upstreams of its own, or with those of all. */
  policyFor(upstreams: readonly UpstreamAddress[] | undefined): ForwardPolicy {
    const key = upstreams === undefined ? "" : upstreams.map(formatUpstream).join(" ");
    const known = this.#policies.get(key);
    if (known !== undefined) return known;
    const { domains = [], rebindProtection, rebindAllowed = [], forwardBareNames } = this.#settings;
    const policy = new ForwardPolicy(this.#nextPartition(), {
      upstreams: this.#group(upstreams ?? this.#settings.upstreams),
      domains: domains.map((rule) => ({ domain: rule.domain, upstreams: this.#group(rule.upstreams) })),
      rebindExceptions: rebindAllowed,
      ...(upstreams === undefined && this.#settings.upstreams === undefined ? { hostDomains: this.#hostDomains } : {}),
      ...(rebindProtection === undefined ? {} : { rebindProtection }),
      ...(forwardBareNames === undefined ? {} : { forwardBareNames }),
    });
    this.#policies.set(key, policy);
    return policy;
  }

  #group(upstreams: readonly UpstreamAddress[] | undefined): ChangingGroup {
    if (upstreams === undefined) return this.#resolvConf;
    const group = this.#pool.group(upstreams);
    this.#groups.push(group);
    return group;
  }

  /** Numbers come round after 65,535 changes of the configuration; by then the answers of the first are long gone. */
  #nextPartition(): number {
    this.#partition = (this.#partition + 1) & 0xffff;
    return this.#partition;
  }

  #fillFromHost(): boolean {
    const servers = this.#host.filter(({ address }) => !this.#ours.has(address));
    return this.#pool.assign(this.#resolvConf, servers);
  }
}

function describeSettings(settings: ForwardingSettings): string {
  const { upstreams, domains = [], ...others } = settings;
  const servers = (addresses: readonly UpstreamAddress[] | undefined) => addresses?.map(formatUpstream);
  return JSON.stringify([servers(upstreams), domains.map((rule) => [rule.domain, servers(rule.upstreams)]), others]);
}
