/** Numbers of lists, of their forms and of guests that lists name, as elements have them (`ruleset/lists.ts`). */
import { TapnetError } from "../base/errors.js";
import type { Policy } from "./policy.js";
import { FORMS_MOST, formOf, LISTS_MOST } from "./ruleset/lists.js";

export class ListNumbers {
  /** By the lists' digests. */
  readonly #lists = new Map<string, number>();
  /** Of the lists' numbers, without their forms. */
  readonly #taken = new Set<number>();
  #last = 0;
  readonly #forms = new Map<string, number>();
  readonly #guests = new Map<string, number>();

  /** Numbers of all other lists may be given anew. */
  keepOnly(digests: ReadonlySet<string>): void {
    for (const [digest, number] of this.#lists) {
      if (digests.has(digest)) continue;
      this.#lists.delete(digest);
      this.#taken.delete(number % LISTS_MOST);
    }
  }

  /** TapnetError `TOO_MANY_LISTS`. */
  of(policy: Policy): number {
    const known = this.#lists.get(policy.digest);
    if (known !== undefined) return known;
    if (this.#taken.size === LISTS_MOST)
      throw new TapnetError("TOO_MANY_LISTS", `there are over ${LISTS_MOST} lists of rules: let guests share some`);
    do this.#last = (this.#last + 1) % LISTS_MOST;
    while (this.#taken.has(this.#last));
    this.#taken.add(this.#last);
    const number = this.#formOf(policy) * LISTS_MOST + this.#last;
    this.#lists.set(policy.digest, number);
    return number;
  }

  ofGuest(name: string): number {
    const number = this.#guests.get(name) ?? this.#guests.size + 1;
    this.#guests.set(name, number);
    return number;
  }

  /** The last of each direction is shared by all forms that come when the others are taken. */
  #formOf(policy: Policy): number {
    const form = formOf(policy);
    const known = this.#forms.get(form);
    if (known !== undefined) return known;
    const number = this.#forms.size + 1;
    if (number >= FORMS_MOST - 1) return policy.direction === "egress" ? FORMS_MOST - 1 : FORMS_MOST;
    this.#forms.set(form, number);
    return number;
  }
}
