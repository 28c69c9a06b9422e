/** Carries out composed rules on packets, as far as lists of guests use the language: what the kernel would do, without one. */
import { formatIpv4, parseIpv4 } from "../../../src/base/ipv4-address.js";
import { formatIpv6, parseIpv6 } from "../../../src/base/ipv6-address.js";
import type { Ruleset } from "../../../src/network/kernel.js";

/** What rules read of a packet, by nft's words: `ip daddr`, `oif`, `l4proto`. */
export type Packet = Readonly<Record<string, string | number>>;

type Value = string | number;
type Word = Value | readonly Value[] | Expression;

/** Words of libnftables-json(5), those that these rules have. */
interface Expression {
  readonly concat?: readonly Word[];
  readonly "&"?: readonly [Word, Value];
  readonly map?: { readonly key: Word; readonly data: string };
  readonly meta?: { readonly key: string };
  readonly payload?: { readonly protocol: string; readonly field: string };
  readonly ct?: { readonly key: string };
  readonly set?: readonly Value[];
}

interface Statement {
  readonly match?: { readonly op: string; readonly left: Word; readonly right: Word };
  readonly mangle?: { readonly value: Word };
  readonly vmap?: { readonly key: Word; readonly data: { readonly set: readonly (readonly [Value, Statement])[] } };
  readonly goto?: { readonly target: string };
  readonly jump?: { readonly target: string };
}

interface Place {
  readonly family: string;
  readonly name: string;
}

type Element = Value | { readonly concat: readonly Value[] };

interface Command {
  readonly add?: {
    readonly chain?: Place;
    readonly set?: Place;
    readonly map?: Place;
    readonly rule?: { readonly family: string; readonly chain: string; readonly expr: readonly Statement[] };
    readonly element?: Place & { readonly elem: readonly (Element | readonly [Element, Value])[] };
  };
}

export class RulesetMachine {
  readonly #chains = new Map<string, (readonly Statement[])[]>();
  readonly #sets = new Map<string, Map<string, Value | true>>();
  #priority = 0;

  /** Of this family's table. */
  constructor(ruleset: Ruleset, family: string) {
    for (const { add } of ruleset.nftables as readonly Command[]) {
      const { chain, rule, element, set, map } = add ?? {};
      if ((chain ?? rule ?? element ?? set ?? map)?.family !== family) continue;
      if (chain !== undefined) this.#chains.set(chain.name, []);
      if (rule !== undefined) this.#chains.get(rule.chain)?.push(rule.expr);
      for (const { name } of [set, map].filter((each) => each !== undefined)) this.#sets.set(name, new Map());
      for (const each of element?.elem ?? []) {
        const [key, data] = isPair(each) ? each : ([each, true] as const);
        this.add(element?.name ?? "", typeof key === "object" ? key.concat : [key], data);
      }
    }
  }

  get rules(): number {
    return [...this.#chains.values()].flat().length;
  }

  add(set: string, key: readonly (string | number)[], data: string | number | true = true): void {
    const there = this.#sets.get(set);
    if (there === undefined) throw new Error(`there is no set ${set}`);
    there.set(key.join(" . "), data);
  }

  /** Whether a packet gets through this chain. */
  passes(chain: string, packet: Packet): boolean {
    this.#priority = 0;
    const verdict = this.#run(chain, packet);
    return verdict === "accept" || verdict === undefined;
  }

  #run(chain: string, packet: Packet): "accept" | "refuse" | undefined {
    for (const rule of this.#chains.get(chain) ?? []) {
      const verdict = this.#rule(rule, packet);
      if (verdict === "return") return undefined;
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  }

  #rule(rule: readonly Statement[], packet: Packet): "accept" | "refuse" | "return" | undefined {
    for (const statement of rule) {
      if (statement.match !== undefined) {
        if (!this.#matches(statement.match, packet)) return undefined;
      } else if (statement.mangle !== undefined) {
        const value = this.#read(statement.mangle.value, packet);
        if (value === undefined) return undefined;
        this.#priority = Number(value);
      } else {
        const verdict = statement.vmap === undefined ? statement : this.#verdict(statement.vmap, packet);
        if (verdict === undefined) return undefined;
        if ("return" in verdict) return "return";
        if ("accept" in verdict) return "accept";
        if (verdict.goto?.target === "refuse") return "refuse";
        if (verdict.jump === undefined) throw new Error(`unknown: ${JSON.stringify(verdict)}`);
        const found = this.#run(verdict.jump.target, packet);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  #verdict({ key, data }: NonNullable<Statement["vmap"]>, packet: Packet): Statement | undefined {
    const value = this.#read(key, packet);
    return data.set.find(([each]) => each === value)?.[1];
  }

  #matches({ op, left, right }: NonNullable<Statement["match"]>, packet: Packet): boolean {
    const value = this.#read(left, packet);
    if (value === undefined) return false;
    if (typeof right === "string" && right.startsWith("@")) return this.#sets.get(right.slice(1))?.has(String(value)) === true;
    const values: readonly unknown[] = isExpression(right) ? (right.set ?? []) : [right].flat();
    if (op !== "==" && op !== "in") throw new Error(`unknown: ${op}`);
    return values.includes(value);
  }

  /** Undefined where the packet has no such thing: then a rule does not match. */
  #read(word: Word, packet: Packet): Value | undefined {
    if (typeof word !== "object") return word;
    if (!isExpression(word)) return undefined;
    if (word.concat !== undefined) {
      const parts = word.concat.map((part) => this.#read(part, packet));
      return parts.includes(undefined) ? undefined : parts.join(" . ");
    }
    if (word["&"] !== undefined) return and(this.#read(word["&"][0], packet), word["&"][1]);
    if (word.map !== undefined) {
      const key = this.#read(word.map.key, packet);
      const data = this.#sets.get(word.map.data.slice(1))?.get(String(key));
      return data === true ? undefined : data;
    }
    if (word.meta !== undefined) return word.meta.key === "priority" ? this.#priority : packet[word.meta.key];
    if (word.payload !== undefined) return packet[`${word.payload.protocol} ${word.payload.field}`];
    if (word.ct !== undefined) return packet[`ct ${word.ct.key}`];
    throw new Error(`unknown: ${JSON.stringify(word)}`);
  }
}

function isPair(element: Element | readonly [Element, Value]): element is readonly [Element, Value] {
  return Array.isArray(element);
}

function isExpression(word: Word): word is Expression {
  return typeof word === "object" && !Array.isArray(word);
}

function and(value: string | number | undefined, mask: string | number): string | number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number") return Number(BigInt(value) & BigInt(mask));
  const ipv4 = parseIpv4(value);
  if (ipv4 !== undefined) return formatIpv4((ipv4 & (parseIpv4(String(mask)) ?? 0)) >>> 0);
  return formatIpv6((parseIpv6(value) ?? 0n) & (parseIpv6(String(mask)) ?? 0n));
}
