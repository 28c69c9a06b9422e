import type { Clock } from "../../base/clock.js";
import { errorMessage } from "../../base/errors.js";
import type { Logger } from "../../base/log.js";
import type { EventListener } from "../../control/index.js";
import type { EVENT_KINDS } from "../../control/views.js";

/** What happened to whom; `fields` go to the log only. */
export interface Happening {
  /** Stable. */
  readonly kind: (typeof EVENT_KINDS)[number];
  readonly network?: string | undefined;
  readonly guest?: string | undefined;
  /** One sentence for people. */
  readonly message: string;
  /** Of many clients, often: only a log of level `debug` has it. */
  readonly routine?: boolean;
}

const TELL_AFTER_MS = 5;

/**
 * Where everything that people may want to follow is said once, for the log and for `tapnet events`.
 *
 * It is said some milliseconds later, in order: what happened is on its way then to the guest or the VMM that waits for it, and
 * they do not wait for a line to be written (0.1 ms, and some tenths the first time). The end of the present turn of the event
 * loop would be too early: a lease's addresses are bound while the disk writes it, so its ACK leaves in a later one.
 */
export class EventLog {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #listeners = new Set<EventListener>();
  #untold: { readonly happening: Happening; readonly atMs: number }[] = [];

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  tell(happening: Happening): void {
    if (this.#untold.length === 0) this.#clock.after(TELL_AFTER_MS, () => this.flush());
    this.#untold.push({ happening, atMs: this.#clock.nowMs() });
  }

  /** Says what has not been said yet. */
  flush(): void {
    const untold = this.#untold;
    this.#untold = [];
    for (const { happening, atMs } of untold) this.#say(happening, atMs);
  }

  #say({ kind, network, guest, message, routine = false }: Happening, atMs: number): void {
    if (routine) this.#log.debug({ kind, network, guest }, message);
    else this.#log.info({ kind, network, guest }, message);
    if (this.#listeners.size === 0) return;
    const event = {
      at: new Date(atMs).toISOString(),
      kind,
      network: network ?? null,
      guest: guest ?? null,
      message,
    };
    for (const listener of this.#listeners) this.#call(listener, event);
  }

  /** Tells the listener of everything from now on, until the result is called. */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One listener's mistake must not keep the others from hearing. */
  #call(listener: EventListener, event: Parameters<EventListener>[0]): void {
    try {
      listener(event);
    } catch (thrown) {
      this.#log.warn({ error: errorMessage(thrown) }, "a listener to events failed");
    }
  }
}
