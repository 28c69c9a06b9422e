import { createHash } from "node:crypto";
import { TapnetError } from "../base/errors.js";
import type { Ipv4Address } from "../base/ipv4-address.js";
import type { Ipv6Address } from "../base/ipv6-address.js";
import type { Mac } from "../base/mac.js";
import type { Ipv4Prefix, Ipv6Prefix } from "../base/prefix.js";
import type { Delegation, Network, NetworkKind } from "./model.js";

/** A network as people say it: what is left out is derived. */
export interface NetworkSpecification {
  readonly name: string;
  readonly kind: NetworkKind;
  readonly ipv4?: Ipv4Prefix | undefined;
  /** Default: the prefix's first address. */
  readonly gatewayIpv4?: Ipv4Address | undefined;
  readonly ipv6?: Ipv6Prefix | undefined;
  readonly gatewayIpv6?: Ipv6Address | undefined;
  readonly delegation?: Delegation | undefined;
  /** Default: derived from the network's name. */
  readonly gatewayMac?: Mac | undefined;
  readonly uplink?: string | undefined;
  readonly answerOnUplink?: boolean | undefined;
  readonly mtu?: number | undefined;
  readonly isolateGuests?: boolean | undefined;
}

/** Link groups of ours are those whose upper half is this ("tn"): one comparison tells a guest's link from any other. */
export const GROUP_BASE = 0x746e_0000;
export const GROUP_PREFIX_LENGTH = 16;
const GROUPS = 0x1_0000;
const ETHERNET_MTU = 1500;

/** Networks with everything derived. The result does not depend on the order of the list. */
export function defineNetworks(specifications: readonly NetworkSpecification[]): Network[] {
  const groups = groupsOf(specifications.map(({ name }) => name));
  return specifications.map((specification) => ({
    name: specification.name,
    kind: specification.kind,
    ipv4: specification.ipv4,
    gatewayIpv4: specification.ipv4 && (specification.gatewayIpv4 ?? specification.ipv4.address + 1),
    ipv6: specification.ipv6,
    gatewayIpv6: specification.ipv6 && (specification.gatewayIpv6 ?? specification.ipv6.address + 1n),
    delegation: specification.delegation,
    gatewayMac: specification.gatewayMac ?? gatewayMacOf(specification.name),
    group: groups.get(specification.name) ?? GROUP_BASE,
    uplink: specification.uplink,
    answerOnUplink: specification.answerOnUplink ?? false,
    mtu: specification.mtu ?? ETHERNET_MTU,
    isolateGuests: specification.isolateGuests ?? false,
  }));
}

/**
 * The gateway's MAC address of a network of this name: the same wherever the network is, so that a guest that moves to another
 * host need not notice. Locally administered, unicast (IEEE 802 §8.2).
 */
export function gatewayMacOf(network: string): Mac {
  return 0x0200_0000_0000 + digest(`gateway-mac ${network}`).readUIntBE(0, 5);
}

/** Numbers from the names; where two fall together, the one that comes later in the alphabet gives way. */
function groupsOf(names: readonly string[]): Map<string, number> {
  const groups = new Map<string, number>();
  const taken = new Set<number>();
  for (const name of names.toSorted()) {
    if (groups.has(name)) throw new TapnetError("INVALID_ARGUMENT", `two networks are called ${name}`);
    let number = digest(`link-group ${name}`).readUInt16BE(0);
    while (taken.has(number)) number = (number + 1) % GROUPS;
    taken.add(number);
    groups.set(name, GROUP_BASE + number);
  }
  return groups;
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
