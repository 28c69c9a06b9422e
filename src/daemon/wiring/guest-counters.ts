/** What has passed each guest's port, and what the guard kept from passing: asked of the kernel, which counts anyway. */
import type { GuestTrafficView } from "../../control/index.js";
import type { Port } from "../../network/model.js";
import { TABLES } from "../../network/ruleset.js";
import { type LinkCounters, linkCounters } from "../../os/link-counters.js";
import { Nftables } from "../../os/nftables.js";
import { Rtnetlink } from "../../os/rtnetlink.js";

/** Each element is a link that has sent what is not its own, and how often. Two tables have such a set. */
const SPOOFERS = "spoofers";
/** For so many links one question a link is cheaper than reading of all links there are. */
const FEW = 64;

export class GuestCounters {
  readonly #route = new Rtnetlink();
  readonly #firewall = new Nftables();

  /** In the order of `ports`; without those whose link is just going. */
  ofPorts(ports: readonly Port[]): GuestTrafficView[] {
    const counters = this.links(ports);
    const spoofed = this.#spoofed();
    return ports.flatMap((port) => {
      const counted = counters.get(port.ifname);
      if (counted === undefined) return [];
      // What comes in by the link the guest has sent.
      const { received: sent, sent: received } = counted;
      return { guest: port.guest, network: port.network.name, sent, received, spoofed: spoofed.get(port.ifindex) ?? 0 };
    });
  }

  /** The links' own counters, by name. */
  links(ports: readonly Port[]): ReadonlyMap<string, LinkCounters> {
    if (ports.length > FEW) return linkCounters();
    const counters = new Map<string, LinkCounters>();
    for (const { ifindex, ifname } of ports) {
      const counted = this.#route.counters(ifindex);
      if (counted !== undefined) counters.set(ifname, counted);
    }
    return counters;
  }

  /** Packets that were dropped, by why: `spoofed`, `refused`, `over_limit`, `kept_from_host`. */
  dropped(): Record<string, number> {
    const dropped: Record<string, number> = {};
    for (const table of TABLES) {
      for (const [name, { packets }] of this.#firewall.counters(table)) dropped[name] = (dropped[name] ?? 0) + packets;
    }
    return dropped;
  }

  #spoofed(): Map<number, number> {
    const spoofed = new Map<number, number>();
    for (const table of TABLES) {
      for (const { key, count } of this.#firewall.elements({ table, name: SPOOFERS })) {
        const ifindex = new Uint32Array(key.slice().buffer)[0];
        spoofed.set(ifindex, (spoofed.get(ifindex) ?? 0) + (count?.packets ?? 0));
      }
    }
    return spoofed;
  }

  /** May be called again. */
  close(): void {
    this.#route.close();
    this.#firewall.close();
  }
}
