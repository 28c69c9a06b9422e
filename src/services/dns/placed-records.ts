import type { NameNode, NameTree, RecordSet } from "./name-tree.js";

/** The records that one source has put into a tree, so that it can take all of them back. */
export class PlacedRecords {
  readonly #tree: NameTree;
  readonly #placed: { readonly node: NameNode; readonly set: RecordSet }[] = [];

  constructor(tree: NameTree) {
    this.#tree = tree;
  }

  put(node: NameNode, set: RecordSet): void {
    node.add(set);
    this.#placed.push({ node, set });
  }

  /** Takes one set back that somebody else has a better right to put there. */
  yield(node: NameNode, set: RecordSet): void {
    const index = this.#placed.findIndex((placed) => placed.set === set && placed.node === node);
    if (index < 0) return;
    this.#placed.splice(index, 1);
    node.drop(set);
  }

  /** Takes all of them back, and the names that have nothing any more. */
  clear(): void {
    for (const { node, set } of this.#placed) node.drop(set);
    for (const { node } of this.#placed.splice(0)) this.#tree.prune(node);
  }
}
