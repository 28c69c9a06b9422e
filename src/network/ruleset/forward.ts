import type { Network } from "../model.js";
import { addressField, dispatch, prefixWord, TO_GUEST } from "./guests.js";
import { FORWARDED } from "./port-forwards.js";
import { PRIORITY, type TableWriter } from "./table.js";
import { ACCEPT, anyOf, count, DROP, goto, hasAny, is, isNot, meta, payload, REJECT, type Word } from "./words.js";

/** Belongs to a connection that the other side began. Using it is what makes the kernel track connections. */
const ANSWER = hasAny({ ct: { key: "state" } }, "established", "related");

/** As nft(8) calls them. */
const NEIGHBOUR_DISCOVERY = [
  "nd-router-solicit",
  "nd-router-advert",
  "nd-neighbor-solicit",
  "nd-neighbor-advert",
  "nd-redirect",
] as const;
const DHCP6_CLIENT_PORT = 546;

/** Who reaches whom. A packet between guests meets only the chain of its sender's network. */
export function composeForward(table: TableWriter, networks: readonly Network[], forwards: boolean): void {
  table.counter("refused");
  table.chain("refuse");
  table.rule("refuse", count("refused"), REJECT);
  if (letsAllThrough(networks)) return;
  table.chain("forward", { type: "filter", hook: "forward", priority: PRIORITY.filter });
  // Before the guests' own: a client is not the world to them.
  for (const network of networks) composeServed(table, network, "iifname");
  if (networks.length > 0) {
    table.rule("forward", ...dispatch("iifgroup", networks, (network) => `from_${network.name}`));
    table.rule("forward", ...dispatch("oifgroup", networks, (network) => `to_${network.name}`));
  }
  for (const network of networks) composeServed(table, network, "oifname");
  for (const network of networks) {
    composeFrom(table, network, networks, forwards);
    composeTo(table, network, forwards);
  }
}

/**
 * Whether all networks let everything through that the guard has let in. Then there is nothing to ask a forwarded packet: the
 * chain would cost it 74 ns and accept it. What may not leave its link in IPv6 is kept there by the guard, so that IPv4 does
 * not pay.
 */
export function letsAllThrough(networks: readonly Network[]): boolean {
  return networks.every(({ wayOut, isolateGuests, uplink, bridge, serve }) => {
    const restricted = isolateGuests || uplink !== undefined || bridge !== undefined || serve.length > 0;
    return wayOut === "routed" && !restricted;
  });
}

/** Clients behind an interface that the network serves are on it as guests are; who has other addresses there is none of ours. */
function composeServed(table: TableWriter, { name, serve, ipv4, ipv6, delegation }: Network, way: "iifname" | "oifname"): void {
  if (serve.length === 0) return;
  const [field, chain] = way === "iifname" ? (["saddr", `from_${name}`] as const) : (["daddr", `to_${name}`] as const);
  for (const prefix of [ipv4, ipv6, delegation?.pool]) {
    if (prefix === undefined) continue;
    const own = is(addressField(prefix.family, field), prefixWord(prefix));
    table.rule("forward", is(meta(way), anyOf(...serve)), own, goto(chain));
  }
}

function composeFrom(table: TableWriter, network: Network, networks: readonly Network[], forwards: boolean): void {
  const chain = `from_${network.name}`;
  table.chain(chain);
  // On a bridge guests share the link: there the bridge's own guard tells whose word is good.
  if (network.ipv6 !== undefined && network.bridge === undefined) composeLinkOnly(table, chain);
  // A forward is for everybody who reaches the host, so for the guests that may leave their network, too.
  const throughForwards = forwards && leadsOut(network);
  if (throughForwards && network.isolateGuests) table.rule(chain, FORWARDED, ACCEPT);
  // On a bridge it is the bridge that keeps guests apart: with br_netfilter, frames come by here that only cross it.
  const apart = network.isolateGuests && network.bridge === undefined;
  table.rule(chain, is(meta("oifgroup"), network.group), apart ? goto("refuse") : ACCEPT);
  if (network.bridge !== undefined) refuseForeign(table, chain, network);
  if (network.serve.length > 0)
    table.rule(chain, is(meta("oifname"), anyOf(...network.serve)), network.isolateGuests ? goto("refuse") : ACCEPT);
  if (throughForwards && !network.isolateGuests) table.rule(chain, FORWARDED, ACCEPT);
  if (leadsOut(network)) {
    for (const other of networks) {
      if (other === network) continue;
      if (other.wayOut === "routed") table.rule(chain, is(meta("oifgroup"), other.group), ACCEPT);
      if (other.wayOut === "nat" && network.wayOut === "routed")
        table.rule(chain, is(meta("oifgroup"), other.group), ANSWER, ACCEPT);
    }
    table.rule(chain, TO_GUEST, goto("refuse"));
    table.rule(chain, ...(network.uplink === undefined ? [] : [is(meta("oifname"), network.uplink)]), ACCEPT);
  }
  if (!leadsOut(network) || network.uplink !== undefined) table.rule(chain, goto("refuse"));
}

/** Who is on a bridge without being a guest is guarded by nobody: through the host it speaks for itself only, not for the world. */
function refuseForeign(table: TableWriter, chain: string, { ipv4, ipv6 }: Network): void {
  for (const [family, prefix] of [["ipv4", ipv4] as const, ["ipv6", ipv6] as const]) {
    const own = prefix && isNot(addressField(prefix.family, "saddr"), prefixWord(prefix));
    table.rule(chain, own ?? is(meta("nfproto"), family), goto("refuse"));
  }
}

/**
 * What is for one link alone and to be believed there is nobody's who is behind a router: also sent to a global address. `where`
 * says of which packets, where the chain sees others than those that are forwarded.
 */
export function composeLinkOnly(table: TableWriter, chain: string, ...where: Word[]): void {
  table.rule(chain, is(payload("icmpv6", "type"), anyOf(...NEIGHBOUR_DISCOVERY)), ...where, count("refused"), DROP);
  const toClient = [is(meta("nfproto"), "ipv6"), is(payload("udp", "dport"), DHCP6_CLIENT_PORT)];
  table.rule(chain, ...toClient, ...where, count("refused"), DROP);
}

/** From what is no guest of ours. */
function composeTo(table: TableWriter, network: Network, forwards: boolean): void {
  const chain = `to_${network.name}`;
  table.chain(chain);
  if (network.wayOut === "nat") table.rule(chain, ANSWER, ACCEPT);
  if (network.wayOut === "nat" && forwards) table.rule(chain, FORWARDED, ACCEPT);
  table.rule(chain, network.wayOut === "routed" ? ACCEPT : goto("refuse"));
}

function leadsOut({ wayOut }: Network): boolean {
  return wayOut !== "none";
}
