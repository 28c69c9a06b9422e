import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseIpv4Prefix, parseIpv6Prefix } from "../../../src/base/prefix.js";
import { defineNetworks, type NetworkSpecification } from "../../../src/network/define.js";
import type { Network } from "../../../src/network/model.js";
import { composeRuleset, EMPTY_RULESET } from "../../../src/network/ruleset.js";
import { NO_TRAFFIC } from "../../../src/network/traffic.js";

const NAT = { name: "default", kind: "nat", ipv4: parseIpv4Prefix("10.77.0.0/24") } as const;
const ROUTED = { name: "public", kind: "routed", ipv4: parseIpv4Prefix("203.0.113.0/24") } as const;
const ISOLATED = {
  name: "lab",
  kind: "isolated",
  ipv4: parseIpv4Prefix("10.78.0.0/24"),
  ipv6: parseIpv6Prefix("fd00::/64"),
} as const;

/** The rules of one chain, each as text. */
function rulesOf(networks: readonly Network[], chain: string): string[] {
  const commands = composeRuleset(networks, []).nftables as readonly { add?: { rule?: { chain: string; expr: object[] } } }[];
  return commands.flatMap(({ add }) => (add?.rule?.chain === chain ? [JSON.stringify(add.rule.expr)] : []));
}

suite("the ruleset", () => {
  test("is as long with a thousand guests as with one", () => {
    const networks = defineNetworks([NAT, ROUTED, ISOLATED]);
    const rules = (count: number): number => {
      const stations = Array.from({ length: count }, (_, index) => ({ ifindex: index + 9, mac: index, address: index }));
      return composeRuleset(networks, stations).nftables.filter((command) => !JSON.stringify(command).includes('"element"'))
        .length;
    };
    assert.equal(rules(1000), rules(0));
  });

  test("replaces both tables in one transaction", () => {
    const commands = composeRuleset(defineNetworks([NAT]), []).nftables.map((command) => JSON.stringify(command));
    for (const family of ["inet", "arp"]) {
      const table = `{"table":{"family":"${family}","name":"tapnet"}}`;
      const first = commands.indexOf(`{"add":${table}}`);
      assert.deepEqual(commands.slice(first, first + 3), [`{"add":${table}}`, `{"delete":${table}}`, `{"add":${table}}`]);
    }
    assert.equal(EMPTY_RULESET.nftables.length, 4);
  });

  test("does not depend on the order of networks", () => {
    const [one, other] = [defineNetworks([NAT, ROUTED, ISOLATED]), defineNetworks([ISOLATED, NAT, ROUTED])];
    assert.deepEqual(composeRuleset(one, []), composeRuleset(other, []));
  });

  test("asks for connection tracking only where a network has NAT, or there are forwards", () => {
    const text = (networks: readonly Network[]): string => JSON.stringify(composeRuleset(networks, []));
    assert.doesNotMatch(text(defineNetworks([ROUTED, ISOLATED])), /"ct(?: count)?"|"masquerade"/);
    assert.match(text(defineNetworks([ROUTED, NAT])), /"ct".*"masquerade"/);
    const withForwards = composeRuleset(defineNetworks([ROUTED]), [], { ...NO_TRAFFIC, forwards: true });
    assert.match(JSON.stringify(withForwards), /"ct".*"dnat"/);
  });

  test("lets a network with an uplink out through that alone", () => {
    const networks = defineNetworks([{ ...NAT, uplink: "eth0" }]);
    const rules = rulesOf(networks, "from_default");
    assert.match(rules.at(-2) ?? "", /"oifname".*"eth0".*accept/);
    assert.match(rules.at(-1) ?? "", /refuse/);
    assert.ok(rulesOf(networks, "postrouting").every((rule) => rule.includes('"eth0"')));
  });

  const asked: readonly (readonly [what: string, networks: readonly NetworkSpecification[], isAsked: boolean])[] = [
    ["one that lets all through", [ROUTED], false],
    ["several that do", [ROUTED, { ...ROUTED, name: "b" }], false],
    ["guests that are kept apart", [{ ...ROUTED, isolateGuests: true }], true],
    ["one way out alone", [{ ...ROUTED, uplink: "eth0" }], true],
    ["clients on an interface", [{ ...ROUTED, serve: ["eth1"] }], true],
    [
      "IPv6, where the guard keeps on its link what may not leave it",
      [{ ...ROUTED, ipv6: parseIpv6Prefix("2001:db8::/64") }],
      false,
    ],
    ["IPv6 with one way out alone", [{ ...ROUTED, uplink: "eth0", ipv6: parseIpv6Prefix("2001:db8::/64") }], true],
    ["NAT beside it", [ROUTED, NAT], true],
    ["no way out", [{ ...ROUTED, kind: "isolated" }], true],
    ["a bridge", [{ ...ROUTED, kind: "bridge" }], true],
  ];
  for (const [what, networks, isAsked] of asked) {
    test(`${isAsked ? "asks" : "spares"} forwarded packets: ${what}`, () => {
      const chains = JSON.stringify(composeRuleset(defineNetworks(networks), [])).includes('"hook":"forward"');
      assert.equal(chains, isAsked);
    });
  }

  test("keeps guests apart where that is wanted", () => {
    assert.match(rulesOf(defineNetworks([{ ...NAT, isolateGuests: true }]), "from_default")[0], /refuse/);
    assert.match(rulesOf(defineNetworks([NAT]), "from_default")[0], /accept/);
  });

  test("translates a site's own IPv6 addresses and never the world's", () => {
    const rules = (ipv6: string): string =>
      rulesOf(defineNetworks([{ ...NAT, ipv6: parseIpv6Prefix(ipv6) }]), "postrouting").join("\n");
    assert.match(rules("fd00:77::/64"), /fd00:77::/);
    assert.doesNotMatch(rules("2001:db8:77::/64"), /ip6/);
  });

  test("forwards no neighbour discovery and nothing to DHCPv6 clients from guests, before anything else", () => {
    const [discovery, dhcp] = rulesOf(defineNetworks([ISOLATED]), "from_lab");
    assert.match(discovery, /nd-router-advert.*nd-redirect.*drop/);
    assert.match(dhcp, /nfproto.*546.*drop/);
    assert.doesNotMatch(rulesOf(defineNetworks([NAT]), "from_default").join("\n"), /nd-/);
  });

  test("does not masquerade what is for many", () => {
    for (const rule of rulesOf(defineNetworks([NAT]), "postrouting"))
      assert.match(rule, /"op":"!=".*224\.0\.0\.0.*255\.255\.255\.255/);
  });

  test("without networks still guards", () => {
    assert.equal(rulesOf([], "guard").length > 0, true);
    assert.deepEqual(rulesOf([], "forward"), []);
  });
});
