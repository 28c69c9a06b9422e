/** Ports on a thread that serves nothing else: it waits for frames in the kernel, and its event loop has turns all the same. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { frameColumns } from "../../../src/base/frame-columns.js";
import { ForwardBatch } from "../../../src/frame/forward/batch.js";
import { PortSocket } from "../../../src/os/port-socket.js";
import { portFrames } from "../../support/port-frames.js";
import { pause, until } from "../../support/wait.js";

function frame(number: number, length = 60): Buffer {
  const bytes = Buffer.alloc(length, number & 0xff);
  bytes.writeUInt32BE(number, 10);
  return bytes;
}

/** Two sockets that are each other's peers; what comes to the first is handled by `handle`. */
class Pair {
  readonly near: PortSocket;
  readonly far: PortSocket;
  readonly batch = new ForwardBatch();
  readonly columns = frameColumns(64);
  readonly seen: number[] = [];
  /** Numbers of frames that came back, as far as the far end was read. */
  readonly back: number[] = [];
  wakeUps = 0;
  #handle: () => void = () => undefined;

  constructor(t: TestContext) {
    const directory = mkdtempSync(join(tmpdir(), "tapnet-alone-"));
    const handle = (): void => {
      for (let row = 0; row < this.batch.count; row++) this.seen.push(this.batch.view.getUint32(this.batch.offset[row] + 10));
      this.#handle();
    };
    this.near = new PortSocket({
      onReadable: () => {
        this.wakeUps++;
        this.near.serveAlone(this.batch, handle);
      },
      onEvent: () => undefined,
    });
    const farBatch = new ForwardBatch();
    this.far = new PortSocket({
      onReadable: () => {
        this.far.receive(farBatch);
        for (let row = 0; row < farBatch.count; row++) this.back.push(farBatch.view.getUint32(farBatch.offset[row] + 10));
      },
      onEvent: () => undefined,
    });
    this.near.addDgram(0, join(directory, "near"), join(directory, "far"));
    this.far.addDgram(0, join(directory, "far"), join(directory, "near"));
    t.after(async () => {
      await Promise.all([this.near.close(), this.far.close()]);
      rmSync(directory, { recursive: true });
    });
  }

  handle(handler: () => void): void {
    this.#handle = handler;
  }

  /** Sends back what has come, later. */
  returnLater(): number {
    const { batch, columns } = this;
    columns.port.set(batch.port.subarray(0, batch.count));
    columns.offset.set(batch.offset.subarray(0, batch.count));
    columns.length.set(batch.length.subarray(0, batch.count));
    return this.near.sendLater({ bytes: batch.bytes, ...columns, count: batch.count });
  }

  send(...numbers: readonly number[]): void {
    this.far.send(portFrames(...numbers.map((number) => [0, frame(number)] as const)));
  }
}

describe("ports served alone", () => {
  test("frames come through, and timers and other sockets of the thread have their turns", async (t) => {
    const pair = new Pair(t);
    pair.handle(() => void pair.returnLater());
    for (let number = 0; number < 12; number++) {
      pair.send(number);
      // Both ends are on this thread: the answer is read by its event loop.
      await until("the answer", () => pair.back.length === number + 1);
      if (number % 4 === 0) await pause(1);
    }
    const all = Array.from({ length: 12 }, (_, number) => number);
    assert.deepEqual(pair.seen, all);
    assert.deepEqual(pair.back, all);
  });

  test("after a silence the event loop waits, and the next frame is told again", async (t) => {
    const pair = new Pair(t);
    pair.send(1);
    await until("the first frame", () => pair.seen.length === 1);
    assert.equal(pair.wakeUps, 1);
    // Longer than the thread stays; each pause lets it have a turn.
    for (let silence = 0; silence < 6; silence++) await pause(100);
    pair.send(2);
    await until("the second frame", () => pair.seen.length === 2);
    assert.equal(pair.wakeUps, 2);
  });

  test("it may be closed while it waits, and while it handles frames", async (t) => {
    const waiting = new Pair(t);
    waiting.send(1);
    await until("the frame", () => waiting.seen.length === 1);
    await waiting.near.close();
    const handling = new Pair(t);
    handling.handle(() => {
      handling.returnLater();
      void handling.near.close();
    });
    handling.send(1);
    await until("the frame", () => handling.seen.length === 1);
    await handling.near.close();
    assert.equal(handling.near.sendLater({ bytes: handling.batch.bytes, ...handling.columns, count: 1 }), 0);
  });
});

describe("frames that are sent later", () => {
  test("leave with the next receive into the same batch, and what was not taken is missing from the next count", async (t) => {
    const pair = new Pair(t);
    const { batch, columns, near } = pair;
    batch.bytes.set(frame(7), 64);
    columns.offset.set([64, 64]);
    columns.length.set([60, 60]);
    // The second is for a port that is not there.
    columns.port.set([0, 9]);
    assert.equal(near.sendLater({ bytes: batch.bytes, ...columns, count: 2 }), 2);
    await pause(5);
    assert.deepEqual(pair.back, []);
    near.receive(batch);
    await until("the frame", () => pair.back.length === 1);
    assert.deepEqual(pair.back, [7]);
    assert.equal(near.sendLater({ bytes: batch.bytes, ...columns, count: 1 }), 0);
    assert.equal(near.sendLater({ bytes: batch.bytes, ...columns, count: 1 }), 1);
  });

  test("leave at once where the next receive is into another batch", async (t) => {
    const pair = new Pair(t);
    const later = portFrames([0, frame(1)], [0, frame(2)]);
    assert.equal(pair.near.sendLater(later), 2);
    pair.near.receive(pair.batch);
    await until("both", () => pair.back.length === 2);
    assert.deepEqual(pair.back, [1, 2]);
  });

  test("leave before others that are sent now", async (t) => {
    const pair = new Pair(t);
    pair.near.sendLater(portFrames([0, frame(1)]));
    pair.near.send(portFrames([0, frame(2)]));
    await until("both", () => pair.back.length === 2);
    assert.deepEqual(pair.back, [1, 2]);
  });
});
