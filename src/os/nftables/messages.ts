import { type MessageWriter, NESTED } from "../rtnetlink/message.js";
import type { ElementBytes } from "./element-bytes.js";
import { writeElementLimit } from "./element-limit.js";

/** Families of tables (`NFPROTO_*`). */
export const TABLE_FAMILY = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;
export type TableFamily = keyof typeof TABLE_FAMILY;

/** Which table of the kernel's; `name` is unique within its family. */
export interface TableKey {
  readonly family: TableFamily;
  readonly name: string;
}

/** A set of a table. */
export interface SetKey {
  readonly table: TableKey;
  readonly name: string;
}

/** `struct nfgenmsg`: family, version, resource id in network order. */
export const GENERIC_HEADER_BYTES = 4;
const SUBSYSTEM_NFTABLES = 10;

/** Message types: the subsystem in the upper byte, then `enum nf_tables_msg_types`. */
export const NFT_MESSAGE = {
  getChain: 0xa04,
  getRule: 0xa07,
  newSetElement: 0xa0c,
  getSetElement: 0xa0d,
  deleteSetElement: 0xa0e,
  newGeneration: 0xa0f,
  getObject: 0xa13,
} as const;
const BATCH = { begin: 0x10, end: 0x11 } as const;

/** Nearly all messages name their table in this attribute: `NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE`, `NFTA_RULE_TABLE`, … */
export const NFTA_TABLE = 1;
export const NFTA_ELEMENT_LIST = { table: 1, set: 2, elements: 3 } as const;
export const NFTA_ELEMENT = { key: 1, data: 2, timeout: 4, expression: 7 } as const;
const NFTA_LIST_ELEMENT = 1;
const NFTA_DATA_VALUE = 1;

export function beginMessage(writer: MessageWriter, type: number, flags: number, family: TableFamily): void {
  writer.begin(type, flags);
  const offset = writer.putHeader(GENERIC_HEADER_BYTES);
  writer.view.setUint8(offset, TABLE_FAMILY[family]);
}

/** What stands between `begin` and `end` is carried out as a whole, or not at all. */
export function writeBatchEdge(writer: MessageWriter, edge: keyof typeof BATCH): void {
  writer.begin(BATCH[edge], 0);
  const offset = writer.putHeader(GENERIC_HEADER_BYTES);
  writer.view.setUint16(offset + 2, SUBSYSTEM_NFTABLES);
  writer.end();
}

export function writeElement(
  writer: MessageWriter,
  type: number,
  flags: number,
  set: SetKey,
  { key, data, limit, timeoutMs }: ElementBytes,
): void {
  beginMessage(writer, type, flags, set.table.family);
  writer.putString(NFTA_ELEMENT_LIST.table, set.table.name);
  writer.putString(NFTA_ELEMENT_LIST.set, set.name);
  const elements = writer.beginNested(NFTA_ELEMENT_LIST.elements | NESTED);
  const element = writer.beginNested(NFTA_LIST_ELEMENT | NESTED);
  writeValue(writer, NFTA_ELEMENT.key, key);
  if (data !== undefined) writeValue(writer, NFTA_ELEMENT.data, data);
  if (timeoutMs !== undefined) writer.putU64NetworkOrder(NFTA_ELEMENT.timeout, BigInt(timeoutMs));
  if (limit !== undefined) writeElementLimit(writer, NFTA_ELEMENT.expression, limit);
  writer.endNested(element);
  writer.endNested(elements);
  writer.end();
}

function writeValue(writer: MessageWriter, type: number, value: Uint8Array): void {
  const nested = writer.beginNested(type | NESTED);
  writer.putValue(NFTA_DATA_VALUE, value);
  writer.endNested(nested);
}
