import { formatIpv4 } from "../../base/ipv4-address.js";
import { formatIpv6 } from "../../base/ipv6-address.js";
import type { Prefix } from "../../base/prefix.js";
import { GROUP_BASE, GROUP_PREFIX_LENGTH } from "../define.js";
import type { Network } from "../model.js";
import { anyOf, byValue, goto, is, isNot, meta, payload, prefix, type Word } from "./words.js";

const ANY_GUEST = prefix(GROUP_BASE, GROUP_PREFIX_LENGTH);

/** Whether the packet came from, or goes to, a link of any of our networks. */
export const FROM_GUEST = is(meta("iifgroup"), ANY_GUEST);
export const NOT_FROM_GUEST = isNot(meta("iifgroup"), ANY_GUEST);
export const TO_GUEST = is(meta("oifgroup"), ANY_GUEST);
export const NOT_TO_GUEST = isNot(meta("oifgroup"), ANY_GUEST);

/** Whether a packet came from one of our bridges: guests there were guarded when the bridge took the frame in. No word where there is none. */
export function fromBridges(networks: readonly Network[]): Word[] {
  return byBridges(networks, "iifgroup");
}

/** The same of a packet that goes to one. */
export function toBridges(networks: readonly Network[]): Word[] {
  return byBridges(networks, "oifgroup");
}

function byBridges(networks: readonly Network[], key: "iifgroup" | "oifgroup"): Word[] {
  const groups = networks.filter(({ bridge }) => bridge !== undefined).map(({ group }) => group);
  return groups.length === 0 ? [] : [is(meta(key), anyOf(...groups))];
}

/** Each network's packets to a chain of the network's own. A single comparison costs less than looking one network up in a map. */
export function dispatch(
  key: "iifgroup" | "oifgroup",
  networks: readonly Network[],
  chainOf: (network: Network) => string,
): Word[] {
  const [only] = networks;
  if (networks.length === 1) return [is(meta(key), only.group), goto(chainOf(only))];
  return [
    byValue(
      meta(key),
      networks.map((network) => [network.group, goto(chainOf(network))]),
    ),
  ];
}

export function prefixWord(of: Prefix): Word {
  return prefix(of.family === 4 ? formatIpv4(of.address) : formatIpv6(of.address), of.prefixLength);
}

/** `ip saddr`, `ip6 daddr`, …: also says which family the packet must be of. */
export function addressField(family: 4 | 6, field: "saddr" | "daddr"): Word {
  return payload(family === 4 ? "ip" : "ip6", field);
}
