import type { ControlClient } from "../control/client.js";
import type { Terminal } from "./terminal.js";

/** What a command gets: where to write, whom to ask, and how the answer is wanted. */
export interface Context {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly runDirectory: string;
  readonly nowMs: number;
  /** The daemon, asked at the first call. */
  client(): Promise<ControlClient>;
}

/** Prints a value as JSON, in the form of `control/views.ts`. */
export function printJson(context: Context, value: unknown): void {
  context.terminal.print(JSON.stringify(value, undefined, 2));
}
