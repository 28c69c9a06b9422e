import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readSync, writeSync } from "node:fs";
import { before, describe, type TestContext, test } from "node:test";
import { ForwardBatch } from "../../../src/frame/forward/batch.js";
import { addon } from "../../../src/os/addon.js";
import { PortSocket } from "../../../src/os/port-socket.js";
import { createTap, type Tap } from "../../../src/os/tap.js";
import { needs, root, tap } from "../../support/needs.js";
import { portFrames } from "../../support/port-frames.js";
import { until } from "../../support/wait.js";

/** A frame of an experimental type (IEEE 802 §9.2.3), which no kernel answers. */
function frame(number: number, length = 60, type = 0x88b5): Buffer {
  const bytes = Buffer.alloc(length, number);
  bytes.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0, 0, 1]);
  bytes.writeUInt16BE(type, 12);
  return bytes;
}

class Ports {
  readonly events: string[] = [];
  readonly received: { readonly port: number; readonly bytes: Buffer; readonly flags: number }[] = [];
  readonly socket: PortSocket;
  readonly #batch = new ForwardBatch();

  constructor(t: TestContext) {
    this.socket = new PortSocket({
      onReadable: () => this.#receive(),
      onEvent: (slot, event) => void this.events.push(`${slot} ${event}`),
    });
    t.after(() => this.socket.close());
  }

  /** Only frames of ours: a link says things of its own when it comes up. */
  #receive(): void {
    const batch = this.#batch;
    this.socket.receive(batch);
    for (let row = 0; row < batch.count; row++) {
      const bytes = Buffer.from(batch.bytes.slice(batch.offset[row], batch.offset[row] + batch.length[row]));
      if (bytes.readUInt16BE(12) === 0x88b5) this.received.push({ port: batch.port[row], bytes, flags: batch.flags[row] });
    }
  }

  send(port: number, bytes: Buffer): number {
    return this.socket.send(portFrames([port, bytes]));
  }
}

function makeTap(t: TestContext, name: string, mtu = 1500): Tap {
  const made = createTap({ name, mtu });
  t.after(() => made.closeLater());
  ip(`link set ${name} up`);
  return made;
}

function ip(words: string): void {
  execFileSync("ip", words.split(" "));
}

/** What a TAP hands to its reader, or undefined when there is nothing. */
function read(from: Tap): Buffer | undefined {
  const bytes = Buffer.alloc(70_000);
  try {
    return bytes.subarray(0, readSync(from.fd, bytes));
  } catch {
    return undefined;
  }
}

describe("ports on interfaces", needs(root, tap), () => {
  before(() => addon().unshareNetworkNamespace());

  test("packet: frames of an interface come in whole and leave there; those of a VLAN and our own do not come in", async (t) => {
    const vmm = makeTap(t, "p0");
    const ports = new Ports(t);
    ports.socket.addPacket(7, vmm.ifindex);
    writeSync(vmm.fd, frame(1));
    writeSync(vmm.fd, frame(2, 1514));
    const tagged = Buffer.concat([frame(3).subarray(0, 12), Buffer.of(0x81, 0, 0, 5), frame(3).subarray(12)]);
    writeSync(vmm.fd, tagged);
    writeSync(vmm.fd, frame(4));
    await until("the last", () => ports.received.length >= 3);
    assert.deepEqual(
      ports.received.map(({ port, bytes, flags }) => [port, bytes[20], bytes.length, flags]),
      [
        [7, 1, 60, 0],
        [7, 2, 1514, 0],
        [7, 4, 60, 0],
      ],
    );
    assert.equal(ports.send(7, frame(5)), 1);
    let got: Buffer | undefined;
    await until("the frame at the VMM", () => {
      for (let next = read(vmm); next !== undefined; next = read(vmm)) if (next.readUInt16BE(12) === 0x88b5) got = next;
      return got !== undefined;
    });
    assert.deepEqual(got, frame(5));
    assert.equal(ports.received.length, 3);
  });

  test("packet: what the interface does not take is lost, and it goes on after the link was down", async (t) => {
    const vmm = makeTap(t, "p1");
    const ports = new Ports(t);
    ports.socket.addPacket(0, vmm.ifindex);
    assert.equal(ports.send(0, frame(1, 1515)), 0, "longer than the link takes");
    ip("link set p1 down");
    assert.equal(ports.send(0, frame(1)), 0);
    ip("link set p1 up");
    await until("a frame", () => {
      writeSync(vmm.fd, frame(2));
      return ports.received.length > 0;
    });
    assert.equal(ports.send(0, frame(3)), 1);
    assert.throws(() => ports.socket.addPacket(1, 99_999), { code: "ENODEV" });
  });

  test("tap: what the host sends comes in, what is sent the host receives; a giant is marked", async (t) => {
    const ours = makeTap(t, "p2", 9000);
    const ports = new Ports(t);
    ports.socket.addTap(3, ours.fd);
    const host = new Ports(t);
    host.socket.addPacket(0, ours.ifindex);
    assert.equal(host.send(0, frame(1)), 1);
    assert.equal(host.send(0, frame(2, 5000)), 1);
    await until("both", () => ports.received.length === 2);
    assert.deepEqual(
      ports.received.map(({ port, bytes, flags }) => [port, bytes[20], bytes.length, flags]),
      [
        [3, 1, 60, 0],
        [3, 2, 2032, 2],
      ],
    );
    assert.equal(ports.send(3, frame(4)), 1);
    await until("the frame at the host", () => host.received.length > 0);
    assert.deepEqual(host.received[0].bytes, frame(4));
  });

  test("tap: the descriptor stays the caller's, and an interface that is deleted is told once", async (t) => {
    const ours = makeTap(t, "p3");
    const ports = new Ports(t);
    ports.socket.addTap(0, ours.fd);
    await ours.closeLater();
    assert.equal(ports.send(0, frame(1)), 1);
    ip("link delete p3");
    await until("the end", () => ports.events.length > 0);
    assert.deepEqual(ports.events, ["0 gone"]);
    assert.equal(ports.send(0, frame(1)), 0);
    assert.equal(ports.socket.remove(0), true);
  });

  test("tap: one with a header in front of frames is refused, with what to do", (t) => {
    const withHeader = createTap({ vnetHdr: true });
    t.after(() => withHeader.closeLater());
    const ports = new Ports(t);
    assert.throws(() => ports.socket.addTap(0, withHeader.fd), /EINVAL \(the TAP must be made without a virtio header\)/);
  });
});
