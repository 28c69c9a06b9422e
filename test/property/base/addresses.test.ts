import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import { formatIpv4, parseIpv4 } from "../../../src/base/ipv4-address.js";
import { formatIpv6, parseIpv6, readIpv6, writeIpv6 } from "../../../src/base/ipv6-address.js";
import { formatMac, parseMac, readMac, writeMac } from "../../../src/base/mac.js";
import {
  ipv4InPrefix,
  ipv4Netmask,
  ipv6InPrefix,
  lastIpv4,
  lastIpv6,
  parseIpv4Prefix,
  parseIpv6Prefix,
} from "../../../src/base/prefix.js";

const ipv4 = fc.nat(0xffff_ffff);
/** Groups of few values, so that runs of zeros are common. */
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n));
const mac = fc.nat(0xffff_ffff_ffff);

describe("addresses, with ip-address as oracle", () => {
  test("IPv4: text and back, and the oracle agrees", () => {
    fc.assert(
      fc.property(ipv4, (address) => {
        assert.equal(parseIpv4(formatIpv4(address)), address);
        assert.equal(new Address4(formatIpv4(address)).bigInt(), BigInt(address));
      }),
    );
  });

  test("IPv6: canonical text and back, and the oracle agrees", () => {
    fc.assert(
      fc.property(ipv6, (address) => {
        const text = formatIpv6(address);
        assert.equal(parseIpv6(text), address);
        const oracle = Address6.fromBigInt(address);
        assert.equal(text, oracle.correctForm());
        assert.equal(parseIpv6(oracle.canonicalForm()), address);
        assert.equal(parseIpv6(oracle.to4in6()), address);
      }),
      { numRuns: 500 },
    );
  });

  test("IPv6: any text is refused or accepted as by the oracle", () => {
    const text = fc.string({ unit: fc.constantFrom(..."0123456789abcdefF:::..g".split("")), maxLength: 24 });
    fc.assert(
      fc.property(text, (candidate) => {
        const parsed = parseIpv6(candidate);
        assert.equal(parsed !== undefined, Address6.isValid(candidate), candidate);
        if (parsed !== undefined) assert.equal(parsed, new Address6(candidate).bigInt());
      }),
      { numRuns: 3000 },
    );
  });

  test("MAC: text, bytes and back", () => {
    fc.assert(
      fc.property(mac, (address) => {
        assert.equal(parseMac(formatMac(address)), address);
        const view = new DataView(new ArrayBuffer(6));
        writeMac(view, 0, address);
        assert.equal(readMac(view, 0), address);
      }),
    );
  });

  test("IPv6: bytes and back", () => {
    fc.assert(
      fc.property(ipv6, (address) => {
        const view = new DataView(new ArrayBuffer(16));
        writeIpv6(view, 0, address);
        assert.equal(readIpv6(view, 0), address);
      }),
    );
  });
});

describe("prefixes, with ip-address as oracle", () => {
  test("IPv4: first, last and what is between", () => {
    fc.assert(
      fc.property(ipv4, ipv4, fc.nat(32), (inside, other, length) => {
        const first = (inside & ipv4Netmask(length)) >>> 0;
        const prefix = parseIpv4Prefix(`${formatIpv4(first)}/${length}`) ?? assert.fail();
        const oracle = new Address4(`${formatIpv4(first)}/${length}`);
        assert.equal(formatIpv4(lastIpv4(prefix)), oracle.endAddress().correctForm());
        assert.ok(ipv4InPrefix(inside, prefix));
        assert.equal(ipv4InPrefix(other, prefix), new Address4(formatIpv4(other)).isInSubnet(oracle));
        const hostBits = inside !== first;
        if (hostBits) assert.equal(parseIpv4Prefix(`${formatIpv4(inside)}/${length}`), undefined);
      }),
    );
  });

  test("IPv6: first, last and what is between", () => {
    fc.assert(
      fc.property(ipv6, ipv6, fc.nat(128), (inside, other, length) => {
        const oracle = new Address6(`${formatIpv6(inside)}/${length}`);
        const prefix = parseIpv6Prefix(`${oracle.startAddress().correctForm()}/${length}`) ?? assert.fail();
        assert.equal(formatIpv6(lastIpv6(prefix)), oracle.endAddress().correctForm());
        assert.ok(ipv6InPrefix(inside, prefix));
        assert.equal(ipv6InPrefix(other, prefix), new Address6(formatIpv6(other)).isInSubnet(oracle));
      }),
    );
  });
});
