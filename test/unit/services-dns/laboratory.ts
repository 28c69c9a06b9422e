/**
 * The whole DNS service between a link of guests and an internet of upstream servers, both made of objects, with a clock that
 * moves when it is told to. Questions go the way that a guest's frames go.
 */
import assert from "node:assert/strict";
import { formatIpv4, type Ipv4Address, parseIpv4 } from "../../../src/base/ipv4-address.js";
import { formatIpv6, type Ipv6Address } from "../../../src/base/ipv6-address.js";
import { type Logger, silentLogger } from "../../../src/base/log.js";
import { parsePrefix } from "../../../src/base/prefix.js";
import { seededRandom } from "../../../src/base/random.js";
import { Datagram, type DatagramService, Reply, type ReturnPath, VERDICT } from "../../../src/frame/datagram.js";
import type { Link } from "../../../src/frame/link.js";
import { type DnsOptions, DnsService, type NetworkDns } from "../../../src/services/dns/service.js";
import type { UpstreamAddress } from "../../../src/services/dns/upstream.js";
import type { DatagramReceiver, StreamReceiver, UpstreamTransport } from "../../../src/services/dns/upstream-transport.js";
import type { FileSource } from "../../../src/services/dns/watched-file.js";
import { describeRecord, emit, type Message, makeMessage, parse, type ResourceRecord } from "../../../src/wire/dns/message.js";
import { CLASS, formatRcode, TYPE, type TypeName } from "../../../src/wire/dns/numbers.js";
import { ManualClock } from "../../support/manual-clock.js";

/** One question that an upstream server got. */
export interface Asked {
  readonly server: string;
  readonly overStream: boolean;
  /** The port that it came from; 0 for a stream. */
  readonly port: number;
  readonly message: Message;
  readonly bytes: Uint8Array;
  /** Puts a datagram on its way to where this question came from, as from any address and port. */
  forge(bytes: Uint8Array, address: Ipv4Address | Ipv6Address, port: number): void;
}

/** What a server says to a question: a message, bytes, or nothing. */
export type Server = (asked: Asked) => Message | Uint8Array | undefined;

/** Upstream servers by their address, and the way to them. */
export class Internet implements UpstreamTransport {
  readonly asked: Asked[] = [];
  readonly servers = new Map<string, Server>();
  /** Servers that take connections, by address; all others refuse them. */
  readonly streams = new Map<string, Server>();
  latencyMs = 10;
  openPorts = 0;
  openStreams = 0;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  openDatagram(_family: 4 | 6, _interfaceName: string | undefined, randomPort: () => number, receiver: DatagramReceiver) {
    const port = randomPort();
    let open = true;
    this.openPorts++;
    const arrive = (bytes: Uint8Array, address: Ipv4Address | Ipv6Address, from: number) => {
      const copy = bytes.slice();
      this.#clock.after(this.latencyMs / 2, () => {
        if (open) receiver.receive(copy, 0, copy.length, address, from);
      });
    };
    return {
      send: (bytes: Uint8Array, offset: number, length: number, to: UpstreamAddress) => {
        const copy = bytes.slice(offset, offset + length);
        this.#clock.after(this.latencyMs / 2, () => {
          const asked = this.#note(to, copy, port, false, arrive);
          const reply = this.servers.get(asked.server)?.(asked);
          if (reply !== undefined) arrive(toBytes(reply), to.address, to.port);
        });
      },
      close: () => {
        open = false;
        this.openPorts--;
      },
    };
  }

  openStream(to: UpstreamAddress, receiver: StreamReceiver) {
    let open = true;
    this.openStreams++;
    const close = () => {
      if (open) this.openStreams--;
      open = false;
    };
    const server = this.streams.get(hostOf(to));
    if (server === undefined) {
      this.#clock.after(this.latencyMs, () => {
        if (!open) return;
        close();
        receiver.closed();
      });
    }
    return {
      write: (framed: Uint8Array) => {
        this.#clock.after(this.latencyMs, () => {
          if (!open || server === undefined) return;
          const reply = server(this.#note(to, framed.slice(2), 0, true, () => assert.fail("no forging into streams")));
          if (reply === undefined) return;
          const bytes = toBytes(reply);
          receiver.receive(Uint8Array.of(bytes.length >>> 8, bytes.length & 255, ...bytes));
        });
      },
      close,
    };
  }

  #note(to: UpstreamAddress, bytes: Uint8Array, port: number, overStream: boolean, forge: Asked["forge"]): Asked {
    const message = parse(bytes);
    if (typeof message === "string") assert.fail(`the forwarder sent a broken question: ${message}`);
    const asked = { server: hostOf(to), overStream, port, message, bytes, forge };
    this.asked.push(asked);
    return asked;
  }
}

function hostOf({ address }: UpstreamAddress): string {
  return typeof address === "bigint" ? formatIpv6(address) : formatIpv4(address);
}

function toBytes(reply: Message | Uint8Array): Uint8Array {
  return reply instanceof Uint8Array ? reply : emit(reply);
}

/** The usual answer of an upstream server. */
export function answerTo({ message }: Asked, fields: Partial<Message>): Message {
  const { id, questions, recursionDesired } = message;
  return makeMessage({ id, questions, recursionDesired, response: true, recursionAvailable: true, ...fields });
}

/** A record under the name that was asked, whatever its case. */
export function record(name: string, type: TypeName, data: ResourceRecord["data"], ttlSeconds = 300): ResourceRecord {
  return { name, type: TYPE[type], class: CLASS.IN, ttlSeconds, data };
}

export const SOA = { mname: "ns.example", rname: "root.example", serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 60 };

export function ipv4(text: string): Ipv4Address {
  return parseIpv4(text) ?? assert.fail(`${text} is no address`);
}

export function upstream(address: string, fields: Partial<UpstreamAddress> = {}): UpstreamAddress {
  return { family: 4, address: ipv4(address), port: 53, interface: undefined, tlsName: undefined, ...fields };
}

/** How a question is asked. */
export interface AskOptions {
  readonly message?: Partial<Message>;
  readonly link?: Link;
  readonly edns?: Partial<NonNullable<Message["edns"]>>;
}

export const EDNS = { udpPayloadBytes: 1232, version: 0, dnssecOk: false, reservedFlags: 0, options: [] };

export interface LaboratoryOptions extends Partial<DnsOptions> {
  readonly network?: Partial<NetworkDns>;
  readonly files?: FileSource;
  readonly log?: Logger;
}

export class Laboratory {
  readonly clock = new ManualClock();
  readonly internet = new Internet(this.clock);
  readonly dns: DnsService;
  readonly frames: DatagramService;
  /** Messages that came later, by the port that asked. */
  readonly delivered = new Map<number, Message>();
  readonly paths: ReturnPath[] = [];
  #port = 20_000;

  constructor(options: LaboratoryOptions = {}) {
    const { network, ...dnsOptions } = options;
    const files: FileSource = { stamp: async () => undefined, read: async () => undefined };
    this.dns = new DnsService({
      clock: this.clock,
      random: seededRandom(4711),
      log: silentLogger,
      transport: this.internet,
      files,
      cacheBytes: 1024 * 1024,
      staleSeconds: 86_400,
      limits: { upstreamPerSecond: 10_000, openQuestions: 5000 },
      ...dnsOptions,
    });
    this.dns.configureForwarding({ upstreams: [upstream("192.0.2.53")] });
    this.dns.setNetwork(
      networkDns("default", "tapnet.internal", "10.77.0.0/24", { gatewayIpv4: [ipv4("10.77.0.1")], ...network }),
    );
    this.frames = this.dns.frames({
      send: (path, payload) => {
        this.paths.push(path);
        this.delivered.set(path.udpDestination, read(payload));
      },
    });
  }

  /** Asks as a guest does. The reply, if it comes at once; else undefined, and it is in `delivered` under the returned port. */
  send(bytes: Uint8Array, link: Link = LINK): { port: number; reply: Message | undefined; verdict: number; bytes: Uint8Array } {
    const request = new Datagram();
    const reply = new Reply();
    // Dirty on purpose: what was in a buffer must not show.
    const slab = new Uint8Array(70_000).fill(0xa5);
    slab.set(bytes, 42);
    request.link = link;
    request.bytes = slab;
    request.view = new DataView(slab.buffer);
    request.payloadOffset = 42;
    request.payloadLength = bytes.length;
    request.ipSource = ipv4("10.77.0.10");
    request.ipDestination = link.gatewayIpv4;
    request.udpSource = ++this.#port;
    request.udpDestination = 53;
    const out = new Uint8Array(2048).fill(0x5a);
    reply.bytes = out;
    reply.payloadOffset = 42;
    reply.payloadLimit = 1472;
    const verdict = this.frames.handle(request, reply);
    const replyBytes = out.slice(42, 42 + reply.payloadLength);
    return {
      port: request.udpSource,
      verdict,
      bytes: replyBytes,
      reply: verdict === VERDICT.reply ? read(replyBytes) : undefined,
    };
  }

  question(name: string, type: TypeName, options: AskOptions = {}): Uint8Array {
    const edns = options.edns === undefined ? undefined : { ...EDNS, ...options.edns };
    const questions = [{ name, type: TYPE[type], class: CLASS.IN }];
    return emit(makeMessage({ id: 4711, recursionDesired: true, questions, edns, ...options.message }));
  }

  /** Asks, and lets time go by until the answer is there. */
  ask(name: string, type: TypeName = "A", options: AskOptions = {}): Message {
    const { port, reply } = this.send(this.question(name, type, options), options.link);
    if (reply !== undefined) return reply;
    for (let waited = 0; waited < 10_000 && !this.delivered.has(port); waited += 5) this.clock.advance(5);
    return this.delivered.get(port) ?? assert.fail(`no answer to ${name} ${type}`);
  }

  /** The reply in words: its code, then its records. */
  words(name: string, type: TypeName = "A", options: AskOptions = {}): string[] {
    return wordsOf(this.ask(name, type, options));
  }
}

export function wordsOf(message: Message): string[] {
  const records = (list: readonly ResourceRecord[]) => list.map((entry) => describeRecord(entry).replace(" IN ", " "));
  const authority = records(message.authorities).map((text) => `authority ${text}`);
  return [formatRcode(message.rcode), ...records(message.answers), ...authority];
}

export function networkDns(network: string, domain: string, prefix: string, fields: Partial<NetworkDns> = {}): NetworkDns {
  return { network, domain, prefixes: [parsePrefix(prefix) ?? assert.fail(prefix)], forward: true, ...fields };
}

export function linkOf(network: string, guest: string | undefined, slot: number, gateway = "10.77.0.1"): Link {
  return {
    slot,
    ifindex: slot + 10,
    ifname: `tn-${slot}`,
    network,
    guest,
    gatewayMac: 1,
    gatewayIpv4: ipv4(gateway),
    gatewayIpv6: 0n,
  };
}

const LINK = linkOf("default", "web1", 0);

function read(bytes: Uint8Array): Message {
  const message = parse(bytes);
  if (typeof message === "string") assert.fail(`a broken reply: ${message} ${Buffer.from(bytes).toString("hex")}`);
  return message;
}

/** Words of the extended errors of a reply. */
export function extendedErrors(message: Message): number[] {
  return (message.edns?.options ?? []).filter(({ code }) => code === 15).map(({ value }) => (value[0] << 8) | value[1]);
}
