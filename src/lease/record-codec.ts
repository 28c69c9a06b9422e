import type { EndReason, LeaseAddress, LeaseKey, LeaseRecord, StoredState, Tenure } from "./lease.js";
import type { LeaseChange } from "./store.js";

/**
 * Changes as bytes, the same in every store: one byte what it is, one byte flags, then fixed fields, then texts with a length in
 * front. Big-endian. Times are doubles, so that `Infinity` and milliseconds both fit. 60 to 120 bytes a lease.
 */

const TAG = { put: 1, remove: 2, ended: 3 } as const;
const STATES: readonly StoredState[] = ["bound", "released", "expired", "declined"];
const REASONS: readonly EndReason[] = ["released", "expired", "declined", "reassigned", "removed"];
const FLAG_IPV6 = 1;
const FLAG_PREFIX = 2;

/** No change needs more: texts are cut off where they are made (client-id ≤ 255 bytes in hex, labels ≤ 63, names ≤ 255). */
export const CHANGE_LIMIT_BYTES = 4096;
const TEXT_LIMIT_BYTES = 1024;

/** Appends changes to a buffer of its own, which grows as needed. */
export class ChangeWriter {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #length = 0;

  /** What was written since `reset`, with the room in front; valid until the next write. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** The same with zeros behind it, `total` bytes in all. */
  padded(total: number): Buffer {
    this.#reserve(total - this.#length);
    this.#bytes.fill(0, this.#length, total);
    return this.#bytes.subarray(0, total);
  }

  /** Forgets everything and leaves `room` bytes in front for the caller. */
  reset(room = 0): void {
    this.#length = room;
  }

  write(change: LeaseChange): void {
    this.#reserve(CHANGE_LIMIT_BYTES);
    if (change.kind === "put") this.#record(TAG.put, change.lease);
    else if (change.kind === "remove") this.#key(TAG.remove, change.lease);
    else this.#tenure(change.tenure);
  }

  #record(tag: number, lease: LeaseRecord): void {
    this.#key(tag, lease);
    const bytes = this.#bytes;
    bytes[this.#length++] = STATES.indexOf(lease.state);
    this.#length = bytes.writeUIntBE(lease.mac, this.#length, 6);
    this.#length = bytes.writeDoubleBE(lease.boundAtMs, this.#length);
    this.#length = bytes.writeDoubleBE(lease.renewedAtMs, this.#length);
    this.#length = bytes.writeDoubleBE(lease.expiresAtMs, this.#length);
    this.#text(lease.identity);
    this.#text(lease.clientId);
    this.#text(lease.hostname);
  }

  #tenure(tenure: Tenure): void {
    this.#record(TAG.ended, tenure.lease);
    this.#length = this.#bytes.writeDoubleBE(tenure.endedAtMs, this.#length);
    this.#bytes[this.#length++] = REASONS.indexOf(tenure.reason);
  }

  #key(tag: number, key: LeaseKey): void {
    const bytes = this.#bytes;
    bytes[this.#length++] = tag;
    bytes[this.#length++] = (key.family === 6 ? FLAG_IPV6 : 0) | (key.kind === "prefix" ? FLAG_PREFIX : 0);
    bytes[this.#length++] = key.prefixLength;
    if (typeof key.address === "number") {
      this.#length = bytes.writeUInt32BE(key.address, this.#length);
    } else {
      this.#length = bytes.writeBigUInt64BE(key.address >> 64n, this.#length);
      this.#length = bytes.writeBigUInt64BE(key.address & 0xffff_ffff_ffff_ffffn, this.#length);
    }
    this.#text(key.network);
  }

  #text(text: string): void {
    const start = this.#length + 2;
    const limit = Math.min(start + TEXT_LIMIT_BYTES, this.#bytes.length);
    const written = isShortAscii(text) ? this.#ascii(text, start) : this.#bytes.write(text, start, limit - start, "utf8");
    this.#bytes.writeUInt16BE(written, this.#length);
    this.#length = start + written;
  }

  /** Short texts byte by byte: a call into Buffer costs more than the copy. */
  #ascii(text: string, start: number): number {
    for (let at = 0; at < text.length; at++) this.#bytes[start + at] = text.charCodeAt(at);
    return text.length;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

function isShortAscii(text: string): boolean {
  if (text.length > 64) return false;
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}

/** Reads changes from bytes whose integrity was checked; undefined at the end, and for what no version of tapnet has written. */
export class ChangeReader {
  readonly #bytes: Buffer;
  #at: number;
  #isBroken = false;

  constructor(bytes: Uint8Array, start = 0) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
  }

  /** True when reading stopped because of bytes that make no sense. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  next(): LeaseChange | undefined {
    if (this.#isBroken || this.#at >= this.#bytes.length) return undefined;
    const tag = this.#bytes[this.#at];
    if (tag === TAG.put) return this.#wrap(this.#record(), (lease) => ({ kind: "put", lease }));
    if (tag === TAG.remove) return this.#wrap(this.#key(), (lease) => ({ kind: "remove", lease }));
    if (tag === TAG.ended) return this.#wrap(this.#tenure(), (tenure) => ({ kind: "ended", tenure }));
    this.#isBroken = true;
    return undefined;
  }

  #wrap<Part>(part: Part | undefined, change: (part: Part) => LeaseChange): LeaseChange | undefined {
    if (part === undefined) this.#isBroken = true;
    return part === undefined ? undefined : change(part);
  }

  #key(): LeaseKey | undefined {
    if (!this.#has(3)) return undefined;
    const flags = this.#bytes[this.#at + 1];
    const prefixLength = this.#bytes[this.#at + 2];
    this.#at += 3;
    const isIpv6 = (flags & FLAG_IPV6) !== 0;
    if (!this.#has(isIpv6 ? 16 : 4)) return undefined;
    const address = this.#address(isIpv6);
    const network = this.#text();
    if (network === undefined) return undefined;
    const kind = (flags & FLAG_PREFIX) === 0 ? "address" : "prefix";
    return { network, family: typeof address === "number" ? 4 : 6, kind, address, prefixLength };
  }

  #address(isIpv6: boolean): LeaseAddress {
    const at = this.#at;
    this.#at += isIpv6 ? 16 : 4;
    if (!isIpv6) return this.#bytes.readUInt32BE(at);
    return (this.#bytes.readBigUInt64BE(at) << 64n) | this.#bytes.readBigUInt64BE(at + 8);
  }

  #record(): LeaseRecord | undefined {
    const key = this.#key();
    if (key === undefined || !this.#has(31)) return undefined;
    const bytes = this.#bytes;
    const at = this.#at;
    this.#at += 31;
    const state = STATES[bytes[at]];
    const identity = this.#text();
    const clientId = this.#text();
    const hostname = this.#text();
    if (state === undefined || identity === undefined || clientId === undefined || hostname === undefined) return undefined;
    return {
      network: key.network,
      family: key.family,
      kind: key.kind,
      address: key.address,
      prefixLength: key.prefixLength,
      identity,
      state,
      mac: bytes.readUIntBE(at + 1, 6),
      clientId,
      hostname,
      boundAtMs: bytes.readDoubleBE(at + 7),
      renewedAtMs: bytes.readDoubleBE(at + 15),
      expiresAtMs: bytes.readDoubleBE(at + 23),
    };
  }

  #tenure(): Tenure | undefined {
    const lease = this.#record();
    if (lease === undefined || !this.#has(9)) return undefined;
    const endedAtMs = this.#bytes.readDoubleBE(this.#at);
    const reason = REASONS[this.#bytes[this.#at + 8]];
    this.#at += 9;
    return reason === undefined ? undefined : { lease, endedAtMs, reason };
  }

  #text(): string | undefined {
    if (!this.#has(2)) return undefined;
    const length = this.#bytes.readUInt16BE(this.#at);
    if (!this.#has(2 + length)) return undefined;
    const start = this.#at + 2;
    this.#at = start + length;
    return this.#bytes.toString("utf8", start, start + length);
  }

  #has(bytes: number): boolean {
    return this.#at + bytes <= this.#bytes.length;
  }
}
