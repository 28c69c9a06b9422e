import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import { silentLogger } from "../../../src/base/log.js";
import { parseIpv4Prefix } from "../../../src/base/prefix.js";
import { defineNetworks } from "../../../src/network/define.js";
import { Policies } from "../../../src/network/policies.js";
import { nameMatches, nameSet, policyOf, type TrafficRule } from "../../../src/network/policy.js";
import { ManualClock } from "../../support/manual-clock.js";
import { FakeFirewall } from "./fake-kernel.js";

const [NETWORK] = defineNetworks([{ name: "default", kind: "nat", ipv4: parseIpv4Prefix("10.77.0.0/24") }]);
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
  const port = (guest: string, ifindex: number) => ({ ifindex, guest, network: NETWORK });

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
    policies.learn("example.org", [{ name: "example.org", address: 1, ttlSeconds: 300 }]);
    assert.equal(policies.traffic.elements.length, 0, "not below it");
    policies.learn("www.example.org", [{ name: "cdn.example.net", address: 1, ttlSeconds: 300 }]);
    const [{ set, element }] = policies.traffic.elements;
    assert.deepEqual([set.name, element.timeoutMs], [nameSet("*.example.org", 4), 330_000]);
    clock.advance(329_000);
    assert.equal(policies.traffic.elements[0].element.timeoutMs, 1000);
    policies.learn("www.example.org", [{ name: "cdn.example.net", address: 1, ttlSeconds: 0 }]);
    assert.equal(policies.traffic.elements[0].element.timeoutMs, 60_000, "a minute at least");
    clock.advance(60_000);
    assert.deepEqual(policies.traffic.elements, []);
  });

  test("what a configuration names no more is forgotten", () => {
    policies.learn("www.example.org", [{ name: "www.example.org", address: 1n, ttlSeconds: 300 }]);
    policies.configure([GUEST]);
    assert.deepEqual([policies.learns, policies.traffic.elements], [false, []]);
  });

  test("names", () => {
    assert.ok(nameMatches("*.example.org", "a.b.example.org"));
    for (const name of ["example.org", ".example.org", "badexample.org", "a.example.org.net"])
      assert.equal(nameMatches("*.example.org", name), false, name);
    assert.ok(nameMatches("example.org", "example.org"));
    assert.equal(nameMatches("example.org", "a.example.org"), false);
  });
});
