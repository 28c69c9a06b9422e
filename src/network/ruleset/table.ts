import type { TableKey } from "../kernel.js";
import type { Word } from "./words.js";

export const TABLE: TableKey = { family: "inet", name: "tapnet" };
export const ARP_TABLE: TableKey = { family: "arp", name: "tapnet" };
/** There while a network of kind `bridge` is: not every kernel has the family. */
export const BRIDGE_TABLE: TableKey = { family: "bridge", name: "tapnet" };

/** Where a base chain hangs in the kernel, and its place among others there (lower is earlier). */
export interface Hook {
  readonly type: "filter" | "nat";
  readonly hook: "prerouting" | "input" | "forward" | "output" | "postrouting";
  readonly priority: number;
}

/** Priorities that nft(8) has names for. */
export const PRIORITY = { raw: -300, destinationNat: -100, filter: 0, sourceNat: 100 } as const;

export interface SetOptions {
  readonly type: Word;
  /** Elements are made by packets, up to this many; each goes after so long without one. */
  readonly dynamic?: { readonly size: number; readonly timeoutSeconds: number };
  readonly counted?: boolean;
  /** Elements may have an end. */
  readonly expires?: boolean;
  /** What each element has besides its key; elements may have it with other numbers. */
  readonly statement?: Word;
}

/**
 * Collects what a table holds and hands it out as commands that replace the table in one transaction: until it is carried
 * out the old rules are in force, afterwards the new ones.
 */
export class TableWriter {
  readonly key: TableKey;
  readonly #objects: object[] = [];
  readonly #chains: object[] = [];
  readonly #rules: object[] = [];

  constructor(key: TableKey) {
    this.key = key;
  }

  counter(name: string): void {
    this.#objects.push({ counter: { ...this.#where(), name } });
  }

  set(name: string, { type, dynamic, counted, expires, statement }: SetOptions): void {
    const made = dynamic && { flags: ["timeout"], size: dynamic.size, timeout: dynamic.timeoutSeconds };
    const flags = expires === true ? { flags: ["timeout"] } : {};
    const each = counted === true ? { counter: null } : statement;
    const stmt = each === undefined ? {} : { stmt: [each] };
    this.#objects.push({ set: { ...this.#where(), name, type, ...flags, ...made, ...stmt } });
  }

  map(name: string, { type, data }: { readonly type: Word; readonly data: string }): void {
    this.#objects.push({ map: { ...this.#where(), name, type, map: data } });
  }

  /** Elements of a set that this transaction makes. */
  elements(set: string, elements: readonly Word[]): void {
    if (elements.length > 0) this.#rules.push({ element: { ...this.#where(), name: set, elem: elements } });
  }

  chain(name: string, hook?: Hook): void {
    const base = hook && { type: hook.type, hook: hook.hook, prio: hook.priority, policy: "accept" };
    this.#chains.push({ chain: { ...this.#where(), name, ...base } });
  }

  /** Statements are carried out left to right until one does not match. */
  rule(chain: string, ...statements: Word[]): void {
    this.#rules.push({ rule: { ...this.#where(), chain, expr: statements } });
  }

  /** Rules may lead to any chain: all chains come first. */
  commands(): object[] {
    const objects = [...this.#objects, ...this.#chains, ...this.#rules];
    return [...removeTable(this.key), { add: { table: nameOf(this.key) } }, ...objects.map((add) => ({ add }))];
  }

  #where(): { family: string; table: string } {
    return { family: this.key.family, table: this.key.name };
  }
}

/** Commands that remove a table whether it is there or not. */
export function removeTable(key: TableKey): object[] {
  return [{ add: { table: nameOf(key) } }, { delete: { table: nameOf(key) } }];
}

function nameOf({ family, name }: TableKey): { family: string; name: string } {
  return { family, name };
}
