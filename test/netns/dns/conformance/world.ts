/**
 * The rest of the world for the checks of conformance: `node world.js ADDRESS` serves its port 53, on UDP and TCP, until it is
 * ended, and says `serving` when it does. It shares no code with `src/`.
 *
 * What a name's first label begins with says how it is answered. `asked-X.counted.example` tells in a TXT record (TTL 0) how
 * often the name X has been asked, and `seen-X.counted.example` the last question for it in hex, with the port that it came from
 * in front.
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { H, nameAt, opt, T, u16, wire } from "./raw.js";

interface Asked {
  readonly name: string;
  readonly type: number;
  readonly times: number;
  readonly stream: boolean;
  readonly edns: boolean;
}
interface Answer {
  readonly flags?: number;
  readonly answers?: readonly Buffer[];
  readonly authorities?: readonly Buffer[];
  readonly afterMs?: number;
}
/** Undefined: no answer ever. */
type Rule = (asked: Asked) => Answer | undefined;

const times = new Map<string, number>();
const seen = new Map<string, string>();
const NXDOMAIN = 3;
const BIG_RECORDS = 60;
const HUGE_RECORDS = 900;

export function record(name: string, type: number, ttl: number, data: Buffer): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(1, 2);
  head.writeUInt32BE(ttl, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([wire(name), head, data]);
}

const address = (last: number) => Buffer.of(198, 51, 100, last);
const text = (value: string) =>
  Buffer.concat((value.match(/.{1,200}/g) ?? [""]).map((piece) => Buffer.concat([Buffer.of(piece.length), Buffer.from(piece)])));

/** TTL 900, MINIMUM 60: a denial is good for a minute. */
function soa(zone: string, ttl = 900, minimum = 60): Buffer {
  const numbers = Buffer.alloc(20);
  for (const [index, number] of [1, 3600, 600, 86_400, minimum].entries()) numbers.writeUInt32BE(number, index * 4);
  return record(zone, T.SOA, ttl, Buffer.concat([wire(`ns.${zone}`), wire(`root.${zone}`), numbers]));
}

/** Whom a question for `asked-X.counted.example` is about. */
const subjectOf = (name: string, start: string) => name.slice(start.length, -".counted.example".length);
const zoneOf = (name: string) => name.split(".").slice(1).join(".");
const ASKED_NAME = "hex:c00c";
const good: Rule = ({ name, type }) => {
  if (type === T.A) return { answers: [record(ASKED_NAME, T.A, 300, address(7))] };
  return { authorities: [soa(zoneOf(name))] };
};

const RULES: readonly (readonly [start: string, rule: Rule])[] = [
  ["asked-", ({ name }) => ({ answers: [record(name, T.TXT, 0, text(String(times.get(subjectOf(name, "asked-")) ?? 0)))] })],
  ["seen-", ({ name }) => ({ answers: [record(name, T.TXT, 0, text(seen.get(subjectOf(name, "seen-")) ?? ""))] })],
  ["none", ({ name }) => ({ flags: NXDOMAIN, authorities: [soa(zoneOf(name))] })],
  ["signednone", ({ name }) => ({ flags: NXDOMAIN | H.AD, authorities: [soa(zoneOf(name))] })],
  ["shortsoa", ({ name }) => ({ flags: NXDOMAIN, authorities: [soa(zoneOf(name), 20, 3600)] })],
  ["nosoa", () => ({ flags: NXDOMAIN })],
  ["nodata", ({ name }) => ({ authorities: [soa(zoneOf(name))] })],
  ["ttl0", ({ name }) => ({ answers: [record(name, T.A, 0, address(9))] })],
  ["negativettl", ({ name }) => ({ answers: [record(name, T.A, 0x8000_0010, address(9))] })],
  ["mixed", ({ name }) => ({ answers: [record(name, T.A, 300, address(1)), record(name, T.A, 40, address(2))] })],
  ["twice", ({ name }) => ({ answers: [record(name, T.A, 300, address(1)), record(name, T.A, 300, address(1))] })],
  [
    "alias",
    ({ name }) => ({
      answers: [record(name, T.CNAME, 200, wire(`a.${zoneOf(name)}`)), record(`a.${zoneOf(name)}`, T.A, 300, address(7))],
    }),
  ],
  [
    "aliasnone",
    ({ name }) => ({
      flags: NXDOMAIN,
      answers: [record(name, T.CNAME, 200, wire(`none.${zoneOf(name)}`))],
      authorities: [soa(zoneOf(name))],
    }),
  ],
  ["foreign", ({ name }) => ({ answers: [record(name, T.A, 300, address(7)), record("bank.example", T.A, 300, address(66))] })],
  [
    "big",
    ({ name, stream }) =>
      stream
        ? { answers: Array.from({ length: BIG_RECORDS }, (_, index) => record(name, T.A, 300, address(index + 1))) }
        : { flags: H.TC },
  ],
  [
    "huge",
    ({ name, stream }) =>
      stream
        ? {
            answers: Array.from({ length: HUGE_RECORDS }, (_, index) => record(ASKED_NAME, T.TXT, 300, text(`${name} ${index}`))),
          }
        : { flags: H.TC },
  ],
  ["plain", ({ name, edns }) => (edns ? { flags: 1 } : good({ name, type: T.A, times: 1, stream: false, edns }))],
  [
    "dname",
    ({ name }) => ({
      answers: [
        record(zoneOf(name), T.DNAME, 300, wire("moved.example")),
        record(ASKED_NAME, T.CNAME, 300, wire("dname.moved.example")),
        record("dname.moved.example", T.A, 300, address(7)),
      ],
    }),
  ],
  ["unknown", ({ name, type }) => ({ answers: [record(name, type, 300, Buffer.from("c00c0001ffc0000003777777", "hex"))] })],
  ["signed", ({ name }) => ({ flags: H.AD, answers: [record(name, T.A, 300, address(7))] })],
  ["slow", (asked) => ({ ...good(asked), afterMs: 150 })],
  ["servfail", () => ({ flags: 2 })],
  ["refused", () => ({ flags: 5 })],
  ["notimp", () => ({ flags: 4 })],
  ["mute", () => undefined],
  ["stale", ({ name, times: asked }) => (asked > 1 ? undefined : { answers: [record(name, T.A, 1, address(7))] })],
  ["private", ({ name }) => ({ answers: [record(name, T.A, 300, Buffer.of(192, 168, 1, 1))] })],
];

/** The rule whose word is the longest that the name begins with. */
function ruleFor(name: string): Rule {
  const found = RULES.filter(([start]) => name.startsWith(start)).sort(([one], [other]) => other.length - one.length);
  return found[0]?.[1] ?? good;
}

function answer(query: Buffer, from: string, stream: boolean): { bytes: Buffer; afterMs: number } | undefined {
  const { name: asked, end } = nameAt(query, 12);
  const name = asked.toLowerCase().replace(/\.$/, "");
  const key = name;
  times.set(key, (times.get(key) ?? 0) + 1);
  seen.set(key, `${from} ${query.toString("hex")}`);
  const type = query.readUInt16BE(end);
  const edns = query.readUInt16BE(10) > 0;
  const given = ruleFor(name)({ name, type, times: times.get(key) ?? 1, stream, edns });
  if (given === undefined) return undefined;
  const { flags = 0, answers = [], authorities = [], afterMs = 0 } = given;
  const word = H.QR | H.RA | (query.readUInt16BE(2) & (H.RD | H.CD)) | flags;
  // A server that does not know OPT says nothing of it.
  const own = edns && (flags & 15) !== 1 ? [opt()] : [];
  const head = [query.subarray(0, 2), u16(word), u16(1), u16(answers.length), u16(authorities.length), u16(own.length)];
  return { bytes: Buffer.concat([...head, query.subarray(12, end + 4), ...answers, ...authorities, ...own]), afterMs };
}

const served = process.argv[2];
const udp = createSocket("udp4");
udp.on("message", (query, { port, address: client }) => {
  const reply = answer(query, `${port}`, false);
  if (reply !== undefined) setTimeout(() => udp.send(reply.bytes, port, client), reply.afterMs);
});
const tcp = createServer((connection) => {
  let received = Buffer.alloc(0);
  connection.on("error", () => connection.destroy());
  connection.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const reply = answer(received.subarray(2, end), `${connection.remotePort}`, true);
      if (reply !== undefined) connection.write(Buffer.concat([u16(reply.bytes.length), reply.bytes]));
      received = received.subarray(end);
    }
  });
});
udp.bind(53, served, () => tcp.listen(53, served, () => console.log("serving")));
