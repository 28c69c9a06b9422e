/** What the demo prints: steps with their time, then a page of what the guest has. Colours only on a terminal. */
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

const coloured = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;

export function style(how: Style, text: string): string {
  return coloured ? styleText(how, text) : text;
}

export function line(text = ""): void {
  process.stdout.write(`${text}\n`);
}

let ending = false;

/** From now on no step reports: what is cut short by the ending has not failed. */
export function beginEnding(): void {
  ending = true;
  line();
  line(style("dim", "  ending: the guest, tapnetd, then what they stood on"));
}

/** Does one thing and prints a line about it; `tell` says what came out. */
export async function step<Outcome>(
  name: string,
  act: () => Promise<Outcome>,
  tell: (outcome: Outcome) => string,
): Promise<Outcome> {
  const started = performance.now();
  try {
    const outcome = await act();
    const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
    line(`  ${style("green", "✓")} ${name.padEnd(20)} ${tell(outcome).padEnd(40)} ${style("dim", `${seconds} s`)}`);
    return outcome;
  } catch (thrown) {
    if (!ending) line(`  ${style("red", "✗")} ${name}`);
    throw thrown;
  }
}

/** One line of the page: what was asked, what came of it, and whether it is as it should be. */
export interface Finding {
  readonly what: string;
  readonly found: string;
  readonly good: boolean;
}

export function page(title: string, findings: readonly Finding[]): void {
  line();
  line(`  ${style("bold", title)}`);
  for (const { what, found, good } of findings) {
    line(`  ${good ? style("green", "✓") : style("red", "✗")} ${what.padEnd(20)} ${found}`);
  }
  line();
}
