import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { ForwardBatch } from "../../../src/frame/forward/batch.js";
import { addon } from "../../../src/os/addon.js";
import { type PortEvent, PortSocket } from "../../../src/os/port-socket.js";
import { portFrames } from "../../support/port-frames.js";
import { until } from "../../support/wait.js";

/** Ports' links, what came in by them, and what happened. */
class Ports {
  readonly directory: string;
  readonly socket: PortSocket;
  readonly events: string[] = [];
  readonly received: { readonly port: number; readonly bytes: Buffer; readonly flags: number }[] = [];
  readonly #batch = new ForwardBatch();

  constructor(t: TestContext) {
    this.directory = mkdtempSync(join(tmpdir(), "tapnet-ports-"));
    this.socket = new PortSocket({
      onReadable: () => this.#receive(),
      onEvent: (slot: number, event: PortEvent) => void this.events.push(`${slot} ${event}`),
    });
    t.after(async () => {
      await this.socket.close();
      rmSync(this.directory, { recursive: true });
    });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  send(...frames: readonly (readonly [port: number, bytes: Uint8Array])[]): number {
    return this.socket.send(portFrames(...frames));
  }

  #receive(): void {
    const batch = this.#batch;
    this.socket.receive(batch);
    for (let row = 0; row < batch.count; row++) {
      const start = batch.offset[row];
      const bytes = Buffer.from(batch.bytes.slice(start, start + batch.length[row]));
      this.received.push({ port: batch.port[row], bytes, flags: batch.flags[row] });
    }
  }

  /** A peer of a stream port, once the port knows it. */
  async dial(slot: number, name: string): Promise<Peer> {
    const before = this.events.filter((event) => event === `${slot} connected`).length;
    const peer = new Peer(this.path(name));
    await until("the peer to be known", () => this.events.filter((event) => event === `${slot} connected`).length > before);
    return peer;
  }
}

class Peer {
  readonly socket: Socket;
  closed = false;
  bytes = Buffer.alloc(0);

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true });
    this.socket.on("data", (chunk) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
    });
    for (const event of ["close", "end", "error"]) {
      this.socket.on(event, () => {
        this.closed = true;
        this.socket.destroy();
      });
    }
  }

  /** Whole frames that have come. */
  frames(): Buffer[] {
    const frames: Buffer[] = [];
    for (let at = 0; at + 4 <= this.bytes.length; ) {
      const length = this.bytes.readUInt32BE(at);
      if (at + 4 + length > this.bytes.length) break;
      frames.push(this.bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    return frames;
  }
}

function frame(number: number, length = 60): Buffer {
  const bytes = Buffer.alloc(length, number & 0xff);
  bytes.writeUInt32BE(number, 10);
  return bytes;
}

function framed(...frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    frames.flatMap((bytes) => {
      const prefix = Buffer.alloc(4);
      prefix.writeUInt32BE(bytes.length);
      return [prefix, bytes];
    }),
  );
}

describe("stream", () => {
  test("frames cross whole in both directions, however the bytes are cut", async (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(3, ports.path("a"));
    const peer = await ports.dial(3, "a");
    const sent = Array.from({ length: 20 }, (_, index) => frame(index, 60 + index * 300));
    const bytes = framed(...sent);
    for (let at = 0; at < bytes.length; at += 997) {
      peer.socket.write(bytes.subarray(at, at + 997));
      if (at % 5 === 0) await new Promise(setImmediate);
    }
    await until("all frames", () => ports.received.length === sent.length);
    assert.deepEqual(
      ports.received.map((row) => row.bytes),
      sent,
    );
    assert.ok(ports.received.every(({ port, flags }) => port === 3 && flags === 0));
    assert.equal(ports.send(...sent.map((each) => [3, each] as const)), sent.length);
    await until("all frames", () => peer.frames().length === sent.length);
    assert.deepEqual(peer.frames(), sent);
  });

  test("one byte at a time", async (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(0, ports.path("a"));
    const peer = await ports.dial(0, "a");
    peer.socket.setNoDelay(true);
    for (const octet of framed(frame(1), frame(2))) {
      peer.socket.write(Uint8Array.of(octet));
      await new Promise(setImmediate);
    }
    await until("both frames", () => ports.received.length === 2);
    assert.deepEqual(
      ports.received.map((row) => row.bytes),
      [frame(1), frame(2)],
    );
  });

  test("the longest frame passes, one more byte ends the connection with a reason", async (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(0, ports.path("a"));
    const peer = await ports.dial(0, "a");
    peer.socket.write(framed(frame(1, 65_553)));
    await until("the giant", () => ports.received.length === 1);
    assert.equal(ports.received[0].bytes.length, 65_553);
    peer.socket.write(Uint8Array.of(0, 1, 0, 18));
    await until("the end", () => peer.closed);
    assert.deepEqual(ports.events, ["0 connected", "0 bad-length"]);
    const next = await ports.dial(0, "a");
    next.socket.write(framed(frame(7)));
    await until("a frame of the next peer", () => ports.received.length === 2);
  });

  test("garbage ends its own connection only", async (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(0, ports.path("a"));
    ports.socket.addStream(1, ports.path("b"));
    const [bad, good] = [await ports.dial(0, "a"), await ports.dial(1, "b")];
    bad.socket.write("GET / HTTP/1.1\r\n\r\n");
    await until("the end", () => bad.closed);
    good.socket.write(framed(frame(5)));
    await until("the frame", () => ports.received.length === 1);
    assert.equal(ports.received[0].port, 1);
    assert.equal(good.closed, false);
  });

  test("runts are counted and passed over, also thousands without a byte", async (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(0, ports.path("a"));
    const peer = await ports.dial(0, "a");
    peer.socket.write(Buffer.alloc(4 * 50_000));
    peer.socket.write(framed(Buffer.alloc(13), frame(9)));
    await until("the frame behind them", () => ports.received.length === 1);
    assert.equal(ports.socket.counts(0).runts, 50_001);
  });

  test("more small frames than one batch has rows for", async (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(0, ports.path("a"));
    const peer = await ports.dial(0, "a");
    peer.socket.write(framed(...Array.from({ length: 30_000 }, (_, index) => frame(index, 14))));
    await until("all of them", () => ports.received.length === 30_000);
    assert.ok(ports.received.every(({ bytes }, index) => bytes.readUInt32BE(10) === index));
  });

  test("a peer that has half closed has gone", async (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(0, ports.path("a"));
    const peer = await ports.dial(0, "a");
    peer.socket.end(framed(frame(1)).subarray(0, 20));
    await until("the end", () => ports.events.length === 2);
    assert.deepEqual(ports.events, ["0 connected", "0 ended"]);
    const next = await ports.dial(0, "a");
    next.socket.write(framed(frame(2)));
    await until("the next peer's frame", () => ports.received.length === 1);
    assert.deepEqual(ports.received[0].bytes, frame(2), "nothing of the first peer's half frame is in it");
  });

  test("a second peer is turned away while there is a first", async (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(0, ports.path("a"));
    const first = await ports.dial(0, "a");
    const second = new Peer(ports.path("a"));
    await until("the second to be turned away", () => second.closed);
    first.socket.write(framed(frame(1)));
    await until("the first's frame", () => ports.received.length === 1);
  });

  test("a peer that never reads loses its own frames; its queue is bounded, and it gets whole frames when it reads", async (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(0, ports.path("a"));
    ports.socket.addStream(1, ports.path("b"));
    const [deaf, good] = [await ports.dial(0, "a"), await ports.dial(1, "b")];
    deaf.socket.pause();
    let number = 0;
    let refused = 0;
    while (refused < 100) {
      const batch = Array.from({ length: 50 }, () => [0, frame(number++, 1500)] as const);
      refused += 51 - ports.send(...batch, [1, frame(number)]);
    }
    assert.ok(ports.socket.counts(0).waitingBytes <= 512 * 1024);
    assert.equal(ports.socket.counts(0).lost, refused);
    await until("all of the other's frames", () => good.frames().length === number / 50);
    deaf.socket.resume();
    await until("what waited", () => deaf.frames().length === number - refused);
    const numbers = deaf.frames().map((bytes) => bytes.readUInt32BE(10));
    assert.deepEqual(
      numbers,
      numbers.toSorted((one, other) => one - other),
    );
    assert.equal(ports.socket.counts(0).waitingBytes, 0);
    ports.send([0, frame(number)]);
    await until("a frame sent afterwards", () => deaf.frames().length === number - refused + 1);
  });

  test("nobody there: frames are lost, at no cost", (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(0, ports.path("a"));
    assert.equal(ports.send([0, frame(1)], [9, frame(2)], [0, Buffer.alloc(5)]), 0);
  });
});

describe("dgram", () => {
  /** A peer as QEMU is one: bound to its path, and sending to the port's. */
  function peerAt(ports: Ports, t: TestContext, name: string) {
    const datagrams = new PortSocket({ onReadable: () => receive(), onEvent() {} });
    const frames: Buffer[] = [];
    const batch = new ForwardBatch();
    const receive = () => {
      datagrams.receive(batch);
      for (let row = 0; row < batch.count; row++) {
        frames.push(Buffer.from(batch.bytes.slice(batch.offset[row], batch.offset[row] + batch.length[row])));
      }
    };
    datagrams.addDgram(0, ports.path(`${name}.qemu`), ports.path(name));
    t.after(() => datagrams.close());
    const send = (bytes: Buffer) => datagrams.send(portFrames([0, bytes]));
    return { frames, send, close: () => datagrams.close() };
  }

  test("a frame a datagram, both ways; what is longer than a row is cut and marked", async (t) => {
    const ports = new Ports(t);
    ports.socket.addDgram(4, ports.path("a"), ports.path("a.qemu"));
    const peer = peerAt(ports, t, "a");
    peer.send(frame(1));
    peer.send(frame(2, 5000));
    await until("both", () => ports.received.length === 2);
    assert.deepEqual(ports.received[0], { port: 4, bytes: frame(1), flags: 0 });
    assert.deepEqual([ports.received[1].bytes.length, ports.received[1].flags], [2032, 2]);
    assert.equal(ports.send([4, frame(3)]), 1);
    await until("the answer", () => peer.frames.length === 1);
    assert.deepEqual(peer.frames[0], frame(3));
  });

  test("any datagram is taken, from whoever sends it", async (t) => {
    const ports = new Ports(t);
    ports.socket.addDgram(0, ports.path("a"), ports.path("a.qemu"));
    addon().sendUnixDatagram(ports.path("a"), Uint8Array.of(1));
    addon().sendUnixDatagram(ports.path("a"), frame(3));
    await until("the second", () => ports.received.some(({ bytes }) => bytes.length === 60));
  });

  test("a peer that was replaced is heard and reached again", async (t) => {
    const ports = new Ports(t);
    ports.socket.addDgram(0, ports.path("a"), ports.path("a.qemu"));
    const first = peerAt(ports, t, "a");
    first.send(frame(1));
    await until("the first's frame", () => ports.received.length === 1);
    assert.equal(ports.send([0, frame(2)]), 1);
    await first.close();
    const second = peerAt(ports, t, "a");
    await until("the second to be heard", () => {
      second.send(frame(3));
      return ports.received.length > 1;
    });
    await until("the second to be reached", () => {
      ports.send([0, frame(4)]);
      return second.frames.length > 0;
    });
  });

  test("a peer that never reads loses its own frames, and its queue is bounded", async (t) => {
    const ports = new Ports(t);
    ports.socket.addDgram(0, ports.path("a"), ports.path("a.qemu"));
    ports.socket.addDgram(1, ports.path("b"), ports.path("b.qemu"));
    const deaf = createDeafDatagram(ports.path("a.qemu"));
    t.after(() => deaf.close());
    const good = peerAt(ports, t, "b");
    let refused = 0;
    for (let round = 0; refused < 100; round++) {
      refused += 51 - ports.send(...Array.from({ length: 50 }, () => [0, frame(round, 1500)] as const), [1, frame(round)]);
      await until("the other's frame", () => good.frames.length === round + 1);
    }
    assert.ok(ports.socket.counts(0).waitingBytes <= 512 * 1024);
    assert.equal(ports.socket.counts(1).lost, 0);
  });
});

/** A bound datagram socket that nobody reads. */
function createDeafDatagram(path: string): { close: () => void } {
  const socket = new (addon().PortSocket)();
  socket.addDgram(0, path, "/nowhere", 0o600);
  return { close: () => void socket.close() };
}

describe("links", () => {
  test("their files have the mode that was asked for, replace what a dead one left, and go with them", async (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(0, ports.path("a"), 0o600);
    assert.equal(statSync(ports.path("a")).mode & 0o777, 0o600);
    const dead = new (addon().PortSocket)();
    dead.addStream(0, ports.path("b"), 0o600);
    await dead.close();
    assert.ok(existsSync(ports.path("b")));
    ports.socket.addStream(1, ports.path("b"));
    assert.equal(ports.socket.remove(1), true);
    assert.equal(ports.socket.remove(1), false);
    assert.ok(!existsSync(ports.path("b")));
    await ports.socket.close();
    assert.ok(!existsSync(ports.path("a")));
  });

  test("what cannot be is refused with a code, and a file that is no socket is left alone", (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(0, ports.path("a"));
    writeFileSync(ports.path("file"), "mine");
    assert.throws(() => ports.socket.addStream(0, ports.path("c")), { code: "INVALID_STATE" });
    assert.throws(() => ports.socket.addStream(1, ports.path("file")), { code: "EADDRINUSE" });
    assert.throws(() => ports.socket.addDgram(1, ports.path("no/where"), ports.path("q")), { code: "ENOENT" });
    assert.throws(() => ports.socket.addTap(1, 0), { name: "SystemError" });
  });

  test("a port that is removed with a peer lets go of it, and the slot is free again", async (t) => {
    const ports = new Ports(t);
    ports.socket.addStream(0, ports.path("a"));
    const peer = await ports.dial(0, "a");
    ports.socket.remove(0);
    await until("the peer to see its end", () => peer.closed);
    ports.socket.addStream(0, ports.path("a"));
    const next = await ports.dial(0, "a");
    next.socket.write(framed(frame(1)));
    await until("a frame", () => ports.received.length === 1);
  });
});
