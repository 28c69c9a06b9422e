import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseIpv4 } from "../../../src/base/ipv4-address.js";
import { formatIpv6, parseIpv6 } from "../../../src/base/ipv6-address.js";
import {
  formatPrefix,
  ipv4InPrefix,
  ipv4Netmask,
  ipv4NetmaskLength,
  ipv6InPrefix,
  lastIpv4,
  lastIpv6,
  parseIpv4Prefix,
  parseIpv6Prefix,
  parsePrefix,
} from "../../../src/base/prefix.js";

const v4 = (text: string): number => parseIpv4(text) ?? assert.fail(text);
const v6 = (text: string): bigint => parseIpv6(text) ?? assert.fail(text);

describe("prefixes", () => {
  for (const text of ["0.0.0.0/0", "10.77.0.0/24", "10.77.0.5/32", "::/0", "2001:db8::/32", "2001:db8::1/128"]) {
    test(`${text} is itself again`, () => assert.equal(formatPrefix(parsePrefix(text) ?? assert.fail()), text));
  }

  const refused = [
    "10.77.0.1/24",
    "10.77.0.0/33",
    "10.77.0.0/024",
    "10.77.0.0",
    "10.77.0.0/",
    "/24",
    "10.0.0.0/8/8",
    "fd00::1/64",
    "fd00::/129",
    "x::/8",
  ];
  for (const text of refused) test(`${text} is refused`, () => assert.equal(parsePrefix(text), undefined));

  test("netmask and its length", () => {
    for (let length = 0; length <= 32; length++) assert.equal(ipv4NetmaskLength(ipv4Netmask(length)), length);
    assert.equal(ipv4Netmask(24), v4("255.255.255.0"));
    for (const text of ["255.0.255.0", "0.0.0.255", "255.255.255.1"]) assert.equal(ipv4NetmaskLength(v4(text)), undefined, text);
  });

  test("what is in an IPv4 prefix, and its last address", () => {
    const prefix = parseIpv4Prefix("192.168.128.0/17") ?? assert.fail();
    assert.ok(ipv4InPrefix(v4("192.168.128.0"), prefix) && ipv4InPrefix(v4("192.168.255.255"), prefix));
    assert.ok(!ipv4InPrefix(v4("192.168.127.255"), prefix) && !ipv4InPrefix(v4("192.169.0.0"), prefix));
    assert.equal(lastIpv4(prefix), v4("192.168.255.255"));
    assert.equal(lastIpv4(parseIpv4Prefix("10.0.0.7/32") ?? assert.fail()), v4("10.0.0.7"));
    assert.equal(lastIpv4(parseIpv4Prefix("0.0.0.0/0") ?? assert.fail()), 0xffff_ffff);
  });

  test("what is in an IPv6 prefix, and its last address", () => {
    const prefix = parseIpv6Prefix("2001:db8:0:8000::/49") ?? assert.fail();
    assert.ok(ipv6InPrefix(v6("2001:db8:0:8000::1"), prefix) && ipv6InPrefix(v6("2001:db8:0:ffff::"), prefix));
    assert.ok(!ipv6InPrefix(v6("2001:db8:0:7fff::"), prefix) && !ipv6InPrefix(v6("2001:db8:1:8000::"), prefix));
    assert.equal(formatIpv6(lastIpv6(prefix)), "2001:db8:0:ffff:ffff:ffff:ffff:ffff");
  });
});
