/** What bash, zsh and fish offer behind `tapnet`: every command and option that there is, asked of the shells themselves. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { command, needs } from "../../support/needs.js";
import { packageRoot } from "../../support/paths.js";
import { run } from "../../support/process.js";
import { LEAVES } from "./commands.js";

/**
 * Each reads command lines from standard input, completes the last word of each, and prints what it offers, then a line `.`.
 * zsh completes only at a terminal: there the functions that show what is offered are ours, and print it.
 */
const SHELLS: Readonly<Record<string, readonly string[]>> = {
  bash: [
    "bash",
    "-c",
    `. "$0/tapnet.bash" || exit
    tapnet() { [ "$1" = net ] && echo lab || echo web1; }
    while IFS= read -r line; do
      COMP_WORDS=($line)
      [[ $line == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)) COMPREPLY=()
      _tapnet
      printf '%s\\n' "\${COMPREPLY[@]}" .
    done`,
  ],
  zsh: [
    "zsh",
    "-f",
    "-c",
    `_arguments() {
      print -rl -- "$@"
      [[ $1 == -C ]] || return
      if ((CURRENT == 2)); then state=command; else state=argument; shift words; ((CURRENT--)); fi
    }
    _describe() { print -rl -- "\${(P@)argv[-1]}" }
    while IFS= read -r line; do
      words=(\${(s: :)line})
      [[ $line == *' ' ]] && words+=('')
      CURRENT=$#words
      . "$0/_tapnet"
      print .
    done`,
  ],
  fish: [
    "fish",
    "--no-config",
    "-c",
    `source $argv[1]/tapnet.fish; or exit
    function tapnet; test $argv[1] = net; and echo lab; or echo web1; end
    while read -l -d \\n line
      complete -C "$line"
      echo .
    end`,
  ],
};

const LINES = LEAVES.flatMap(({ words, alias }) => [words, ...(alias === undefined ? [] : [alias])]);
const GROUPS = [...new Set(LEAVES.map(({ words }) => words.split(" ").slice(0, -1).join(" ")))];

describe("the completions", () => {
  for (const [shell, argv] of Object.entries(SHELLS)) {
    it(`of ${shell} know every command and option`, needs(command(shell)), async () => {
      const questions = [
        ...GROUPS.map((group) => `tapnet ${group} `.replace("  ", " ")),
        ...LINES.map((line) => `tapnet ${line} --`),
      ];
      const { stdout, stderr, status } = await run([...argv, join(packageRoot, "packaging/completions")], {
        input: `${questions.join("\n")}\n`,
      });
      assert.equal(`${status} ${stderr}`, "0 ");
      const answers = stdout.split(/^\.$/m).slice(0, -1);
      assert.equal(answers.length, questions.length);
      const answerTo = (question: string): string => answers[questions.indexOf(question)];
      for (const { words, alias, options } of LEAVES) {
        const [last, ...before] = words.split(" ").toReversed();
        const group = `tapnet ${before.map((word) => `${word} `).join("")}`;
        assert.match(answerTo(group), new RegExp(`^${last}\\b`, "m"), `${group}…`);
        for (const line of alias === undefined ? [words] : [words, alias]) {
          for (const option of options) assert.match(answerTo(`tapnet ${line} --`), new RegExp(`--${option}\\b`), line);
        }
      }
    });
  }
});
