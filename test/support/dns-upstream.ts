/**
 * A small authoritative DNS server that stands for the rest of the world: `node dns-upstream.js ADDRESS` serves port 53 there,
 * on UDP and TCP, until it is ended, and says `serving` when it does. It is made of the package `dns-packet`, so that our own
 * codec meets another's.
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { pathToFileURL } from "node:url";
import dnsPacket, { type Answer, type Packet } from "dns-packet";

const TTL_SECONDS = 300;
const UDP_LIMIT_BYTES = 512;

/** Every name that exists out there. All others do not: NXDOMAIN. */
export const WORLD_NAMES = {
  "world.example": { A: ["198.51.100.1"], AAAA: ["2001:db8::1"], TXT: ["the rest of the world"] },
  "www.world.example": { A: ["198.51.100.1"] },
  "many.example": { A: Array.from({ length: 60 }, (_, index) => `203.0.113.${index + 1}`) },
  "1.100.51.198.in-addr.arpa": { PTR: ["world.example"] },
} as const satisfies Record<string, Record<string, readonly string[]>>;

/** The answer to one query in wire format. */
export function answer(query: Uint8Array): Buffer {
  const { id, questions } = dnsPacket.decode(Buffer.from(query));
  const question = questions?.[0];
  const reply: Packet = {
    id: id ?? 0,
    type: "response",
    flags: dnsPacket.RECURSION_AVAILABLE,
    questions: questions ?? [],
    answers: [],
  };
  if (question === undefined) return dnsPacket.encode({ ...reply, flags: 1 });
  const records: Record<string, readonly string[]> | undefined =
    WORLD_NAMES[question.name.toLowerCase() as keyof typeof WORLD_NAMES];
  if (records === undefined) return dnsPacket.encode({ ...reply, flags: dnsPacket.RECURSION_AVAILABLE | 3 });
  const answers = (records[question.type] ?? []).map(
    (data) => ({ name: question.name, type: question.type, ttl: TTL_SECONDS, data }) as Answer,
  );
  return dnsPacket.encode({ ...reply, answers });
}

/** Over UDP what does not fit is left out, and the client told to come back by TCP (RFC 1035 §4.2.1). */
function answerForUdp(query: Uint8Array): Buffer {
  const whole = answer(query);
  if (whole.length <= UDP_LIMIT_BYTES) return whole;
  const { id, questions } = dnsPacket.decode(whole);
  return dnsPacket.encode({
    id: id ?? 0,
    type: "response",
    flags: dnsPacket.RECURSION_AVAILABLE | dnsPacket.TRUNCATED_RESPONSE,
    questions: questions ?? [],
  });
}

function serve(address: string): void {
  const udp = createSocket(address.includes(":") ? "udp6" : "udp4");
  udp.on("message", (query, from) => udp.send(answerForUdp(query), from.port, from.address));
  const tcp = createServer((connection) => {
    let received = Buffer.alloc(0);
    connection.on("error", () => connection.destroy());
    connection.on("data", (bytes) => {
      received = Buffer.concat([received, bytes]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const reply = answer(received.subarray(2, end));
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        connection.write(Buffer.concat([length, reply]));
        received = received.subarray(end);
      }
    });
  });
  udp.bind(53, address, () => tcp.listen(53, address, () => console.log("serving")));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) serve(process.argv[2] ?? "127.0.0.1");
