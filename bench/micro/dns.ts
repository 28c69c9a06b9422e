import dnsPacket from "dns-packet";
import { systemClock } from "../../src/base/clock.js";
import { silentLogger } from "../../src/base/log.js";
import { systemRandom } from "../../src/base/random.js";
import { Datagram, Reply, VERDICT } from "../../src/frame/datagram.js";
import { DnsService } from "../../src/services/dns/service.js";
import type { DatagramReceiver } from "../../src/services/dns/upstream-transport.js";
import * as message from "../../src/wire/dns/message.js";
import { CLASS, FLAG, RCODE, TYPE } from "../../src/wire/dns/numbers.js";
import { Query } from "../../src/wire/dns/query.js";
import type { MicroCase } from "../frame/micro-case.js";

const NAME = "web1.tapnet.internal";
const ADDRESS = 0x0a4d_000a;
const GATEWAY = 0x0a4d_0001;
const NAMES = 10_000;
const EDNS = { udpPayloadBytes: 1232, version: 0, dnssecOk: false, reservedFlags: 0, options: [] };

function questionFor(name: string, type: number): Uint8Array {
  return message.emit(
    message.makeMessage({ id: 7, recursionDesired: true, questions: [{ name, type, class: CLASS.IN }], edns: EDNS }),
  );
}

const QUESTION = questionFor(NAME, TYPE.A);
const ANSWER = message.makeMessage({
  id: 7,
  response: true,
  recursionDesired: true,
  recursionAvailable: true,
  questions: [{ name: "www.example.com", type: TYPE.A, class: CLASS.IN }],
  answers: [
    message.makeRecord("CNAME", "www.example.com", 300, { target: "www.example.net" }),
    ...[1, 2, 3, 4].map((last) => message.makeRecord("A", "www.example.net", 300, { address: 0xc633_6400 + last })),
  ],
});
const SAME_ANSWER = {
  type: "response",
  id: 7,
  flags: FLAG.recursionDesired | FLAG.recursionAvailable,
  questions: [{ name: "www.example.com", type: "A" }],
  answers: [
    { name: "www.example.com", type: "CNAME", ttl: 300, data: "www.example.net" },
    ...[1, 2, 3, 4].map((last) => ({ name: "www.example.net", type: "A" as const, ttl: 300, data: `198.51.100.${last}` })),
  ],
} satisfies dnsPacket.Packet;

function mustBe(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(`${what}: the work was not done`);
}

function codecCases(): MicroCase[] {
  const query = new Query(1);
  const questionBuffer = Buffer.from(QUESTION);
  const answerBytes = message.emit(ANSWER);
  const answerBuffer = Buffer.from(answerBytes);
  return [
    {
      name: "parse a question with EDNS",
      systems: {
        tapnet: () => mustBe(query.check(QUESTION, 0, QUESTION.length) === undefined && query.type === TYPE.A, "view"),
        "tapnet, as an object": () => mustBe(typeof message.parse(QUESTION) === "object", "parse"),
        "dns-packet": () => mustBe(dnsPacket.decode(questionBuffer).questions?.length === 1, "decode"),
      },
    },
    {
      name: "parse an answer of 5 records",
      systems: {
        tapnet: () => mustBe(typeof message.parse(answerBytes) === "object", "parse"),
        "dns-packet": () => mustBe(dnsPacket.decode(answerBuffer).answers?.length === 5, "decode"),
      },
    },
    {
      name: "compose an answer of 5 records",
      systems: {
        tapnet: () => mustBe(message.emit(ANSWER).length === answerBytes.length, "emit"),
        "dns-packet (no compression)": () => mustBe(dnsPacket.encode(SAME_ANSWER).length > answerBytes.length, "encode"),
      },
    },
  ];
}

/** Answers every question with one address, at once after the question. */
function echo(receiver: DatagramReceiver, bytes: Uint8Array, address: number | bigint, port: number): void {
  const question = message.parse(bytes);
  if (typeof question === "string") throw new Error(question);
  const answers = [message.makeRecord("A", question.questions[0].name, 300, { address: 0xc633_6401 })];
  const reply = message.emit({ ...question, response: true, edns: undefined, answers });
  queueMicrotask(() => receiver.receive(reply, 0, reply.length, address, port));
}

/** The whole service as a guest's frames meet it, with 10,000 guests. */
function makeService(): DnsService {
  const dns = new DnsService({
    clock: systemClock,
    random: systemRandom(),
    log: silentLogger,
    transport: {
      openDatagram: (_family, _interfaceName, _randomPort, receiver) => ({
        send: (bytes, offset, length, to) => echo(receiver, bytes.slice(offset, offset + length), to.address, to.port),
        close: () => {},
      }),
      openStream: () => ({ write: () => {}, close: () => {} }),
    },
    files: { stamp: async () => undefined, read: async () => undefined },
    cacheBytes: 16 * 1024 * 1024,
    staleSeconds: 0,
    limits: { upstreamPerSecond: Number.MAX_SAFE_INTEGER, openQuestions: NAMES },
  });
  dns.configureForwarding({
    upstreams: [{ family: 4, address: 0xc000_0235, port: 53, interface: undefined, tlsName: undefined }],
  });
  const prefixes = [{ family: 4, address: 0x0a4d_0000, prefixLength: 16 }] as const;
  dns.setNetwork({ network: "default", domain: "tapnet.internal", prefixes, gatewayIpv4: [GATEWAY], forward: true });
  for (let index = 0; index < NAMES; index++) dns.names.set("default", `web${index}`, { ipv4: [ADDRESS + index] });
  return dns;
}

const LINK = {
  slot: 0,
  ifindex: 7,
  ifname: "tn-web1",
  network: "default",
  guest: "web1",
  gatewayMac: 0x0200_0000_0001,
  gatewayIpv4: GATEWAY,
  gatewayIpv6: 0n,
};

/** Question after question through the service, each another one of `questions`. */
function asker(dns: DnsService, questions: readonly Uint8Array[]): () => Reply | undefined {
  const service = dns.frames({ send: () => {} });
  const request = new Datagram();
  const reply = new Reply();
  const slotBytes = 512;
  const slab = new Uint8Array(questions.length * slotBytes);
  for (const [index, bytes] of questions.entries()) slab.set(bytes, index * slotBytes);
  reply.bytes = new Uint8Array(1472);
  reply.payloadLimit = 1472;
  Object.assign(request, { link: LINK, bytes: slab, ipSource: ADDRESS, udpSource: 5353, udpDestination: 53 });
  let next = 0;
  return () => {
    request.payloadOffset = next * slotBytes;
    request.payloadLength = questions[next].length;
    next = (next + 1) % questions.length;
    return service.handle(request, reply) === VERDICT.reply ? reply : undefined;
  };
}

function answersOf(reply: Reply | undefined): number {
  return reply === undefined ? -1 : reply.bytes[7];
}

function rcodeOf(reply: Reply | undefined): number {
  return reply === undefined ? -1 : reply.bytes[3] & 15;
}

/** The same answering as one would write it with dns-packet and a Map. */
function withPackage(): () => number {
  const addresses = new Map(Array.from({ length: NAMES }, (_, index) => [`web${index}.tapnet.internal`, "10.77.0.10"]));
  const bytes = Buffer.from(QUESTION);
  return () => {
    const { id = 0, questions = [] } = dnsPacket.decode(bytes);
    const name = questions[0].name.toLowerCase();
    const data = addresses.get(name) ?? "";
    const flags = FLAG.authoritative | FLAG.recursionDesired | FLAG.recursionAvailable;
    return dnsPacket.encode({ type: "response", id, flags, questions, answers: [{ name, type: "A", ttl: 60, data }] }).length;
  };
}

/** Different names in turn, as many as a server meets in a moment. */
function several(make: (index: number) => Uint8Array): Uint8Array[] {
  return Array.from({ length: 256 }, (_, index) => make(index));
}

async function serviceCases(): Promise<MicroCase[]> {
  const dns = makeService();
  const local = asker(
    dns,
    several((index) => questionFor(`web${index * 39}.tapnet.internal`, TYPE.A)),
  );
  const backwards = asker(
    dns,
    several((index) => questionFor(`${(index + 10) & 255}.${index & 31}.77.10.in-addr.arpa`, TYPE.PTR)),
  );
  const nobody = asker(
    dns,
    several((index) => questionFor(`no${index}.tapnet.internal`, TYPE.A)),
  );
  const world = asker(
    dns,
    several((index) => questionFor(`www${index}.example.com`, TYPE.A)),
  );
  for (let index = 0; index < 256; index++) world();
  await new Promise((resolve) => setImmediate(resolve));
  const packaged = withPackage();
  const unit = "questions";
  return [
    {
      name: "answer for one of 10,000 names",
      unit,
      systems: {
        tapnet: () => mustBe(answersOf(local()) === 1, "A"),
        "dns-packet and a Map": () => mustBe(packaged() > 50, "A"),
      },
    },
    { name: "answer for an address, backwards", unit, systems: { tapnet: () => mustBe(answersOf(backwards()) === 1, "PTR") } },
    {
      name: "denial of a name of ours",
      unit,
      systems: { tapnet: () => mustBe(rcodeOf(nobody()) === RCODE.NXDOMAIN, "NXDOMAIN") },
    },
    { name: "answer from the cache", unit, systems: { tapnet: () => mustBe(answersOf(world()) === 1, "cached") } },
  ];
}

export const cases: MicroCase[] = [...codecCases(), ...(await serviceCases())];
