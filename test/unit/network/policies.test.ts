import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import { silentLogger } from "../../../src/base/log.js";
import { parseIpv4Prefix } from "../../../src/base/prefix.js";
import { defineNetworks } from "../../../src/network/define.js";
import type { Port } from "../../../src/network/model.js";
import { Policies } from "../../../src/network/policies.js";
import { nameMatches, policyOf, type TrafficRule } from "../../../src/network/policy.js";
import { composeRuleset } from "../../../src/network/ruleset.js";
import { NO_TRAFFIC } from "../../../src/network/traffic.js";
import { ManualClock } from "../../support/manual-clock.js";
import { FakeFirewall } from "./fake-kernel.js";

const [NETWORK] = defineNetworks([{ name: "default", kind: "nat", ipv4: parseIpv4Prefix("10.77.0.0/24") }]);
const [BRIDGED] = defineNetworks([{ name: "shared", kind: "bridge", ipv4: parseIpv4Prefix("10.80.0.0/24") }]);
const rule = (text: string, target: TrafficRule["target"]): TrafficRule => ({ text, target, protocol: undefined, ports: [] });
const NAMES = policyOf("egress", [rule("*.example.org", { kind: "name", name: "*.example.org" })]);
const GUEST = policyOf("ingress", [rule("guest b", { kind: "guest", name: "b" })]);

suite("lists of guests", () => {
  let firewall: FakeFirewall;
  let clock: ManualClock;
  let policies: Policies;
  let listed = NAMES;
  const elements = (): string[] =>
    [...firewall.sets].flatMap(([set, members]) => [...members].map((member) => `${set} ${member}`));
  const port = (guest: string, ifindex: number, network = NETWORK, bindings: Port["bindings"] = []) => ({
    ifindex,
    guest,
    network,
    bindings,
  });
  const learn = (asked: string, ...addresses: Parameters<Policies["learn"]>[2]): void =>
    policies.learn("default/a", asked, addresses);
  const learnt = () => policies.traffic.elements.filter(({ set }) => set.name.startsWith("names_"));

  beforeEach(() => {
    firewall = new FakeFirewall();
    clock = new ManualClock();
    listed = NAMES;
    policies = new Policies({
      firewall,
      clock,
      log: silentLogger,
      policiesOf: (guest) => ({ egress: guest === "a" ? listed : undefined, ingress: guest === "a" ? GUEST : undefined }),
      onRefused: () => assert.fail("refused"),
    });
    policies.configure([NAMES, GUEST, GUEST]);
    policies.open();
  });

  test("a guest is an element for each list and each guest in it, and one where others name it; nothing twice, and nothing left", () => {
    assert.equal(policies.traffic.policies.length, 2);
    policies.add(port("a", 7));
    policies.add(port("b", 8));
    assert.equal(elements().length, 4);
    const { sends } = firewall;
    policies.add(port("a", 7));
    policies.add(port("c", 9));
    assert.equal(firewall.sends, sends);
    for (const ifindex of [7, 8, 9]) policies.remove({ ifindex });
    assert.deepEqual([elements(), policies.traffic.elements], [[], []]);
  });

  test("a list that a guest gets by a new configuration is what the rules are loaded with, by another number", () => {
    policies.add(port("b", 8));
    policies.add(port("a", 7));
    const numberOf = (): unknown[] =>
      policies.traffic.elements.filter(({ set }) => set.name === "policy_egress").map(({ element }) => element.data?.value);
    const [before] = numberOf();
    const other = policyOf("egress", [rule("any", { kind: "any" })]);
    listed = other;
    policies.configure([other, GUEST]);
    const [after] = numberOf();
    assert.notEqual(after, before);
    assert.equal(policies.traffic.policies.find(({ number }) => number === after)?.digest, other.digest);
  });

  test("addresses of names serve as long as their answers, and are renewed", () => {
    assert.equal(policies.learns, true);
    policies.add(port("a", 7));
    learn("example.org", { name: "example.org", address: 1, ttlSeconds: 300 });
    assert.equal(learnt().length, 0, "not below it");
    learn("www.example.org", { name: "cdn.example.net", address: 1, ttlSeconds: 300 });
    const [{ set, element }] = learnt();
    assert.deepEqual([set.name, element.timeoutMs], ["names_link_4_all", 330_000]);
    clock.advance(329_000);
    assert.equal(learnt()[0].element.timeoutMs, 1000);
    learn("www.example.org", { name: "cdn.example.net", address: 1, ttlSeconds: 0 });
    assert.equal(learnt()[0].element.timeoutMs, 60_000, "a minute at least");
    clock.advance(60_000);
    assert.deepEqual(learnt(), []);
  });

  test("an address of several names serves until the last of them ends", () => {
    listed = policyOf(
      "egress",
      ["a.example", "b.example"].map((name) => rule(name, { kind: "name", name })),
    );
    policies.configure([listed, GUEST]);
    policies.add(port("a", 7));
    learn("a.example", { name: "a.example", address: 1, ttlSeconds: 300 });
    learn("b.example", { name: "b.example", address: 1, ttlSeconds: 60 });
    assert.deepEqual(
      learnt().map(({ element }) => element.timeoutMs),
      [330_000],
    );
    listed = policyOf("egress", [rule("b.example", { kind: "name", name: "b.example" })]);
    policies.configure([listed, GUEST]);
    assert.deepEqual(
      learnt().map(({ element }) => element.timeoutMs),
      [90_000],
    );
  });

  test("what a configuration names no more is forgotten", () => {
    policies.add(port("a", 7));
    learn("www.example.org", { name: "www.example.org", address: 1n, ttlSeconds: 300 });
    listed = policyOf("egress", []);
    policies.configure([GUEST, listed]);
    assert.deepEqual([policies.learns, learnt()], [false, []]);
  });

  test("only who has asked learns, and no more than its share", () => {
    policies.add(port("a", 7));
    const told = [{ name: "www.example.org", address: 1, ttlSeconds: 300 }];
    for (const asker of ["default/b", "host", "eth1", "default/"]) policies.learn(asker, "www.example.org", told);
    assert.deepEqual(learnt(), []);
    for (let address = 1; address <= 5000; address++)
      learn("www.example.org", { name: "www.example.org", address, ttlSeconds: 300 });
    assert.equal(learnt().length, 4096);
    assert.equal(firewall.sets.get("inet tapnet names_link_4_all")?.size, 4096);
    policies.remove({ ifindex: 7 });
    assert.deepEqual([elements(), policies.traffic.elements], [[], []]);
  });

  test("a guest on a bridge is known by its link there, and by its addresses where the host forwards", () => {
    const addresses = [parseIpv4Prefix("10.80.0.10/32"), parseIpv4Prefix("10.80.0.11/32")].map((prefix) => prefix?.address ?? 0);
    const bindings = addresses.map((address) => ({ address, mac: 1 }));
    const on = (count: number): void => policies.add(port("a", 7, BRIDGED, bindings.slice(0, count)));
    policies.configure([NAMES, GUEST], new Set([NAMES.digest, GUEST.digest]));
    on(1);
    const setNames = (): string[] => policies.traffic.elements.map(({ set }) => `${set.table.family} ${set.name}`).toSorted();
    assert.deepEqual(setNames(), [
      "bridge guests_ingress_link_all",
      "bridge listed",
      "bridge policy_egress",
      "bridge policy_ingress",
      "inet guests_ingress_4_all",
      "inet policy_egress_4",
      "inet policy_ingress_4",
    ]);
    policies.learn("shared/a", "www.example.org", [{ name: "www.example.org", address: 1, ttlSeconds: 300 }]);
    assert.equal(learnt().length, 2);
    on(2);
    assert.equal(learnt().length, 3, "an address that came later");
    assert.equal(setNames().length, 13);
    policies.remove({ ifindex: 7 });
    assert.deepEqual([elements(), policies.traffic.elements], [[], []]);
  });

  test("lists beyond the last form share it, and it looks up what any of them has", () => {
    const prefixes = (bits: number): TrafficRule[] =>
      Array.from({ length: 13 }, (_, index) => index)
        .filter((index) => (bits & (1 << index)) !== 0)
        .map((index) => {
          const prefix = { family: 4, address: 0, prefixLength: 8 + index } as const;
          return { ...rule(`0.0.0.0/${8 + index}`, { kind: "prefix", prefix }) };
        });
    const lists = Array.from({ length: 5000 }, (_, bits) => policyOf("egress", prefixes(bits)));
    policies.configure([...lists, policyOf("ingress", prefixes(1))]);
    const { nftables } = composeRuleset([NETWORK], [], { ...NO_TRAFFIC, ...policies.traffic });
    const commands = nftables as readonly { add?: { chain?: { name: string }; rule?: { chain: string } } }[];
    const chains = commands.flatMap(({ add }) => add?.chain?.name ?? []).filter((name) => name.startsWith("egress_"));
    // Two forms are those of the lists before.
    assert.equal(chains.length, 4094 - 2);
    const rules = (chain: string): number => commands.filter(({ add }) => add?.rule?.chain === chain).length;
    assert.equal(rules("egress_4094"), 13 + 1, "each prefix length, and refuse");
    assert.equal(rules("ingress_4095"), 1 + 1);
    const numbers = policies.traffic.policies.map(({ number }) => number);
    assert.equal(new Set(numbers).size, 5001);
    assert.ok(numbers.every((number) => number < 2 ** 32));
  });

  test("names", () => {
    assert.ok(nameMatches("*.example.org", "a.b.example.org"));
    for (const name of ["example.org", ".example.org", "badexample.org", "a.example.org.net"])
      assert.equal(nameMatches("*.example.org", name), false, name);
    assert.ok(nameMatches("example.org", "example.org"));
    assert.equal(nameMatches("example.org", "a.example.org"), false);
  });
});
