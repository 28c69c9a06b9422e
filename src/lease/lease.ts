import { formatIpv4, type Ipv4Address } from "../base/ipv4-address.js";
import { formatIpv6, type Ipv6Address } from "../base/ipv6-address.js";
import type { Mac } from "../base/mac.js";

/** The address of a lease: a number for IPv4, a bigint for IPv6; for a delegated prefix its first address. */
export type LeaseAddress = Ipv4Address | Ipv6Address;

/** What is leased: one address, or a whole prefix (IA_PD). */
export type LeaseKind = "address" | "prefix";

/** States that are stored. An offer is a promise of seconds and lives in memory only. */
export type StoredState = "bound" | "released" | "expired" | "declined";
export type LeaseState = "offered" | StoredState;

/** Why a lease came to its end. */
export type EndReason = "released" | "expired" | "declined" | "reassigned" | "removed";

/**
 * A lease as it is stored and shown: immutable, each change makes a new one. So the book, the store and whoever was told of
 * it may all hold the same object, and what was saved is never confused with what is wanted.
 */
export interface LeaseRecord {
  readonly network: string;
  readonly family: 4 | 6;
  readonly kind: LeaseKind;
  readonly address: LeaseAddress;
  /** 32 or 128 for an address. */
  readonly prefixLength: number;
  /** Whose lease it is: `guest:web1`, `id:<hex>` or `mac:<mac>`; for IPv6 with `/<iaid>` behind it. One lease an identity. */
  readonly identity: string;
  readonly state: StoredState;
  /** The station that asked last; zero where unknown. */
  readonly mac: Mac;
  /** DHCPv4 client identifier or DHCPv6 DUID in lower-case hex; empty when the client sent none. */
  readonly clientId: string;
  /** Name that is kept for the client, or that it asked for, cleaned (one DNS label); empty for none. */
  readonly hostname: string;
  /** When this tenure began, when it was last extended, when it ends (`Infinity` for ever): milliseconds since 1970. */
  readonly boundAtMs: number;
  readonly renewedAtMs: number;
  readonly expiresAtMs: number;
}

/** One stay of one identity at one address, closed: what history keeps. */
export interface Tenure {
  readonly lease: LeaseRecord;
  readonly endedAtMs: number;
  readonly reason: EndReason;
}

/** What a lease is stored under: only one record at each. */
export type LeaseKey = Pick<LeaseRecord, "network" | "family" | "kind" | "address" | "prefixLength">;

/** `10.0.0.1` for an address, `2001:db8::/56` for a prefix. */
export function formatLeaseAddress(key: Pick<LeaseKey, "address" | "kind" | "prefixLength">): string {
  const address = typeof key.address === "number" ? formatIpv4(key.address) : formatIpv6(key.address);
  return key.kind === "prefix" ? `${address}/${key.prefixLength}` : address;
}
