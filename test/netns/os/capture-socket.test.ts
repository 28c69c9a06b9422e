import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeSync } from "node:fs";
import { before, test } from "node:test";
import { compileFilter } from "../../../src/capture/filter/compile.js";
import { addon } from "../../../src/os/addon.js";
import { CaptureBatch, CaptureSocket } from "../../../src/os/capture-socket.js";
import { createTap } from "../../../src/os/tap.js";
import { ipv4Frame } from "../../support/forward-lab.js";
import { needs, root, tap } from "../../support/needs.js";
import { hexOf } from "../../support/pieces.js";
import { until } from "../../support/wait.js";

before(() => addon().unshareNetworkNamespace());

test("frames with a VLAN tag are seen with it, and found by it and by what is in it", needs(root, tap), async (t) => {
  const vmm = createTap({ name: "c0" });
  t.after(() => vmm.closeLater());
  execFileSync("ip", ["link", "set", "c0", "up"]);
  const plain = ipv4Frame();
  const tagged = (id: number): Uint8Array =>
    Uint8Array.from([...plain.subarray(0, 12), 0x81, 0, id >> 8, id & 0xff, ...plain.subarray(12)]);
  const filters = ["udp", "vlan", "vlan 5", "vlan and not vlan 5", "not vlan and udp", "vlan 0"];
  const captures = filters.map((filter) => {
    const socket = CaptureSocket.open(vmm.ifindex);
    t.after(() => socket.close());
    socket.setFilter(compileFilter(filter, 200));
    return { filter, socket, seen: [] as string[] };
  });
  for (const frame of [plain, tagged(5), tagged(0x123), tagged(0)]) writeSync(vmm.fd, frame);
  const expected = new Map([
    ["udp", [plain, tagged(5), tagged(0x123), tagged(0)]],
    ["vlan", [tagged(5), tagged(0x123), tagged(0)]],
    ["vlan 5", [tagged(5)]],
    ["vlan and not vlan 5", [tagged(0x123), tagged(0)]],
    ["not vlan and udp", [plain]],
    ["vlan 0", [tagged(0)]],
  ]);
  const batch = new CaptureBatch(64, 200);
  for (const { filter, socket, seen } of captures) {
    const wanted = expected.get(filter)?.map(hexOf) ?? [];
    await until(`the frames of ${filter}`, () => {
      const count = socket.receive(batch);
      for (let row = 0; row < count; row++) {
        seen.push(hexOf(batch.bytes.subarray(batch.offset[row], batch.offset[row] + batch.length[row])));
      }
      return seen.length >= wanted.length;
    });
    assert.deepEqual(seen, wanted, filter);
    assert.equal(socket.receive(batch), 0, filter);
  }
});
