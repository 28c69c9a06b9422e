/** Ten thousand times open and close, and never closed at all: the number of descriptors, and memory, stay what they were. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { readdirSync } from "node:fs";
import { before, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ReceiveBatch } from "../../src/frame/batch.js";
import { addon } from "../../src/os/addon.js";
import { FrameSocket } from "../../src/os/frame-socket.js";
import { NetlinkSocket } from "../../src/os/netlink.js";
import { unshareNetworkNamespace } from "../../src/os/netns.js";
import { createTap, openTap } from "../../src/os/tap.js";
import { UdpBatch, UdpSocket } from "../../src/os/udp-socket.js";
import { UnixListener } from "../../src/os/unix-socket.js";
import { needs, root, tap } from "../support/needs.js";
import { until } from "../support/wait.js";

const CYCLES = 10_000;
const LISTENER_PATH = `@tapnet-descriptors-${process.pid}`;
/** What the allocator and V8 may keep for themselves after ten thousand cycles: less than 2 KiB each. */
const GROWTH_BYTES_MAX = 20 * 1024 * 1024;

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** Lets libuv free what has been closed. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function cycle(open: () => { close(): void }): Promise<void> {
  const descriptorsBefore = descriptors();
  const run = async (count: number): Promise<void> => {
    for (let round = 0; round < count; round++) {
      open().close();
      if (round % 100 === 99) await turn();
    }
    // Packet sockets are closed in the background.
    await until("the descriptors to be closed", () => descriptors() === descriptorsBefore);
    collectGarbage();
  };
  await run(CYCLES / 10);
  const bytesBefore = process.memoryUsage.rss();
  await run(CYCLES);
  assert.ok(process.memoryUsage.rss() - bytesBefore < GROWTH_BYTES_MAX, "resident memory grows with the cycles");
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const privileged = root() === undefined;

before(() => {
  if (!privileged) return;
  unshareNetworkNamespace();
  execFileSync("ip", ["link", "set", "lo", "up"]);
});

describe(`${CYCLES} times open and close`, () => {
  test("a netlink socket", () => cycle(() => new NetlinkSocket("route")));

  test("a netlink subscription", () => {
    const socket = new NetlinkSocket("route");
    return cycle(() => socket.subscribe([1], { onMessages() {}, onOverrun() {} })).finally(() => socket.close());
  });

  test("a UDP socket that is watched", () => {
    const batch = new UdpBatch(1, 64);
    return cycle(() => new UdpSocket({ family: 4 }, { received: batch, answers: batch, onDatagrams: () => 0 }));
  });

  test("a unix listener", () => cycle(() => new UnixListener({ path: LISTENER_PATH }, () => {})));

  test("a frame socket with a link", needs(root), () => {
    const batch = new ReceiveBatch(4);
    const filter = [{ code: 0x06, jt: 0, jf: 0, k: 0 }];
    return cycle(() => {
      const socket = new FrameSocket(batch, { onReadable() {}, onLinkGone() {} });
      socket.add(0, 1, filter);
      return socket;
    });
  });

  test("a persistent TAP", needs(root, tap), async () => {
    const first = createTap({ persist: true });
    first.close();
    await cycle(() => openTap(first.name));
    openTap(first.name, { persist: false }).close();
  });
});

describe("never closed", () => {
  test("what is not watched goes with the garbage, without a word", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on("warning", note);
    const openBefore = descriptors();
    for (let index = 0; index < 500; index++) {
      const connection = new (addon().UnixConnection)();
      void connection;
      void new NetlinkSocket("route");
    }
    assert.ok(descriptors() >= openBefore + 400, "they are open now");
    await until("the garbage to be collected", async () => {
      collectGarbage();
      await turn();
      return descriptors() <= openBefore;
    });
    process.off("warning", note);
    assert.deepEqual(warnings, []);
  });

  test("what is watched stays open and goes on working", async () => {
    let received = 0;
    let port = 0;
    const forget = (): void => {
      const batch = new UdpBatch(1, 64);
      const onDatagrams = (): number => {
        received++;
        socket.close();
        return 0;
      };
      const socket: UdpSocket = new UdpSocket(
        { family: 4, address: 0x7f00_0001 },
        { received: batch, answers: batch, onDatagrams },
      );
      port = socket.port;
    };
    forget();
    collectGarbage();
    await turn();
    collectGarbage();
    const sender = createSocket("udp4");
    sender.send("x", port, "127.0.0.1");
    await until("the datagram", () => received === 1);
    sender.close();
  });
});
