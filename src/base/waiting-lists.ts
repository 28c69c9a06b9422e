/** Who waits for what, in the order in which they came. What nobody waits for costs nothing. */
export class WaitingLists<Member> {
  readonly #lists = new Map<string, Set<Member>>();

  /** Puts a member behind the others; one that waits already keeps its place. */
  add(wanted: string, member: Member): void {
    const list = this.#lists.get(wanted);
    if (list === undefined) this.#lists.set(wanted, new Set([member]));
    else list.add(member);
  }

  remove(wanted: string, member: Member): void {
    const list = this.#lists.get(wanted);
    if (list?.delete(member) === true && list.size === 0) this.#lists.delete(wanted);
  }

  /** Who has waited longest; stays on the list. */
  first(wanted: string): Member | undefined {
    return this.#lists.get(wanted)?.values().next().value;
  }
}
