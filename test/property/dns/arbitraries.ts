/** Messages of every shape that the codec knows, and bytes that are nearly such messages. */
import fc from "fast-check";
import type { EdnsOption } from "../../../src/wire/dns/edns.js";
import { type Message, makeMessage, type Question, type ResourceRecord } from "../../../src/wire/dns/message.js";
import { formatName } from "../../../src/wire/dns/name.js";
import { CLASS, TYPE } from "../../../src/wire/dns/numbers.js";
import type { AnyRdata, KnownType } from "../../../src/wire/dns/rdata.js";

function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(fields, { noNullPrototype: true });
}

const uint8 = fc.nat(0xff);
const uint16 = fc.nat(0xffff);
const uint32 = fc.nat(0xffff_ffff);
const octets = (maxLength: number, minLength = 0): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength });
const string = octets(40);

/** Labels that often repeat, so that names share their ends; now and then one of any bytes, or one as long as may be. */
const label = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .constantFrom("a", "b", "A", "www", "tapnet", "internal", "example", "*", "_tcp")
      .map((text) => Buffer.from(text)),
  },
  { weight: 2, arbitrary: octets(12, 1) },
  { weight: 1, arbitrary: octets(63, 63) },
);

export const name: fc.Arbitrary<string> = fc.array(label, { maxLength: 7 }).map((labels) => {
  const pieces: Uint8Array[] = [];
  let length = 1;
  for (const bytes of labels) {
    if (length + bytes.length + 1 > 255) break;
    pieces.push(Uint8Array.of(bytes.length), bytes);
    length += bytes.length + 1;
  }
  return formatName(new Uint8Array(Buffer.concat([...pieces, Uint8Array.of(0)])));
});

const types = fc.uniqueArray(uint16, { maxLength: 8 }).map((list) => list.sort((one, other) => one - other));
const parameters = fc
  .uniqueArray(record({ key: uint16, value: octets(20) }), { maxLength: 4, selector: ({ key }) => key })
  .map((list) => list.sort((one, other) => one.key - other.key));

const DATA: Partial<Record<KnownType, fc.Arbitrary<AnyRdata>>> = {
  A: record({ address: uint32 }),
  NS: record({ target: name }),
  CNAME: record({ target: name }),
  SOA: record({ mname: name, rname: name, serial: uint32, refresh: uint32, retry: uint32, expire: uint32, minimum: uint32 }),
  PTR: record({ target: name }),
  HINFO: record({ cpu: string, os: string }),
  MX: record({ preference: uint16, exchange: name }),
  TXT: record({ strings: fc.array(octets(255), { minLength: 1, maxLength: 4 }) }),
  RP: record({ mailbox: name, text: name }),
  AAAA: record({ address: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }) }),
  SRV: record({ priority: uint16, weight: uint16, port: uint16, target: name }),
  NAPTR: record({ order: uint16, preference: uint16, flags: string, services: string, regexp: string, replacement: name }),
  DNAME: record({ target: name }),
  DS: record({ keyTag: uint16, algorithm: uint8, digestType: uint8, digest: octets(32) }),
  RRSIG: record({
    covered: uint16,
    algorithm: uint8,
    labels: uint8,
    originalTtl: uint32,
    expiration: uint32,
    inception: uint32,
    keyTag: uint16,
    signer: name,
    signature: octets(64),
  }),
  NSEC: record({ next: name, types }),
  DNSKEY: record({ flags: uint16, protocol: uint8, algorithm: uint8, key: octets(64) }),
  NSEC3: record({ algorithm: uint8, flags: uint8, iterations: uint16, salt: octets(16), next: octets(20, 1), types }),
  TLSA: record({ usage: uint8, selector: uint8, matching: uint8, association: octets(32) }),
  SVCB: record({ priority: uint16, target: name, parameters }),
  HTTPS: record({ priority: uint16, target: name, parameters }),
  CAA: record({ flags: uint8, tag: octets(15, 1), value: octets(40) }),
};

const known: fc.Arbitrary<ResourceRecord>[] = Object.entries(DATA).map(([type, data]) => {
  return record({
    name,
    type: fc.constant(TYPE[type as KnownType]),
    class: fc.constant<number>(CLASS.IN),
    ttlSeconds: uint32,
    data,
  });
});
const unknown: fc.Arbitrary<ResourceRecord> = record({
  name,
  type: fc.integer({ min: 1024, max: 0xfeff }),
  class: uint16,
  ttlSeconds: uint32,
  data: octets(60),
});
const anyRecord = fc.oneof(...known, unknown);
const records = fc.array(anyRecord, { maxLength: 5 });

const question: fc.Arbitrary<Question> = record({ name, type: uint16, class: uint16 });
const option: fc.Arbitrary<EdnsOption> = record({ code: uint16, value: octets(20) });
const edns = record({
  udpPayloadBytes: uint16,
  version: uint8,
  dnssecOk: fc.boolean(),
  reservedFlags: fc.nat(0x7fff),
  options: fc.array(option, { maxLength: 3 }),
});

export const message: fc.Arbitrary<Message> = record<Message>({
  id: uint16,
  response: fc.boolean(),
  opcode: fc.nat(15),
  authoritative: fc.boolean(),
  truncated: fc.boolean(),
  recursionDesired: fc.boolean(),
  recursionAvailable: fc.boolean(),
  reserved: fc.boolean(),
  authenticData: fc.boolean(),
  checkingDisabled: fc.boolean(),
  rcode: fc.nat(0xfff),
  questions: fc.array(question, { maxLength: 2 }),
  answers: records,
  authorities: records,
  additionals: records,
  edns: fc.option(edns, { nil: undefined }),
}).map((value) => makeMessage(value.edns === undefined ? { ...value, rcode: value.rcode & 15 } : value));

/** Bytes with a few places changed, cut or repeated. */
export function mutated(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const changes = fc.array(fc.tuple(fc.nat(), uint8), { maxLength: 6 });
  return fc.tuple(bytes, changes, fc.option(fc.nat(), { nil: undefined })).map(([original, places, cut]) => {
    const copy = original.slice(0, cut === undefined ? original.length : cut % (original.length + 1));
    for (const [place, byte] of places) if (copy.length > 0) copy[place % copy.length] = byte;
    return copy;
  });
}
