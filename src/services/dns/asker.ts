import type { AskerLimits } from "./limits.js";
import type { View } from "./views.js";

/** Takes an answer that comes later to where the question came from. The bytes are lent for the call. */
export interface Delivery {
  /** `atOnce`: nothing else is under way, so it is not to wait for others that it might leave with. */
  deliver(message: Uint8Array, atOnce: boolean): void;
}

/**
 * Who asks, and how the answer reaches him: set by the transport for each question, and only valid while it is answered. One
 * object per transport, reused.
 */
export class Asker {
  view: View;
  limits: AskerLimits;
  /** TCP: no truncation, and keepalive may be spoken of. */
  readonly overStream: boolean;
  /** What a connection may idle, for EDNS keepalive (RFC 7828). */
  readonly keepaliveMs: number;
  /** The asker's address in network order: 4 or 16 bytes at `addressOffset` of `address`. */
  address: Uint8Array = new Uint8Array(16);
  addressOffset = 0;
  addressBytes = 4;
  /** Something that outlives the question, made only when the answer has to wait. */
  readonly retain: () => Delivery;

  constructor(view: View, limits: AskerLimits, retain: () => Delivery, keepaliveMs = 0) {
    this.view = view;
    this.limits = limits;
    this.overStream = keepaliveMs > 0;
    this.keepaliveMs = keepaliveMs;
    this.retain = retain;
  }
}
