import { formatAddress } from "../../base/kernel-objects.js";
import type { SetKey } from "../kernel.js";
import type { Network } from "../model.js";
import { addressField, NOT_TO_GUEST, prefixWord } from "./guests.js";
import { FOR_MANY } from "./masquerade.js";
import { PRIORITY, TABLE, type TableWriter } from "./table.js";
import {
  ACCEPT,
  anyOf,
  concat,
  destinationNat,
  FIB_TYPE,
  goto,
  hasAny,
  inSet,
  is,
  isNot,
  mapped,
  meta,
  payload,
  prefix,
  sourceNat,
  type Word,
} from "./words.js";

/** Where a port leads to: an address, and the port there. Two maps, because not every `nft` reads maps to both at once. */
export interface PortMaps {
  readonly address: SetKey;
  readonly port: SetKey;
}

/** Of one family: forwards from one address of the host, those from all of them, and guests that have any. */
interface ForwardSets {
  readonly at: PortMaps;
  readonly any: PortMaps;
  /** Each guest's address twice, as a packet from a guest to itself has it. */
  readonly hairpin: SetKey;
  /** Addresses that are a guest's as a whole: to the guest's own, and from that to the one that the world sees. */
  readonly publicIn: SetKey;
  readonly publicOut: SetKey;
}

export const FORWARD_SETS: Readonly<Record<4 | 6, ForwardSets>> = { 4: setsOf(4), 6: setsOf(6) };

function setsOf(family: 4 | 6): ForwardSets {
  const key = (name: string): SetKey => ({ table: TABLE, name });
  const maps = (name: string): PortMaps => ({ address: key(`${name}${family}`), port: key(`${name}${family}_port`) });
  return {
    at: maps("forward_at"),
    any: maps("forward"),
    hairpin: key(`hairpin${family}`),
    publicIn: key(`public${family}`),
    publicOut: key(`public_out${family}`),
  };
}

/** A connection that a forward has brought, both ways. */
export const FORWARDED = hasAny({ ct: { key: "status" } }, "dnat");
export const FORWARDED_ANSWER = is({ ct: { key: "direction" } }, "reply");

const LOOPBACK = { 4: prefix("127.0.0.0", 8), 6: "::1" } as const;

/**
 * Forwards: what comes to a port of the host, from wherever, goes to a guest. The maps are always there; the chains, which make
 * the kernel track connections, only when there are forwards.
 *
 * Addresses that are a guest's as a whole (1:1 NAT) are looked at first, the host's own or not, and whatever the protocol.
 *
 * Only the first packet of a connection comes here. The gateways' own ports are left alone, since DNS is there, unless a
 * forward names the address. So is the loopback: its addresses mean nothing beyond the host.
 */
export function composePortForwards(table: TableWriter, networks: readonly Network[], inUse: boolean): void {
  for (const family of [4, 6] as const) declareMaps(table, family);
  if (!inUse) return;
  table.chain("forward_in", { type: "nat", hook: "prerouting", priority: PRIORITY.destinationNat });
  table.chain("forward_out", { type: "nat", hook: "output", priority: PRIORITY.destinationNat });
  for (const chain of ["forward_in", "forward_out"]) {
    for (const family of [4, 6] as const) {
      const { publicIn } = FORWARD_SETS[family];
      table.rule(chain, destinationNat(family, mapped(addressField(family, "daddr"), publicIn.name)));
    }
    table.rule(chain, is(FIB_TYPE, "local"), goto("published"));
  }

  table.chain("published");
  for (const family of [4, 6] as const) {
    const daddr = addressField(family, "daddr");
    table.rule("published", is(daddr, LOOPBACK[family]), ACCEPT);
    table.rule("published", lookUp(family, FORWARD_SETS[family].at, daddr));
    const gateways = networks.map(({ gatewayIpv4, gatewayIpv6 }) => (family === 4 ? gatewayIpv4 : gatewayIpv6));
    const texts = gateways.filter((address) => address !== undefined).map(formatAddress);
    if (texts.length > 0) table.rule("published", is(daddr, anyOf(...texts)), ACCEPT);
    table.rule("published", lookUp(family, FORWARD_SETS[family].any));
  }
  composeHairpin(table, networks);
  composePublicSource(table, networks);
}

function declareMaps(table: TableWriter, family: 4 | 6): void {
  const address = `ipv${family}_addr`;
  const { at, any, hairpin, publicIn, publicOut } = FORWARD_SETS[family];
  for (const [maps, before] of [
    [at, [address]],
    [any, []],
  ] as const) {
    const type = [...before, "inet_proto", "inet_service"];
    table.map(maps.address.name, { type, data: address });
    table.map(maps.port.name, { type, data: "inet_service" });
  }
  table.set(hairpin.name, { type: [address, address] });
  for (const { name } of [publicIn, publicOut]) table.map(name, { type: address, data: address });
}

function lookUp(family: 4 | 6, { address, port }: PortMaps, ...before: Word[]): Word {
  const key = concat(...before, meta("l4proto"), payload("th", "dport"));
  return destinationNat(family, mapped(key, address.name), mapped(key, port.name));
}

/**
 * A guest that reaches itself by the host's address would see its own as the source, and drop that. On a bridge, guests would
 * answer each other by their link, past the host that has translated the question.
 */
function composeHairpin(table: TableWriter, networks: readonly Network[]): void {
  table.chain("hairpin", { type: "nat", hook: "postrouting", priority: PRIORITY.sourceNat - 1 });
  for (const { group, gatewayIpv4, gatewayIpv6, bridge, ipv4, ipv6 } of networks) {
    for (const [family, gateway, onLink] of [
      [4, gatewayIpv4, ipv4],
      [6, gatewayIpv6, ipv6],
    ] as const) {
      if (gateway === undefined) continue;
      if (bridge !== undefined && onLink !== undefined) {
        const neighbour = is(addressField(family, "saddr"), prefixWord(onLink));
        table.rule("hairpin", is(meta("oifgroup"), group), FORWARDED, neighbour, sourceNat(family, formatAddress(gateway)));
      }
      const itself = concat(addressField(family, "saddr"), addressField(family, "daddr"));
      const set = inSet(FORWARD_SETS[family].hairpin.name);
      table.rule("hairpin", is(meta("oifgroup"), group), is(itself, set), sourceNat(family, formatAddress(gateway)));
    }
  }
}

/** Who has a public address speaks to the world from it: before masquerade, which leaves alone what has been translated. */
function composePublicSource(table: TableWriter, networks: readonly Network[]): void {
  const served = networks.flatMap(({ serve }) => serve);
  const toWorld = served.length === 0 ? [NOT_TO_GUEST] : [NOT_TO_GUEST, isNot(meta("oifname"), anyOf(...served))];
  for (const family of [4, 6] as const) {
    const forOne = isNot(addressField(family, "daddr"), FOR_MANY[family]);
    const source = mapped(addressField(family, "saddr"), FORWARD_SETS[family].publicOut.name);
    table.rule("hairpin", ...toWorld, forOne, sourceNat(family, source));
  }
}
