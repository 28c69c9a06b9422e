/**
 * The mock upstream of the comparison with unbound: `node world.js ADDRESS` serves its port 53, on UDP and TCP, until it is
 * ended, and says `serving` when it does.
 *
 * What a name's first label begins with says how it is answered (`ANSWERS`), and everything else follows from the question: the same
 * question has the same answer, whoever asks and whenever.
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { pathToFileURL } from "node:url";
import { emit, type Message, makeMessage, makeRecord, parse, type ResourceRecord } from "../../../../src/wire/dns/message.js";
import { CLASS, parseType, TYPE } from "../../../../src/wire/dns/numbers.js";
import { readRdata } from "../../../../src/wire/dns/rdata.js";

type Answer = (name: string, type: number) => Partial<Message> | ((bytes: Uint8Array) => Uint8Array);

const TTL_SECONDS = 3000;
const RCODE = { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, YXDOMAIN: 6 } as const;

const TEXTS: Readonly<Record<string, readonly string[]>> = {
  A: ["198.51.100.7", "198.51.100.8"],
  AAAA: ["2001:4860::7", "2001:4860::8"],
  TXT: ['"one" "two"', '"three"'],
  MX: ["10 mail.world.example."],
  NS: ["ns1.world.example.", "ns2.world.example."],
  SRV: ["1 2 443 server.world.example."],
  PTR: ["back.world.example."],
  SOA: ["ns.world.example. root.world.example. 1 2 3 4 600"],
  HINFO: ['"cpu" "os"'],
  NAPTR: ['1 2 "U" "SIP" "" a.world.example.'],
  CAA: ['0 issue "ca.example"'],
  HTTPS: ['1 . key1="\\002h2"'],
  SVCB: ['1 service.world.example. key3="\\001\\187"'],
  TLSA: ["3 1 1 AABB"],
  SSHFP: ["4 2 AABBCC"],
  DS: ["12345 8 2 AABB"],
  DNSKEY: ["257 3 13 AQID"],
  URI: ['10 1 "ftp://x"'],
  SPF: ['"v=spf1 -all"'],
  RP: ["a.world.example. b.world.example."],
};

/** Records of any type: those that are known in words, for others opaque bytes. */
function records(name: string, type: number, owner = name): ResourceRecord[] {
  for (const [known, texts] of Object.entries(TEXTS)) {
    if (parseType(known) !== type) continue;
    return texts.map((text) => {
      const data = readRdata(type, text);
      if (data === undefined) throw new Error(`${known} ${text}`);
      return { name: owner, type, class: CLASS.IN, ttlSeconds: TTL_SECONDS, data };
    });
  }
  return [{ name: owner, type, class: CLASS.IN, ttlSeconds: TTL_SECONDS, data: Uint8Array.of(1, 2, type & 255) }];
}

const soa = (zone: string) =>
  makeRecord("SOA", zone, 900, {
    mname: "ns.world.example",
    rname: "root.world.example",
    serial: 1,
    refresh: 2,
    retry: 3,
    expire: 4,
    minimum: 600,
  });
const zoneOf = (name: string) => name.split(".").slice(1).join(".") || ".";

/** An alias of so many links; each link is a name that is answered by what is left of them. */
function chain(name: string, length: number, type: number): Partial<Message> {
  const link = (index: number) => (index === 0 ? name : `link${length - index}.${zoneOf(name)}`);
  const links = Array.from({ length }, (_, index) => makeRecord("CNAME", link(index), TTL_SECONDS, { target: link(index + 1) }));
  return { answers: type === TYPE.CNAME && length > 0 ? links.slice(0, 1) : [...links, ...records(name, type, link(length))] };
}

/** Good records of one type whose bytes are spoilt; other types are good. */
function spoilt(of: number, change: (bytes: Uint8Array) => { at: number; value: number }): Answer {
  return (name, type) => {
    if (type !== of) return { answers: records(name, type) };
    return (head) => {
      const asked = parse(head);
      if (typeof asked === "string") throw new Error(asked);
      const bytes = emit({ ...asked, edns: undefined, answers: records(name, type) });
      const { at, value } = change(bytes);
      bytes[at] = value;
      return bytes;
    };
  };
}

/** By the beginning of the first label. */
export const ANSWERS: Readonly<Record<string, Answer>> = {
  good: (name, type) => ({ answers: records(name, type) }),
  many: (name, type) => ({
    answers:
      type === TYPE.A
        ? Array.from({ length: 90 }, (_, index) => makeRecord("A", name, TTL_SECONDS, { address: 0xc633_6400 + index }))
        : [],
    authorities: type === TYPE.A ? [] : [soa(zoneOf(name))],
  }),
  chain: (name, type) => chain(name, 3, type),
  longchain: (name, type) => chain(name, 30, type),
  link: (name, type) => chain(name, Number(/^link(\d+)/i.exec(name)?.[1]), type),
  dead: (name, type) => ({
    rcode: type === TYPE.CNAME ? 0 : RCODE.NXDOMAIN,
    answers: [makeRecord("CNAME", name, TTL_SECONDS, { target: `none.${zoneOf(name)}` })],
    authorities: type === TYPE.CNAME ? [] : [soa(zoneOf(name))],
  }),
  none: (name) => ({ rcode: RCODE.NXDOMAIN, authorities: [soa(zoneOf(name))] }),
  empty: (name) => ({ authorities: [soa(zoneOf(name))] }),
  bare: () => ({}),
  barenone: () => ({ rcode: RCODE.NXDOMAIN }),
  servfail: () => ({ rcode: RCODE.SERVFAIL }),
  refused: () => ({ rcode: RCODE.REFUSED }),
  notimp: () => ({ rcode: RCODE.NOTIMP }),
  yxdomain: () => ({ rcode: RCODE.YXDOMAIN }),
  extra: (name, type) => ({
    answers: [...records(name, type), makeRecord("A", "elsewhere.example", 60, { address: 0xc633_6409 })],
    additionals: [makeRecord("A", "elsewhere.example", 60, { address: 0xc633_6409 })],
  }),
  glue: (name, type) => ({
    answers: records(name, type),
    authorities: [makeRecord("NS", zoneOf(name), 600, { target: "ns1.world.example" })],
    additionals: [makeRecord("A", "ns1.world.example", 600, { address: 0xc633_6435 })],
  }),
  private: (name, type) => ({
    answers: type === TYPE.A ? [makeRecord("A", name, TTL_SECONDS, { address: 0x0a00_0001 })] : records(name, type),
  }),
  zero: (name, type) => ({ answers: records(name, type).map((record) => ({ ...record, ttlSeconds: 0 })) }),
  huge: (name, type) => ({ answers: records(name, type).map((record) => ({ ...record, ttlSeconds: 0x8000_0001 })) }),
  dname: (name, type) => {
    const below = `${name.split(".", 1)[0]}.target.example`;
    if (name.toLowerCase() === below.toLowerCase()) return { answers: records(name, type) };
    const alias = makeRecord("CNAME", name, TTL_SECONDS, { target: below });
    const above = makeRecord("DNAME", zoneOf(name), TTL_SECONDS, { target: "target.example" });
    return { answers: type === TYPE.CNAME ? [above, alias] : [above, alias, ...records(name, type, below)] };
  },
  // The last record's length is too long by one, too short by one; a text ends behind its data; an owner points forward.
  long: spoilt(TYPE.A, (bytes) => ({ at: bytes.length - 5, value: 5 })),
  short: spoilt(TYPE.A, (bytes) => ({ at: bytes.length - 5, value: 3 })),
  text: spoilt(TYPE.TXT, (bytes) => ({ at: bytes.length - 6, value: 9 })),
  forward: spoilt(TYPE.A, (bytes) => ({ at: bytes.length - 15, value: bytes.length - 2 })),
};

const PREFIXES = Object.keys(ANSWERS).sort((one, other) => other.length - one.length);

function reply(query: Uint8Array, limit: number): Uint8Array | undefined {
  const asked = parse(query);
  if (typeof asked === "string" || asked.questions.length !== 1) return undefined;
  const [{ name, type }] = asked.questions;
  const folded = name.toLowerCase();
  const kind = PREFIXES.find((prefix) => folded.startsWith(prefix));
  const { id, questions, recursionDesired, edns } = asked;
  const head: Message = makeMessage({ id, questions, recursionDesired, response: true, recursionAvailable: true });
  const known = edns === undefined ? head : { ...head, edns: { ...edns, options: [], dnssecOk: edns.dnssecOk } };
  const answer = kind === undefined ? { rcode: RCODE.NXDOMAIN, authorities: [soa(zoneOf(name))] } : ANSWERS[kind](name, type);
  const bytes = typeof answer === "function" ? answer(emit(known)) : emit({ ...known, ...answer });
  return bytes.length <= limit ? bytes : emit({ ...known, truncated: true });
}

function serve(address: string): void {
  const socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    const bytes = reply(new Uint8Array(query), 1232);
    if (bytes !== undefined) socket.send(bytes, from.port, from.address);
  });
  const server = createServer((connection) => {
    let pending = Buffer.alloc(0);
    connection.on("error", () => connection.destroy());
    connection.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const length = pending.readUInt16BE(0);
        const bytes = reply(new Uint8Array(pending.subarray(2, 2 + length)), 65_535);
        pending = pending.subarray(2 + length);
        if (bytes !== undefined) connection.write(Buffer.concat([Buffer.of(bytes.length >>> 8, bytes.length & 255), bytes]));
      }
    });
  });
  socket.bind(53, address, () => server.listen(53, address, () => console.log("serving")));
  process.stdin.on("end", () => process.exit(0)).resume();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) serve(process.argv[2]);
