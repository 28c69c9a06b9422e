import type { Timer } from "../../base/clock.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import { isLinkLocalIpv6, writeIpv6 } from "../../base/ipv6-address.js";
import type { Mac } from "../../base/mac.js";
import type { Ipv6Prefix } from "../../base/prefix.js";
import { ADDRESS_BYTES, isSameAddress } from "../../frame/ipv6-bytes.js";
import type { Link } from "../../frame/link.js";
import type { WheelEntry } from "../../lease/timer-wheel.js";

/** One address that a guest has taken, with the timer that watches over it. */
export class LearnedAddress implements WheelEntry {
  readonly owner: LinkAddresses;
  readonly address: Ipv6Address;
  /** The same in network order, to be compared with what comes in. */
  readonly view = new DataView(new ArrayBuffer(ADDRESS_BYTES));
  mac: Mac;
  /** Monotonic time of the next probe. */
  untilMs = 0;
  /** Probes that were not answered. */
  probes = 0;
  wheelNext: WheelEntry | undefined;
  wheelPrevious: WheelEntry | undefined;
  wheelSlot = -1;

  constructor(owner: LinkAddresses, address: Ipv6Address, mac: Mac) {
    this.owner = owner;
    this.address = address;
    this.mac = mac;
    writeIpv6(this.view, 0, address);
  }
}

/** The addresses of one port: few, so that a search is a walk. */
export class LinkAddresses {
  link: Link;
  /** Guests may take addresses inside these alone. */
  prefixes: readonly Ipv6Prefix[];
  readonly learned: LearnedAddress[] = [];
  /** An address for which there is no place yet: it gets that of the first one that turns out to be silent. */
  waiting: { readonly address: Ipv6Address; readonly mac: Mac } | undefined;
  /** When a listener report last made us ask. */
  askedMs = Number.NEGATIVE_INFINITY;
  /** When it is asked again. */
  asking: Timer | undefined;
  /** Until when an answer to an echo of ours may come, and when the next one goes out. */
  echoedUntilMs = Number.NEGATIVE_INFINITY;
  echoing: Timer | undefined;

  constructor(link: Link, prefixes: readonly Ipv6Prefix[]) {
    this.link = link;
    this.prefixes = prefixes;
  }

  /** The learnt address at `offset`; undefined when it is another. */
  find(view: DataView, offset: number): LearnedAddress | undefined {
    for (const learned of this.learned) if (isSameAddress(learned.view, 0, view, offset)) return learned;
    return undefined;
  }

  /** How many of its addresses are link-local, or are not. */
  countOf(linkLocal: boolean): number {
    let count = 0;
    for (const { address } of this.learned) if (isLinkLocalIpv6(address) === linkLocal) count++;
    return count;
  }

  remove(learned: LearnedAddress): void {
    const index = this.learned.indexOf(learned);
    if (index >= 0) this.learned.splice(index, 1);
  }
}
