/**
 * Theory of operation
 *
 * A network's guests on sockets, on a thread of their own: bulk frames then keep nobody waiting for a lease, and the thread may
 * wait for frames in the kernel, where an event loop costs each of them 2 µs and more. What the daemon asks goes there as a
 * message and is answered in order, also while frames come: the thread looks for messages every few milliseconds.
 *
 * A thread that fails is a failure of the daemon, as if it had happened on its own: it ends, and is started again by whoever
 * looks after it.
 */
import { Worker } from "node:worker_threads";
import { SystemError, TapnetError } from "../../base/errors.js";
import type { Network, Port } from "../../network/model.js";
import type { PortCounts } from "../../os/port-socket.js";
import type { SocketNetwork, SocketPort, UserNetworkEvent } from "./user-network.js";

export interface ToThread {
  readonly id: number;
  readonly call: keyof SocketNetwork;
  readonly parameters: readonly unknown[];
}

/** An error without its class, which messages lose. */
export interface PlainError {
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  readonly system?: { readonly errno: number; readonly syscall: string; readonly object: string };
}

export type FromThread =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: PlainError }
  | { readonly event: UserNetworkEvent };

interface Question {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class NetworkThread implements SocketNetwork {
  readonly #worker: Worker;
  readonly #questions = new Map<number, Question>();
  readonly #exited: Promise<void>;
  #isGone = false;
  #asked = 0;
  #ended: Promise<void> | undefined;

  constructor(network: Network, tell: (event: UserNetworkEvent) => void) {
    this.#worker = new Worker(new URL("./user-thread.js", import.meta.url), { workerData: network, name: network.name });
    this.#worker.on("message", (message: FromThread) => {
      if ("event" in message) tell(message.event);
      else this.#answered(message);
    });
    this.#worker.on("error", (error) => this.#fail(error));
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        this.#isGone = true;
        this.#rejectAll(gone());
        resolve();
      });
    });
  }

  open(opened: SocketPort): Promise<void> {
    return this.#ask("open", { ...opened, port: plainPort(opened.port) });
  }

  close(ifindex: number): Promise<void> {
    return this.#ask("close", ifindex);
  }

  bind(port: Port): Promise<void> {
    return this.#ask("bind", plainPort(port));
  }

  configure(network: Network, routed: ReadonlySet<number>): Promise<void> {
    return this.#ask("configure", network, routed);
  }

  counts(ifindex: number): Promise<PortCounts | undefined> {
    return this.#ask("counts", ifindex);
  }

  capture(ifindex: number): Promise<number | undefined> {
    return this.#ask("capture", ifindex);
  }

  counters(): Promise<Readonly<Record<string, number>>> {
    return this.#ask("counters");
  }

  end(): Promise<void> {
    this.#ended ??= this.#ask<void>("end").then(() => this.#exited);
    return this.#ended;
  }

  #ask<Value>(call: keyof SocketNetwork, ...parameters: readonly unknown[]): Promise<Value> {
    if (this.#isGone) return Promise.reject(gone());
    const id = ++this.#asked;
    return new Promise<Value>((resolve, reject) => {
      this.#questions.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage({ id, call, parameters } satisfies ToThread);
    });
  }

  #answered(answer: Exclude<FromThread, { event: unknown }>): void {
    const question = this.#questions.get(answer.id);
    this.#questions.delete(answer.id);
    if ("error" in answer) question?.reject(errorOf(answer.error));
    else question?.resolve(answer.value);
  }

  #fail(error: unknown): never {
    this.#rejectAll(error);
    throw error;
  }

  #rejectAll(error: unknown): void {
    for (const { reject } of this.#questions.values()) reject(error);
    this.#questions.clear();
  }
}

function gone(): TapnetError {
  return new TapnetError("UNAVAILABLE", "the network's guests on sockets are not served any more");
}

/** Without what is computed when it is asked for, which messages lose. */
function plainPort({ ifindex, ifname, guest, network, bindings }: Port): Port {
  return { ifindex, ifname, guest, network, bindings };
}

function errorOf({ message, stack, code, system }: PlainError): Error {
  if (code === undefined) return Object.assign(new Error(message), { stack });
  return system === undefined ? new TapnetError(code, message) : new SystemError({ code, message, ...system });
}
