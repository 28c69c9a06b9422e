import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readSync, writeSync } from "node:fs";
import { before, describe, type TestContext, test } from "node:test";
import { FRAME_FLAG, FRAME_SLOT_BYTES, ReceiveBatch, SendBatch } from "../../../src/frame/batch.js";
import { type FilterInstruction, type FrameListener, FrameSocket } from "../../../src/os/frame-socket.js";
import { unshareNetworkNamespace } from "../../../src/os/netns.js";
import { createTap, type Tap } from "../../../src/os/tap.js";
import { command, needs, root, tap } from "../../support/needs.js";
import { pause, until } from "../../support/wait.js";

const ETHERTYPE = 12;
/** Of IEEE 802 (Local Experimental Ethertype 1): nothing in the host answers to it. */
const EXPERIMENTAL = 0x88b5;
const VLAN = 0x8100;

/** Lets only frames of the experimental type up: `ldh [12]; jeq #0x88b5; ret #-1; ret #0`. */
const ONLY_EXPERIMENTAL: readonly FilterInstruction[] = [
  { code: 0x28, jt: 0, jf: 0, k: ETHERTYPE },
  { code: 0x15, jt: 0, jf: 1, k: EXPERIMENTAL },
  { code: 0x06, jt: 0, jf: 0, k: 0xffff_ffff },
  { code: 0x06, jt: 0, jf: 0, k: 0 },
];
const NOTHING: readonly FilterInstruction[] = [{ code: 0x06, jt: 0, jf: 0, k: 0 }];

function frame(mark: number, length = 60, etherType = EXPERIMENTAL): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.fill(0xff, 0, 6);
  bytes.writeUInt16BE(etherType, ETHERTYPE);
  bytes[14] = mark;
  return bytes;
}

function ip(words: string): void {
  execFileSync("ip", words.split(" "));
}

function createLink(t: TestContext, vnetHdr = false): Tap {
  const made = createTap({ name: "tn-%d", vnetHdr });
  t.after(() => made.close());
  ip(`link set ${made.name} up`);
  return made;
}

/** A frame socket that keeps a line for each frame, and for each link that has gone. */
class Receiver implements FrameListener {
  readonly batch: ReceiveBatch;
  readonly socket: FrameSocket;
  readonly lines: string[] = [];
  readonly gone: number[] = [];
  readonly batches: number[][] = [];

  constructor(t: TestContext, capacity = 256) {
    this.batch = new ReceiveBatch(capacity);
    this.socket = new FrameSocket(this.batch, this);
    t.after(() => this.socket.close());
  }

  onReadable(): void {
    const { batch } = this;
    this.socket.receive();
    if (batch.count > 0) this.batches.push([...batch.slot.subarray(0, batch.count)]);
    for (let row = 0; row < batch.count; row++) {
      const flags = batch.flags[row] === 0 ? "" : ` flags ${batch.flags[row]}`;
      this.lines.push(`${batch.slot[row]}: ${batch.bytes[batch.offset[row] + 14]} of ${batch.length[row]}${flags}`);
    }
  }

  onLinkGone(slot: number): void {
    this.gone.push(slot);
  }
}

/** All frames that wait on a TAP's other side, as mark and length. */
function readAll(link: Tap): string[] {
  const buffer = Buffer.alloc(4096);
  const found: string[] = [];
  for (;;) {
    try {
      const length = readSync(link.fd, buffer);
      if (buffer.readUInt16BE(ETHERTYPE) === EXPERIMENTAL) found.push(`${buffer[14]} of ${length}`);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
      return found;
    }
  }
}

describe("the frame socket", needs(root, tap, command("ip", "iproute2")), () => {
  before(() => unshareNetworkNamespace());

  test("frames of many links come in one batch, each with its slot", async (t) => {
    const links = [createLink(t), createLink(t), createLink(t)];
    const receiver = new Receiver(t);
    for (const [index, link] of links.entries()) receiver.socket.add(index * 10, link.ifindex, ONLY_EXPERIMENTAL);
    for (let mark = 0; mark < 5; mark++) for (const link of links) writeSync(link.fd, frame(mark, 60 + mark));
    await until("all frames", () => receiver.lines.length === 15);
    assert.deepEqual(
      receiver.lines.filter((line) => line.startsWith("20:")),
      [0, 1, 2, 3, 4].map((mark) => `20: ${mark} of ${60 + mark}`),
    );
    assert.equal(receiver.batches.length, 1);
    assert.equal(receiver.socket.counts().received, 15);
  });

  test("replies leave on their own links; one that cannot be sent does not stop the others", (t) => {
    const links = [createLink(t), createLink(t)];
    const { socket } = new Receiver(t);
    const batch = new SendBatch(200);
    for (let row = 0; row < 150; row++) {
      batch.bytes.set(frame(row % 100, 60 + (row % 7)), batch.offset[row]);
      batch.length[row] = 60 + (row % 7);
      batch.ifindex[row] = links[row % 2].ifindex;
    }
    batch.ifindex[4] = 0x7fff;
    batch.length[5] = 13;
    batch.length[6] = FRAME_SLOT_BYTES;
    batch.offset[7] = 0xffff_ff00;
    batch.count = 150;
    assert.equal(socket.send(batch), 146);
    assert.equal(socket.counts().sendErrors, 4);
    assert.equal(readAll(links[0]).length, 73);
    assert.deepEqual(readAll(links[1]).slice(0, 3), ["1 of 61", "3 of 63", "9 of 62"]);
  });

  test("what we send, and what the host sends, does not come back", async (t) => {
    const link = createLink(t);
    const receiver = new Receiver(t);
    receiver.socket.add(0, link.ifindex, ONLY_EXPERIMENTAL);
    const batch = new SendBatch(1);
    batch.bytes.set(frame(1));
    batch.length[0] = 60;
    batch.ifindex[0] = link.ifindex;
    batch.count = 1;
    receiver.socket.send(batch);
    writeSync(link.fd, frame(2));
    await until("the guest's frame", () => receiver.lines.length > 0);
    assert.deepEqual(receiver.lines, ["0: 2 of 60"]);
  });

  test("the filter decides, and can be replaced while frames come", async (t) => {
    const link = createLink(t);
    const receiver = new Receiver(t);
    receiver.socket.add(0, link.ifindex, NOTHING);
    writeSync(link.fd, frame(1));
    receiver.socket.setFilter(0, ONLY_EXPERIMENTAL);
    writeSync(link.fd, frame(2, 60, 0x0800));
    writeSync(link.fd, frame(3));
    await until("the frame", () => receiver.lines.length > 0);
    assert.deepEqual(receiver.lines, ["0: 3 of 60"]);
    assert.throws(() => receiver.socket.setFilter(1, NOTHING), { name: "TapnetError", code: "INVALID_STATE" });
  });

  test("a link that floods delays no other and loses only its own frames", async (t) => {
    const [flooder, quiet] = [createLink(t), createLink(t)];
    const receiver = new Receiver(t, 64);
    receiver.socket.add(0, flooder.ifindex, ONLY_EXPERIMENTAL);
    receiver.socket.add(1, quiet.ifindex, ONLY_EXPERIMENTAL);
    for (let sent = 0; sent < 5000; sent++) writeSync(flooder.fd, frame(1));
    writeSync(quiet.fd, frame(2));
    await until("the flood's end", () => receiver.lines.length > 100);
    assert.ok(receiver.batches[0].includes(1), "the quiet link is in the first batch");
    assert.ok(
      receiver.batches.every((slots) => slots.filter((slot) => slot === 0).length <= 32),
      "half of the batch at most, since there are two links",
    );
    assert.ok(receiver.socket.drops(0) > 4000);
    assert.equal(receiver.socket.drops(1), 0);
    assert.ok(receiver.socket.counts().receiveDrops > 4000);
  });

  test("with more links ready than the batch has room for, each has its turn", async (t) => {
    const links = Array.from({ length: 20 }, () => createLink(t));
    const receiver = new Receiver(t, 16);
    for (const [slot, link] of links.entries()) receiver.socket.add(slot, link.ifindex, ONLY_EXPERIMENTAL);
    for (const link of links) for (let sent = 0; sent < 16; sent++) writeSync(link.fd, frame(sent));
    await until("all frames", () => receiver.lines.length === 320);
    assert.equal(new Set(receiver.batches.slice(0, 20).flat()).size, 20);
  });

  test("a frame that is too long is cut and marked; one of another VLAN is left out", async (t) => {
    const link = createLink(t);
    ip(`link set ${link.name} mtu 9000`);
    const receiver = new Receiver(t);
    receiver.socket.add(0, link.ifindex, ONLY_EXPERIMENTAL);
    writeSync(link.fd, frame(1, 5000));
    const tagged = Buffer.concat([frame(0, 14, VLAN), Buffer.from([0, 5]), frame(2).subarray(12)]);
    writeSync(link.fd, tagged);
    // Tagged for no VLAN, only with a priority: as good as untagged.
    const prioritised = Buffer.concat([frame(0, 14, VLAN), Buffer.from([0xe0, 0]), frame(3).subarray(12)]);
    writeSync(link.fd, prioritised);
    await until("both frames", () => receiver.lines.length === 2);
    assert.deepEqual(receiver.lines, [`0: 1 of ${FRAME_SLOT_BYTES} flags ${FRAME_FLAG.truncated}`, "0: 3 of 60"]);
    assert.equal(receiver.socket.counts().tagged, 1);
  });

  test("a frame whose checksum was left to us is marked", async (t) => {
    const link = createLink(t, true);
    const receiver = new Receiver(t);
    receiver.socket.add(0, link.ifindex, ONLY_EXPERIMENTAL);
    // struct virtio_net_hdr: flags NEEDS_CSUM, no segmentation, checksum from byte 34 on, to be put six bytes further.
    const header = Buffer.from(Uint16Array.of(1, 0, 0, 34, 6).buffer);
    writeSync(link.fd, Buffer.concat([header, frame(7)]));
    writeSync(link.fd, Buffer.concat([Buffer.alloc(10), frame(8)]));
    await until("both frames", () => receiver.lines.length === 2);
    assert.deepEqual(receiver.lines, [`0: 7 of 60 flags ${FRAME_FLAG.checksumPartial}`, "0: 8 of 60"]);
  });

  test("a link that goes down and up again goes on", async (t) => {
    const link = createTap({ name: "tn-%d" });
    t.after(() => link.close());
    const receiver = new Receiver(t);
    receiver.socket.add(0, link.ifindex, ONLY_EXPERIMENTAL);
    for (let round = 1; round <= 3; round++) {
      ip(`link set ${link.name} up`);
      writeSync(link.fd, frame(round));
      await until("the frame", () => receiver.lines.length === round);
      ip(`link set ${link.name} down`);
      await pause(300);
    }
    assert.deepEqual(receiver.gone, []);
  });

  test("an interface that vanishes is reported once, its slot is free, and the loop is quiet", async (t) => {
    const [link, other] = [createLink(t), createLink(t)];
    const receiver = new Receiver(t);
    receiver.socket.add(0, link.ifindex, ONLY_EXPERIMENTAL);
    receiver.socket.add(1, other.ifindex, ONLY_EXPERIMENTAL);
    await link.closeLater();
    await until("the report", () => receiver.gone.length > 0);
    assert.equal(receiver.socket.remove(0), false);
    const busyBefore = process.cpuUsage();
    await pause(400);
    const busy = process.cpuUsage(busyBefore);
    assert.ok(busy.user + busy.system < 200_000, "the event loop spins");
    receiver.socket.add(0, other.ifindex, ONLY_EXPERIMENTAL);
    writeSync(other.fd, frame(5));
    await until("the frame on both", () => receiver.lines.length === 2);
    assert.deepEqual(receiver.gone, [0]);
  });

  test("links come and go while a batch is being handled", async (t) => {
    const [one, two] = [createLink(t), createLink(t)];
    const batch = new ReceiveBatch(8);
    let handled = 0;
    const socket: FrameSocket = new FrameSocket(batch, {
      onReadable() {
        handled += socket.receive();
        socket.remove(0);
        socket.remove(1);
        if (handled < 4) socket.add(handled % 2, two.ifindex, ONLY_EXPERIMENTAL);
        else socket.close();
        if (handled < 4) writeSync(two.fd, frame(handled));
      },
      onLinkGone() {},
    });
    socket.add(0, one.ifindex, ONLY_EXPERIMENTAL);
    writeSync(one.fd, frame(0));
    await until("four frames", () => handled === 4);
    assert.throws(() => socket.receive(), { name: "TapnetError", code: "CLOSED" });
    socket.close();
  });

  test("removing links does not hold up the event loop", async (t) => {
    const link = createLink(t);
    const { socket } = new Receiver(t);
    for (let slot = 0; slot < 100; slot++) socket.add(slot, link.ifindex, NOTHING);
    const started = performance.now();
    for (let slot = 0; slot < 100; slot++) assert.ok(socket.remove(slot));
    assert.ok(performance.now() - started < 300, "one hundred sockets take the kernel a second to close");
  });

  test("many links are closed side by side", async (t) => {
    const link = createLink(t);
    const { socket } = new Receiver(t);
    for (let slot = 0; slot < 200; slot++) socket.add(slot, link.ifindex, NOTHING);
    const open = readdirSync("/proc/self/fd").length;
    const started = performance.now();
    await socket.closeLater();
    assert.ok(performance.now() - started < 1500, "two hundred take the kernel two seconds one after another");
    assert.ok(readdirSync("/proc/self/fd").length <= open - 200);
    await socket.closeLater();
  });

  test("what cannot be is said", (t) => {
    const link = createLink(t);
    const { socket } = new Receiver(t);
    socket.add(3, link.ifindex, NOTHING);
    assert.throws(() => socket.add(3, link.ifindex, NOTHING), {
      name: "TapnetError",
      code: "INVALID_STATE",
      message: /slot 3 is taken/,
    });
    assert.throws(() => socket.add(4, 0x7fff, NOTHING), { name: "SystemError", code: "ENODEV", object: "interface 32767" });
    assert.throws(() => socket.add(4, link.ifindex, []), { code: "INVALID_ARGUMENT" });
    assert.throws(() => socket.add(4, link.ifindex, [{ code: 0x28, jt: 0, jf: 0, k: 12 }]), {
      name: "SystemError",
      code: "EINVAL",
    });
    assert.throws(() => socket.add(2 ** 20, link.ifindex, NOTHING), { code: "INVALID_ARGUMENT" });
    assert.equal(socket.remove(4), false);
    assert.equal(socket.drops(4), 0);
  });
});
