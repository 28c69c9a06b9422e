import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, visit } from "yaml";
import { errorMessage } from "../base/errors.js";
import { formatKeyPath, type KeyPath, type Problem } from "./problems.js";
import { describeSyntax } from "./syntax.js";

/** A place in the text: a key, or what stands behind it. */
export type Part = "key" | "value";

/**
 * A YAML text as plain values, with the place of each of them: the checks speak of key paths, people of lines and columns.
 *
 * Problems are collected here, so that one reading finds them all.
 */
export class ConfigDocument {
  readonly text: string;
  /** Plain objects, arrays and scalars; undefined where the text is no YAML. */
  readonly value: unknown;
  readonly problems: Problem[] = [];
  readonly #document: Document;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    this.text = text;
    // The parser's own search for keys written twice compares all with all: seconds for ten thousand guests.
    const strict = { resolveKnownTags: false, prettyErrors: false, logLevel: "error" } as const;
    this.#document = parseDocument(text, { ...strict, lineCounter: this.#lines, merge: true, uniqueKeys: false });
    // The first only: the others are mostly what follows from it.
    for (const error of [...this.#document.errors, ...this.#document.warnings].slice(0, 1)) {
      const { start, end, message } = describeSyntax(error, text);
      this.problems.push(this.#place(start, end, message));
    }
    this.#noteDuplicates();
    this.#noteAliases();
    this.value = this.#document.errors.length === 0 ? this.#plain() : undefined;
  }

  /** Notes that what stands at `path` is wrong. A key that is missing is reported at the section that should have it. */
  problem(path: KeyPath, message: string, part: Part = "value"): void {
    const [start, end] = this.#range(path, part);
    const where = formatKeyPath(path);
    this.problems.push(this.#place(start, end, where === "" ? message : `${where}: ${message}`));
  }

  #plain(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: 100 });
    } catch (error) {
      // An alias without its anchor has been noted, with its place.
      if (!(error instanceof ReferenceError))
        this.problems.push(this.#place(0, 1, `this is not usable YAML: ${errorMessage(error)}`));
      return undefined;
    }
  }

  #noteDuplicates(): void {
    visit(this.#document, {
      Map: (_, map) => {
        const seen = new Set<string>();
        for (const { key } of map.items) {
          if (!isScalar(key)) continue;
          const name = String(key.value);
          if (seen.has(name) && name !== "<<") {
            this.problems.push(this.#place(...rangeOf(key), `${name} is written twice in this section; remove one of them`));
          }
          seen.add(name);
        }
      },
    });
  }

  #noteAliases(): void {
    visit(this.#document, {
      Alias: (_, alias) => {
        if (alias.resolve(this.#document) !== undefined) return;
        const message = `there is no &${alias.source} before this; write it in front of the value that is meant`;
        this.problems.push(this.#place(...rangeOf(alias), message));
      },
    });
  }

  #place(start: number, end: number, message: string): Problem {
    const { line, col } = this.#lines.linePos(start);
    const lineEnd = this.text.indexOf("\n", start);
    const stop = lineEnd < 0 ? end : Math.min(end, lineEnd);
    return { line: Math.max(1, line), column: Math.max(1, col), length: Math.max(1, stop - start), message };
  }

  /** First and behind-last offset of what `path` names, or of the nearest section around it that exists. */
  #range(path: KeyPath, part: Part): readonly [number, number] {
    let node = this.#resolve(this.#document.contents);
    let key: Node | undefined;
    for (const [depth, step] of path.entries()) {
      const last = depth === path.length - 1;
      const entry = this.#child(node, step);
      if (entry === undefined) return rangeOf(isScalar(node) && node.value !== null ? node : (key ?? node));
      key = entry.key;
      node = entry.value;
      if (last && part === "key" && entry.key !== undefined) return rangeOf(entry.key);
    }
    if (node === undefined || isMap(node)) return rangeOf(key ?? node);
    if (isScalar(node) && node.value === null) return rangeOf(key ?? node);
    return rangeOf(node);
  }

  #child(node: Node | undefined, step: string | number): { key: Node | undefined; value: Node | undefined } | undefined {
    if (isSeq(node) && typeof step === "number") {
      const item = node.items[step] as Node | undefined;
      return item === undefined ? undefined : { key: undefined, value: this.#resolve(item) };
    }
    if (!isMap(node)) return undefined;
    const pair = (node.items as Pair<Node, Node | null>[]).find(
      (item) => isScalar(item.key) && String(item.key.value) === String(step),
    );
    return pair === undefined ? undefined : { key: pair.key, value: this.#resolve(pair.value) };
  }

  #resolve(node: Node | null | undefined): Node | undefined {
    if (isAlias(node)) return node.resolve(this.#document) ?? undefined;
    return node ?? undefined;
  }
}

function rangeOf(node: Node | undefined): readonly [number, number] {
  return node?.range === undefined || node.range === null ? [0, 1] : [node.range[0], node.range[1]];
}
