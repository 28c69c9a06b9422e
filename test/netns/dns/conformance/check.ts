/** What a check of conformance is, and what all of them stand on. */
import assert from "node:assert/strict";
import { H, type QuestionOptions, question, RC, type Reply, type Rr, read, T, udpBytes } from "./raw.js";

/** Where a check asks. */
export interface Site {
  readonly server: string;
  /** A zone of the world that nobody else asks about: what is cached of it is this run's. */
  readonly zone: string;
}

/** One statement about the server; it throws where that does not hold. */
export interface Check {
  /** The RFC and what it wants, in words. */
  readonly what: string;
  run(site: Site): Promise<void>;
}

export const check = (what: string, run: (site: Site) => Promise<void>): Check => ({ what, run });

/** The domain of the guests. */
export const LOCAL = "tapnet.internal";

/** What comes back for bytes; fails where nothing does, or it is no good message. */
export async function send({ server }: Site, message: Buffer): Promise<Reply> {
  const reply = await udpBytes(server, message);
  assert.ok(reply, "no reply");
  return read(reply);
}

/** Asks one question; the reply must belong to it. */
export async function ask(site: Site, name: string, type: number = T.A, options: QuestionOptions = {}): Promise<Reply> {
  const message = question(name, type, options);
  const reply = await send(site, message);
  assert.equal(reply.id, message.readUInt16BE(0), "the id");
  assert.ok((reply.flags & H.QR) !== 0, "QR");
  assert.equal(reply.flags & H.Z, 0, "the reserved bit");
  assert.equal(reply.opcode, (message.readUInt16BE(2) >>> 11) & 15, "the opcode");
  assert.equal(reply.flags & H.RD, message.readUInt16BE(2) & H.RD, "RD is copied");
  assert.equal(reply.opt !== undefined, options.edns !== undefined, "OPT is in the reply as in the question");
  return reply;
}

export function rcodeIs(reply: Reply, expected: keyof typeof RC): void {
  const name = Object.entries(RC).find(([, code]) => code === reply.rcode)?.[0];
  assert.equal(name ?? `RCODE ${reply.rcode}`, expected);
}

/** Addresses, in order of bytes. */
export function addresses({ answers }: Reply): string[] {
  return answers
    .filter(({ type }) => type === T.A)
    .map(({ data }) => data.join("."))
    .sort();
}

/** The only record of a type in a section; fails where there is another number of them. */
export function only(records: readonly Rr[], type: number): Rr {
  const found = records.filter((record) => record.type === type);
  assert.equal(found.length, 1, `records of type ${type}`);
  return found[0];
}

/** MINIMUM of a SOA record, its last field. */
export const minimumOf = ({ data }: Rr): number => data.readUInt32BE(data.length - 4);

/** The text of the first string of a TXT answer, and those behind it. */
export function txt(reply: Reply): string {
  const { data } = only(reply.answers, T.TXT);
  let text = "";
  for (let at = 0; at < data.length; at += 1 + data.readUInt8(at))
    text += data.toString("latin1", at + 1, at + 1 + data.readUInt8(at));
  return text;
}

/** How often the world has been asked for a name. */
export async function timesAsked(site: Site, name: string): Promise<number> {
  return Number(txt(await ask(site, `asked-${name}.counted.example`, T.TXT)));
}

/** The last question that the world has got for a name, and the port that it came from. */
export async function lastSeen(site: Site, name: string): Promise<{ port: number; message: Reply }> {
  const [port, hex = ""] = txt(await ask(site, `seen-${name}.counted.example`, T.TXT)).split(" ");
  return { port: Number(port), message: read(Buffer.from(hex, "hex")) };
}

/** The info code of an extended error. */
export function extendedError({ opt }: Reply): number | undefined {
  return opt?.options.get(15)?.readUInt16BE(0);
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
