import type { Ipv6Address } from "../../base/ipv6-address.js";
import type { LeaseBook } from "../../lease/book.js";
import { OPTION, type STATUS } from "../../wire/dhcp6/codes.js";
import * as iaAddress from "../../wire/dhcp6/ia-address.js";
import * as iaPrefix from "../../wire/dhcp6/ia-prefix.js";
import type { Dhcp6Writer } from "../../wire/dhcp6/writer.js";
import type { Dhcp6Reserved } from "./network.js";
import type { NetworkState, ServedNetwork } from "./served-network.js";

/** All that addresses (IA_NA) and delegated prefixes (IA_PD) differ in. A *leaf* is one address or prefix inside an IA. */
export interface IaKind {
  readonly code: number;
  readonly leafCode: number;
  /** What is said when nothing is left. */
  readonly noneLeft: keyof typeof STATUS;
  book(state: NetworkState): LeaseBook | undefined;
  reserved(reserved: Dhcp6Reserved): Ipv6Address | undefined;
  /** Address in the data of a leaf. */
  address(view: DataView, leaf: number): Ipv6Address;
  /** Length of what a leaf names. */
  lengthOf(view: DataView, leaf: number): number;
  /** Whether a client on this network may have it at all. */
  isAppropriate(served: ServedNetwork, address: Ipv6Address): boolean;
  writeLeaf(
    writer: Dhcp6Writer,
    address: Ipv6Address,
    prefixLength: number,
    preferredSeconds: number,
    validSeconds: number,
  ): void;
  /** Gives back to the client, with lifetimes of zero, exactly what it sent. */
  writeRefused(writer: Dhcp6Writer, view: DataView, leaf: number): void;
}

export const ADDRESSES: IaKind = {
  code: OPTION.iaNa,
  leafCode: OPTION.iaAddress,
  noneLeft: "noAddrsAvail",
  book: (state) => state.addresses,
  reserved: (reserved) => reserved.address,
  address: iaAddress.address,
  lengthOf: () => 128,
  isAppropriate: (served, address) => served.isOnLink(address),
  writeLeaf(writer, address, _prefixLength, preferredSeconds, validSeconds) {
    writer.address(OPTION.iaAddress, address, preferredSeconds, validSeconds);
  },
  writeRefused(writer, view, leaf) {
    writer.address(OPTION.iaAddress, iaAddress.address(view, leaf), 0, 0);
  },
};

export const PREFIXES: IaKind = {
  code: OPTION.iaPd,
  leafCode: OPTION.iaPrefix,
  noneLeft: "noPrefixAvail",
  book: (state) => state.prefixes,
  reserved: (reserved) => reserved.prefix,
  address: iaPrefix.prefix,
  lengthOf: iaPrefix.prefixLength,
  isAppropriate: (served, prefix) => served.delegates(prefix),
  writeLeaf(writer, prefix, prefixLength, preferredSeconds, validSeconds) {
    writer.prefix(OPTION.iaPrefix, prefix, prefixLength, preferredSeconds, validSeconds);
  },
  writeRefused(writer, view, leaf) {
    writer.prefix(OPTION.iaPrefix, iaPrefix.prefix(view, leaf), iaPrefix.prefixLength(view, leaf), 0, 0);
  },
};
