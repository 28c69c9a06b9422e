/** Options composed once, when the configuration is read, so that a reply copies bytes instead of encoding values. */

import * as area from "./area.js";

/** One option with its value in wire form, without code and length; it may be over 255 bytes long. */
export interface EncodedOption {
  readonly code: number;
  readonly bytes: Uint8Array;
  /** Sent also to clients that did not ask for it. */
  readonly always: boolean;
}

/** A set of encoded options, by code. Of two with the same code the later one counts. An option without bytes is absent. */
export class OptionSet {
  /** Every option with code and length, split where it must be. */
  readonly block: Uint8Array;
  /** Where each code's option starts in `block`, and how long it is with its headers; length 0 for absent. */
  readonly offsets = new Uint32Array(256);
  readonly lengths = new Uint32Array(256);
  /** Codes in the set in the order given, and those of them that are sent unasked. */
  readonly codes: Uint8Array;
  readonly alwaysCodes: Uint8Array;

  constructor(options: readonly EncodedOption[]) {
    const byCode = new Map(options.map((option) => [option.code, option]));
    const kept = [...byCode.values()].filter((option) => option.bytes.length > 0);
    this.block = new Uint8Array(kept.reduce((sum, option) => sum + area.optionBytes(option.bytes.length), 0));
    let at = 0;
    for (const { code, bytes } of kept) {
      this.offsets[code] = at;
      this.lengths[code] = area.emitOption(code, bytes, this.block, at);
      at += this.lengths[code];
    }
    this.codes = Uint8Array.from(kept, (option) => option.code);
    this.alwaysCodes = Uint8Array.from(
      kept.filter((option) => option.always),
      (option) => option.code,
    );
  }

  has(code: number): boolean {
    return this.lengths[code] > 0;
  }
}
