import { TapnetError } from "../../base/errors.js";
import { assemble, type BpfProgram, drop, keep, label, type Statement } from "../../frame/bpf.js";
import { parseFilter } from "./expression.js";
import { JUMP, type Test } from "./frame-test.js";

/**
 * The program that keeps `snapBytes` of each frame that the expression matches; the empty one matches all. TapnetError
 * BAD_REQUEST says what is wrong with an expression, and where.
 */
export function compileFilter(expression: string, snapBytes: number): BpfProgram {
  const test = parseFilter(expression);
  const statements: Statement[] = [];
  if (test !== undefined) new Compiler(statements).test(test, "keep", "drop");
  statements.push(label("keep"), keep(snapBytes), label("drop"), drop());
  try {
    return assemble(statements);
  } catch (cause) {
    throw new TapnetError("BAD_REQUEST", "the filter is too long: write it with fewer tests, or net instead of many hosts", {
      cause,
    });
  }
}

/** Each test jumps to one of two labels behind it; what joins tests adds labels between them. */
class Compiler {
  readonly #statements: Statement[];
  #labels = 0;

  constructor(statements: Statement[]) {
    this.#statements = statements;
  }

  test(test: Test, onTrue: string, onFalse: string): void {
    switch (test.kind) {
      case "compare":
        this.#statements.push(...test.load, JUMP[test.is](test.value, onTrue, onFalse));
        break;
      case "not":
        this.test(test.test, onFalse, onTrue);
        break;
      case "and":
      case "or":
        this.#join(test.kind, test.tests, onTrue, onFalse);
        break;
    }
  }

  #join(kind: "and" | "or", tests: readonly Test[], onTrue: string, onFalse: string): void {
    for (const [index, test] of tests.entries()) {
      if (index === tests.length - 1) {
        this.test(test, onTrue, onFalse);
        continue;
      }
      const next = `next${++this.#labels}`;
      this.test(test, kind === "and" ? next : onTrue, kind === "and" ? onFalse : next);
      this.#statements.push(label(next));
    }
  }
}
