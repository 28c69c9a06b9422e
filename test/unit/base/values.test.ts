import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "../../../src/base/clock.js";
import { Counters } from "../../../src/base/counters.js";
import { ConfigError, errorMessage, NetlinkError, SystemError, TapnetError } from "../../../src/base/errors.js";
import { seededRandom, systemRandom } from "../../../src/base/random.js";

describe("errors", () => {
  test("a system error names call, object and code, and keeps its cause", () => {
    const cause = new Error("below");
    const error = new SystemError({ code: "EBUSY", errno: 16, syscall: "ioctl TUNSETIFF", object: "tn-web1", cause });
    assert.ok(error instanceof TapnetError);
    assert.equal(error.name, "SystemError");
    assert.equal(error.message, "ioctl TUNSETIFF tn-web1: EBUSY");
    assert.equal(error.cause, cause);
  });

  test("a netlink error carries the kernel's own words", () => {
    const refused = { code: "EINVAL", errno: 22, request: "add route 10.77.0.2/32 dev tn-web1" };
    assert.equal(new NetlinkError(refused).message, "add route 10.77.0.2/32 dev tn-web1: EINVAL");
    const explained = new NetlinkError({ ...refused, extendedAck: "Invalid prefix for given prefix length" });
    assert.match(explained.message, /EINVAL \(Invalid prefix/);
  });

  test("a configuration error says where", () => {
    assert.equal(new ConfigError("no such key", { path: "a.yaml", line: 3, column: 5 }).message, "a.yaml:3:5: no such key");
    assert.equal(new ConfigError("cannot be read", { path: "a.yaml" }).message, "a.yaml: cannot be read");
    assert.equal(new ConfigError("x", { path: "a.yaml" }).code, "CONFIG");
  });

  test("anything thrown has a message", () => {
    assert.equal(errorMessage(new Error("why")), "why");
    assert.equal(errorMessage("plain"), "plain");
  });
});

describe("counters", () => {
  test("count by index, read by name", () => {
    const counters = new Counters(["good", "bad"]);
    counters.count(counters.index("bad"));
    counters.count(counters.index("bad"), 2);
    assert.equal(counters.get("bad"), 3);
    assert.deepEqual(counters.toJSON(), { good: 0, bad: 3 });
    assert.throws(() => counters.index("other" as "bad"), RangeError);
  });
});

describe("clock and randomness", () => {
  test("a cancelled timer does not run; one that is not cancelled runs once", async () => {
    const ran: string[] = [];
    systemClock.cancel(systemClock.after(1, () => ran.push("cancelled")));
    const before = systemClock.monotonicMs();
    await new Promise<void>((resolve) => {
      systemClock.after(5, () => ran.push("kept"));
      setTimeout(resolve, 20);
    });
    assert.deepEqual(ran, ["kept"]);
    assert.ok(systemClock.monotonicMs() > before);
    assert.ok(Math.abs(systemClock.nowMs() - Date.now()) < 1000);
  });

  test("one seed is one sequence of unsigned 32-bit numbers", () => {
    const draw = (seed: number): number[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 2000 }, () => random.uint32());
    };
    assert.deepEqual(draw(7), draw(7));
    assert.notDeepEqual(draw(7), draw(8));
    const mean = draw(7).reduce((sum, value) => sum + value / 2000, 0);
    assert.ok(Math.abs(mean / 2 ** 31 - 1) < 0.05, `mean ${mean}`);
  });

  test("the system's randomness goes on beyond one block", () => {
    const random = systemRandom();
    const seen = new Set(Array.from({ length: 3000 }, () => random.uint32()));
    assert.ok(seen.size > 2990);
    for (const value of seen) assert.ok(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff);
  });
});
