/**
 * A page of `docs/` as steps that can be run: what it says to type, what it says comes out, and the files that it shows.
 * `docs/README.md` tells writers the form.
 */

/** Something to be typed on a machine of the page's site. */
export interface Command {
  readonly kind: "command";
  readonly line: number;
  /** `host`, `world`, or a guest's name. */
  readonly machine: string;
  readonly user: "root" | "alice";
  readonly text: string;
  /** The output as the page shows it; undefined where it shows none. */
  readonly expected: readonly string[] | undefined;
}

/** A file that the reader is told to write on the host. */
export interface PageFile {
  readonly kind: "file";
  readonly line: number;
  readonly path: string;
  readonly text: string;
}

/** A configuration that stands there to be read: it must be one all the same. */
export interface Configuration {
  readonly kind: "configuration";
  readonly line: number;
  readonly text: string;
}

export type Step = Command | PageFile | Configuration;

const FENCE = /^(\s*)```(.*)$/;
const PROMPT = /^(?:([a-z][a-z0-9-]*))?([#$]) (.+)$/;
const HIDDEN_START = "<!-- lab";
const HIDDEN_END = "-->";

/** The steps of a page, in order. Throws where something on it would neither be run nor be plain text. */
export function parsePage(text: string): Step[] {
  const lines = text.split("\n");
  const steps: Step[] = [];
  for (let index = 0; index < lines.length; index++) {
    const fence = FENCE.exec(lines[index]);
    if (lines[index].trim() === HIDDEN_START) {
      const end = findEnd(lines, index, (line) => line.trim() === HIDDEN_END);
      steps.push(...parseConsole(lines.slice(index + 1, end), index + 2));
      index = end;
    } else if (fence !== null) {
      const [, indent, info] = fence;
      const end = findEnd(lines, index, (line) => line.trim() === "```");
      const body = lines.slice(index + 1, end).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
      steps.push(...parseBlock(info.trim(), body, index + 1));
      index = end;
    }
  }
  return steps;
}

function findEnd(lines: readonly string[], start: number, isEnd: (line: string) => boolean): number {
  const end = lines.findIndex((line, index) => index > start && isEnd(line));
  if (end < 0) throw new Error(`line ${start + 1}: the block has no end`);
  return end;
}

function parseBlock(info: string, body: readonly string[], line: number): Step[] {
  const [language = "", path] = info.split(/\s+/);
  if (path !== undefined) return [{ kind: "file", line, path, text: `${body.join("\n")}\n` }];
  if (language === "console") return parseConsole(body, line + 1);
  if (language === "yaml") return [{ kind: "configuration", line, text: `${body.join("\n")}\n` }];
  if (language === "" || language === "text") return [];
  throw new Error(`line ${line}: a block of ${language} is not run: make it console, give it a path, or call it text`);
}

/** `firstLine` is the number of the first line in the page. */
function parseConsole(body: readonly string[], firstLine: number): Command[] {
  const commands: Command[] = [];
  for (let index = 0; index < body.length; ) {
    const prompt = PROMPT.exec(body[index]);
    const line = firstLine + index;
    if (prompt === null) throw new Error(`line ${line}: a console block begins with a prompt: '# ', '$ ' or 'web1# '`);
    const [, machine = "host", sign, first] = prompt;
    let text = first;
    index++;
    while (text.endsWith("\\") && index < body.length) text += `\n${body[index++]}`;
    const start = index;
    while (index < body.length && !PROMPT.test(body[index])) index++;
    const shown = body.slice(start, index);
    while (shown.at(-1)?.trim() === "") shown.pop();
    commands.push({
      kind: "command",
      line,
      machine,
      user: sign === "#" ? "root" : "alice",
      text,
      expected: shown.length === 0 ? undefined : shown,
    });
  }
  return commands;
}

/**
 * Whether a command printed what the page shows. Runs of blanks count as one; `…` stands for anything in a line, a line of `…`
 * for any lines.
 */
export function outputMatches(expected: readonly string[], output: string): boolean {
  const parts = expected.map((line) => (line.trim() === "…" ? String.raw`(?:[^\n]*\n)*?` : `${linePattern(line)}\n`));
  const lines = output.trimEnd().split("\n");
  return new RegExp(`^${parts.join("")}$`).test(lines.map((line) => `${squeeze(line)}\n`).join(""));
}

function linePattern(line: string): string {
  const escaped = squeeze(line).replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
  return escaped.replaceAll("…", String.raw`[^\n]*?`);
}

function squeeze(line: string): string {
  return line.trim().replaceAll(/\s+/g, " ");
}
