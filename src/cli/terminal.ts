import { styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0];

/** What a command writes to. */
export interface Terminal {
  /** One or more lines on stdout. */
  print(text: string): void;
  /** One or more lines on stderr, for what is not the answer. */
  note(text: string): void;
  /** `text` in a colour, where colours are wanted. */
  paint(style: Style, text: string): string;
  readonly colours: boolean;
  /** How wide it is; undefined where nothing is cut or wrapped, as in a file. */
  readonly columns?: number | undefined;
}

/** Stdout and stderr of this process. Colours only for people: a terminal, and no NO_COLOR (https://no-color.org). */
export function processTerminal(): Terminal {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const forced = FORCE_COLOR !== undefined && FORCE_COLOR !== "0";
  const colours = forced || (process.stdout.isTTY && TERM !== "dumb" && (NO_COLOR ?? "") === "");
  return {
    print: (text) => void process.stdout.write(`${text}\n`),
    note: (text) => void process.stderr.write(`${text}\n`),
    paint: (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text),
    colours,
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  };
}

/** What others chose (host names, client ids) without what a terminal would obey. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "�");
}
