/**
 * Telling systemd how the service is doing (sd_notify(3)): state lines in one datagram to the socket named by NOTIFY_SOCKET.
 */
import { addon } from "./addon.js";

/**
 * Sends states like `READY=1`, `STATUS=serving 12 guests`, `STOPPING=1`. False when nobody asked for them (no NOTIFY_SOCKET).
 *
 * SystemError when the socket cannot be reached: the daemon should log it and go on.
 */
export function notify(states: readonly string[], environment: NodeJS.ProcessEnv = process.env): boolean {
  const path = environment["NOTIFY_SOCKET"];
  if (path === undefined || path === "") return false;
  addon().sendUnixDatagram(path, Buffer.from(states.map(stateLine).join("\n")));
  return true;
}

/**
 * How often `WATCHDOG=1` should be sent, in milliseconds: half of what systemd allows (sd_watchdog_enabled(3)). Undefined when
 * the unit has no watchdog, or it is meant for another process.
 */
export function watchdogIntervalMs(environment: NodeJS.ProcessEnv = process.env, pid = process.pid): number | undefined {
  const limitMicroseconds = Number(environment["WATCHDOG_USEC"] ?? Number.NaN);
  const meantFor = environment["WATCHDOG_PID"];
  if (!(limitMicroseconds > 0) || (meantFor !== undefined && Number(meantFor) !== pid)) return undefined;
  return Math.max(1, Math.floor(limitMicroseconds / 2000));
}

/** A line break would begin another state. */
function stateLine(state: string): string {
  return state.replaceAll(/[\r\n]+/g, " ");
}
