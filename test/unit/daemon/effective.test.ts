import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatIpv6 } from "../../../src/base/ipv6-address.js";
import { formatPrefix } from "../../../src/base/prefix.js";
import { type Configuration, parseConfiguration } from "../../../src/config/index.js";
import { effectiveConfiguration, neededLength, networksOf } from "../../../src/daemon/wiring/effective.js";
import { prefix } from "../../support/dhcp6-lab.js";

const NEVER = Number.POSITIVE_INFINITY;

function found(text: string) {
  return { prefix: prefix(text), preferredUntilMs: NEVER, validUntilMs: NEVER };
}

function written(...networks: readonly string[]): Configuration {
  const yaml = networks.map((keys, index) => `  n${index}: { uplink: up0, ipv6: delegated${keys} }\n`).join("");
  return parseConfiguration(`networks:\n${yaml}`, "t.yaml");
}

/** What each network gets: its prefix, and where its guests' own prefixes are taken from. */
function shared(text: string, ...networks: readonly string[]): string[] {
  const configuration = effectiveConfiguration(written(...networks), () => found(text));
  return configuration.networks.map(({ ipv6, delegation }) => {
    const own = ipv6 === undefined ? "none" : formatPrefix(ipv6);
    return delegation?.pool === undefined ? own : `${own} ${formatPrefix(delegation.pool)}`;
  });
}

describe("a delegated prefix is shared out", () => {
  it("a /64 each, in the order of the file, around the numbers that are taken", () => {
    assert.deepEqual(shared("2001:db8:1::/56", "", ", ipv6-subnet: 0", "", ", ipv6-subnet: 255"), [
      "2001:db8:1:1::/64",
      "2001:db8:1::/64",
      "2001:db8:1:2::/64",
      "2001:db8:1:ff::/64",
    ]);
  });

  it("to as many as it is enough for", () => {
    assert.deepEqual(shared("2001:db8:1::/64", "", ""), ["2001:db8:1::/64", "none"]);
    assert.deepEqual(shared("2001:db8:1::/63", "", ", ipv6-subnet: 2"), ["2001:db8:1::/64", "none"]);
  });

  it("its upper half to guests that are routers, where that is large enough for one of them", () => {
    assert.deepEqual(shared("2001:db8:1::/56", ", delegate: { length: 60 }", ""), [
      "2001:db8:1::/64 2001:db8:1:80::/57",
      "2001:db8:1:1::/64",
    ]);
    assert.deepEqual(shared("2001:db8:1::/60", ", delegate: { length: 56 }"), ["2001:db8:1::/64"]);
    assert.deepEqual(shared("2001:db8:1::/64", ", delegate: { length: 64 }"), ["2001:db8:1::/64"]);
  });

  it("and is asked for as large as is needed, rounded up to a digit (RFC 7084 WPD-3)", () => {
    const needed = (...networks: string[]): number => neededLength(written(...networks).networks);
    assert.deepEqual([needed(""), needed("", ""), needed(", ipv6-subnet: 16")], [64, 60, 56]);
    assert.deepEqual([needed(", delegate: { length: 64 }"), needed(", delegate: { length: 56 }")], [56, 48]);
  });

  it("is led nowhere where it is no network's", () => {
    const [network] = networksOf(
      effectiveConfiguration(written(""), () => found("2001:db8:1::/56")),
      "",
    );
    assert.equal(network.ipv6Aggregate && formatPrefix(network.ipv6Aggregate), "2001:db8:1::/56");
    assert.equal(
      networksOf(
        effectiveConfiguration(written(""), () => undefined),
        "",
      )[0].ipv6,
      undefined,
    );
  });
});

describe("a guest's address in a prefix that is not known beforehand", () => {
  const configuration = parseConfiguration(
    `networks: { a: { uplink: up0, ipv6: uplink, dhcp6: { addresses: true } } }
guests: { web1: { network: a, ipv6: "::10" } }`,
    "t.yaml",
  );

  it("is completed when that is found, and none before", () => {
    const [guest] = effectiveConfiguration(configuration, () => found("2001:db8:5::/64")).guests;
    assert.equal(guest.ipv6 && formatIpv6(guest.ipv6), "2001:db8:5::10");
    assert.equal(effectiveConfiguration(configuration, () => undefined).guests[0].ipv6, undefined);
  });

  it("and the gateway has one there that is nobody's, the same each time", () => {
    const gateway = () => effectiveConfiguration(configuration, () => found("2001:db8:5::/64")).networks[0].gatewayIpv6 ?? 0n;
    assert.equal(gateway() >> 64n, prefix("2001:db8:5::/64").address >> 64n);
    assert.equal(gateway(), gateway());
    assert.notEqual(gateway() & 0xffff_ffff_ffff_ffffn, 1n);
  });
});
