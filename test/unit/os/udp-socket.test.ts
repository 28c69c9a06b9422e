import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, type TestContext, test } from "node:test";
import { parseIpv6, readIpv6 } from "../../../src/base/ipv6-address.js";
import { DATAGRAM_TRUNCATED, UdpBatch, type UdpHandler, UdpSocket, type UdpSocketOptions } from "../../../src/os/udp-socket.js";
import { until } from "../../support/wait.js";

const UDP_SOCKET = new URL("../../../src/os/udp-socket.js", import.meta.url).href;
const LOOPBACK = 0x7f00_0001;
const OTHER_LOOPBACK = 0x7f00_0102;
const LOOPBACK_6 = parseIpv6("::1");
const SLOT = 256;

/** A handler with a batch for what comes; the answer to a row is the row. */
function handler(onDatagrams: (count: number, batch: UdpBatch) => number, batch = new UdpBatch(64, SLOT)): UdpHandler {
  return { received: batch, answers: batch, onDatagrams: (count) => onDatagrams(count, batch) };
}

const ignore = handler(() => 0);

/** A socket that answers each datagram with its bytes doubled in value, from the address that was asked. */
function echo(t: TestContext, options: UdpSocketOptions): UdpSocket {
  const answer = (count: number, batch: UdpBatch): number => {
    for (let row = 0; row < count; row++) batch.bytes[batch.offset[row]] *= 2;
    return count;
  };
  const socket = new UdpSocket(options, handler(answer));
  t.after(() => socket.close());
  return socket;
}

/** A socket that keeps what it receives, a line for each datagram. */
function listen(t: TestContext, options: UdpSocketOptions): { socket: UdpSocket; lines: string[]; flags: number[] } {
  const lines: string[] = [];
  const flags: number[] = [];
  const keep = (count: number, batch: UdpBatch): number => {
    for (let row = 0; row < count; row++) {
      const remote =
        options.family === 4
          ? batch.remoteIpv4[row].toString(16)
          : readIpv6(new DataView(batch.remoteIpv6.buffer, batch.remoteIpv6.byteOffset), row * 16).toString(16);
      lines.push(`${remote}:${batch.remotePort[row]} ${batch.bytes[batch.offset[row]]} of ${batch.length[row]}`);
      flags.push(batch.flags[row]);
    }
    return 0;
  };
  const socket = new UdpSocket(options, handler(keep));
  t.after(() => socket.close());
  return { socket, lines, flags };
}

/** One datagram of `length` bytes from a socket to another on the loopback. */
function send(from: UdpSocket, port: number, length: number, slotBytes = SLOT): void {
  const batch = new UdpBatch(1, slotBytes);
  batch.length[0] = length;
  batch.remoteIpv4[0] = LOOPBACK;
  batch.remotePort[0] = port;
  batch.count = 1;
  assert.equal(from.send(batch), 1);
}

describe("a UDP socket", () => {
  test("a batch goes, a batch comes, and the answer leaves from the address that was asked", async (t) => {
    const server = echo(t, { family: 4 });
    const client = listen(t, { family: 4, address: LOOPBACK });
    const batch = new UdpBatch(64, SLOT);
    for (let row = 0; row < 64; row++) {
      batch.bytes[batch.offset[row]] = row;
      batch.length[row] = row + 1;
      batch.remoteIpv4[row] = OTHER_LOOPBACK;
      batch.remotePort[row] = server.port;
    }
    batch.count = 64;
    assert.equal(client.socket.send(batch), 64);
    await until("all answers", () => client.lines.length === 64);
    const expected = Array.from({ length: 64 }, (_, row) => `7f000102:${server.port} ${row * 2} of ${row + 1}`);
    assert.deepEqual(client.lines.sort(), expected.sort());
  });

  test("IPv6, and IPv4 on a socket for both", async (t) => {
    const server = echo(t, { family: 6, ipv6Only: false });
    const six = listen(t, { family: 6, address: LOOPBACK_6 });
    const four = listen(t, { family: 4, address: LOOPBACK });
    const batch = new UdpBatch(2, SLOT);
    batch.bytes[0] = 21;
    batch.length[0] = 5;
    batch.count = 1;
    batch.remotePort[0] = server.port;
    batch.remoteIpv6[15] = 1;
    batch.remoteIpv4[0] = LOOPBACK;
    assert.equal(six.socket.send(batch), 1);
    assert.equal(four.socket.send(batch), 1);
    await until("both answers", () => six.lines.length + four.lines.length === 2);
    assert.deepEqual(six.lines, [`1:${server.port} 42 of 5`]);
    assert.deepEqual(four.lines, [`7f000001:${server.port} 42 of 5`]);
  });

  for (const [name, address] of [
    ["one address", LOOPBACK],
    ["any address", undefined],
  ] as const) {
    test(`on ${name}: a datagram that does not fit says so, alone and in a batch; one of no bytes is one`, async (t) => {
      const { socket, lines, flags } = listen(t, { family: 4, address });
      send(socket, socket.port, 1000, 1024);
      await until("the datagram alone", () => lines.length === 1);
      assert.deepEqual([lines, flags], [[`7f000001:${socket.port} 0 of ${SLOT}`], [DATAGRAM_TRUNCATED]]);
      const sending = new UdpBatch(3, 1024);
      sending.length.set([1000, 0, SLOT]);
      sending.remoteIpv4.fill(LOOPBACK);
      sending.remotePort.fill(socket.port);
      sending.count = 3;
      assert.equal(socket.send(sending), 3);
      await until("all datagrams", () => lines.length === 4);
      assert.deepEqual(
        lines.slice(1).map((line) => line.split(" of ")[1]),
        [String(SLOT), "0", String(SLOT)],
      );
      assert.deepEqual(flags.slice(1), [DATAGRAM_TRUNCATED, 0, 0]);
    });
  }

  test("an ICMP error for an answer does not end it: the next datagram is heard", async (t) => {
    const server = echo(t, { family: 4, address: LOOPBACK });
    const gone = new UdpSocket({ family: 4, address: LOOPBACK }, ignore);
    for (let count = 0; count < 3; count++) send(gone, server.port, 1);
    gone.close();
    const client = listen(t, { family: 4, address: LOOPBACK });
    send(client.socket, server.port, 1);
    await until("the answer", () => client.lines.length === 1);
  });

  test("while one client asks without end, others and the event loop have their turn", async (t) => {
    let rounds = 0;
    // It sends to itself: each round's answer is the next round's datagram, so one is always there.
    const socket: UdpSocket = new UdpSocket(
      { family: 4, address: LOOPBACK },
      handler((count) => {
        rounds++;
        return count;
      }),
    );
    t.after(() => socket.close());
    send(socket, socket.port, 1);
    for (let turns = 0; turns < 20; turns++) {
      const before = rounds;
      await until("a round", () => rounds > before);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(rounds >= 20);
  });

  test("a row that cannot be sent does not stop the others", async (t) => {
    const { socket, lines } = listen(t, { family: 4 });
    const sending = new UdpBatch(4, SLOT);
    sending.length.fill(3);
    sending.remoteIpv4.fill(LOOPBACK);
    sending.remotePort.fill(socket.port);
    sending.remotePort[0] = 0;
    sending.offset[1] = 0xffff_ffff;
    sending.localIpv4[2] = 0xc000_0201;
    sending.count = 4;
    assert.equal(socket.send(sending), 1);
    await until("the good one", () => lines.length === 1);
  });

  test("a socket that does not want to know its own address receives, alone and in batches, and answers from any", async (t) => {
    const server = echo(t, { family: 4, localAddress: false });
    const client = listen(t, { family: 4, address: LOOPBACK });
    send(client.socket, server.port, 3);
    await until("the answer alone", () => client.lines.length === 1);
    const batch = new UdpBatch(20, SLOT);
    batch.length.fill(7);
    batch.remoteIpv4.fill(LOOPBACK);
    batch.remotePort.fill(server.port);
    batch.count = 20;
    assert.equal(client.socket.send(batch), 20);
    await until("all answers", () => client.lines.length === 21);
    assert.deepEqual(new Set(client.lines), new Set([`7f000001:${server.port} 0 of 3`, `7f000001:${server.port} 0 of 7`]));
  });

  test("an address that is taken, absent, or of the other family is refused", (t) => {
    const { socket } = listen(t, { family: 4, address: LOOPBACK });
    const refused = (options: UdpSocketOptions, expected: object): void =>
      assert.throws(() => new UdpSocket(options, ignore), expected);
    refused(
      { family: 4, address: LOOPBACK, port: socket.port },
      { name: "SystemError", code: "EADDRINUSE", message: /127\.0\.0\.1 port/ },
    );
    refused({ family: 4, address: 0xc000_0201 }, { code: "EADDRNOTAVAIL" });
    refused({ family: 4, address: LOOPBACK_6 }, { name: "TapnetError", code: "INVALID_ARGUMENT" });
    refused({ family: 6, address: LOOPBACK }, { code: "INVALID_ARGUMENT" });
    refused({ family: 4, device: "a/b" }, { code: "INVALID_ARGUMENT" });
    new UdpSocket({ family: 4, address: 0xc000_0201, freeBind: true }, ignore).close();
    const shared = new UdpSocket({ family: 4, address: LOOPBACK, reusePort: true }, ignore);
    new UdpSocket({ family: 4, address: LOOPBACK, port: shared.port, reusePort: true }, ignore).close();
    shared.close();
  });

  test("it can be closed from inside its callback, and twice", async () => {
    let called = 0;
    const socket: UdpSocket = new UdpSocket(
      { family: 4, address: LOOPBACK },
      handler((count) => {
        called++;
        socket.close();
        socket.close();
        return count;
      }),
    );
    send(socket, socket.port, 1);
    await until("the callback", () => called === 1);
    assert.throws(() => socket.send(new UdpBatch(1, SLOT)), { name: "TapnetError", code: "CLOSED" });
  });

  for (const [name, body, expected] of [
    ["answers with more rows than there are", "return 3;", "INVALID_ARGUMENT the UDP socket: onDatagrams must return"],
    ["answers with something else", "return 'one';", "INVALID_ARGUMENT the UDP socket: onDatagrams must return"],
    [
      "gives the batch's memory away",
      "structuredClone(0, { transfer: [batch.memory.buffer] }); return 0;",
      "INVALID_STATE the UDP socket: the memory",
    ],
    ["throws", "throw new Error('planned');", "undefined planned"],
  ] as const) {
    test(`a handler that ${name} is an uncaught exception, and nothing is sent`, () => {
      const program = `
        import { UdpBatch, UdpSocket } from ${JSON.stringify(UDP_SOCKET)};
        process.on("uncaughtException", (error) => { console.log(error.code, error.message); process.exit(0); });
        const batch = new UdpBatch(2, 64);
        const handler = { received: batch, answers: batch, onDatagrams() { ${body} } };
        const socket = new UdpSocket({ family: 4, address: ${LOOPBACK} }, handler);
        const question = new UdpBatch(1, 64);
        question.remoteIpv4[0] = ${LOOPBACK};
        question.remotePort[0] = socket.port;
        question.count = 1;
        socket.send(question);`;
      const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
        encoding: "utf8",
        timeout: 10_000,
      });
      assert.ok(stdout.startsWith(expected), stdout + stderr);
    });
  }
});
