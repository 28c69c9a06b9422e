import type { FoldedName } from "../../wire/dns/folded-name.js";
import { TYPE } from "../../wire/dns/numbers.js";
import type { NameNode, NameTree } from "./name-tree.js";
import type { View } from "./views.js";
import type { Zone } from "./zone.js";

/**
 * What we ourselves know about a name, as one network sees it (RFC 1034 §4.3.2, RFC 4592). A cursor, reused for each question.
 *
 * A name that exists only for other networks does not exist here.
 */
export class LocalLookup {
  /** The node whose records answer: the name's own, or the wildcard that stands for it. Null where there is none. */
  node: NameNode | null = null;
  /** Whether `node` is the name's own. */
  isExact = false;
  /** The zone that the name is in, or null where it belongs to the outside world. */
  zone: Zone | null = null;
  readonly #tree: NameTree;

  constructor(tree: NameTree) {
    this.#tree = tree;
  }

  find(view: View, name: FoldedName): void {
    this.#settle(view, this.#tree.find(name));
  }

  /** The same for a whole uncompressed name. */
  findName(view: View, name: Uint8Array): void {
    this.#settle(view, this.#tree.findName(name));
  }

  /** Looks for a name of a single label in the domains of the view's search list. */
  findBare(view: View, name: FoldedName): void {
    this.node = null;
    for (const domain of view.searchList) {
      const node = this.#tree.child(domain, name, 0);
      if (node !== null && hasAddress(view, node)) {
        this.node = node;
        return;
      }
    }
  }

  #settle(view: View, exact: boolean): void {
    let closest = this.#tree.closest;
    let isExact = exact;
    while (!view.isVisible(closest)) {
      // The root is always visible, so every other node has a parent.
      closest = closest.parent as NameNode;
      isExact = false;
    }
    const wildcard = closest.wildcard;
    this.isExact = isExact;
    if (isExact) this.node = closest;
    else this.node = wildcard !== null && view.isVisible(wildcard) ? wildcard : null;
    let above: NameNode | null = closest;
    while (above !== null && above.zone === null) above = above.parent;
    this.zone = above === null ? null : above.zone;
  }

  /**
   * Whether the name is answered here. Outside our zones that is so for records that we have; and where we have one family of
   * addresses for a name, the other is not fetched from elsewhere, since it would lead to another machine.
   */
  isOurs(view: View, type: number): boolean {
    if (this.zone !== null) return true;
    if (this.node === null) return false;
    if (this.answerType(view, type) !== 0) return true;
    return (type === TYPE.A || type === TYPE.AAAA) && hasAddress(view, this.node);
  }

  /**
   * The type of the records that answer a question for `type`: itself, or CNAME; for ANY just one (RFC 8482 §4.1). 0 for
   * none.
   */
  answerType(view: View, type: number): number {
    if (this.node === null) return 0;
    if (type === TYPE.ANY) return this.node.sets.find((set) => view.sees[set.network] === 1)?.type ?? 0;
    if (view.findSet(this.node, type) !== undefined) return type;
    return view.findSet(this.node, TYPE.CNAME) === undefined ? 0 : TYPE.CNAME;
  }
}

function hasAddress(view: View, node: NameNode): boolean {
  return view.findSet(node, TYPE.A) !== undefined || view.findSet(node, TYPE.AAAA) !== undefined;
}
