/**
 * Elements of the packet filter's sets and maps, as values: `network` plans them, `os` carries them to the kernel. A key of
 * several parts is a concatenation.
 */
import type { IpAddress } from "./kernel-objects.js";
import type { Mac } from "./mac.js";

export type ElementPart =
  | { readonly kind: "ifindex"; readonly value: number }
  | { readonly kind: "mac"; readonly value: Mac }
  | { readonly kind: "address"; readonly value: IpAddress }
  /** IP protocol number. */
  | { readonly kind: "protocol"; readonly value: number }
  | { readonly kind: "port"; readonly value: number }
  /** Of links. */
  | { readonly kind: "group"; readonly value: number }
  /** A number that rules go on with; the packet filter's type `classid`. */
  | { readonly kind: "class"; readonly value: number };

export interface SetElement {
  readonly key: readonly ElementPart[];
  /** What a map's key leads to; undefined in a set. */
  readonly data?: ElementPart | undefined;
  /** What an element of a set counts by itself; its set must be made for that kind. */
  readonly limit?: ElementLimit | undefined;
  /** The element goes by itself after so long; its set must be made for that. */
  readonly timeoutMs?: number | undefined;
}

/** The element matches what goes beyond: packets in a second, with so many at once; or connections at a time. */
export type ElementLimit =
  | { readonly kind: "packets"; readonly perSecond: number; readonly burst: number }
  | { readonly kind: "connections"; readonly most: number };

/** A table of nftables; `name` is unique within its family. */
export interface TableKey {
  readonly family: "inet" | "arp" | "bridge";
  readonly name: string;
}

export interface SetKey {
  readonly table: TableKey;
  readonly name: string;
}
