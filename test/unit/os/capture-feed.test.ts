import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { compileFilter } from "../../../src/capture/filter/compile.js";
import { CaptureFeeds } from "../../../src/os/capture-feed.js";
import { CAPTURE_OUTGOING, CaptureBatch, CaptureSocket } from "../../../src/os/capture-socket.js";
import { runBpf } from "../../support/bpf.js";
import { ipv4Frame, ipv6Frame, udpPayload } from "../../support/forward-lab.js";
import { hexOf } from "../../support/pieces.js";
import { portFrames } from "../../support/port-frames.js";
import { until } from "../../support/wait.js";

const SNAP_BYTES = 200;
const PORT = 4;

interface Seen {
  readonly hex: string;
  readonly original: number;
  readonly outgoing: boolean;
}

class Capture {
  readonly socket: CaptureSocket;
  readonly #batch: CaptureBatch;

  constructor(t: TestContext, feeds: CaptureFeeds, filter = "", port = PORT, snapBytes = SNAP_BYTES) {
    this.socket = CaptureSocket.adopt(feeds.open(port));
    this.socket.setFilter(compileFilter(filter, snapBytes));
    this.#batch = new CaptureBatch(64, snapBytes);
    t.after(() => this.socket.close());
  }

  take(): Seen[] {
    const seen: Seen[] = [];
    const batch = this.#batch;
    for (;;) {
      const count = this.socket.receive(batch);
      if (count === 0) return seen;
      for (let row = 0; row < count; row++) {
        const hex = hexOf(batch.bytes.subarray(batch.offset[row], batch.offset[row] + batch.length[row]));
        seen.push({ hex, original: batch.original[row], outgoing: batch.flags[row] === CAPTURE_OUTGOING });
      }
    }
  }

  get time(): number {
    return this.#batch.seconds[0] * 1000 + this.#batch.nanoseconds[0] / 1e6;
  }
}

function makeFeeds(t: TestContext): CaptureFeeds {
  const feeds = new CaptureFeeds();
  t.after(() => feeds.close());
  return feeds;
}

function copy(feeds: CaptureFeeds, frames: readonly Uint8Array[], outgoing: boolean, port = PORT): void {
  feeds.copy(portFrames(...frames.map((frame) => [port, frame] as const)), outgoing);
}

function tagged(frame: Uint8Array, id: number): Uint8Array {
  return Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, 0x60 | (id >> 8), id & 0xff, ...frame.subarray(12)]);
}

describe("a feed of captured frames", () => {
  test("shows each frame once, with its direction, its length and the time; tags are where they were", (t) => {
    const feeds = makeFeeds(t);
    const capture = new Capture(t, feeds);
    const frames = [
      ipv4Frame(),
      tagged(ipv4Frame(), 0x123),
      ipv6Frame(),
      new Uint8Array(14),
      ipv4Frame({ payload: udpPayload(1400) }),
    ];
    copy(feeds, frames, false);
    copy(feeds, [frames[0]], true);
    copy(feeds, [frames[0]], true, PORT + 1);
    const expected = [...frames, frames[0]].map((frame, index) => {
      const kept = index === 1 ? SNAP_BYTES + 4 : SNAP_BYTES;
      return { hex: hexOf(frame.subarray(0, kept)), original: frame.length, outgoing: index === frames.length };
    });
    assert.deepEqual(capture.take(), expected);
    assert.ok(Math.abs(Date.now() - capture.time) < 60_000);
    assert.deepEqual(capture.socket.counts(), { received: 6, dropped: 0 });
    assert.ok(capture.socket.fed);
  });

  test("filters let in what they let in on an interface", (t) => {
    const feeds = makeFeeds(t);
    const frames = [
      ipv4Frame(),
      ipv4Frame({ options: new Uint8Array(8), payload: udpPayload(80, 53) }),
      ipv4Frame({ protocol: 6, payload: udpPayload(20, 80) }),
      tagged(ipv4Frame({ payload: udpPayload(8, 53) }), 5),
      ipv6Frame({ payload: udpPayload(300, 53) }),
      new Uint8Array(14),
    ];
    const expressions = [
      "",
      "ip",
      "udp port 53",
      "not udp",
      "host 10.77.0.16",
      "greater 100",
      "less 60",
      "ether multicast",
      "tcp or ip6",
      ...["vlan", "vlan 5", "vlan 6", "not vlan and udp"],
    ];
    for (const expression of expressions) {
      const capture = new Capture(t, feeds, expression);
      copy(feeds, frames, false);
      const passed = frames.filter((frame) => runBpf(compileFilter(expression, SNAP_BYTES), frame) > 0);
      assert.deepEqual(
        capture.take().map(({ original }) => original),
        passed.map(({ length }) => length),
        expression,
      );
      capture.socket.close();
    }
  });

  test("shows nothing before it has a filter", (t) => {
    const feeds = makeFeeds(t);
    const socket = CaptureSocket.adopt(feeds.open(PORT));
    t.after(() => socket.close());
    copy(feeds, [ipv4Frame()], false);
    assert.equal(socket.receive(new CaptureBatch(64, 100)), 0);
  });

  test("what is not read in time is lost and counted, also where nothing follows; others see everything", async (t) => {
    const feeds = makeFeeds(t);
    const slow = new Capture(t, feeds);
    const quick = new Capture(t, feeds, "port 53");
    const frames = Array.from({ length: 2000 }, () => ipv4Frame({ payload: udpPayload(1400, 53) }));
    const rounds = 40;
    let seen = 0;
    for (let round = 0; round < rounds; round++) {
      copy(feeds, frames, true);
      seen += quick.take().length;
    }
    let read = 0;
    await until("every frame to be seen or counted as lost", () => {
      read += slow.take().length;
      seen += quick.take().length;
      return slow.socket.counts().received === rounds * frames.length;
    });
    const { dropped } = slow.socket.counts();
    assert.ok(dropped > 0);
    assert.equal(read + dropped, rounds * frames.length);
    assert.equal(seen + quick.socket.counts().dropped, rounds * frames.length);
  });

  test("ends for who captures when the port goes, and for the feed when he goes", async (t) => {
    const feeds = makeFeeds(t);
    const first = new Capture(t, feeds);
    const second = new Capture(t, feeds, "", PORT + 1);
    feeds.forget(PORT);
    await until("the end", () => first.take().length === 0 && first.socket.vanished());
    assert.equal(second.socket.vanished(), false);
    second.socket.close();
    await until("nobody to capture", () => !feeds.any);
    const third = new Capture(t, feeds);
    copy(feeds, [ipv4Frame()], false);
    assert.equal(third.take().length, 1);
    await feeds.close();
    await until("the end", () => third.take().length === 0 && third.socket.vanished());
  });
});
