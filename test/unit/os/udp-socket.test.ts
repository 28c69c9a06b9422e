import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { parseIpv6, readIpv6 } from "../../../src/base/ipv6-address.js";
import { DATAGRAM_TRUNCATED, UdpBatch, UdpSocket, type UdpSocketOptions } from "../../../src/os/udp-socket.js";
import { until } from "../../support/wait.js";

const LOOPBACK = 0x7f00_0001;
const OTHER_LOOPBACK = 0x7f00_0102;
const LOOPBACK_6 = parseIpv6("::1");
const SLOT = 256;

/** A socket that answers each datagram with its bytes doubled in value, from the address that was asked. */
function echo(t: TestContext, options: UdpSocketOptions): UdpSocket {
  const batch = new UdpBatch(64, SLOT);
  const socket: UdpSocket = new UdpSocket(options, () => {
    socket.receive(batch);
    for (let row = 0; row < batch.count; row++) batch.bytes[batch.offset[row]] *= 2;
    assert.equal(socket.send(batch), batch.count);
  });
  t.after(() => socket.close());
  return socket;
}

/** A socket that keeps what it receives, a line for each datagram. */
function listen(t: TestContext, options: UdpSocketOptions): { socket: UdpSocket; lines: string[]; batch: UdpBatch } {
  const batch = new UdpBatch(64, SLOT);
  const lines: string[] = [];
  const socket: UdpSocket = new UdpSocket(options, () => {
    socket.receive(batch);
    for (let row = 0; row < batch.count; row++) {
      const remote =
        options.family === 4
          ? batch.remoteIpv4[row].toString(16)
          : readIpv6(new DataView(batch.remoteIpv6.buffer, batch.remoteIpv6.byteOffset), row * 16).toString(16);
      lines.push(`${remote}:${batch.remotePort[row]} ${batch.bytes[batch.offset[row]]} of ${batch.length[row]}`);
    }
  });
  t.after(() => socket.close());
  return { socket, lines, batch };
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

  test("a datagram that does not fit says so; one of no bytes is one", async (t) => {
    const { socket, lines, batch } = listen(t, { family: 4, address: LOOPBACK });
    const sending = new UdpBatch(2, 1024);
    sending.length.set([1000, 0]);
    sending.remoteIpv4.fill(LOOPBACK);
    sending.remotePort.fill(socket.port);
    sending.count = 2;
    assert.equal(socket.send(sending), 2);
    await until("both datagrams", () => lines.length === 2);
    assert.deepEqual([...batch.length.subarray(0, 2)], [SLOT, 0]);
    assert.deepEqual([...batch.flags.subarray(0, 2)], [DATAGRAM_TRUNCATED, 0]);
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

  test("an address that is taken, absent, or of the other family is refused", (t) => {
    const { socket } = listen(t, { family: 4, address: LOOPBACK });
    const refused = (options: UdpSocketOptions, expected: object): void =>
      assert.throws(() => new UdpSocket(options, () => {}), expected);
    refused(
      { family: 4, address: LOOPBACK, port: socket.port },
      { name: "SystemError", code: "EADDRINUSE", message: /127\.0\.0\.1 port/ },
    );
    refused({ family: 4, address: 0xc000_0201 }, { code: "EADDRNOTAVAIL" });
    refused({ family: 4, address: LOOPBACK_6 }, { name: "TapnetError", code: "INVALID_ARGUMENT" });
    refused({ family: 6, address: LOOPBACK }, { code: "INVALID_ARGUMENT" });
    refused({ family: 4, device: "a/b" }, { code: "INVALID_ARGUMENT" });
    new UdpSocket({ family: 4, address: 0xc000_0201, freeBind: true }, () => {}).close();
    const shared = new UdpSocket({ family: 4, address: LOOPBACK, reusePort: true }, () => {});
    new UdpSocket({ family: 4, address: LOOPBACK, port: shared.port, reusePort: true }, () => {}).close();
    shared.close();
  });

  test("it can be closed from inside its callback, and twice", async () => {
    let called = 0;
    const batch = new UdpBatch(1, SLOT);
    const socket: UdpSocket = new UdpSocket({ family: 4, address: LOOPBACK }, () => {
      called++;
      socket.close();
      socket.close();
    });
    batch.remoteIpv4[0] = LOOPBACK;
    batch.remotePort[0] = socket.port;
    batch.count = 1;
    socket.send(batch);
    await until("the callback", () => called === 1);
    assert.throws(() => socket.receive(batch), { name: "TapnetError", code: "CLOSED" });
  });
});
