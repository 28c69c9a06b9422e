/** What runs on the thread of one network: its guests' frames, and now and then what the daemon asks. */
import { parentPort, workerData } from "node:worker_threads";
import { SystemError, TapnetError } from "../../base/errors.js";
import { rehearseForwarding } from "../../frame/forward/rehearsal.js";
import type { Network } from "../../network/model.js";
import { runAsOthers } from "../../os/scheduling.js";
import type { FromThread, PlainError, ToThread } from "./network-thread.js";
import { UserNetwork } from "./user-network.js";

function tell(message: FromThread): void {
  parentPort?.postMessage(message);
}

function plain(thrown: unknown): PlainError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { message, stack } = error;
  if (error instanceof SystemError) {
    const { code, errno, syscall, object } = error;
    return { message, stack, code, system: { errno, syscall, object } };
  }
  return { message, stack, code: error instanceof TapnetError ? error.code : undefined };
}

// Guests that send without end share the cores with the others.
runAsOthers();
rehearseForwarding();
const network = new UserNetwork(workerData as Network, (event) => tell({ event }), true);

async function answer({ id, call, parameters }: ToThread): Promise<void> {
  try {
    const method = network[call] as (...values: unknown[]) => unknown;
    tell({ id, value: await method.apply(network, [...parameters]) });
  } catch (thrown) {
    tell({ id, error: plain(thrown) });
  }
  if (call === "end") parentPort?.close();
}

parentPort?.on("message", (message: ToThread) => void answer(message));
