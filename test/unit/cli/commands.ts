/** What `tapnet` has, as its own tree of commands tells it: manual and completions are held against this. */
import type { Command } from "commander";
import { buildProgram } from "../../../src/cli/program.js";
import type { Terminal } from "../../../src/cli/terminal.js";

const TERMINAL: Terminal = { print: () => undefined, note: () => undefined, paint: (_, text) => text, colours: false };

export interface Leaf {
  /** `guest list` */
  readonly words: string;
  /** The same with its other name: `guest ls`. */
  readonly alias: string | undefined;
  /** Without dashes: `network`. */
  readonly options: readonly string[];
}

function leaves(command: Command, before: readonly string[]): Leaf[] {
  // `guest help` is there for those who try it, and is no command of its own.
  const own = command.commands.filter((child) => before.length === 0 || child.name() !== "help");
  return own.flatMap((child) => {
    if (child.commands.length > 0) return leaves(child, [...before, child.name()]);
    const options = child.options.map((option) => (option.long ?? "").slice("--".length));
    const named = (name: string): string => [...before, name].join(" ");
    const other = child.alias();
    return [{ words: named(child.name()), alias: other === undefined ? undefined : named(other), options }];
  });
}

/** Every command that does something. */
export const LEAVES: readonly Leaf[] = leaves(buildProgram(TERMINAL, {}), []);
