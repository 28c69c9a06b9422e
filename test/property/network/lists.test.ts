import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { formatAddress, type IpAddress } from "../../../src/base/kernel-objects.js";
import { silentLogger } from "../../../src/base/log.js";
import {
  ipv4InPrefix,
  ipv4Netmask,
  ipv6InPrefix,
  ipv6Netmask,
  parseIpv4Prefix,
  parseIpv6Prefix,
} from "../../../src/base/prefix.js";
import type { ElementPart } from "../../../src/base/set-element.js";
import { defineNetworks } from "../../../src/network/define.js";
import { Policies } from "../../../src/network/policies.js";
import { nameMatches, type Policy, policyOf, type RuleTarget, type TrafficRule } from "../../../src/network/policy.js";
import { composeRuleset } from "../../../src/network/ruleset.js";
import { NO_TRAFFIC } from "../../../src/network/traffic.js";
import { ManualClock } from "../../support/manual-clock.js";
import { FakeFirewall } from "../../unit/network/fake-kernel.js";
import { type Packet, RulesetMachine } from "./ruleset-machine.js";

const NETWORKS = defineNetworks([
  { name: "one", kind: "routed", ipv4: parseIpv4Prefix("10.1.0.0/16"), ipv6: parseIpv6Prefix("2001:db8:1::/64") },
  { name: "two", kind: "routed", ipv4: parseIpv4Prefix("10.2.0.0/16"), ipv6: parseIpv6Prefix("2001:db8:2::/64") },
]);
const GUESTS = ["a", "b", "c", "d"];
const PATTERNS = ["*.example.org", "www.example.org", "example.net"];
const ASKED = ["www.example.org", "a.example.org", "example.net"];
const FIRST_INDEX = 10;
const IPV4_ADDRESSES = [0x0a01_0002, 0x0a01_0103, 0x0a02_0002, 0xc000_0201, 0xc000_0280];
const IPV6_ADDRESSES = [0x2001_0db8_0001_0000_0000_0000_0000_0002n, 0x2001_0db8_0001_0000_8000_0000_0000_0002n, 1n];
/** Around the edges of what a range is cut into. */
const PORTS = [1, 2, 14, 15, 16, 17, 30, 31, 80, 254, 255, 256, 271, 272, 4094, 4095, 4096, 8191, 65_519, 65_520, 65_534, 65_535];
const NUMBERS = { tcp: 6, udp: 17 } as const;

const port = fc.constantFrom(...PORTS);
const prefix = fc.oneof(
  fc.tuple(fc.constantFrom(...IPV4_ADDRESSES), fc.integer({ min: 0, max: 32 })).map(([address, prefixLength]) => {
    return { family: 4 as const, address: (address & ipv4Netmask(prefixLength)) >>> 0, prefixLength };
  }),
  fc.tuple(fc.constantFrom(...IPV6_ADDRESSES), fc.integer({ min: 0, max: 128 })).map(([address, prefixLength]) => {
    return { family: 6 as const, address: address & ipv6Netmask(prefixLength), prefixLength };
  }),
);
const target: fc.Arbitrary<RuleTarget> = fc.oneof(
  fc.constant({ kind: "any" as const }),
  prefix.map((each) => ({ kind: "prefix" as const, prefix: each })),
  fc.constantFrom("one", "two").map((name) => ({ kind: "network" as const, name })),
  fc.constantFrom(...GUESTS).map((name) => ({ kind: "guest" as const, name })),
  fc.constantFrom(...PATTERNS).map((name) => ({ kind: "name" as const, name })),
);
const range = fc.tuple(port, port).map(([one, other]) => ({ first: Math.min(one, other), last: Math.max(one, other) }));
const service = fc.oneof(
  fc.record({ protocol: fc.constantFrom(undefined, "icmp" as const), ports: fc.constant([]) }),
  fc.record({ protocol: fc.constantFrom("tcp" as const, "udp" as const), ports: fc.array(range, { maxLength: 3 }) }),
);
const rule = fc.tuple(target, service).map(([each, what]): TrafficRule => {
  const text = JSON.stringify([each, what], (_key, value) => (typeof value === "bigint" ? String(value) : value));
  return { text, target: each, ...what };
});
const rules = fc.option(fc.array(rule, { maxLength: 4 }), { nil: undefined });
const told = fc.record({
  asker: fc.nat(3),
  asked: fc.constantFrom(...ASKED),
  address: fc.constantFrom(...IPV4_ADDRESSES, ...IPV6_ADDRESSES),
});
const way = fc.record({
  from: fc.nat(4),
  to: fc.nat(4),
  family: fc.constantFrom(4 as const, 6 as const),
  source: fc.nat(2),
  destination: fc.nat(2),
  protocol: fc.constantFrom("tcp" as const, "udp" as const, "icmp" as const),
  dport: port,
});
type Way = typeof way extends fc.Arbitrary<infer T> ? T : never;

interface Told {
  readonly asker: number;
  readonly asked: string;
  readonly address: IpAddress;
}

/** Guest 4 is the world. */
const networkOf = (guest: number) => (guest === 4 ? undefined : NETWORKS[guest % 2]);
const linkOf = (guest: number): number => FIRST_INDEX + guest;

function addressesOf({ family, source, destination }: Way): readonly [IpAddress, IpAddress] {
  const addresses: readonly IpAddress[] = family === 4 ? IPV4_ADDRESSES : IPV6_ADDRESSES;
  return [addresses[source], addresses[destination]];
}

function packetOf(one: Way): Packet {
  const { from, to, family, protocol, dport } = one;
  const [ip, [saddr, daddr]] = [family === 4 ? "ip" : "ip6", addressesOf(one)];
  const l4proto = protocol === "icmp" ? (family === 4 ? 1 : 58) : NUMBERS[protocol];
  return {
    "ct state": "new",
    iif: linkOf(from),
    oif: linkOf(to),
    iifgroup: networkOf(from)?.group ?? 0,
    oifgroup: networkOf(to)?.group ?? 0,
    [`${ip} saddr`]: formatAddress(saddr),
    [`${ip} daddr`]: formatAddress(daddr),
    l4proto,
    ...(protocol === "icmp" ? {} : { "th dport": dport }),
  };
}

/** What the rule says, in plain words. */
function fits(
  { target: whom, protocol, ports }: TrafficRule,
  direction: Policy["direction"],
  one: Way,
  heard: readonly Told[],
): boolean {
  const [saddr, daddr] = addressesOf(one);
  const [other, address] = direction === "egress" ? [one.to, daddr] : [one.from, saddr];
  if (protocol !== undefined && protocol !== one.protocol) return false;
  if (ports.length > 0 && !ports.some(({ first, last }) => first <= one.dport && one.dport <= last)) return false;
  switch (whom.kind) {
    case "any":
      return true;
    case "prefix":
      if (typeof address === "number") return whom.prefix.family === 4 && ipv4InPrefix(address, whom.prefix);
      return whom.prefix.family === 6 && ipv6InPrefix(address, whom.prefix);
    case "network":
      return networkOf(other)?.name === whom.name;
    case "guest":
      return GUESTS[other] === whom.name;
    case "name":
      return heard.some((each) => each.asker === one.from && each.address === daddr && nameMatches(whom.name, each.asked));
  }
}

function words(part: ElementPart): string | number {
  return part.kind === "address" ? formatAddress(part.value) : part.value;
}

suite("lists as elements of sets", () => {
  test("let what their rules say and nothing else, whatever lists others have", () => {
    const lists = fc.array(fc.record({ egress: rules, ingress: rules }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(
        lists,
        fc.array(told, { maxLength: 6 }),
        fc.array(way, { minLength: 30, maxLength: 30 }),
        (listed, heard, ways) => {
          const withoutNames = (each: TrafficRule[] | undefined) => each?.filter((one) => one.target.kind !== "name");
          const guests = listed.map(({ egress, ingress }) => ({ egress, ingress: withoutNames(ingress) }));
          const own = guests.map(({ egress, ingress }) => ({
            egress: egress && policyOf("egress", egress),
            ingress: ingress && policyOf("ingress", ingress),
          }));
          const policies = new Policies({
            firewall: new FakeFirewall(),
            clock: new ManualClock(),
            log: silentLogger,
            policiesOf: (guest) => own[GUESTS.indexOf(guest)],
            onRefused: () => assert.fail("refused"),
          });
          policies.configure(own.flatMap(({ egress, ingress }) => [egress, ingress].filter((policy) => policy !== undefined)));
          for (const [index, guest] of GUESTS.entries())
            policies.add({ ifindex: linkOf(index), guest, network: NETWORKS[index % 2], bindings: [] });
          for (const { asker, asked, address } of heard)
            policies.learn(`${NETWORKS[asker % 2].name}/${GUESTS[asker]}`, asked, [{ name: asked, address, ttlSeconds: 300 }]);

          const { traffic } = policies;
          const machine = new RulesetMachine(composeRuleset(NETWORKS, [], { ...NO_TRAFFIC, ...traffic }), "inet");
          for (const { set, element } of traffic.elements)
            if (set.name.startsWith("names_")) machine.add(set.name, element.key.map(words));
          for (const one of ways) {
            const lets = (direction: Policy["direction"], guest: number): boolean => {
              const list = guests[guest]?.[direction];
              return list === undefined || list.some((each) => fits(each, direction, one, heard));
            };
            const expected = lets("egress", one.from) && lets("ingress", one.to);
            assert.equal(machine.passes("policy", packetOf(one)), expected, JSON.stringify(packetOf(one)));
          }
        },
      ),
    );
  });

  test("ten thousand different ones are the rules of one", () => {
    const rulesOf = (count: number): number => {
      const one = (index: number): TrafficRule[] => [
        {
          text: `${index}`,
          target: { kind: "guest", name: `g${index}` },
          protocol: "tcp",
          ports: [{ first: index + 1, last: index + 1 }],
        },
        { text: `any ${index}`, target: { kind: "any" }, protocol: "udp", ports: [{ first: index + 1, last: index + 1 }] },
      ];
      const policies = new Policies({
        firewall: new FakeFirewall(),
        clock: new ManualClock(),
        log: silentLogger,
        policiesOf: () => ({ egress: undefined, ingress: undefined }),
        onRefused: () => assert.fail("refused"),
      });
      const indices = Array.from({ length: count }, (_, index) => index);
      policies.configure(indices.flatMap((index) => [policyOf("egress", one(index)), policyOf("ingress", one(index))]));
      return new RulesetMachine(composeRuleset(NETWORKS, [], { ...NO_TRAFFIC, ...policies.traffic }), "inet").rules;
    };
    assert.equal(rulesOf(10_000), rulesOf(1));
  });
});
