import { formatAddress, type IpAddress } from "../../base/kernel-objects.js";
import { GATEWAY_LINK_LOCAL, type Network } from "../model.js";
import { addressField, dispatch, NOT_TO_GUEST } from "./guests.js";
import { FORWARDED, FORWARDED_ANSWER } from "./port-forwards.js";
import { PRIORITY, type TableWriter } from "./table.js";
import {
  ACCEPT,
  anyOf,
  concat,
  count,
  DROP,
  goto,
  hasAny,
  inSet,
  is,
  isNot,
  meta,
  payload,
  remember,
  type Word,
} from "./words.js";

const DNS_PORT = 53;
/** As long as conntrack remembers a UDP flow that goes both ways. */
const EXPECTED_SECONDS = 120;
const EXPECTED_FLOWS = 65_536;

/** What guests reach on the host itself. */
export function composeInput(table: TableWriter, networks: readonly Network[], forwards: boolean): void {
  table.counter("kept_from_host");
  composeExpected(table);
  table.chain("input", { type: "filter", hook: "input", priority: PRIORITY.filter });
  // What the host says to itself, to its own DNS at the gateways too, is nobody else's.
  table.rule("input", is(meta("iif"), "lo"), ACCEPT);
  if (networks.length > 0) table.rule("input", ...dispatch("iifgroup", networks, (network) => `host_${network.name}`));
  closeGatewaysToOthers(table, networks);
  for (const network of networks) composeHost(table, network);
  composeAnswers(table, forwards);
}

function composeHost(table: TableWriter, network: Network): void {
  const chain = `host_${network.name}`;
  table.chain(chain);
  if (network.kind !== "private") {
    for (const gateway of gatewaysOf(network)) {
      const family = typeof gateway === "number" ? 4 : 6;
      const toGateway = is(addressField(family, "daddr"), formatAddress(gateway));
      table.rule(chain, toGateway, is(payload(family === 4 ? "icmp" : "icmpv6", "type"), "echo-request"), ACCEPT);
      table.rule(chain, toGateway, is(payload("tcp", "dport"), DNS_PORT), ACCEPT);
    }
  }
  if (network.ipv6 !== undefined) {
    // The gateway's own neighbour discovery: so guests keep their router while the daemon is away.
    table.rule(chain, is(payload("icmpv6", "type"), anyOf("nd-neighbor-solicit", "nd-neighbor-advert")), ACCEPT);
  }
  table.rule(chain, goto("answers"));
}

function gatewaysOf(network: Network): IpAddress[] {
  const linkLocal = network.ipv6 === undefined ? undefined : GATEWAY_LINK_LOCAL;
  return [network.gatewayIpv4, network.gatewayIpv6, linkLocal].filter((address) => address !== undefined);
}

/** What answers the host, without conntrack. A guest that may send no SYN opens no connection, and learns nothing by trying. */
function composeAnswers(table: TableWriter, forwards: boolean): void {
  table.chain("answers");
  // The host itself has used a forward: the datagram that it sent was for its own address.
  if (forwards) table.rule("answers", FORWARDED, FORWARDED_ANSWER, ACCEPT);
  table.rule("answers", hasAny(payload("tcp", "flags"), "ack", "rst"), ACCEPT);
  table.rule(
    "answers",
    expected("ip", "saddr", "sport", "dport", "iif", (flow) => is(flow, inSet("expected4"))),
    ACCEPT,
  );
  table.rule(
    "answers",
    expected("ip6", "saddr", "sport", "dport", "iif", (flow) => is(flow, inSet("expected6"))),
    ACCEPT,
  );
  const errors = ["destination-unreachable", "time-exceeded", "parameter-problem", "echo-reply"];
  table.rule("answers", is(payload("icmp", "type"), anyOf(...errors)), ACCEPT);
  table.rule("answers", is(payload("icmpv6", "type"), anyOf("packet-too-big", ...errors)), ACCEPT);
  table.rule("answers", count("kept_from_host"), DROP);
}

/** Whom the host asked by UDP, and from which port. */
function composeExpected(table: TableWriter): void {
  const dynamic = { size: EXPECTED_FLOWS, timeoutSeconds: EXPECTED_SECONDS };
  table.set("expected4", { type: ["iface_index", "ipv4_addr", "inet_service", "inet_service"], dynamic });
  table.set("expected6", { type: ["iface_index", "ipv6_addr", "inet_service", "inet_service"], dynamic });
  table.chain("output", { type: "filter", hook: "output", priority: PRIORITY.filter });
  // First, and for both families: whatever else the host sends meets one comparison.
  table.rule("output", NOT_TO_GUEST, ACCEPT);
  for (const [family, set] of [
    ["ip", "expected4"],
    ["ip6", "expected6"],
  ] as const) {
    table.rule(
      "output",
      expected(family, "daddr", "dport", "sport", "oif", (flow) => remember(flow, set)),
    );
  }
}

/** One flow as both directions know it: the guest's link, address and port, then the host's port. */
function expected(
  protocol: "ip" | "ip6",
  guest: "saddr" | "daddr",
  guestPort: "sport" | "dport",
  hostPort: "sport" | "dport",
  link: "iif" | "oif",
  use: (flow: Word) => Word,
): Word {
  return use(concat(meta(link), payload(protocol, guest), payload("udp", guestPort), payload("udp", hostPort)));
}

/** Our DNS at the gateways is for guests and for the host: on a public prefix it would be everybody's. */
function closeGatewaysToOthers(table: TableWriter, networks: readonly Network[]): void {
  for (const family of [4, 6] as const) {
    const gateways = networks.map((network) => (family === 4 ? network.gatewayIpv4 : network.gatewayIpv6));
    const texts = gateways.filter((address) => address !== undefined).map(formatAddress);
    if (texts.length === 0) continue;
    const toGateway = is(addressField(family, "daddr"), anyOf(...texts));
    const dns = [is(meta("l4proto"), anyOf("tcp", "udp")), is(payload("th", "dport"), DNS_PORT)];
    const served = networks.flatMap(({ serve }) => serve);
    const others = served.length === 0 ? [] : [isNot(meta("iifname"), anyOf(...served))];
    table.rule("input", toGateway, ...dns, ...others, DROP);
  }
}
