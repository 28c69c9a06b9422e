/** A message as labelled pieces of hex: `["xid", "10e3c1"]`. Blanks and colons in the hex are for the reader. */
export type Piece = readonly [label: string, hex: string];

/** The bytes of all pieces. */
export function bytesOf(pieces: readonly Piece[]): Uint8Array {
  return new Uint8Array(Buffer.from(pieces.map(([, hex]) => hex.replaceAll(/[\s:]/g, "")).join(""), "hex"));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Hex of bytes, for messages that people compare. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/**
 * Runs `emit` into a clean buffer and into one full of other bytes: what it writes must not depend on what was there. Returns the
 * bytes; throws when the two differ, or when it wrote more or less than `length`.
 */
export function emitBothWays(length: number, emit: (view: DataView, offset: number) => number): Uint8Array {
  const clean = new Uint8Array(length + 24);
  const dirty = new Uint8Array(length + 24).fill(0xa5);
  for (const bytes of [clean, dirty]) {
    const written = emit(viewOf(bytes), 8);
    if (written !== length) throw new Error(`emit wrote ${written} bytes, promised were ${length}`);
  }
  const emitted = clean.slice(8, 8 + length);
  if (hexOf(emitted) !== hexOf(dirty.slice(8, 8 + length))) throw new Error("emit left bytes as they were");
  if (clean.slice(8 + length).some((octet) => octet !== 0)) throw new Error("emit wrote behind its end");
  return emitted;
}
