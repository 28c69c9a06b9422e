/** Questions before something is changed, and what came of it. */
import { signal } from "@preact/signals";

export interface Question {
  readonly title: string;
  /** What will happen, and how it is made undone. */
  readonly text: string;
  /** On the button. */
  readonly action: string;
  /** Gives what to say afterwards. */
  readonly run: () => Promise<string>;
}

export interface Notice {
  readonly kind: "done" | "failed";
  readonly text: string;
}

const SHOWN_MS = 6000;

export const question = signal<Question | undefined>(undefined);
export const notice = signal<Notice | undefined>(undefined);
let timer: ReturnType<typeof setTimeout> | undefined;

export function ask(wanted: Question): void {
  question.value = wanted;
}

export function say(kind: Notice["kind"], text: string): void {
  notice.value = { kind, text };
  clearTimeout(timer);
  // What went wrong stays until it is read.
  if (kind === "done") timer = setTimeout(() => (notice.value = undefined), SHOWN_MS);
}

/** Does what was asked for, and says what came of it. */
export async function carryOut(run: () => Promise<string>): Promise<void> {
  try {
    say("done", await run());
  } catch (thrown) {
    say("failed", thrown instanceof Error ? thrown.message : String(thrown));
  }
}
