/**
 * Theory of operation
 *
 * Longest prefix match by a hash table for each prefix length that is in use, longest first: nearly every route is a guest's
 * own address, so the first table (`/32`, `/128`) answers nearly every question, and few lengths come after it. A table is
 * open addressing with linear probing over typed arrays, half full at most; deletion moves later entries back instead of
 * leaving tombstones. Addresses are compared as 32-bit words where they lie in the frame: no bigint, no object.
 */
import type { Ipv6Address } from "../../base/ipv6-address.js";
import type { Ipv4Prefix, Ipv6Prefix } from "../../base/prefix.js";
import { ipv4Netmask, ipv6Netmask } from "../../base/prefix.js";

const LEAST_SLOTS = 64;
const GOLDEN = 0x9e37_79b1;

/** Entries of one prefix length; `Words` 32-bit words a key. */
class PrefixTable {
  readonly prefixLength: number;
  readonly mask: Int32Array;
  readonly #words: number;
  keys: Int32Array;
  /** Index of the next hop plus one; zero where the slot is free. */
  values: Int32Array;
  shift: number;
  count = 0;

  constructor(prefixLength: number, mask: Int32Array) {
    this.prefixLength = prefixLength;
    this.mask = mask;
    this.#words = mask.length;
    this.keys = new Int32Array(LEAST_SLOTS * mask.length);
    this.values = new Int32Array(LEAST_SLOTS);
    this.shift = 32 - Math.log2(LEAST_SLOTS);
  }

  get(key: Int32Array): number {
    return this.values[this.#slotOf(key)] - 1;
  }

  /** Returns the next hop that was there, or -1. */
  set(key: Int32Array, hop: number): number {
    if (this.count * 2 >= this.values.length) this.#grow();
    const slot = this.#slotOf(key);
    const before = this.values[slot] - 1;
    if (before < 0) this.count++;
    this.keys.set(key, slot * this.#words);
    this.values[slot] = hop + 1;
    return before;
  }

  delete(key: Int32Array): number {
    const slot = this.#slotOf(key);
    const before = this.values[slot] - 1;
    if (before < 0) return -1;
    this.count--;
    this.#close(slot);
    return before;
  }

  /** The slot of a key, or the free one where it would be. */
  #slotOf(key: Int32Array): number {
    const last = this.values.length - 1;
    let slot = this.#home(key, 0);
    while (this.values[slot] !== 0 && !this.#holds(slot, key)) slot = (slot + 1) & last;
    return slot;
  }

  #holds(slot: number, key: Int32Array): boolean {
    for (let word = 0; word < this.#words; word++) if (this.keys[slot * this.#words + word] !== key[word]) return false;
    return true;
  }

  #home(keys: Int32Array, at: number): number {
    if (this.#words === 1) return Math.imul(keys[at], GOLDEN) >>> this.shift;
    return hashWords(keys[at], keys[at + 1], keys[at + 2], keys[at + 3]) >>> this.shift;
  }

  /** Frees a slot; entries behind it that would not be found any more move up. */
  #close(freed: number): void {
    const last = this.values.length - 1;
    const words = this.#words;
    let hole = freed;
    for (let slot = (hole + 1) & last; this.values[slot] !== 0; slot = (slot + 1) & last) {
      const home = this.#home(this.keys, slot * words);
      if (((slot - home) & last) < ((slot - hole) & last)) continue;
      this.keys.copyWithin(hole * words, slot * words, (slot + 1) * words);
      this.values[hole] = this.values[slot];
      hole = slot;
    }
    this.values[hole] = 0;
  }

  #grow(): void {
    const { keys, values } = this;
    this.values = new Int32Array(values.length * 2);
    this.keys = new Int32Array(keys.length * 2);
    this.shift--;
    this.count = 0;
    for (const [slot, value] of values.entries()) {
      if (value !== 0) this.set(keys.subarray(slot * this.#words, (slot + 1) * this.#words), value - 1);
    }
  }
}

function hashWords(one: number, two: number, three: number, four: number): number {
  const upper = Math.imul(one ^ Math.imul(two, 0x85eb_ca6b), GOLDEN);
  return Math.imul(upper ^ (upper >>> 15) ^ Math.imul(three, 0xc2b2_ae35) ^ Math.imul(four, 0x27d4_eb2f), GOLDEN);
}

class PrefixTables {
  /** Longest prefixes first. */
  protected readonly tables: PrefixTable[] = [];

  protected tableOf(prefixLength: number, mask: () => Int32Array): PrefixTable {
    const present = this.tables.find((table) => table.prefixLength === prefixLength);
    if (present !== undefined) return present;
    const table = new PrefixTable(prefixLength, mask());
    this.tables.push(table);
    this.tables.sort((one, other) => other.prefixLength - one.prefixLength);
    return table;
  }

  protected deleteFrom(prefixLength: number, key: Int32Array): number {
    const index = this.tables.findIndex((table) => table.prefixLength === prefixLength);
    if (index < 0) return -1;
    const hop = this.tables[index].delete(key);
    if (this.tables[index].count === 0) this.tables.splice(index, 1);
    return hop;
  }

  protected getFrom(prefixLength: number, key: Int32Array): number {
    return this.tables.find((table) => table.prefixLength === prefixLength)?.get(key) ?? -1;
  }
}

export class Ipv4Routes extends PrefixTables {
  /** Returns the next hop that the prefix had, or -1. */
  set({ address, prefixLength }: Ipv4Prefix, hop: number): number {
    return this.tableOf(prefixLength, () => Int32Array.of(ipv4Netmask(prefixLength))).set(Int32Array.of(address), hop);
  }

  get({ address, prefixLength }: Ipv4Prefix): number {
    return this.getFrom(prefixLength, Int32Array.of(address));
  }

  delete({ address, prefixLength }: Ipv4Prefix): number {
    return this.deleteFrom(prefixLength, Int32Array.of(address));
  }

  /** The next hop for an address (as a signed number), or -1. */
  find(address: number): number {
    const { tables } = this;
    for (let index = 0; index < tables.length; index++) {
      const table = tables[index];
      const key = address & table.mask[0];
      const { keys, values } = table;
      const last = values.length - 1;
      for (let slot = Math.imul(key, GOLDEN) >>> table.shift; values[slot] !== 0; slot = (slot + 1) & last) {
        if (keys[slot] === key) return values[slot] - 1;
      }
    }
    return -1;
  }
}

export class Ipv6Routes extends PrefixTables {
  set({ address, prefixLength }: Ipv6Prefix, hop: number): number {
    return this.tableOf(prefixLength, () => wordsOf(ipv6Netmask(prefixLength))).set(wordsOf(address), hop);
  }

  get({ address, prefixLength }: Ipv6Prefix): number {
    return this.getFrom(prefixLength, wordsOf(address));
  }

  delete({ address, prefixLength }: Ipv6Prefix): number {
    return this.deleteFrom(prefixLength, wordsOf(address));
  }

  /** The next hop for the 16 bytes at `offset`, or -1. */
  find(view: DataView, offset: number): number {
    const { tables } = this;
    for (let index = 0; index < tables.length; index++) {
      const table = tables[index];
      const { keys, values, mask } = table;
      const one = view.getInt32(offset) & mask[0];
      const two = view.getInt32(offset + 4) & mask[1];
      const three = view.getInt32(offset + 8) & mask[2];
      const four = view.getInt32(offset + 12) & mask[3];
      const last = values.length - 1;
      for (let slot = hashWords(one, two, three, four) >>> table.shift; values[slot] !== 0; slot = (slot + 1) & last) {
        const at = slot * 4;
        if (keys[at + 3] === four && keys[at + 2] === three && keys[at + 1] === two && keys[at] === one) return values[slot] - 1;
      }
    }
    return -1;
  }
}

function wordsOf(address: Ipv6Address): Int32Array {
  return Int32Array.from([96n, 64n, 32n, 0n], (shift) => Number((address >> shift) & 0xffff_ffffn) | 0);
}
