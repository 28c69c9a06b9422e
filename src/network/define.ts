import { createHash } from "node:crypto";
import { TapnetError } from "../base/errors.js";
import type { Ipv4Address } from "../base/ipv4-address.js";
import type { Ipv6Address } from "../base/ipv6-address.js";
import type { Mac } from "../base/mac.js";
import type { Ipv4Prefix, Ipv6Prefix } from "../base/prefix.js";
import type { Bridge, Delegation, Network, NetworkKind, Vlan, WayOut } from "./model.js";

/** A network as people say it: what is left out is derived. */
export interface NetworkSpecification {
  readonly name: string;
  readonly kind: NetworkKind;
  readonly ipv4?: Ipv4Prefix | undefined;
  /** Default: the prefix's first address. */
  readonly gatewayIpv4?: Ipv4Address | undefined;
  readonly ipv6?: Ipv6Prefix | undefined;
  readonly gatewayIpv6?: Ipv6Address | undefined;
  readonly ipv6Source?: Network["ipv6Source"] | undefined;
  readonly ipv6Aggregate?: Ipv6Prefix | undefined;
  readonly delegation?: Delegation | undefined;
  /** Default: derived from the network's name. */
  readonly gatewayMac?: Mac | undefined;
  /** Only for kind `bridge`, which has none unless said. */
  readonly wayOut?: WayOut | undefined;
  /** Only for kind `bridge`. Default: a bridge of ours, without further ports. */
  readonly bridge?: { readonly [Key in keyof Bridge]?: Bridge[Key] | undefined } | undefined;
  readonly uplink?: string | undefined;
  /** Default: none. Uplink and ports are given as these are called. */
  readonly vlans?: readonly Vlan[] | undefined;
  readonly answerOnUplink?: boolean | undefined;
  readonly mtu?: number | undefined;
  readonly isolateGuests?: boolean | undefined;
  readonly serve?: readonly string[] | undefined;
  readonly publics?: Network["publics"] | undefined;
}

/** Link groups of ours are those whose upper half is this ("tn"): one comparison tells a guest's link from any other. */
export const GROUP_BASE = 0x746e_0000;
export const GROUP_PREFIX_LENGTH = 16;
const GROUPS = 0x1_0000;
const ETHERNET_MTU = 1500;
/** `IFNAMSIZ` less the final zero. */
const IFNAME_CHARACTERS = 15;

/**
 * Networks with everything derived. The result does not depend on the order of the list. `host` tells this host from others: a
 * bridge may lead to another host's bridge of the same network, and they must not have one MAC address.
 */
export function defineNetworks(specifications: readonly NetworkSpecification[], host = ""): Network[] {
  const groups = groupsOf(specifications.map(({ name }) => name));
  return specifications.map((specification) => ({
    name: specification.name,
    kind: specification.kind,
    ipv4: specification.ipv4,
    ...gatewaysOf(specification),
    ipv6: specification.ipv6,
    ipv6Source: specification.ipv6Source ?? "own",
    ipv6Aggregate: specification.ipv6Aggregate,
    delegation: specification.delegation,
    gatewayMac:
      specification.gatewayMac ??
      gatewayMacOf(specification.kind === "bridge" ? `${specification.name} ${host}` : specification.name),
    group: groups.get(specification.name) ?? GROUP_BASE,
    wayOut: wayOutOf(specification),
    bridge: specification.kind === "bridge" ? bridgeOf(specification) : undefined,
    uplink: specification.uplink,
    vlans: specification.vlans ?? [],
    answerOnUplink: specification.answerOnUplink ?? false,
    mtu: specification.mtu ?? ETHERNET_MTU,
    isolateGuests: specification.isolateGuests ?? false,
    serve: specification.kind === "bridge" ? [] : (specification.serve ?? []),
    publics: specification.publics ?? new Map(),
  }));
}

/** On a bridge of others we have an address only where one is given. */
function gatewaysOf({
  ipv4,
  ipv6,
  gatewayIpv4,
  gatewayIpv6,
  bridge,
}: NetworkSpecification): Pick<Network, "gatewayIpv4" | "gatewayIpv6"> {
  const derived = bridge?.existing !== true;
  return {
    gatewayIpv4: ipv4 && (gatewayIpv4 ?? (derived ? ipv4.address + 1 : undefined)),
    gatewayIpv6: ipv6 && (gatewayIpv6 ?? (derived ? ipv6.address + 1n : undefined)),
  };
}

function wayOutOf({ kind, wayOut }: NetworkSpecification): WayOut {
  if (kind === "bridge") return wayOut ?? "none";
  return kind === "nat" || kind === "routed" ? kind : "none";
}

function bridgeOf({ name, bridge }: NetworkSpecification): Bridge {
  return {
    name: bridge?.name ?? bridgeNameOf(name),
    existing: bridge?.existing ?? false,
    ports: bridge?.ports ?? [],
    stp: bridge?.stp ?? false,
    forwardDelayMs: bridge?.forwardDelayMs ?? 0,
    dhcp: bridge?.dhcp ?? false,
    dns: bridge?.dns ?? false,
    served: bridge?.served ?? [],
  };
}

/** `br-lan`; of a name that is too long its beginning and a digest. */
export function bridgeNameOf(network: string): string {
  const plain = `br-${network}`;
  if (plain.length <= IFNAME_CHARACTERS) return plain;
  return `${plain.slice(0, IFNAME_CHARACTERS - 5)}-${digest(`bridge-name ${network}`).toString("hex", 0, 2)}`;
}

/**
 * The gateway's MAC address of a network of this name: the same wherever the network is, so that a guest that moves to another
 * host need not notice. Locally administered, unicast (IEEE 802 §8.2).
 */
export function gatewayMacOf(network: string): Mac {
  return 0x0200_0000_0000 + digest(`gateway-mac ${network}`).readUIntBE(0, 5);
}

/** The MAC address of a bridge's port, not of the guest behind it. Locally administered, unicast. */
export function portMacOf(network: string, guest: string): Mac {
  return 0xfe00_0000_0000 + digest(`port-mac ${network} ${guest}`).readUIntBE(0, 5);
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
