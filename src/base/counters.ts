/**
 * A fixed block of named counters.
 *
 * Counting is one typed-array increment by index, so a dropped frame costs nothing worth mentioning; names are only looked
 * at when somebody asks.
 */
export class Counters<Name extends string> {
  readonly names: readonly Name[];
  readonly values: Float64Array;
  readonly #indices: ReadonlyMap<Name, number>;

  constructor(names: readonly Name[]) {
    this.names = names;
    this.#indices = new Map(names.map((name, index) => [name, index]));
    this.values = new Float64Array(names.length);
  }

  /** The index to hand to `count`; throws on a name that the block does not have (a mistake in the program). */
  index(name: Name): number {
    const index = this.#indices.get(name);
    if (index === undefined) throw new RangeError(`no counter ${name}`);
    return index;
  }

  count(index: number, by = 1): void {
    this.values[index] += by;
  }

  get(name: Name): number {
    return this.values[this.index(name)];
  }

  toJSON(): Record<Name, number> {
    return Object.fromEntries(this.names.map((name, index) => [name, this.values[index]])) as Record<Name, number>;
  }
}
