/** Option types (RFC 4861 §4.6 and the RFC named beside each). */
export const OPTION = {
  sourceLinkLayerAddress: 1,
  targetLinkLayerAddress: 2,
  prefixInformation: 3,
  redirectedHeader: 4,
  mtu: 5,
  /** RFC 3971 §5.3.2, used by RFC 7527 */
  nonce: 14,
  /** RFC 4191 */
  routeInformation: 24,
  /** RFC 8106 */
  recursiveDns: 25,
  /** RFC 8106 */
  dnsSearchList: 31,
  /** RFC 8781 */
  pref64: 38,
} as const;

/** What can be wrong with a message, whoever sent it. */
export const FAULTS = [
  "ndp-truncated",
  "ndp-type",
  "ndp-code",
  "ndp-target",
  "ndp-option-zero",
  "ndp-option-overrun",
  "ndp-option-malformed",
] as const;
export type NdpFault = (typeof FAULTS)[number];

/** Lifetimes of this value never end (RFC 4861 §4.6.2). */
export const INFINITE_SECONDS = 0xffff_ffff;

/** Router preference in two bits (RFC 4191 §2.1); 2 is reserved and read as medium. */
export const PREFERENCE = { medium: 0, high: 1, low: 3 } as const;
export type Preference = keyof typeof PREFERENCE;

export function preferenceOf(bits: number): Preference {
  if (bits === PREFERENCE.high) return "high";
  return bits === PREFERENCE.low ? "low" : "medium";
}
