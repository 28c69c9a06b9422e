/**
 * DNS by hand, for the checks of conformance: bytes are put together and taken apart here, and nothing is shared with `src/`, so
 * that a mistake there is not made here again.
 */
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";

export const T = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  RRSIG: 46,
  SVCB: 64,
  HTTPS: 65,
  NXNAME: 128,
  TKEY: 249,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;
export const RC = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
  BADCOOKIE: 23,
} as const;
/** Bits of the header's second word. */
export const H = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, Z: 0x0040, AD: 0x0020, CD: 0x0010 } as const;
/** Codes of EDNS options. */
export const O = { NSID: 3, ECS: 8, COOKIE: 10, KEEPALIVE: 11, PADDING: 12, EDE: 15 } as const;

export interface EdnsOfQuestion {
  readonly size?: number;
  readonly version?: number;
  readonly flags?: number;
  readonly options?: readonly (readonly [code: number, hex: string])[];
}

export interface QuestionOptions {
  readonly id?: number;
  /** The header's second word; RD alone if not given. */
  readonly flags?: number;
  readonly class?: number;
  readonly edns?: EdnsOfQuestion;
  /** Instead of those that are true: of questions, answers, authorities, additionals. */
  readonly counts?: readonly number[];
  /** Bytes in hex behind all of it. */
  readonly behind?: string;
}

/** The bytes of an OPT record. */
export function opt({ size = 1232, version = 0, flags = 0, options = [] }: EdnsOfQuestion = {}): Buffer {
  const values = options.map(([code, hex]) => Buffer.concat([u16(code), u16(hex.length / 2), Buffer.from(hex, "hex")]));
  const data = Buffer.concat(values);
  return Buffer.concat([Buffer.of(0), u16(T.OPT), u16(size), Buffer.of(0, version), u16(flags), u16(data.length), data]);
}

export function u16(value: number): Buffer {
  return Buffer.of(value >>> 8, value & 255);
}

/** `www.example` as labels; a name that begins with `hex:` is those bytes. */
export function wire(name: string): Buffer {
  if (name.startsWith("hex:")) return Buffer.from(name.slice(4), "hex");
  const labels = name.split(".").filter((label) => label !== "");
  return Buffer.concat([...labels.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)])), Buffer.of(0)]);
}

let lastId = 0x1000;

export function question(name: string, type: number = T.A, options: QuestionOptions = {}): Buffer {
  const { id = ++lastId & 0xffff, flags = H.RD, edns, counts = [1, 0, 0, edns === undefined ? 0 : 1] } = options;
  const parts = [u16(id), u16(flags), ...counts.map(u16), wire(name), u16(type), u16(options.class ?? 1)];
  if (edns !== undefined) parts.push(opt(edns));
  return Buffer.concat([...parts, Buffer.from(options.behind ?? "", "hex")]);
}

export interface Rr {
  readonly name: string;
  /** As it stands in the message: in the case in which it was written. */
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly data: Buffer;
  /** First byte of the data in the message. */
  readonly at: number;
  /** Whether the owner's name was written by a pointer. */
  readonly compressed: boolean;
}

export interface Reply {
  readonly bytes: Buffer;
  readonly id: number;
  readonly flags: number;
  /** With the upper bits that OPT has. */
  readonly rcode: number;
  readonly opcode: number;
  readonly questions: readonly { readonly name: string; readonly type: number; readonly class: number }[];
  readonly answers: readonly Rr[];
  readonly authorities: readonly Rr[];
  /** Without OPT. */
  readonly additionals: readonly Rr[];
  readonly opt: { size: number; version: number; flags: number; options: Map<number, Buffer> } | undefined;
}

/** The name at `at`, and where it ends. Pointers must point backwards. */
export function nameAt(bytes: Buffer, at: number): { name: string; end: number } {
  const labels: string[] = [];
  let end = -1;
  let place = at;
  for (let length = bytes.readUInt8(place); length !== 0; length = bytes.readUInt8(place)) {
    if (length >= 0xc0) {
      const target = bytes.readUInt16BE(place) & 0x3fff;
      if (target >= place) throw new Error(`a pointer at ${place} points to ${target}`);
      if (end < 0) end = place + 2;
      place = target;
      continue;
    }
    if (length > 63) throw new Error(`a label of type ${length >>> 6}`);
    labels.push(bytes.subarray(place + 1, place + 1 + length).toString("latin1"));
    place += 1 + length;
  }
  return { name: `${labels.join(".")}.`, end: end < 0 ? place + 1 : end };
}

/** Takes a whole message apart; throws where anything is wrong with it, bytes behind its end included. */
export function read(bytes: Buffer): Reply {
  const flags = bytes.readUInt16BE(2);
  let at = 12;
  const questions = Array.from({ length: bytes.readUInt16BE(4) }, () => {
    const { name, end } = nameAt(bytes, at);
    at = end + 4;
    return { name, type: bytes.readUInt16BE(end), class: bytes.readUInt16BE(end + 2) };
  });
  const sections = [6, 8, 10].map((count) =>
    Array.from({ length: bytes.readUInt16BE(count) }, (): Rr => {
      const compressed = bytes.readUInt8(at) >= 0xc0;
      const { name, end } = nameAt(bytes, at);
      const length = bytes.readUInt16BE(end + 8);
      at = end + 10 + length;
      if (at > bytes.length) throw new Error("a record runs past the message's end");
      const data = bytes.subarray(end + 10, at);
      const [type, recordClass, ttl] = [bytes.readUInt16BE(end), bytes.readUInt16BE(end + 2), bytes.readUInt32BE(end + 4)];
      return { name, type, class: recordClass, ttl, data, at: end + 10, compressed };
    }),
  );
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes behind the message's end`);
  const [answers = [], authorities = [], additional = []] = sections;
  const opts = additional.filter(({ type }) => type === T.OPT);
  if (opts.length > 1) throw new Error("two OPT records");
  const found = opts[0];
  return {
    ...{ bytes, id: bytes.readUInt16BE(0), flags, opcode: (flags >>> 11) & 15, questions, answers, authorities },
    rcode: (flags & 15) | (((found?.ttl ?? 0) >>> 24) << 4),
    additionals: additional.filter(({ type }) => type !== T.OPT),
    opt: found === undefined ? undefined : readOpt(found),
  };
}

function readOpt({ name, class: size, ttl, data }: Rr): Reply["opt"] {
  if (name !== ".") throw new Error(`an OPT record called ${name}`);
  const options = new Map<number, Buffer>();
  for (let at = 0; at < data.length; ) {
    const end = at + 4 + data.readUInt16BE(at + 2);
    if (end > data.length) throw new Error("an option runs past OPT's end");
    options.set(data.readUInt16BE(at), data.subarray(at + 4, end));
    at = end;
  }
  return { size, version: (ttl >>> 16) & 255, flags: ttl & 0xffff, options };
}

/** One datagram there, one back, from where the question went; undefined where none comes. */
export async function udpBytes(server: string, message: Buffer, waitMs = 3000): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    const timer = setTimeout(() => done(undefined), waitMs);
    const done = (reply: Buffer | undefined): void => {
      clearTimeout(timer);
      socket.close();
      resolve(reply);
    };
    socket.on("message", (reply, { address, port }) => {
      if (address === server && port === 53) done(reply);
      else reject(new Error(`a reply from ${address} port ${port}`));
    });
    socket.on("error", reject);
    socket.send(message, 53, server);
  });
}

/** A connection, and the messages that have come by it. */
export class Stream {
  readonly socket: Socket;
  readonly messages: Buffer[] = [];
  closed = false;
  #received = Buffer.alloc(0);
  #changed: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => this.#take(chunk)).on("error", () => undefined);
    socket.on("end", () => this.#end()).on("close", () => this.#end());
  }

  static async open(server: string): Promise<Stream> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: server, port: 53, allowHalfOpen: true });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new Stream(socket)));
    });
  }

  /** Writes messages in one piece, each behind its length. */
  send(...messages: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(messages.flatMap((message) => [u16(message.length), message])));
  }

  /** The next message; undefined where none comes in time, or the other side has closed. */
  async next(waitMs = 4000): Promise<Buffer | undefined> {
    const until = Date.now() + waitMs;
    while (this.messages.length === 0 && !this.closed && Date.now() < until) await this.#change(until - Date.now());
    return this.messages.shift();
  }

  /** Whether the other side closes within the time. */
  async closes(waitMs: number): Promise<boolean> {
    const until = Date.now() + waitMs;
    while (!this.closed && Date.now() < until) await this.#change(until - Date.now());
    return this.closed;
  }

  end(): void {
    this.socket.destroy();
  }

  #change(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #end(): void {
    this.closed = true;
    this.#changed?.();
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 2 && this.#received.length >= 2 + this.#received.readUInt16BE(0)) {
      const end = 2 + this.#received.readUInt16BE(0);
      this.messages.push(this.#received.subarray(2, end));
      this.#received = this.#received.subarray(end);
    }
    this.#changed?.();
  }
}
