/** Messages made up: right ones, nearly right ones, and bytes. */
import fc from "fast-check";
import { KNOWN_CODES } from "../../../src/wire/dhcp4/kind.js";
import type { Dhcp4Message } from "../../../src/wire/dhcp4/message.js";
import * as optionRepr from "../../../src/wire/dhcp4/option-repr.js";

const address = fc.oneof(fc.constantFrom(0, 0x0a4d_0001, 0x0a4d_0009, 0x0a58_0001, 0xffff_ffff), fc.nat(0xffff_ffff));

/** Codes that the server looks at come often, all others now and then. */
const code = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(12, 43, 50, 51, 53, 54, 55, 57, 60, 61, 77, 80, 81, 82, 93, 118) },
  { weight: 2, arbitrary: fc.constantFrom(...KNOWN_CODES) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 254 }) },
);

const value = fc.oneof(
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 8 }) },
  { weight: 2, arbitrary: address.map((each) => Uint8Array.of(each >>> 24, each >>> 16, each >>> 8, each)) },
  { weight: 2, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 60 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 200, maxLength: 600 }) },
);

/** An option with any value: well-formed, or of kind `malformed`. */
const option = fc.tuple(code, value).map(([which, bytes]) => optionRepr.parse(which, bytes));
const type = fc.integer({ min: 1, max: 8 }).map((number): optionRepr.Option => ({ kind: "uint8", code: 53, value: number }));

const name = (length: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant(""),
    fc.uint8Array({ maxLength: length }).map((bytes) => Buffer.from(bytes.filter((octet) => octet !== 0)).toString("latin1")),
  );

/** Whole messages of clients and servers, each option once. */
export const dhcp4Message: fc.Arbitrary<Dhcp4Message> = fc.record(
  {
    op: fc.constantFrom(1, 1, 1, 2),
    htype: fc.constantFrom(1, 1, 1, 32, 255),
    hops: fc.nat(255),
    xid: fc.nat(0xffff_ffff),
    secs: fc.nat(0xffff),
    flags: fc.constantFrom(0, 0x8000, 0xffff),
    ciaddr: address,
    yiaddr: address,
    siaddr: address,
    giaddr: fc.oneof(fc.constant(0), address),
    chaddr: fc.oneof(
      fc.constant(Uint8Array.of(0x52, 0x54, 0, 0, 0, 1)),
      fc.uint8Array({ minLength: 6, maxLength: 6 }),
      fc.uint8Array({ maxLength: 16 }),
    ),
    sname: name(60),
    file: name(120),
    options: fc
      .tuple(fc.option(type, { freq: 20, nil: undefined }), fc.array(option, { maxLength: 12 }))
      .map(([first, rest]) => unique(first === undefined ? rest : [first, ...rest])),
  },
  { noNullPrototype: true },
);

function unique(options: readonly optionRepr.Option[]): optionRepr.Option[] {
  const byCode = new Map<number, optionRepr.Option>();
  for (const each of options) if (each.code !== 52 && !byCode.has(each.code)) byCode.set(each.code, each);
  return [...byCode.values()];
}

/** What a hostile or broken sender does to a message: octets changed, taken out, doubled, cut off. */
export const mutation: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> = fc
  .array(
    fc.record({
      how: fc.constantFrom("set", "remove", "double", "cut", "swap"),
      at: fc.nat(700),
      octet: fc.constantFrom(0, 1, 4, 52, 53, 82, 127, 255),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((steps) => (bytes: Uint8Array) => {
    let octets = [...bytes];
    for (const { how, at, octet } of steps) {
      const index = octets.length === 0 ? 0 : at % octets.length;
      if (how === "set") octets[index] = octet;
      else if (how === "remove") octets.splice(index, 1 + (octet & 3));
      else if (how === "double") octets.splice(index, 0, ...octets.slice(index, index + octet));
      else if (how === "cut") octets = octets.slice(0, index);
      else octets[index] = octets[(index + octet) % octets.length];
    }
    return Uint8Array.from(octets.slice(0, 1472));
  });
