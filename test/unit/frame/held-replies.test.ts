import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Logger, silentLogger } from "../../../src/base/log.js";
import { SendBatch } from "../../../src/frame/batch.js";
import { HeldReplies } from "../../../src/frame/held-replies.js";
import { RecordingTransmitter, withResolvers } from "../../support/frames.js";

/** A store whose commits end when the test says so. */
class Commits {
  readonly begun: ReturnType<typeof withResolvers>[] = [];
  readonly begin = (): Promise<void> => {
    const commit = withResolvers();
    this.begun.push(commit);
    return commit.promise;
  };
}

function setUp(commit: () => Promise<void> | undefined, capacity = 4) {
  const transmitter = new RecordingTransmitter();
  const logged: string[] = [];
  const log: Logger = {
    ...silentLogger,
    error: (_fields, message) => logged.push(`error: ${message}`),
    info: (_fields, message) => logged.push(`info: ${message}`),
  };
  const held = new HeldReplies({ transmitter, commit, log, capacity });
  const hold = (...names: number[]): void => {
    for (const name of names) {
      const batch = new SendBatch(1);
      batch.bytes[batch.offset[0]] = name;
      batch.length[0] = 1;
      batch.ifindex[0] = 7;
      held.hold(batch, 0);
    }
  };
  const sent = (): number[] => transmitter.frames.map(({ bytes }) => bytes[0]);
  return { held, hold, sent, transmitter, logged };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("held replies", () => {
  test("leave at once when everything is durable already", () => {
    const { held, hold, sent } = setUp(() => undefined);
    hold(1, 2);
    held.settle();
    assert.deepEqual(sent(), [1, 2]);
  });

  test("those that come during a commit share the next one", async () => {
    const commits = new Commits();
    const { held, hold, sent, transmitter } = setUp(commits.begin);
    hold(1);
    held.settle();
    hold(2, 3);
    held.settle();
    hold(4);
    held.settle();
    assert.deepEqual([commits.begun.length, sent()], [1, []]);
    commits.begun[0].resolve();
    await turn();
    assert.deepEqual([commits.begun.length, sent()], [2, [1]]);
    commits.begun[1].resolve();
    await turn();
    assert.deepEqual([commits.begun.length, sent(), transmitter.flushes], [2, [1, 2, 3, 4], 2]);
  });

  test("a failed commit drops its own replies and no others, and is said once until it works again", async () => {
    const commits = new Commits();
    const { held, hold, sent, logged } = setUp(commits.begin);
    hold(1, 2);
    held.settle();
    hold(3);
    commits.begun[0].reject(new Error("no space left on device"));
    await turn();
    commits.begun[1].reject(new Error("no space left on device"));
    await turn();
    hold(4);
    held.settle();
    commits.begun[2].resolve();
    await turn();
    assert.deepEqual(sent(), [4]);
    assert.deepEqual([held.counters.get("commit-failed"), held.counters.get("sent")], [3, 1]);
    assert.deepEqual(
      logged.map((message) => message.split(":")[0]),
      ["error", "info"],
    );
  });

  test("a commit that throws is a failed one", () => {
    const { held, hold, sent } = setUp(() => {
      throw new Error("the store is closed");
    });
    hold(1);
    held.settle();
    assert.deepEqual([sent(), held.counters.get("commit-failed")], [[], 1]);
  });

  test("a full batch begins its commit early; beyond two of them replies are dropped and counted", async () => {
    const commits = new Commits();
    const { held, hold, sent } = setUp(commits.begin, 2);
    hold(1, 2, 3, 4, 5, 6);
    assert.deepEqual([commits.begun.length, held.counters.get("no-room")], [1, 2]);
    held.settle();
    commits.begun[0].resolve();
    await turn();
    commits.begun[1].resolve();
    await held.drain();
    assert.deepEqual(sent(), [1, 2, 3, 4]);
  });

  test("drain waits for all that gathers meanwhile", async () => {
    const commits = new Commits();
    const { held, hold, sent } = setUp(commits.begin);
    hold(1);
    const drained = held.drain().then(() => sent().length);
    hold(2);
    commits.begun[0].resolve();
    await turn();
    commits.begun[1].resolve();
    assert.equal(await drained, 2);
    assert.equal(await held.drain(), undefined);
  });

  test("what the way out does not take is counted", () => {
    const { held, hold } = setUp(() => undefined);
    const short = new HeldReplies({ transmitter: { send: () => 1 }, commit: () => undefined, log: silentLogger });
    hold(1);
    held.settle();
    const batch = new SendBatch(1);
    batch.length[0] = 1;
    short.hold(batch, 0);
    short.hold(batch, 0);
    short.settle();
    assert.deepEqual([short.counters.get("sent"), short.counters.get("unsent")], [1, 1]);
  });
});
