import type { Random } from "../../base/random.js";
import { writeUint32 } from "../../wire/dns/bytes.js";
import { SipHash } from "./siphash.js";

export const CLIENT_COOKIE_BYTES = 8;
/** Client cookie, and a server cookie of version, reserved, time and hash (RFC 9018 §4). */
export const FULL_COOKIE_BYTES = 24;
const VERSION = 1;
/** An address at its longest, behind what is hashed in front of it. */
const INPUT_BYTES = 16 + 16;

/**
 * Makes the cookies that we hand to askers (RFC 7873, RFC 9018).
 *
 * We ask nobody for a cookie before he is answered: guests cannot forge addresses here. Handing them out lets a guest's resolver
 * tell our answers from forged ones, and that is what cookies are for on this side.
 */
export class CookieJar {
  readonly #hash: SipHash;
  readonly #input = new Uint8Array(INPUT_BYTES);

  constructor(random: Random) {
    this.#hash = new SipHash(randomKey(random));
  }

  /**
   * Writes the full cookie for the client cookie at `clientOffset` of `bytes`, seen from an address of 4 or 16 bytes, at `at` of
   * `out`: 24 bytes.
   */
  write(
    bytes: Uint8Array,
    clientOffset: number,
    address: Uint8Array,
    addressOffset: number,
    addressBytes: number,
    nowSeconds: number,
    out: Uint8Array,
    at: number,
  ): void {
    const input = this.#input;
    for (let index = 0; index < CLIENT_COOKIE_BYTES; index++) input[index] = bytes[clientOffset + index];
    input[8] = VERSION;
    input[9] = 0;
    input[10] = 0;
    input[11] = 0;
    writeUint32(input, 12, nowSeconds);
    for (let index = 0; index < addressBytes; index++) input[16 + index] = address[addressOffset + index];
    for (let index = 0; index < 16; index++) out[at + index] = input[index];
    this.#hash.hash(input, 16 + addressBytes, out, at + 16);
  }
}

/** The client cookie that we show one upstream, the same each time (RFC 9018 §3). */
export class ClientCookies {
  readonly #hash: SipHash;

  constructor(random: Random) {
    this.#hash = new SipHash(randomKey(random));
  }

  cookieFor(address: Uint8Array): Uint8Array {
    const cookie = new Uint8Array(CLIENT_COOKIE_BYTES);
    this.#hash.hash(address, address.length, cookie, 0);
    return cookie;
  }
}

function randomKey(random: Random): Uint8Array {
  const key = new Uint8Array(16);
  for (let at = 0; at < 16; at += 4) writeUint32(key, at, random.uint32());
  return key;
}
