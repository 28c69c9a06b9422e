import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { InterfaceAddress, IpAddress, Neighbour, Route } from "../../../src/base/kernel-objects.js";
import type { Prefix } from "../../../src/base/prefix.js";
import { eachMessage } from "../../../src/os/netlink.js";
import { parseAddress, writeAddAddress } from "../../../src/os/rtnetlink/addresses.js";
import { parseLink, writeSetLink } from "../../../src/os/rtnetlink/links.js";
import { Attributes, MessageWriter } from "../../../src/os/rtnetlink/message.js";
import { parseNeighbour, writeSetNeighbour } from "../../../src/os/rtnetlink/neighbours.js";
import { parseRoute, writeAddRoute } from "../../../src/os/rtnetlink/routes.js";

const ifindex = fc.integer({ min: 1, max: 0x7fff_ffff });
const byte = fc.nat(255);
const ipv4 = fc.nat(0xffff_ffff);
const ipv6 = fc.bigInt({ min: 1n, max: (1n << 128n) - 1n });
const address: fc.Arbitrary<IpAddress> = fc.oneof(ipv4, ipv6);
const mac = fc.nat(0xffff_ffff_ffff);

/** Composes one message and reads its payload. */
function roundTrip<Value>(
  write: (writer: MessageWriter) => void,
  parse: (bytes: Uint8Array, offset: number, end: number) => Value,
): Value[] {
  const writer = new MessageWriter();
  write(writer);
  const values: Value[] = [];
  eachMessage(writer.bytes, (_type, offset, end) => values.push(parse(writer.bytes, offset, end)));
  return values;
}

test("an address is read as it was written", () => {
  const addresses = fc
    .record({ ifindex, address, protocol: byte })
    .map((made): InterfaceAddress => ({ ...made, prefixLength: typeof made.address === "number" ? 32 : 128 }));
  fc.assert(
    fc.property(addresses, (wanted) => {
      assert.deepEqual(
        roundTrip((writer) => writeAddAddress(writer, wanted), parseAddress),
        [wanted],
      );
    }),
  );
});

test("a route is read as it was written", () => {
  const prefixes: fc.Arbitrary<Prefix> = fc.oneof(
    ipv4.map((found): Prefix => ({ family: 4, address: found, prefixLength: 32 })),
    ipv6.map((found): Prefix => ({ family: 6, address: found, prefixLength: 128 })),
    fc.constant<Prefix>({ family: 4, address: 0, prefixLength: 0 }),
    fc.constant<Prefix>({ family: 6, address: 0n, prefixLength: 0 }),
  );
  const routes = fc
    .record({
      prefix: prefixes,
      ifindex,
      table: fc.integer({ min: 1, max: 0xffff_ffff }),
      protocol: byte,
      metric: fc.nat(0xffff_ffff),
    })
    .map((made): Route => ({ ...made, type: "unicast", via: undefined, preferredSource: undefined }));
  fc.assert(
    fc.property(routes, fc.boolean(), (made, rejecting) => {
      const wanted: Route = rejecting
        ? { ...made, type: "unreachable", ifindex: 0 }
        : { ...made, preferredSource: made.prefix.address };
      assert.deepEqual(
        roundTrip((writer) => writeAddRoute(writer, wanted), parseRoute),
        [wanted],
      );
    }),
  );
});

test("a neighbour is read as it was written", () => {
  const neighbours = fc
    .record({ ifindex, address, mac, protocol: byte })
    .map((made): Neighbour => ({ ...made, permanent: true, proxy: false }));
  fc.assert(
    fc.property(neighbours, (wanted) => {
      assert.deepEqual(
        roundTrip((writer) => writeSetNeighbour(writer, wanted), parseNeighbour),
        [wanted],
      );
    }),
  );
});

test("a link's settings are read as they were written", () => {
  const settings = fc.record({
    name: fc.stringMatching(/^[a-z0-9-]{1,15}$/),
    mac,
    mtu: fc.integer({ min: 68, max: 65_535 }),
    group: fc.nat(0xffff_ffff),
    alias: fc.string({ maxLength: 60 }).map((text) => text.replaceAll("\0", "")),
    up: fc.boolean(),
  });
  fc.assert(
    fc.property(ifindex, settings, (index, wanted) => {
      const [link] = roundTrip((writer) => writeSetLink(writer, index, wanted), parseLink);
      assert.ok(link !== undefined);
      const { name, mac: found, mtu, group, alias, up } = link;
      assert.deepEqual({ name, mac: found, mtu, group, alias, up }, { ...wanted });
      assert.equal(link.ifindex, index);
    }),
  );
});

test("messages in one growing buffer do not disturb each other", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(ifindex, ipv4, mac), { minLength: 1, maxLength: 400 }), (list) => {
      const wanted = list.map(
        ([index, found, station]): Neighbour => ({
          ifindex: index,
          address: found,
          mac: station,
          permanent: true,
          proxy: false,
          protocol: 157,
        }),
      );
      const written = roundTrip((writer) => {
        for (const neighbour of wanted) writeSetNeighbour(writer, neighbour);
      }, parseNeighbour);
      assert.deepEqual(written, wanted);
    }),
  );
});

test("any bytes are a value or none, never an exception", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      for (const parse of [parseLink, parseAddress, parseRoute, parseNeighbour]) parse(bytes, 0, bytes.length);
      const attributes = new Attributes(bytes, 0, bytes.length);
      for (let type = 0; type < 64; type++) {
        attributes.u8(type);
        attributes.u32(type);
        attributes.string(type);
        attributes.mac(type);
        attributes.nested(type)?.each(() => {});
      }
      eachMessage(bytes, (_type, offset, end) => parseLink(bytes, offset, end));
    }),
    { numRuns: 500 },
  );
});

test("a message cut off anywhere is a value or none", () => {
  const writer = new MessageWriter();
  writeSetLink(writer, 7, { name: "tn-web1", mac: 1, mtu: 1500, alias: "tapnet guest=a network=b", ipv4: { forwarding: 1 } });
  const whole = writer.bytes.slice(16);
  for (let length = 0; length <= whole.length; length++) parseLink(whole.subarray(0, length), 0, length);
});
