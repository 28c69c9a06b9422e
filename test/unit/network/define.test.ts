import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { formatMac, isGroupMac } from "../../../src/base/mac.js";
import { parseIpv4Prefix, parseIpv6Prefix } from "../../../src/base/prefix.js";
import { formatPortAlias, parsePortAlias } from "../../../src/network/alias.js";
import { defineNetworks, GROUP_BASE, gatewayMacOf } from "../../../src/network/define.js";

suite("networks as people say them", () => {
  test("what is left out is derived", () => {
    const [network] = defineNetworks([
      { name: "default", kind: "nat", ipv4: parseIpv4Prefix("10.77.0.0/24"), ipv6: parseIpv6Prefix("fd00:77::/64") },
    ]);
    assert.equal(network.gatewayIpv4, 0x0a4d_0001);
    assert.equal(network.gatewayIpv6, (0xfd00_0077n << 96n) | 1n);
    assert.equal(network.gatewayMac, gatewayMacOf("default"));
    assert.equal(network.mtu, 1500);
    assert.equal(network.isolateGuests, false);
  });

  test("what is said is kept", () => {
    const said = {
      name: "x",
      kind: "routed",
      ipv4: parseIpv4Prefix("192.0.2.0/24"),
      gatewayIpv4: 0xc000_02fe,
      gatewayMac: 0x02aa,
    } as const;
    const [network] = defineNetworks([said]);
    assert.equal(network.gatewayIpv4, 0xc000_02fe);
    assert.equal(network.gatewayMac, 0x02aa);
  });

  // Guests remember it: it must be the same on every host and in every version.
  test("the gateway's MAC address follows from the name alone", () => {
    assert.equal(formatMac(gatewayMacOf("default")), "02:23:4b:43:85:ee");
    assert.notEqual(gatewayMacOf("default"), gatewayMacOf("lab"));
    assert.equal(isGroupMac(gatewayMacOf("lab")), false);
  });

  test("groups are ours, each its own, whatever the order", () => {
    const names = Array.from({ length: 600 }, (_, index) => `network${index}`);
    const groupsOf = (list: readonly string[]) =>
      new Map(defineNetworks(list.map((name) => ({ name, kind: "isolated" }))).map(({ name, group }) => [name, group]));
    const groups = groupsOf(names);
    assert.equal(new Set(groups.values()).size, names.length);
    assert.ok([...groups.values()].every((group) => group >= GROUP_BASE && group < GROUP_BASE + 0x1_0000));
    for (const [name, group] of groupsOf(names.toReversed())) assert.equal(group, groups.get(name));
  });

  test("two of one name are refused", () => {
    assert.throws(
      () =>
        defineNetworks([
          { name: "a", kind: "nat" },
          { name: "a", kind: "nat" },
        ]),
      /two networks are called a/,
    );
  });
});

suite("the mark on a link", () => {
  test("is read as it was written", () => {
    const alias = { guest: "web1", network: "default" };
    assert.equal(formatPortAlias(alias), "tapnet guest=web1 network=default");
    assert.deepEqual(parsePortAlias(formatPortAlias(alias)), alias);
  });

  for (const text of [
    "",
    "mine",
    "tapnet",
    "tapnet guest= network=x",
    "tapnet guest=a network=b c",
    "x tapnet guest=a network=b",
  ]) {
    test(`${JSON.stringify(text)} is none`, () => {
      assert.equal(parsePortAlias(text), undefined);
    });
  }
});
