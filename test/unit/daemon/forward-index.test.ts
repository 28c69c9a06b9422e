import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseForward } from "../../../src/config/index.js";
import { type ForwardEntry, ForwardIndex } from "../../../src/daemon/wiring/forward-index.js";

function entry(guest: string, text: string, source: ForwardEntry["source"] = "live"): ForwardEntry {
  const forward = parseForward(text);
  if ("message" in forward) throw new Error(forward.message);
  return { guest, forward, source };
}

suite("forwards that are in force", () => {
  test("are found by any of their ports, and by their guest", () => {
    const range = entry("a", "9000-9010:80");
    const index = new ForwardIndex([range, entry("a", "192.0.2.1:9005:80"), entry("b", "9005:80/udp")]);
    assert.equal(index.overlapping(entry("c", "9010-9020:1").forward), range);
    for (const free of ["9011:80", "9000:80/udp", "192.0.2.2:9005:80", "[2001:db8::1]:9005:80"])
      assert.equal(index.overlapping(entry("c", free).forward), undefined, free);
    assert.deepEqual([index.of("a").length, index.of("b").length, index.of("c").length, index.all().length], [2, 1, 0, 3]);
  });

  test("go as a whole, and leave nothing", () => {
    const [range, one] = [entry("a", "9000-9010:80"), entry("a", "80")];
    const index = new ForwardIndex([range, one]);
    index.remove(range);
    assert.equal(index.overlapping(entry("b", "9005:80").forward), undefined);
    assert.deepEqual([index.of("a"), [...index.guests.keys()]], [[one], ["a"]]);
    index.remove(one);
    assert.equal(index.guests.size, 0);
  });

  test("what comes later than another with its port is overruled", () => {
    const [first, later] = [entry("a", "8080:80", "configuration"), entry("b", "8080-8090:80")];
    const index = new ForwardIndex([first, later, entry("c", "8085:80")]);
    assert.deepEqual(index.overruled, [later]);
    assert.equal(index.overlapping(entry("d", "8085:1").forward)?.guest, "c");
  });
});
