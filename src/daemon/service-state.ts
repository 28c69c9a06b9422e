import type { Clock, Timer } from "../base/clock.js";
import { errorMessage } from "../base/errors.js";
import type { Logger } from "../base/log.js";
import type { Configuration } from "../config/index.js";
import { notify, watchdogIntervalMs } from "../os/notify.js";

/** What cannot change while the daemon runs. */
const FIXED_KEYS = [
  { key: "runDirectory", written: "run" },
  { key: "stateDirectory", written: "state" },
  { key: "controlGroup", written: "group" },
] as const;

/** How the daemon is doing, for systemd (sd_notify(3)), and what became of the last reload, for people. */
export class ServiceState {
  readonly #started: Configuration;
  readonly #log: Logger;
  readonly #clock: Clock;
  /** Sends states to whoever has started us. */
  readonly #send: (states: readonly string[]) => void;
  #watchdog: Timer | undefined;
  /** In sentences. */
  warnings: readonly string[] = [];

  constructor(configuration: Configuration, log: Logger, clock: Clock, send: (states: readonly string[]) => void = notify) {
    this.#started = configuration;
    this.#log = log;
    this.#clock = clock;
    this.#send = send;
  }

  /** Also tells from now on, where the unit has a watchdog, that the event loop turns. */
  ready(networks: number, watchdogMs = watchdogIntervalMs()): void {
    this.#tell("READY=1", serving(networks));
    if (watchdogMs !== undefined) this.#feedWatchdog(watchdogMs);
  }

  stopping(): void {
    this.#clock.cancel(this.#watchdog);
    this.#tell("STOPPING=1");
  }

  /** Another configuration was taken; what of it waits for a restart becomes a warning. */
  loaded(configuration: Configuration, networks: number): void {
    const waiting = FIXED_KEYS.filter(({ key }) => configuration[key] !== this.#started[key]).map(({ written }) => written);
    const verb = waiting.length === 1 ? "takes" : "take";
    this.warnings = waiting.length === 0 ? [] : [`${waiting.join(", ")} of the configuration ${verb} effect at a restart only`];
    for (const warning of this.warnings) this.#log.warn({}, warning);
    this.#tell(serving(networks));
  }

  /** A configuration cannot be used: remembered until there is a better one. `reason`: a mistake a line. */
  refused(reason: string): void {
    const what = "the configuration was not loaded; the one before stays in effect";
    const [first, ...others] = reason.split("\n");
    const more = others.length === 0 ? "" : ` (and ${others.length} more; see: tapnet config check)`;
    this.warnings = [`${what}: ${first}${more}`];
    this.#log.error({ error: reason }, what);
    this.#tell(`STATUS=${what}`);
  }

  #feedWatchdog(everyMs: number): void {
    this.#watchdog = this.#clock.after(everyMs, () => {
      this.#tell("WATCHDOG=1");
      this.#feedWatchdog(everyMs);
    });
  }

  #tell(...states: readonly string[]): void {
    try {
      this.#send(states);
    } catch (thrown) {
      this.#log.warn({ error: errorMessage(thrown) }, "systemd could not be told how it goes");
    }
  }
}

function serving(networks: number): string {
  return `STATUS=serving ${networks} ${networks === 1 ? "network" : "networks"}`;
}
