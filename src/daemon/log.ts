import { styleText } from "node:util";
import { destination, type Level, pino, stdSerializers } from "pino";
import type { Logger } from "../base/log.js";

const LEVEL_NAME: Readonly<Record<number, string>> = { 20: "debug", 30: "info ", 40: "warn ", 50: "error" };
const LEVEL_STYLE = { 20: "dim", 30: "green", 40: "yellow", 50: "red" } as const;
/** What pino adds to each entry and a person does not need. */
const UNSHOWN = new Set(["level", "time", "msg", "pid", "hostname"]);

/** Logs to stderr: one readable line an entry for people at a terminal, JSON for everything else. Written before it returns. */
export function makeLogger(level: Level): Logger {
  const options = { level, base: null, serializers: { err: stdSerializers.err } };
  const stderr = destination({ fd: 2, sync: true });
  if (!process.stderr.isTTY) return pino(options, stderr);
  return pino(options, { write: (entry: string) => void stderr.write(`${describeEntry(entry)}\n`) });
}

function describeEntry(entry: string): string {
  const fields = JSON.parse(entry) as Record<string, unknown> & { level: number; time: number; msg: string };
  const time = new Date(fields.time).toTimeString().slice(0, 8);
  const style = LEVEL_STYLE[fields.level as keyof typeof LEVEL_STYLE];
  const rest = Object.entries(fields)
    .filter(([name]) => !UNSHOWN.has(name))
    .map(([name, value]) => `${name}=${describeValue(value)}`);
  const level = styleText(style, LEVEL_NAME[fields.level]);
  return `${styleText("dim", time)} ${level} ${fields.msg} ${styleText("dim", rest.join(" "))}`.trimEnd();
}

function describeValue(value: unknown): string {
  if (typeof value === "string") return /\s/.test(value) ? JSON.stringify(value) : value;
  if (value !== null && typeof value === "object" && "stack" in value) return String(value.stack);
  return JSON.stringify(value);
}
