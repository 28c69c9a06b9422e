import { fstatSync } from "node:fs";
import { styleText } from "node:util";
import { destination, type Level, pino, stdSerializers } from "pino";
import type { Logger } from "../base/log.js";

const LEVEL_NAME: Readonly<Record<number, string>> = { 20: "debug", 30: "info ", 40: "warn ", 50: "error" };
const ERROR = 50;
/** syslog(3). */
const LEVEL_PRIORITY = { 20: 7, 30: 6, 40: 4, 50: 3 } as const;
const LEVEL_STYLE = { 20: "dim", 30: "green", 40: "yellow", 50: "red" } as const;
const STDERR = 2;
/** What pino adds to each entry and a person does not need. */
const UNSHOWN = new Set(["level", "time", "msg", "pid", "hostname"]);

interface Entry {
  readonly level: keyof typeof LEVEL_STYLE;
  readonly time: number;
  readonly msg: string;
}

/** A logger whose level can be changed. */
export type DaemonLogger = Logger & { level: string };

/**
 * Logs to stderr, one line an entry: readable for people at a terminal and in the journal, JSON for everything else. Written
 * before it returns.
 */
export function makeLogger(level: Level): DaemonLogger {
  const options = { level, base: null, serializers: { err: stdSerializers.err } };
  const stderr = destination({ fd: 2, sync: true });
  const describe = process.stderr.isTTY ? describeForTerminal : isJournal(process.env) ? describeForJournal : undefined;
  if (describe === undefined) return pino(options, stderr);
  return pino(options, { write: (line: string) => void stderr.write(`${describe(JSON.parse(line) as Entry)}\n`) });
}

/** Whether stderr is what systemd gave us, and leads into its journal (systemd.exec(5), JOURNAL_STREAM). */
function isJournal({ JOURNAL_STREAM: stream }: NodeJS.ProcessEnv): boolean {
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(STDERR);
  return stream === `${dev}:${ino}`;
}

function describeForTerminal(entry: Entry): string {
  const time = new Date(entry.time).toTimeString().slice(0, 8);
  const level = paint(LEVEL_STYLE[entry.level], LEVEL_NAME[entry.level]);
  return `${paint("dim", time)} ${level} ${entry.msg} ${paint("dim", fieldsOf(entry))}`.trimEnd();
}

/** The journal has its own time. */
export function describeForJournal(entry: Entry): string {
  return withPriority(entry.level, `${entry.msg} ${fieldsOf(entry)}`.trimEnd());
}

/** Priorities stand in front of each line (sd-daemon(3)), also of a stack's. */
function withPriority(level: Entry["level"], text: string): string {
  const priority = `<${LEVEL_PRIORITY[level]}>`;
  return priority + text.replaceAll("\n", `\n${priority}`);
}

/** Says on stderr why the daemon does not start. */
export function complain(text: string): void {
  process.stderr.write(`${isJournal(process.env) ? withPriority(ERROR, text) : text}\n`);
}

function fieldsOf(entry: Entry): string {
  return Object.entries(entry)
    .filter(([name]) => !UNSHOWN.has(name))
    .map(([name, value]) => `${name}=${describeValue(value)}`)
    .join(" ");
}

function paint(style: Parameters<typeof styleText>[0], text: string): string {
  return styleText(style, text, { stream: process.stderr });
}

function describeValue(value: unknown): string {
  if (typeof value === "string") return /\s/.test(value) ? JSON.stringify(value) : value;
  if (value !== null && typeof value === "object" && "stack" in value) return String(value.stack);
  return JSON.stringify(value);
}
