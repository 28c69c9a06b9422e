import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import { silentLogger } from "../../../src/base/log.js";
import { parseIpv4Prefix } from "../../../src/base/prefix.js";
import { defineNetworks } from "../../../src/network/define.js";
import type { Port } from "../../../src/network/model.js";
import { Policies } from "../../../src/network/policies.js";
import { nameMatches, nameSet, policyOf, type TrafficRule } from "../../../src/network/policy.js";
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
  const learnt = () => policies.traffic.elements.filter(({ set }) => set.name.startsWith("name_"));

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

  test("a guest is an element for each list, and one where others name it; nothing twice, and nothing left", () => {
    assert.equal(policies.traffic.policies.length, 2);
    policies.add(port("a", 7));
    policies.add(port("b", 8));
    assert.equal(elements().length, 3);
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
    assert.equal(policies.traffic.policies.find(({ number }) => number === after)?.chain, other.chain);
  });

  test("addresses of names serve as long as their answers, and are renewed", () => {
    assert.equal(policies.learns, true);
    policies.add(port("a", 7));
    learn("example.org", { name: "example.org", address: 1, ttlSeconds: 300 });
    assert.equal(learnt().length, 0, "not below it");
    learn("www.example.org", { name: "cdn.example.net", address: 1, ttlSeconds: 300 });
    const [{ set, element }] = learnt();
    assert.deepEqual([set.name, element.timeoutMs], [nameSet("*.example.org", 4), 330_000]);
    clock.advance(329_000);
    assert.equal(learnt()[0].element.timeoutMs, 1000);
    learn("www.example.org", { name: "cdn.example.net", address: 1, ttlSeconds: 0 });
    assert.equal(learnt()[0].element.timeoutMs, 60_000, "a minute at least");
    clock.advance(60_000);
    assert.deepEqual(learnt(), []);
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
    assert.equal(firewall.sets.get(`inet tapnet ${nameSet("*.example.org", 4)}`)?.size, 4096);
    policies.remove({ ifindex: 7 });
    assert.deepEqual([elements(), policies.traffic.elements], [[], []]);
  });

  test("a guest on a bridge is known by its link there, and by its addresses where the host forwards", () => {
    const addresses = [parseIpv4Prefix("10.80.0.10/32"), parseIpv4Prefix("10.80.0.11/32")].map((prefix) => prefix?.address ?? 0);
    const bindings = addresses.map((address) => ({ address, mac: 1 }));
    const on = (count: number): void => policies.add(port("a", 7, BRIDGED, bindings.slice(0, count)));
    policies.configure([NAMES, GUEST], new Set([NAMES.chain, GUEST.chain]));
    on(1);
    const setNames = (): string[] => policies.traffic.elements.map(({ set }) => `${set.table.family} ${set.name}`).toSorted();
    assert.deepEqual(setNames(), [
      "bridge listed",
      "bridge policy_egress",
      "bridge policy_ingress",
      "inet policy_egress_4",
      "inet policy_ingress_4",
    ]);
    policies.learn("shared/a", "www.example.org", [{ name: "www.example.org", address: 1, ttlSeconds: 300 }]);
    assert.equal(learnt().length, 2);
    on(2);
    assert.equal(learnt().length, 3, "an address that came later");
    assert.equal(setNames().length, 10);
    policies.remove({ ifindex: 7 });
    assert.deepEqual([elements(), policies.traffic.elements], [[], []]);
  });

  test("names", () => {
    assert.ok(nameMatches("*.example.org", "a.b.example.org"));
    for (const name of ["example.org", ".example.org", "badexample.org", "a.example.org.net"])
      assert.equal(nameMatches("*.example.org", name), false, name);
    assert.ok(nameMatches("example.org", "example.org"));
    assert.equal(nameMatches("example.org", "a.example.org"), false);
  });
});
