/** The law of the group commit: no reply leaves before a flush that began after it has succeeded. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { silentLogger } from "../../../src/base/log.js";
import { SendBatch, type Transmitter } from "../../../src/frame/batch.js";
import { HeldReplies } from "../../../src/frame/held-replies.js";
import { withResolvers } from "../../support/frames.js";

type Step = "hold" | "settle" | "succeed" | "fail" | "turn";

interface Commit {
  readonly end: ReturnType<typeof withResolvers>;
  /** How many replies had been held when it began. */
  readonly covers: number;
  state: "open" | "succeeded" | "failed";
}

const CAPACITY = 8;

class World implements Transmitter {
  readonly sent: number[] = [];
  readonly commits: Commit[] = [];
  readonly held: HeldReplies;
  #replies = 0;

  constructor() {
    this.held = new HeldReplies({ transmitter: this, commit: () => this.#begin(), log: silentLogger, capacity: CAPACITY });
  }

  send(batch: SendBatch): number {
    for (let row = 0; row < batch.count; row++) {
      const reply = batch.view.getUint32(batch.offset[row]);
      const since = this.commits.findIndex(({ covers }) => covers > reply);
      assert.equal(this.commits[since]?.state, "succeeded", `reply ${reply} left before its commit`);
      this.sent.push(reply);
    }
    return batch.count;
  }

  async take(step: Step): Promise<void> {
    const open = this.commits.find(({ state }) => state === "open");
    if (step === "hold") this.#hold();
    if (step === "settle") this.held.settle();
    if (step === "turn") await new Promise((resolve) => setImmediate(resolve));
    if (open !== undefined && step === "succeed") {
      open.state = "succeeded";
      open.end.resolve();
    }
    if (open !== undefined && step === "fail") {
      open.state = "failed";
      open.end.reject(new Error("disk full"));
    }
  }

  #hold(): void {
    const batch = new SendBatch(1);
    batch.view.setUint32(batch.offset[0], this.#replies++);
    batch.length[0] = 4;
    this.held.hold(batch, 0);
  }

  #begin(): Promise<void> {
    const commit: Commit = { end: withResolvers(), covers: this.#replies, state: "open" };
    this.commits.push(commit);
    return commit.end.promise;
  }
}

describe("held replies", () => {
  test("leave once, in order, after their commit; one that fails takes its own with it; all are accounted for", async () => {
    const step = fc.oneof(
      { arbitrary: fc.constant<Step>("hold"), weight: 6 },
      { arbitrary: fc.constantFrom<Step>("settle", "succeed", "fail", "turn"), weight: 5 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const world = new World();
        for (const taken of steps) await world.take(taken);
        world.held.settle();
        for (let left = 0; left < 4; left++) {
          await world.take("succeed");
          await world.take("turn");
        }
        await world.held.drain();
        const { counters } = world.held;
        assert.deepEqual(
          world.sent,
          [...new Set(world.sent)].sort((a, b) => a - b),
        );
        assert.equal(counters.get("sent"), world.sent.length);
        assert.equal(counters.get("held"), counters.get("sent") + counters.get("commit-failed"));
        const holds = steps.filter((taken) => taken === "hold").length;
        assert.equal(holds, counters.get("held") + counters.get("no-room"));
      }),
      { numRuns: 150 },
    );
  });
});
