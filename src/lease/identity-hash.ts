/**
 * 32 bits that stand for an identity: FNV-1a over its UTF-16 code units, mixed at the end.
 *
 * Part of what users see: it decides which address a client gets from an empty pool, on every host and in every version alike.
 */
export function identityHash(identity: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < identity.length; at++) hash = Math.imul(hash ^ identity.charCodeAt(at), 0x0100_0193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
