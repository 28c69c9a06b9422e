import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { root } from "../support/needs.js";
import { type Result, run } from "../support/process.js";
import { until } from "../support/wait.js";
import type { Ending, Settings } from "./worker-subject.js";

const SUBJECT = new URL("./worker-subject.js", import.meta.url);
const privileged = root() === undefined;
let workers = 0;

function start(
  ending: Ending,
  withPrivilege: boolean,
): { worker: Worker; ready: Promise<void>; exited: Promise<number>; errors: Error[] } {
  const settings: Settings = { ending, privileged: withPrivilege, name: `tapnet-worker-${process.pid}-${++workers}` };
  const worker = new Worker(SUBJECT, { workerData: settings, stdout: true });
  const errors: Error[] = [];
  worker.on("error", (error) => errors.push(error));
  return {
    worker,
    errors,
    ready: new Promise((resolve) => worker.stdout.once("data", () => resolve())),
    exited: new Promise((resolve) => worker.once("exit", resolve)),
  };
}

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** What a worker leaves when it ends in a certain way: its exit code, its errors, and no descriptor. */
async function endsWith(ending: Ending, withPrivilege: boolean): Promise<{ code: number; errors: Error[] }> {
  const { worker, ready, exited, errors } = start(ending, withPrivilege);
  await Promise.race([ready, exited]);
  if (ending === "terminated") await worker.terminate();
  return { code: await exited, errors };
}

/** The addon's classes in a worker, and in one with privilege also those that need it. */
const kinds = privileged ? [false, true] : [false];

for (const kind of kinds) {
  describe(`a worker ${kind ? "with a TAP and a frame socket" : "with a UDP socket"}`, () => {
    test("is terminated while all is open and in use", async () => {
      await endsWith("terminated", kind);
      const openBefore = descriptors();
      for (let round = 0; round < 10; round++) assert.equal((await endsWith("terminated", kind)).code, 1);
      await until("the workers' descriptors to be closed", () => descriptors() === openBefore);
    });

    test("exits while all is open", async () => {
      await endsWith("exit", kind);
      const openBefore = descriptors();
      assert.deepEqual(await endsWith("exit", kind), { code: 3, errors: [] });
      await until("the worker's descriptors to be closed", () => descriptors() === openBefore);
    });

    test("throws while all is open", async () => {
      const { code, errors } = await endsWith("throw", kind);
      assert.equal(code, 1);
      assert.deepEqual(
        errors.map(({ message }) => message),
        ["planned"],
      );
    });

    test("ends by itself once all is closed", async () => {
      assert.deepEqual(await endsWith("close", kind), { code: 0, errors: [] });
    });
  });
}

test("what a callback throws is an uncaught exception, as for any event", async () => {
  const { code, errors } = await endsWith("throw in callback", false);
  assert.equal(code, 1);
  assert.deepEqual(
    errors.map(({ message }) => message),
    ["planned"],
  );
});

describe("the main thread", () => {
  function runAlone(ending: Ending, withPrivilege: boolean): Promise<Result> {
    const settings: Settings = { ending, privileged: withPrivilege, name: `tapnet-main-${process.pid}` };
    return run([process.execPath, fileURLToPath(SUBJECT), JSON.stringify(settings)]);
  }

  for (const kind of kinds) {
    for (const ending of ["exit", "exit later"] as const) {
      test(`${ending} while all is open and in use${kind ? ", with privilege" : ""}`, async () => {
        assert.deepEqual(await runAlone(ending, kind), { status: 3, stdout: "ready\n", stderr: "" });
      });
    }
  }

  test("ends by itself once all is closed", async () => {
    assert.deepEqual(await runAlone("close", false), { status: 0, stdout: "ready\n", stderr: "" });
  });
});
