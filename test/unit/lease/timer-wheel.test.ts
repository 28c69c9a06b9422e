import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TimerWheel, type WheelEntry } from "../../../src/lease/timer-wheel.js";

const START_MS = Date.UTC(2026, 0, 1) + 123;

class Entry implements WheelEntry {
  untilMs: number;
  firedMs: number | undefined;
  wheelNext: WheelEntry | undefined;
  wheelPrevious: WheelEntry | undefined;
  wheelSlot = -1;

  constructor(untilMs: number) {
    this.untilMs = untilMs;
  }
}

function runTo(wheel: TimerWheel<Entry>, nowMs: number): void {
  wheel.advance(nowMs, (entry) => {
    entry.firedMs = nowMs;
  });
}

test("every entry fires once, never early, at most a second after its time as the wheel is turned", () => {
  const delay = fc.oneof(fc.nat(5000), fc.nat(600_000), fc.nat(90_000_000), fc.nat(4_000_000_000));
  fc.assert(
    fc.property(fc.array(delay, { maxLength: 50 }), fc.array(delay, { minLength: 1, maxLength: 20 }), (delays, steps) => {
      const wheel = new TimerWheel<Entry>(START_MS);
      const entries = delays.map((each) => new Entry(START_MS + each));
      for (const entry of entries) wheel.set(entry);
      let nowMs = START_MS;
      for (const step of steps) {
        const beforeMs = nowMs;
        nowMs += step;
        runTo(wheel, nowMs);
        for (const entry of entries) {
          if (step > 0 && entry.firedMs === nowMs) assert.ok(entry.untilMs <= nowMs && entry.untilMs > beforeMs - 1000);
          if (entry.untilMs <= nowMs - 1000) assert.notEqual(entry.firedMs, undefined);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("turned when it asks to be, an entry fires within a second", () => {
  const wheel = new TimerWheel<Entry>(START_MS);
  const entries = [1, 999, 1000, 59_000, 256_000, 300_000, 65_536_000, 70_000_000].map((delay) => new Entry(START_MS + delay));
  for (const entry of entries) wheel.set(entry);
  let nowMs = START_MS;
  for (let delay = wheel.nextDelayMs(nowMs); delay !== undefined; delay = wheel.nextDelayMs(nowMs)) {
    assert.ok(delay <= 256_000);
    nowMs += delay;
    runTo(wheel, nowMs);
  }
  for (const { untilMs, firedMs } of entries) assert.ok(firedMs !== undefined && firedMs >= untilMs && firedMs <= untilMs + 1000);
});

test("an entry moved later fires later, without being set again", () => {
  const wheel = new TimerWheel<Entry>(START_MS);
  const entry = new Entry(START_MS + 10_000);
  wheel.set(entry);
  entry.untilMs = START_MS + 3_600_000;
  runTo(wheel, START_MS + 3_599_000);
  assert.equal(entry.firedMs, undefined);
  runTo(wheel, START_MS + 3_601_000);
  assert.equal(entry.firedMs, START_MS + 3_601_000);
});

test("an entry that is cleared, or has no end, never fires", () => {
  const wheel = new TimerWheel<Entry>(START_MS);
  const cleared = new Entry(START_MS + 1000);
  const endless = new Entry(Number.POSITIVE_INFINITY);
  wheel.set(cleared);
  wheel.set(endless);
  wheel.clear(cleared);
  assert.equal(wheel.count, 0);
  runTo(wheel, START_MS + 1_000_000_000);
  assert.deepEqual([cleared.firedMs, endless.firedMs], [undefined, undefined]);
});

test("an entry may clear others that are due with it", () => {
  const wheel = new TimerWheel<Entry>(START_MS);
  const entries = [new Entry(START_MS + 1000), new Entry(START_MS + 1000), new Entry(START_MS + 1000)];
  for (const entry of entries) wheel.set(entry);
  let fired = 0;
  wheel.advance(START_MS + 5000, () => {
    fired++;
    for (const entry of entries) wheel.clear(entry);
  });
  assert.equal(fired, 1);
});
