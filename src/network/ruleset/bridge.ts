/**
 * Theory of operation
 *
 * Guests on a bridge reach each other without the host's routing, so they are guarded where the bridge takes their frames in:
 * table `bridge tapnet`, which is there while a network of kind `bridge` is. A frame from a guest's port goes on only where
 * port, MAC address and source are bound together, in ARP and neighbour discovery also as what they claim; on a network
 * without prefixes, whose addresses others give, by port and MAC address. What is not IPv4, IPv6 or ARP does not go on: no
 * VLANs, no spanning tree. Nobody behind a guest's port plays router or DHCP server. Questions that the daemon answers have
 * been copied to it from the port itself, and end here.
 *
 * The target of a neighbour advertisement has no name in nft's JSON: the set of those and the rule that looks into it are
 * composed as text (`ADVERTISED`), and until it is loaded, a moment later, no advertisement passes.
 */
import { formatAddress } from "../../base/kernel-objects.js";
import type { Bridge, Network } from "../model.js";
import { addressField, dispatch } from "./guests.js";
import { PRIORITY, type TableWriter } from "./table.js";
import {
  ACCEPT,
  anyOf,
  concat,
  count,
  DROP,
  goto,
  hasExtension,
  inSet,
  is,
  jump,
  meta,
  payload,
  prefix,
  remember,
  type Word,
} from "./words.js";

type BridgeNetwork = Network & { readonly bridge: Bridge };

const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd, vlan: 0x8100, serviceVlan: 0x88a8 } as const;
const PORT = { dns: 53, dhcpServer: 67, dhcpClient: 68, dhcp6Client: 546, dhcp6Server: 547 } as const;
const DAY_SECONDS = 86_400;
const SPOOFERS = 4096;
const LINK_LOCAL = prefix("fe80::", 10);

/** Completes the table; nft(8). */
export const ADVERTISED = `add set bridge tapnet targets { typeof iif . ether saddr . @th,64,128; }
add rule bridge tapnet advertised iif . ether saddr . ip6 saddr @bound6 iif . ether saddr . @th,64,128 @targets accept
`;

const etherType = payload("ether", "type");
const station = is(concat(meta("iif"), payload("ether", "saddr")), inSet("macs"));
const arpStation = is(concat(meta("iif"), payload("arp", "saddr ether")), inSet("macs"));
const icmpv6Is = (...types: string[]): Word => is(payload("icmpv6", "type"), anyOf(...types));

/** Networks of kind `bridge`, ours or others'. */
export function onBridges(networks: readonly Network[]): BridgeNetwork[] {
  return networks.filter((network): network is BridgeNetwork => network.bridge !== undefined);
}

export function composeBridge(table: TableWriter, networks: readonly BridgeNetwork[]): void {
  table.counter("spoofed");
  table.counter("rogue");
  table.counter("refused");
  table.set("bound4", { type: ["iface_index", "ether_addr", "ipv4_addr"] });
  table.set("bound6", { type: ["iface_index", "ether_addr", "ipv6_addr"] });
  table.set("macs", { type: ["iface_index", "ether_addr"] });
  table.set("spoofers", { type: "iface_index", dynamic: { size: SPOOFERS, timeoutSeconds: DAY_SECONDS }, counted: true });
  table.chain("prerouting", { type: "filter", hook: "prerouting", priority: PRIORITY.raw });
  table.rule("prerouting", ...dispatch("iifgroup", networks, ({ name }) => `from_${name}`));
  for (const network of networks) composeFrom(table, network);
  composeBound(table);
  composeStationed(table);
  table.chain("spoofed");
  table.rule("spoofed", remember(meta("iif"), "spoofers"));
  table.rule("spoofed", count("spoofed"), DROP);
  table.chain("rogue");
  table.rule("rogue", count("rogue"), DROP);
  composeIsolation(table, networks);
  composeInput(table, networks);
}

function composeFrom(table: TableWriter, network: BridgeNetwork): void {
  const chain = `from_${network.name}`;
  table.chain(chain);
  // What is inside a tag would be read as if there were none.
  table.rule(chain, is(etherType, anyOf(ETHER_TYPE.vlan, ETHER_TYPE.serviceVlan)), goto("spoofed"));
  table.rule(chain, is(payload("udp", "sport"), anyOf(PORT.dhcpServer, PORT.dhcp6Server)), goto("rogue"));
  table.rule(chain, is(payload("udp", "dport"), anyOf(PORT.dhcpClient, PORT.dhcp6Client)), goto("rogue"));
  table.rule(chain, icmpv6Is("nd-router-advert", "nd-redirect"), goto("rogue"));
  for (const question of questions(network)) table.rule(chain, ...question, DROP);
  const hasPrefix = network.ipv4 !== undefined || network.ipv6 !== undefined;
  table.rule(chain, goto(hasPrefix ? "bound" : "stationed"));
}

/** What the daemon answers on the port itself. */
function questions({ bridge, gatewayIpv4, gatewayIpv6 }: BridgeNetwork): Word[][] {
  const asked: Word[][] = [];
  if (bridge.dhcp) asked.push([is(payload("udp", "dport"), anyOf(PORT.dhcpServer, PORT.dhcp6Server))]);
  if (gatewayIpv6 !== undefined) asked.push([icmpv6Is("nd-router-solicit")]);
  for (const gateway of bridge.dns ? [gatewayIpv4, gatewayIpv6] : []) {
    if (gateway === undefined) continue;
    const toGateway = is(addressField(typeof gateway === "number" ? 4 : 6, "daddr"), formatAddress(gateway));
    asked.push([toGateway, is(payload("udp", "dport"), PORT.dns)]);
  }
  return asked;
}

/** Where guests' addresses are known. */
function composeBound(table: TableWriter): void {
  const source = (address: Word, set: string): Word => is(concat(meta("iif"), payload("ether", "saddr"), address), inSet(set));
  const sender = payload("arp", "saddr ip");
  const arpBound = is(concat(meta("iif"), payload("arp", "saddr ether"), sender), inSet("bound4"));
  table.chain("advertised");
  table.chain("bound");
  table.rule("bound", source(payload("ip", "saddr"), "bound4"), ACCEPT);
  table.rule("bound", arpBound, source(sender, "bound4"), ACCEPT);
  // RFC 5227: a probe has no sender's address yet.
  table.rule("bound", is(sender, "0.0.0.0"), is(payload("arp", "operation"), "request"), station, arpStation, ACCEPT);
  // RFC 6980: neighbour discovery is never fragmented, but to hide what it is.
  table.rule("bound", is(payload("ip6", "saddr"), LINK_LOCAL), hasExtension("frag"), goto("spoofed"));
  table.rule("bound", icmpv6Is("nd-neighbor-advert"), jump("advertised"));
  table.rule("bound", icmpv6Is("nd-neighbor-advert"), goto("spoofed"));
  table.rule("bound", source(payload("ip6", "saddr"), "bound6"), ACCEPT);
  const unspecified = is(payload("ip6", "saddr"), "::");
  const nameless = ["nd-neighbor-solicit", "mld-listener-report", "mld-listener-done", "mld2-listener-report"];
  table.rule("bound", unspecified, icmpv6Is(...nameless), station, ACCEPT);
  // Of guests that have no address yet: the frame socket has them already.
  table.rule("bound", is(payload("ip", "saddr"), "0.0.0.0"), DROP);
  table.rule("bound", is(payload("ip6", "saddr"), anyOf("::", LINK_LOCAL)), DROP);
  table.rule("bound", goto("spoofed"));
}

/** Where others give out addresses. */
function composeStationed(table: TableWriter): void {
  table.chain("stationed");
  table.rule("stationed", is(etherType, anyOf(ETHER_TYPE.ipv4, ETHER_TYPE.ipv6)), station, ACCEPT);
  table.rule("stationed", is(etherType, ETHER_TYPE.arp), station, arpStation, ACCEPT);
  table.rule("stationed", goto("spoofed"));
}

/** Guests that are kept apart reach the bridge's other ports, but not each other. */
function composeIsolation(table: TableWriter, networks: readonly BridgeNetwork[]): void {
  const isolated = networks.filter(({ isolateGuests }) => isolateGuests);
  if (isolated.length === 0) return;
  table.chain("forward", { type: "filter", hook: "forward", priority: PRIORITY.filter });
  for (const { group } of isolated) {
    table.rule("forward", is(meta("iifgroup"), group), is(meta("oifgroup"), group), count("refused"), DROP);
  }
}

/** The LAN behind our bridge's further ports has servers of its own, unless it is served. */
function composeInput(table: TableWriter, networks: readonly BridgeNetwork[]): void {
  const unserved = networks.flatMap(({ bridge }) => bridge.ports.filter((port) => !bridge.served.includes(port)));
  if (unserved.length === 0) return;
  table.chain("input", { type: "filter", hook: "input", priority: PRIORITY.filter });
  const fromLan = is(meta("iifname"), anyOf(...unserved));
  table.rule("input", fromLan, is(payload("udp", "dport"), anyOf(PORT.dns, PORT.dhcpServer, PORT.dhcp6Server)), DROP);
  table.rule("input", fromLan, is(payload("tcp", "dport"), PORT.dns), DROP);
  table.rule("input", fromLan, icmpv6Is("nd-router-solicit"), DROP);
}
