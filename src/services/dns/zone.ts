/** A part of the name space that is answered here and never forwarded. */
export interface Zone {
  /** Its highest name on the wire, folded. */
  readonly apex: Uint8Array;
  /** Data of its SOA record, names in full. */
  readonly soa: Uint8Array;
  /** The same record as it stands behind a question for a name of the zone. */
  readonly denial: Denial;
  /** How long a "no" may be kept (RFC 2308 §5): also the TTL of the SOA record in it. */
  readonly negativeTtlSeconds: number;
  /** One of the zones that nobody outside can answer; an upstream set for it takes its place. */
  readonly special: boolean;
}

/**
 * A whole SOA record whose names point at the zone's name, which is the end of the question's. The pointers are filled in when
 * it is written.
 */
export interface Denial {
  readonly bytes: Uint8Array;
  /** Where the pointers stand in the bytes. */
  readonly pointers: readonly number[];
  /** How many labels the zone's name has. */
  readonly depth: number;
}
