import type { Clock } from "../../base/clock.js";
import type { ClientCookies } from "./cookies.js";
import type { UpstreamGroup } from "./forward-policy.js";
import { formatUpstream, Upstream, type UpstreamAddress } from "./upstream.js";

/** A group whose servers may change while it is used. */
export class ChangingGroup implements UpstreamGroup {
  upstreams: readonly Upstream[] = [];
}

/**
 * Every upstream server once, however many networks and domains use it, so that what is learnt of it is known to all.
 * Servers that no group has any more are forgotten.
 */
export class UpstreamPool {
  readonly #clock: Clock;
  readonly #cookies: ClientCookies;
  readonly #known = new Map<string, Upstream>();
  readonly #groups = new Set<ChangingGroup>();

  constructor(clock: Clock, cookies: ClientCookies) {
    this.#clock = clock;
    this.#cookies = cookies;
  }

  group(addresses: readonly UpstreamAddress[]): ChangingGroup {
    const group = new ChangingGroup();
    this.#groups.add(group);
    this.assign(group, addresses);
    return group;
  }

  /** Gives a group other servers; true where that changes anything. */
  assign(group: ChangingGroup, addresses: readonly UpstreamAddress[]): boolean {
    const upstreams = [...new Map(addresses.map((address) => [formatUpstream(address), this.#get(address)])).values()];
    const changed =
      upstreams.length !== group.upstreams.length || upstreams.some((upstream, index) => upstream !== group.upstreams[index]);
    group.upstreams = upstreams;
    this.#forgetUnused();
    return changed;
  }

  drop(groups: Iterable<ChangingGroup>): void {
    for (const group of groups) this.#groups.delete(group);
    this.#forgetUnused();
  }

  *all(): Generator<Upstream> {
    yield* this.#known.values();
  }

  #get(address: UpstreamAddress): Upstream {
    const text = formatUpstream(address);
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const upstream = new Upstream(address, (bytes) => this.#cookies.cookieFor(bytes), this.#clock);
    this.#known.set(text, upstream);
    return upstream;
  }

  #forgetUnused(): void {
    const used = new Set([...this.#groups].flatMap((group) => [...group.upstreams]));
    for (const [text, upstream] of this.#known) if (!used.has(upstream)) this.#known.delete(text);
  }
}
