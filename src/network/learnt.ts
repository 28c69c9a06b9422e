/** What our DNS has told one guest of the names that its list has: which addresses, and until when they let it through. */
import type { IpAddress } from "../base/kernel-objects.js";
import { nameMatches } from "./policy.js";
import type { Service } from "./ruleset/services.js";

/** Elements that this may lead to; with more, the oldest addresses are forgotten. */
const ELEMENTS_MOST = 4096;

export class LearntAddresses {
  /** By pattern. */
  #names: ReadonlyMap<string, readonly Service[]> = new Map();
  #most = 0;
  /** For each address the patterns that it was learnt by, and their ends; the oldest first. */
  readonly #untilMs = new Map<IpAddress, Map<string, number>>();

  /** Names that the guest may speak to from now on, and by what services; what was learnt of others is forgotten. */
  hold(names: ReadonlyMap<string, readonly Service[]>): void {
    this.#names = names;
    this.#most = Math.floor(ELEMENTS_MOST / new Set([...names.values()].flat().map(serviceText)).size);
    this.#keep((pattern) => names.has(pattern));
  }

  get addresses(): IpAddress[] {
    return [...this.#untilMs.keys()];
  }

  /** The names of the list that this name, in lower case, is meant by. */
  patternsOf(asked: string): string[] {
    return [...this.#names.keys()].filter((pattern) => nameMatches(pattern, asked));
  }

  /** Whether that is longer than was known. */
  learn(patterns: readonly string[], address: IpAddress, untilMs: number): boolean {
    const known = this.#untilMs.get(address) ?? new Map<string, number>();
    const shorter = patterns.filter((pattern) => (known.get(pattern) ?? 0) < untilMs);
    if (shorter.length === 0) return false;
    for (const pattern of shorter) known.set(pattern, untilMs);
    this.#untilMs.delete(address);
    this.#untilMs.set(address, known);
    return true;
  }

  /** What the guest may do with an address, each until the last of its names ends. */
  services(address: IpAddress): { readonly service: Service; readonly untilMs: number }[] {
    const services = new Map<string, { service: Service; untilMs: number }>();
    for (const [pattern, untilMs] of this.#untilMs.get(address) ?? []) {
      for (const service of this.#names.get(pattern) ?? []) {
        const text = serviceText(service);
        if ((services.get(text)?.untilMs ?? 0) < untilMs) services.set(text, { service, untilMs });
      }
    }
    return [...services.values()];
  }

  forgetExpired(nowMs: number): void {
    this.#keep((_pattern, untilMs) => untilMs > nowMs);
  }

  /** Forgets what is too much; each address is told to `onForgotten` before. */
  forgetOldest(nowMs: number, onForgotten: (address: IpAddress) => void): void {
    if (this.#untilMs.size <= this.#most) return;
    this.forgetExpired(nowMs);
    for (const address of this.#untilMs.keys()) {
      if (this.#untilMs.size <= this.#most) break;
      onForgotten(address);
      this.#untilMs.delete(address);
    }
  }

  #keep(holds: (pattern: string, untilMs: number) => boolean): void {
    for (const [address, untilMs] of this.#untilMs) {
      for (const [pattern, each] of untilMs) if (!holds(pattern, each)) untilMs.delete(pattern);
      if (untilMs.size === 0) this.#untilMs.delete(address);
    }
  }
}

function serviceText({ shape, parts }: Service): string {
  return [shape, ...parts.map(({ value }) => value)].join(" ");
}
