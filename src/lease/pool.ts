import type { LeaseAddress } from "./lease.js";

/**
 * Addresses (or prefixes) that may be given to whoever asks.
 *
 * Taken or free is all that a pool knows; who has what is the book's. Every operation is O(1) at any size.
 */
export interface AddressPool {
  /** Addresses that the pool can give out at most. */
  readonly size: number;
  readonly freeCount: number;
  /** True when the address is one of the pool's, taken or not. */
  contains(address: LeaseAddress): boolean;
  /** Takes exactly this address; false when it is not the pool's or is taken. */
  take(address: LeaseAddress): boolean;
  /** Takes the address that this identity gets as long as nobody else has it, or else the next free one; undefined when full. */
  takeFor(identity: string): LeaseAddress | undefined;
  /** Gives a taken address back. */
  give(address: LeaseAddress): void;
}
