/** DNS on real sockets of the loopback: TCP and its abuse, UDP in batches, and upstream over Node's sockets, TLS included. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { systemClock } from "../../../src/base/clock.js";
import { silentLogger } from "../../../src/base/log.js";
import { parsePrefix } from "../../../src/base/prefix.js";
import { systemRandom } from "../../../src/base/random.js";
import { UdpBatch, UdpSocket } from "../../../src/os/udp-socket.js";
import { batchTransport } from "../../../src/services/dns/batch-transport.js";
import { nodeTransport } from "../../../src/services/dns/node-transport.js";
import { DnsService } from "../../../src/services/dns/service.js";
import { StreamFraming } from "../../../src/services/dns/stream-framing.js";
import type { UpstreamAddress } from "../../../src/services/dns/upstream.js";
import type { UpstreamTransport } from "../../../src/services/dns/upstream-transport.js";
import { emit, type Message, makeMessage, parse } from "../../../src/wire/dns/message.js";
import { CLASS, TYPE } from "../../../src/wire/dns/numbers.js";
import { command, needs } from "../../support/needs.js";
import { until } from "../../support/wait.js";
import { ipv4, record } from "./laboratory.js";

const LOOPBACK = ipv4("127.0.0.1");
const TCP = { connectionsMost: 60, connectionsPerClient: 50, idleMs: 400 };

interface Served {
  readonly dns: DnsService;
  readonly port: number;
}

/** The service on TCP and UDP of the loopback, with upstreams of one's own. */
async function serve(
  t: TestContext,
  options: { transport?: UpstreamTransport; upstreams?: UpstreamAddress[] } = {},
): Promise<Served> {
  const dns = new DnsService({
    clock: systemClock,
    random: systemRandom(),
    log: silentLogger,
    transport: options.transport ?? nodeTransport(),
    files: { stamp: async () => undefined, read: async () => undefined },
    cacheBytes: 1024 * 1024,
    staleSeconds: 0,
    limits: { upstreamPerSecond: 1000, openQuestions: 100 },
    tcp: TCP,
  });
  dns.configureForwarding({ upstreams: options.upstreams ?? [] });
  const prefixes = [parsePrefix("10.77.0.0/24") ?? assert.fail()];
  dns.setNetwork({ network: "default", domain: "tapnet.internal", prefixes, gatewayIpv4: [ipv4("10.77.0.1")], forward: true });
  dns.names.set("default", "web1", { ipv4: [ipv4("10.77.0.10")] });
  const server = createServer({ allowHalfOpen: true }, (socket) => dns.tcp.accept(socket));
  await listen(server);
  const { port } = server.address() as AddressInfo;
  const udp = dns.udp(4, () => new UdpBatch());
  const socket = new UdpSocket({ family: 4, address: LOOPBACK, port }, udp);
  udp.attach(socket);
  t.after(() => {
    server.close();
    socket.close();
    dns.stop();
  });
  return { dns, port };
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
}

function question(name: string, id = 1, fields: Partial<Message> = {}): Uint8Array {
  return emit(makeMessage({ id, recursionDesired: true, questions: [{ name, type: TYPE.A, class: CLASS.IN }], ...fields }));
}

function framed(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(bytes.length >>> 8, bytes.length & 255), bytes]);
}

/** A client on a connection, which collects what it is answered. */
class Client {
  readonly socket: Socket;
  readonly answers: Message[] = [];
  ended = false;
  readonly #framing = new StreamFraming(65_535);

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1" });
    this.socket.on("data", (chunk: Buffer) => {
      this.#framing.push(new Uint8Array(chunk), (bytes, offset, length) => {
        const message = parse(bytes, offset, length);
        this.answers.push(typeof message === "string" ? assert.fail(message) : message);
        return true;
      });
    });
    this.socket.on("error", () => {
      this.ended = true;
    });
    this.socket.on("close", () => {
      this.ended = true;
    });
  }

  async answered(count: number): Promise<Message[]> {
    await until(`${count} answers`, async () => this.answers.length >= count);
    return this.answers;
  }
}

describe("TCP (RFC 7766)", () => {
  test("one question after the other, many at once, byte by byte, and half-closed", async (t) => {
    const { port } = await serve(t);
    const client = new Client(port);
    client.socket.write(framed(question("web1.tapnet.internal", 1)));
    await client.answered(1);
    client.socket.write(
      Buffer.concat(Array.from({ length: 50 }, (_, index) => framed(question("web1.tapnet.internal", 100 + index)))),
    );
    await client.answered(51);
    for (const byte of framed(question("nobody.tapnet.internal", 7))) {
      client.socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.answered(52);
    assert.deepEqual(
      client.answers.map(({ id }) => id),
      [1, ...Array.from({ length: 50 }, (_, index) => 100 + index), 7],
    );
    client.socket.end(framed(question("web1.tapnet.internal", 9)));
    await client.answered(53);
    await until("the end", async () => client.ended);
  });

  test("keepalive says how long a connection may idle (RFC 7828)", async (t) => {
    const { port } = await serve(t);
    const client = new Client(port);
    const edns = {
      udpPayloadBytes: 512,
      version: 0,
      dnssecOk: false,
      reservedFlags: 0,
      options: [{ code: 11, value: new Uint8Array(0) }],
    };
    client.socket.write(framed(question("web1.tapnet.internal", 1, { edns })));
    const [answer] = await client.answered(1);
    assert.deepEqual(answer.edns?.options, [{ code: 11, value: Uint8Array.of(0, TCP.idleMs / 100) }]);
    client.socket.destroy();
  });

  test("a connection without questions is closed, also when it trickles bytes", async (t) => {
    const { dns, port } = await serve(t);
    const silent = new Client(port);
    const trickling = new Client(port);
    const timer = setInterval(() => trickling.socket.write(Uint8Array.of(1)), 50);
    t.after(() => clearInterval(timer));
    await until("both connected", async () => dns.tcp.connections === 2);
    await until("both closed", async () => silent.ended && trickling.ended);
    assert.equal(dns.tcp.connections, 0);
  });

  test("what is no question ends the connection", async (t) => {
    const { port } = await serve(t);
    const answer = emit(makeMessage({ id: 1, response: true }));
    for (const bytes of [framed(answer), Buffer.from([0, 0]), Buffer.from([0xff, 0xff, 1, 2]), framed(new Uint8Array(5))]) {
      const client = new Client(port);
      client.socket.write(bytes);
      await until("the end", async () => client.ended);
      assert.equal(client.answers.length, 0);
    }
  });

  test("a thousand clients that stall keep nobody out", async (t) => {
    const { dns, port } = await serve(t);
    const stalled: Client[] = [];
    t.after(() => {
      for (const client of stalled) client.socket.destroy();
    });
    for (let index = 0; index < 1000; index++) {
      const client = new Client(port);
      client.socket.write(Buffer.from([0, 40, 1]));
      stalled.push(client);
      if (index % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const client = new Client(port);
    client.socket.write(framed(question("web1.tapnet.internal", 3)));
    await client.answered(1);
    assert.ok(dns.tcp.connections <= TCP.connectionsPerClient);
    client.socket.destroy();
  });

  test("a client that does not read its answers is cut off", async (t) => {
    const { dns, port } = await serve(t);
    dns.names.set("default", "farm", { ipv4: Array.from({ length: 60 }, (_, index) => ipv4("10.77.0.100") + index) });
    const client = new Client(port);
    client.socket.pause();
    const many = Buffer.concat(Array.from({ length: 2000 }, (_, index) => framed(question("farm.tapnet.internal", index))));
    for (let index = 0; index < 20 && !client.ended; index++) client.socket.write(many);
    await until("cut off", async () => dns.tcp.connections === 0);
    client.socket.destroy();
  });
});

/** A server that answers every question with the address 198.51.100.7, over UDP, TCP or TLS. */
function upstreamReply(bytes: Uint8Array): Uint8Array {
  const message = parse(bytes);
  if (typeof message === "string") assert.fail(message);
  const { id, questions } = message;
  return emit(
    makeMessage({
      id,
      questions,
      response: true,
      recursionAvailable: true,
      answers: [record(questions[0].name, "A", { address: ipv4("198.51.100.7") })],
    }),
  );
}

function answerStream(socket: Socket): void {
  const framing = new StreamFraming(65_535);
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    framing.push(new Uint8Array(chunk), (bytes, offset, length) => {
      socket.write(framed(upstreamReply(bytes.slice(offset, offset + length))));
      return true;
    });
  });
}

async function upstreamServer(t: TestContext, over: "udp" | "tcp"): Promise<UpstreamAddress> {
  const server = createServer(answerStream);
  await listen(server);
  const { port } = server.address() as AddressInfo;
  const socket = createSocket("udp4");
  socket.on("message", (bytes, from) => {
    const reply = upstreamReply(new Uint8Array(bytes));
    if (over === "tcp") reply[2] |= 2;
    socket.send(reply, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(port, "127.0.0.1", resolve));
  t.after(() => {
    socket.close();
    server.close();
  });
  return { family: 4, address: LOOPBACK, port, interface: undefined, tlsName: undefined };
}

const transports: readonly [string, () => UpstreamTransport][] = [
  ["node:dgram", () => nodeTransport()],
  [
    "batch sockets",
    () =>
      batchTransport<UdpBatch>({
        open: ({ family, port, device }, handler) => new UdpSocket({ family, port, device }, handler),
        makeBatch: (capacity, slotBytes) => new UdpBatch(capacity, slotBytes),
        streams: nodeTransport(),
      }),
  ],
];

describe("upstream over real sockets", () => {
  for (const [name, transport] of transports) {
    for (const over of ["udp", "tcp"] as const) {
      test(`${name}, answered over ${over}; asked over UDP and TCP`, async (t) => {
        const { port } = await serve(t, { transport: transport(), upstreams: [await upstreamServer(t, over)] });
        const client = new Client(port);
        client.socket.write(
          Buffer.concat(["a", "b", "c"].map((label, index) => framed(question(`${label}.example.com`, index)))),
        );
        const answers = await client.answered(3);
        assert.deepEqual(
          answers.map(({ rcode, answers: records }) => [rcode, records.length]),
          [
            [0, 1],
            [0, 1],
            [0, 1],
          ],
        );
        client.socket.destroy();
        const socket = createSocket("udp4");
        t.after(() => socket.close());
        const reply = new Promise<Buffer>((resolve) => socket.once("message", resolve));
        socket.send(question("d.example.com", 77), port, "127.0.0.1");
        const message = parse(new Uint8Array(await reply));
        assert.ok(typeof message !== "string" && message.id === 77 && message.answers.length === 1);
      });
    }
  }

  test("DNS over TLS, the certificate checked", needs(command("openssl")), async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "tapnet-dns-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const [key, certificate] = [join(folder, "key"), join(folder, "certificate")];
    const made = spawnSync("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ...["-subj", "/CN=dns.example", "-addext", "subjectAltName=DNS:dns.example", "-keyout", key, "-out", certificate],
    ]);
    assert.equal(made.status, 0, made.stderr.toString());
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(certificate) }, answerStream);
    server.on("tlsClientError", () => {});
    await listen(server);
    t.after(() => server.close());
    const { port: tlsPort } = server.address() as AddressInfo;
    const transport = nodeTransport({ tlsAuthorities: readFileSync(certificate, "utf8") });
    for (const [tlsName, rcode] of [
      ["dns.example", 0],
      ["other.example", 2],
    ] as const) {
      const upstreams = [{ family: 4, address: LOOPBACK, port: tlsPort, interface: undefined, tlsName }] as const;
      const { dns } = await serve(t, { transport, upstreams: [...upstreams] });
      assert.equal((await dns.query("www.example.com", TYPE.A)).reply.rcode, rcode, tlsName);
    }
  });
});
