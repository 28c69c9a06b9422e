/** Client FQDN (RFC 4702): flags, two deprecated result codes, and a name in either of two encodings. */

/** RFC 4702 §2.1. */
export const FQDN_FLAG = { serverUpdates: 1, overridden: 2, encoded: 4, noUpdates: 8 } as const;

export const FIELD = { flags: 0, rcode1: 1, rcode2: 2, name: 3 } as const;
export const HEADER_BYTES = 3;
/** What servers put into both result codes (RFC 4702 §2.2). */
export const RCODE_UNUSED = 255;

export interface ClientFqdn {
  readonly flags: number;
  readonly rcode1: number;
  readonly rcode2: number;
  /** The octets of the name: DNS labels when flag E is set, ASCII otherwise. */
  readonly name: Uint8Array;
}

/** Undefined when shorter than its flags and result codes. */
export function parse(value: Uint8Array): ClientFqdn | undefined {
  if (value.length < HEADER_BYTES) return undefined;
  return { flags: value[FIELD.flags], rcode1: value[FIELD.rcode1], rcode2: value[FIELD.rcode2], name: value.slice(FIELD.name) };
}

export function emit(fqdn: ClientFqdn): Uint8Array {
  const value = new Uint8Array(HEADER_BYTES + fqdn.name.length);
  value[FIELD.flags] = fqdn.flags;
  value[FIELD.rcode1] = fqdn.rcode1;
  value[FIELD.rcode2] = fqdn.rcode2;
  value.set(fqdn.name, FIELD.name);
  return value;
}
