/**
 * Theory of operation
 *
 * Lists of guests on bridges. What goes from port to port does not come by where the host forwards, so the lists are at the
 * bridge as well, by the same numbers and chains (`policies.ts`). Many kernels track no connections there, and a host that does
 * so for one guest does so for all it forwards; so it is done without, and only for links that have lists:
 *
 *   what answers    ports and addresses turned round are in `flows`, or, of what has no ports, the addresses in `peers`: passes
 *   what is listed  both links' lists let it pass, each packet anew; it is entered into `flows` and `peers`
 *
 * So nothing is let out by looking like an answer, and a rule that is taken away ends what it let begin. Flows end without
 * packets, and are forgotten when the rules are loaded again: the next packet of who began it enters them anew. Where the sets
 * are full, answers to what is new are refused, listed packets are not.
 *
 * ARP, neighbour discovery, group membership and DHCP pass: the bridge's guard has looked at those (`bridge.ts`). On a bridge that
 * others have made the host is one more station: what a guest sends to it or through it is held to the list, too. On our own
 * that is for the host's own rules, which know such guests by their addresses.
 */
import type { Bridge, Network } from "../model.js";
import type { NumberedPolicy } from "../policy.js";
import { addressField } from "./guests.js";
import { composeForms, FAMILIES, GUEST_MAPS, SCRATCH, toForm } from "./lists.js";
import { BRIDGE_POLICY_MAPS, declareListSets, LISTED, ofTheLink } from "./policies.js";
import { PRIORITY, type TableWriter } from "./table.js";
import {
  ACCEPT,
  anyOf,
  concat,
  count,
  DROP,
  fragmentOffset,
  goto,
  inSet,
  is,
  isNot,
  mapped,
  meta,
  payload,
  remember,
  rememberFor,
  setMeta,
  type Word,
} from "./words.js";

const FLOWS = 262_144;
const PEERS = 65_536;
/** As long as conntrack remembers UDP that goes both ways; and TCP that is silent longer sends keepalives, or should. */
const SECONDS = { udp: 180, tcp: 7440 } as const;
const ARP = 0x0806;
const ANSWER_TYPES = ["destination-unreachable", "time-exceeded", "parameter-problem", "echo-reply"] as const;

type Way = "forth" | "back";

/** `back`: as the packet that this one answers had them. */
function ends(family: 4 | 6, way: Way): Word[] {
  const both = [addressField(family, "saddr"), addressField(family, "daddr")];
  return way === "forth" ? both : both.toReversed();
}

function flow(family: 4 | 6, way: Way): Word {
  const ports = [payload("th", "sport"), payload("th", "dport")];
  return concat(...ends(family, way), meta("l4proto"), ...(way === "forth" ? ports : ports.toReversed()));
}

function peers(family: 4 | 6, way: Way): Word {
  return is(concat(...ends(family, way)), inSet(`peers${family}`));
}

export function composeBridgePolicies(
  table: TableWriter,
  networks: readonly (Network & { readonly bridge: Bridge })[],
  all: readonly NumberedPolicy[],
): void {
  const policies = all.filter(({ bridged }) => bridged);
  for (const { name } of [...Object.values(BRIDGE_POLICY_MAPS), GUEST_MAPS.bridge])
    table.map(name, { type: "iface_index", data: "classid" });
  if (policies.length === 0) return;
  table.set(LISTED, { type: "iface_index" });
  declareListSets(table, policies);
  for (const family of FAMILIES) {
    const address = `ipv${family}_addr`;
    const flowType = [address, address, "inet_proto", "inet_service", "inet_service"];
    table.set(`flows${family}`, { type: flowType, dynamic: { size: FLOWS, timeoutSeconds: SECONDS.udp } });
    table.set(`peers${family}`, { type: [address, address], dynamic: { size: PEERS, timeoutSeconds: SECONDS.tcp } });
  }
  table.chain("policy", { type: "filter", hook: "forward", priority: PRIORITY.filter });
  for (const link of ["iif", "oif"]) table.rule("policy", is(meta(link), inSet(LISTED)), goto("policed"));
  composeHost(table, networks);
  composePoliced(table, policies);
  composeForms(table, policies, [count("refused"), DROP], { from: [], to: [] });
}

/** The host as a station of others' bridges: whom it asks may answer it. */
function composeHost(table: TableWriter, networks: readonly (Network & { readonly bridge: Bridge })[]): void {
  const groups = networks.filter(({ bridge }) => bridge.existing).map(({ group }) => group);
  if (groups.length === 0) return;
  table.chain("policy_in", { type: "filter", hook: "input", priority: PRIORITY.filter });
  table.rule("policy_in", is(meta("iifgroup"), anyOf(...groups)), is(meta("iif"), inSet(LISTED)), goto("policed"));
  table.chain("policy_out", { type: "filter", hook: "output", priority: PRIORITY.filter });
  table.rule("policy_out", is(meta("oifgroup"), anyOf(...groups)), is(meta("oif"), inSet(LISTED)), goto("begun"));
}

function composePoliced(table: TableWriter, policies: readonly NumberedPolicy[]): void {
  table.chain("begun");
  table.chain("policed");
  const rule = (...words: Word[]): void => table.rule("policed", ...words);
  rule(is(payload("ether", "type"), ARP), ACCEPT);
  for (const words of ofTheLink()) rule(...words, ACCEPT);
  for (const family of FAMILIES) {
    for (const protocol of ["tcp", "udp"] as const) {
      const answers = flow(family, "back");
      const again = rememberFor(answers, SECONDS[protocol], `flows${family}`);
      rule(is(meta("l4proto"), protocol), is(answers, inSet(`flows${family}`)), again, ACCEPT);
    }
    const later = isNot(fragmentOffset(family), 0);
    for (const way of ["forth", "back"] as const) rule(later, peers(family, way), ACCEPT);
    rule(isNot(meta("l4proto"), anyOf("tcp", "udp", "icmp", "ipv6-icmp")), peers(family, "back"), ACCEPT);
  }
  rule(is(payload("icmp", "type"), anyOf(...ANSWER_TYPES)), peers(4, "back"), ACCEPT);
  rule(is(payload("icmpv6", "type"), anyOf("packet-too-big", ...ANSWER_TYPES)), peers(6, "back"), ACCEPT);
  for (const [direction, link] of [
    ["egress", "iif"],
    ["ingress", "oif"],
  ] as const) {
    const lists = policies.filter((policy) => policy.direction === direction);
    if (lists.length > 0) rule(setMeta(SCRATCH, mapped(meta(link), BRIDGE_POLICY_MAPS[direction].name)), toForm(lists));
  }
  rule(goto("begun"));
  for (const family of FAMILIES) {
    table.rule("begun", remember(concat(...ends(family, "forth")), `peers${family}`));
    for (const protocol of ["tcp", "udp"] as const) {
      const entry = rememberFor(flow(family, "forth"), SECONDS[protocol], `flows${family}`);
      table.rule("begun", is(meta("l4proto"), protocol), entry);
    }
  }
  table.rule("begun", ACCEPT);
}
