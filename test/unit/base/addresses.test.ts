import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatIpv4, isLoopbackIpv4, isMulticastIpv4, parseIpv4 } from "../../../src/base/ipv4-address.js";
import {
  formatIpv6,
  isLinkLocalIpv6,
  isMulticastIpv6,
  parseIpv6,
  readIpv6,
  solicitedNode,
  writeIpv6,
} from "../../../src/base/ipv6-address.js";
import { formatMac, isGroupMac, parseMac, readMac, writeMac } from "../../../src/base/mac.js";

describe("IPv4 addresses", () => {
  const rows: [text: string, value: number | undefined][] = [
    ["0.0.0.0", 0],
    ["10.0.0.1", 0x0a00_0001],
    ["255.255.255.255", 0xffff_ffff],
    ["010.0.0.1", undefined],
    ["10.0.0", undefined],
    ["10.0.0.1.2", undefined],
    ["10.0.0.256", undefined],
    ["10.0.0.-1", undefined],
    ["10.0.0.1 ", undefined],
    ["10.0.0.", undefined],
    ["0x0a.0.0.1", undefined],
    ["167772161", undefined],
    ["", undefined],
  ];
  for (const [text, value] of rows) {
    test(`${JSON.stringify(text)} is ${value ?? "refused"}`, () => {
      assert.equal(parseIpv4(text), value);
      if (value !== undefined) assert.equal(formatIpv4(value), text);
    });
  }

  test("kinds", () => {
    assert.ok(isMulticastIpv4(0xe000_0001) && isMulticastIpv4(0xefff_ffff));
    assert.ok(!isMulticastIpv4(0xdfff_ffff) && !isMulticastIpv4(0xf000_0000));
    assert.ok(isLoopbackIpv4(0x7f00_0001) && !isLoopbackIpv4(0x8000_0000));
  });
});

describe("IPv6 addresses", () => {
  const canonical: [text: string, value: bigint][] = [
    ["::", 0n],
    ["::1", 1n],
    ["fe80::1", (0xfe80n << 112n) | 1n],
    ["2001:db8::1:0:0:1", 0x2001_0db8_0000_0000_0001_0000_0000_0001n],
    ["2001:db8:0:1:1:1:1:1", 0x2001_0db8_0000_0001_0001_0001_0001_0001n],
    ["1::", 1n << 112n],
  ];
  for (const [text, value] of canonical) {
    test(`${text} in the form of RFC 5952`, () => {
      assert.equal(parseIpv6(text), value);
      assert.equal(formatIpv6(value), text);
    });
  }

  test("other spellings of the same", () => {
    assert.equal(parseIpv6("2001:0DB8:0:0:0:0:0:1"), parseIpv6("2001:db8::1"));
    assert.equal(parseIpv6("::ffff:10.0.0.1"), 0xffff_0a00_0001n);
    assert.equal(parseIpv6("1:2:3:4:5:6:7::"), parseIpv6("1:2:3:4:5:6:7:0"));
  });

  const refused = [
    "",
    ":",
    ":::",
    "1",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    "1:2:3:4::5:6:7:8",
    "12345::",
    "g::",
    ":1::",
    "fe80::1%eth0",
    "::1/128",
    "1.2.3.4::",
    "::1.2.3",
    "::1.2.3.04",
  ];
  for (const text of refused) test(`${JSON.stringify(text)} is refused`, () => assert.equal(parseIpv6(text), undefined));

  test("kinds, and the solicited-node group (RFC 4291 §2.7.1)", () => {
    const address = parseIpv6("4037::1:800:200e:8c6c") ?? assert.fail();
    assert.equal(formatIpv6(solicitedNode(address)), "ff02::1:ff0e:8c6c");
    assert.ok(isMulticastIpv6(solicitedNode(address)) && !isMulticastIpv6(address));
    assert.ok(isLinkLocalIpv6(parseIpv6("febf::1") ?? 0n) && !isLinkLocalIpv6(parseIpv6("fec0::1") ?? 0n));
  });

  test("bytes in network order", () => {
    const view = new DataView(new ArrayBuffer(20));
    writeIpv6(view, 3, (0xfe80n << 112n) | 0x1234n);
    assert.equal(view.getUint16(3), 0xfe80);
    assert.equal(view.getUint16(17), 0x1234);
    assert.equal(readIpv6(view, 3), (0xfe80n << 112n) | 0x1234n);
  });
});

describe("MAC addresses", () => {
  test("both separators, any case; one form out", () => {
    assert.equal(parseMac("52:54:00:12:34:56"), 0x5254_0012_3456);
    assert.equal(parseMac("52-54-00-AB-CD-EF"), 0x5254_00ab_cdef);
    assert.equal(formatMac(0x0000_00ab_cdef), "00:00:00:ab:cd:ef");
  });

  for (const text of ["52:54:00:12:34", "52:54:00:12:34:56:78", "52:54-00:12:34:56", "525400123456", "5g:54:00:12:34:56", ""]) {
    test(`${JSON.stringify(text)} is refused`, () => assert.equal(parseMac(text), undefined));
  }

  test("the group bit", () => {
    assert.ok(isGroupMac(0xffff_ffff_ffff) && isGroupMac(0x0100_5e00_0001) && isGroupMac(0x3333_0000_0001));
    assert.ok(!isGroupMac(0x5254_0012_3456) && !isGroupMac(0xfeff_ffff_ffff));
  });

  test("bytes in network order", () => {
    const view = new DataView(new ArrayBuffer(8));
    writeMac(view, 1, 0xfedc_ba98_7654);
    assert.equal(Buffer.from(view.buffer).toString("hex"), "00fedcba98765400");
    assert.equal(readMac(view, 1), 0xfedc_ba98_7654);
  });
});
