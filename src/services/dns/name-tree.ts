import { readUint32 } from "../../wire/dns/bytes.js";
import { combineHash, FoldedName } from "../../wire/dns/folded-name.js";
import { finishHash } from "../../wire/dns/name.js";
import { TYPE } from "../../wire/dns/numbers.js";
import { ipv4Bytes } from "./addresses.js";
import { keepBytes } from "./kept-bytes.js";
import type { Zone } from "./zone.js";

/**
 * Theory of operation
 *
 * Every name that we have something to say about is a node of one tree, and all nodes stand in one hash table, by the hash of
 * their labels from the root down. A question walks from the root to the left, one probe a label, and ends at its node or at its
 * closest encloser (RFC 4592 §3.3.1), which is all that NXDOMAIN, NODATA and wildcards need. Names that are not ours leave the
 * tree after a probe or two. Names above a record (empty non-terminals, RFC 4592 §2.2.2) are nodes of their own, so they exist.
 *
 * Limits: a node costs a few hundred bytes; the number of nodes is bounded by those who insert (guests' names, configuration,
 * hosts files). Setting and removing a name costs the same whatever else is there, but for the doubling of the table.
 */

/** Where records come from, and on whose behalf; it tells who may replace them. */
export interface RecordSource {
  /** `hostname` is what a guest calls itself: it yields to every other source. */
  readonly kind: "zone" | "configuration" | "hosts" | "guest" | "hostname";
  /** The guest, the file, the zone. */
  readonly owner: string;
}

/** Records of one type under one name, as one source gave them. */
export class RecordSet {
  readonly source: RecordSource;
  /** Number of the network whose names these are; `EVERYONE` for all. */
  readonly network: number;
  readonly type: number;
  readonly ttlSeconds: number;
  /** Null where it is one address. */
  readonly #data: readonly Uint8Array[] | null;
  /** Whether this is one A record, and its address as a signed number: the usual answer, kept where it costs no further read. */
  readonly isOneAddress: boolean;
  readonly oneAddress: number;

  constructor(source: RecordSource, network: number, type: number, ttlSeconds: number, data: readonly Uint8Array[]) {
    this.source = source;
    this.network = network;
    this.type = type;
    this.ttlSeconds = ttlSeconds;
    this.isOneAddress = type === TYPE.A && data.length === 1;
    this.oneAddress = this.isOneAddress ? readUint32(data[0], 0) | 0 : 0;
    this.#data = this.isOneAddress ? null : data.map((bytes) => keepBytes(bytes));
  }

  /** Data on the wire, names in full; one item a record, at least one. */
  get data(): readonly Uint8Array[] {
    return this.#data ?? [ipv4Bytes(this.oneAddress >>> 0)];
  }
}

/** The network number of what every guest may see. */
export const EVERYONE = 0;

const NO_SETS: readonly RecordSet[] = [];

/** One name. */
export class NameNode {
  /** The leftmost label with its length byte, folded; empty for the root. */
  readonly label: Uint8Array;
  readonly parent: NameNode | null;
  /** Unfinished hash of the labels from the root to here. */
  readonly hash: number;
  /** The first twelve bytes of the label, zeros behind it: most are no longer, and need not be looked at elsewhere in memory. */
  readonly #word0: number;
  readonly #word1: number;
  readonly #word2: number;
  readonly depth: number;
  /** An array of exactly its length: one that is pushed to has room for 17. */
  sets: readonly RecordSet[] = NO_SETS;
  /** Its records where they are one set; null where there are none, or more. */
  only: RecordSet | null = null;
  /** Where this is the highest name of a zone of ours. */
  zone: Zone | null = null;
  /** The child `*`. */
  wildcard: NameNode | null = null;
  children = 0;
  /** The next node of the same bucket. */
  next: NameNode | null = null;

  constructor(label: Uint8Array, parent: NameNode | null, hash: number) {
    this.label = label;
    this.parent = parent;
    this.hash = hash;
    this.#word0 = labelWord(label, 0, 0, label.length);
    this.#word1 = labelWord(label, 0, 4, label.length);
    this.#word2 = labelWord(label, 0, 8, label.length);
    this.depth = parent === null ? 0 : parent.depth + 1;
  }

  /** Whether its label is the one at `at`, folded. */
  isCalled(bytes: Uint8Array, at: number): boolean {
    const length = bytes[at] + 1;
    if (
      this.#word0 !== labelWord(bytes, at, 0, length) ||
      this.#word1 !== labelWord(bytes, at, 4, length) ||
      this.#word2 !== labelWord(bytes, at, 8, length)
    ) {
      return false;
    }
    for (let index = 12; index < length; index++) if (this.label[index] !== bytes[at + index]) return false;
    return true;
  }

  add(set: RecordSet): void {
    this.sets = this.sets.length === 0 ? [set] : [...this.sets, set];
    this.only = this.sets.length === 1 ? set : null;
  }

  drop(set: RecordSet): void {
    this.sets = this.sets.length === 1 && this.sets[0] === set ? NO_SETS : this.sets.filter((other) => other !== set);
    this.only = this.sets.length === 1 ? this.sets[0] : null;
  }
}

/** The whole name of a node on the wire. */
export function nodeName(node: NameNode): Uint8Array {
  const labels: Uint8Array[] = [];
  for (let at: NameNode | null = node; at !== null; at = at.parent) labels.push(at.label);
  return new Uint8Array(Buffer.concat([...labels, Uint8Array.of(0)]));
}

const BUCKETS_LEAST = 1024;

export class NameTree {
  readonly root: NameNode;
  /** What `find` ended at: the name itself, or its closest encloser. */
  closest: NameNode;
  #buckets: (NameNode | null)[];
  #mask: number;
  #count = 0;
  readonly #name: FoldedName;

  /** `seed` begins every hash; those of the questions begin with the same. */
  constructor(seed: number) {
    this.#name = new FoldedName(seed);
    this.root = new NameNode(new Uint8Array(0), null, seed);
    this.closest = this.root;
    this.#buckets = new Array<NameNode | null>(BUCKETS_LEAST).fill(null);
    this.#mask = BUCKETS_LEAST - 1;
  }

  get seed(): number {
    return this.root.hash;
  }

  get size(): number {
    return this.#count;
  }

  /** Walks to a name as far as there are nodes, and leaves the last one in `closest`; true where that is the name itself. */
  find(name: FoldedName): boolean {
    let node = this.root;
    for (let label = name.labelCount - 1; label >= 0; label--) {
      const child = this.child(node, name, label);
      if (child === null) {
        this.closest = node;
        return false;
      }
      node = child;
    }
    this.closest = node;
    return true;
  }

  /** The same for a whole uncompressed name. */
  findName(name: Uint8Array): boolean {
    this.#name.read(name, 0, name.length);
    return this.find(this.#name);
  }

  /** The child of `parent` that has the given label of a name, or null. */
  child(parent: NameNode, name: FoldedName, label: number): NameNode | null {
    const hash = combineHash(parent.hash, name.labelHash[label]);
    for (let node = this.#buckets[finishHash(hash) & this.#mask]; node !== null; node = node.next) {
      if (node.hash === hash && node.parent === parent && node.isCalled(name.bytes, name.labelOffset[label])) return node;
    }
    return null;
  }

  /** The node of a name, made where there is none. A node that nothing is put into is given back with `prune`. */
  insert(wire: Uint8Array): NameNode {
    const name = this.#name;
    name.read(wire, 0, wire.length);
    let node = this.root;
    for (let label = name.labelCount - 1; label >= 0; label--)
      node = this.child(node, name, label) ?? this.#add(node, name, label);
    return node;
  }

  /** Takes a node out of the tree, and those above it, as far as they have become empty. */
  prune(from: NameNode): void {
    let node = from;
    while (node.parent !== null && node.sets.length === 0 && node.children === 0 && node.zone === null) {
      const parent: NameNode = node.parent;
      this.#unlink(node);
      if (parent.wildcard === node) parent.wildcard = null;
      parent.children--;
      node = parent;
    }
  }

  /** Every node, in no order. */
  *nodes(): Generator<NameNode> {
    for (const bucket of this.#buckets) {
      for (let node = bucket; node !== null; node = node.next) yield node;
    }
  }

  #add(parent: NameNode, name: FoldedName, label: number): NameNode {
    if (this.#count > this.#mask) this.#grow();
    const bytes = keepBytes(name.bytes, name.labelOffset[label], name.labelOffset[label + 1]);
    const node = new NameNode(bytes, parent, combineHash(parent.hash, name.labelHash[label]));
    if (bytes.length === 2 && bytes[1] === 0x2a) parent.wildcard = node;
    parent.children++;
    this.#link(node);
    this.#count++;
    return node;
  }

  #link(node: NameNode): void {
    const bucket = finishHash(node.hash) & this.#mask;
    node.next = this.#buckets[bucket];
    this.#buckets[bucket] = node;
  }

  #unlink(node: NameNode): void {
    const bucket = finishHash(node.hash) & this.#mask;
    let before = this.#buckets[bucket];
    if (before === node) {
      this.#buckets[bucket] = node.next;
    } else {
      while (before !== null && before.next !== node) before = before.next;
      if (before !== null) before.next = node.next;
    }
    node.next = null;
    this.#count--;
  }

  #grow(): void {
    const nodes = [...this.nodes()];
    this.#mask = this.#mask * 2 + 1;
    this.#buckets = new Array<NameNode | null>(this.#mask + 1).fill(null);
    for (const node of nodes) this.#link(node);
  }
}

/** Four bytes of the label of `length` bytes at `at`, from its byte `from` on; those behind its end are zero. */
function labelWord(bytes: Uint8Array, at: number, from: number, length: number): number {
  const left = length - from;
  if (left <= 0) return 0;
  const start = at + from;
  let word = bytes[start];
  if (left > 1) word |= bytes[start + 1] << 8;
  if (left > 2) word |= bytes[start + 2] << 16;
  if (left > 3) word |= bytes[start + 3] << 24;
  return word;
}
