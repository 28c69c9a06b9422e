import { formatName } from "../../wire/dns/name.js";
import { CLASS, formatType } from "../../wire/dns/numbers.js";
import { formatRdata, parseRdata } from "../../wire/dns/rdata.js";
import { type NameTree, nodeName } from "./name-tree.js";
import type { View } from "./views.js";

/** One record of ours, for people. */
export interface ListedRecord {
  readonly name: string;
  readonly type: string;
  readonly ttlSeconds: number;
  readonly value: string;
  /** Where it comes from: `guest default/web1`, `hosts /etc/hosts`. */
  readonly source: string;
}

/** The records that a view sees, or all of them, by name; special-use names and the zones' own records are left out. */
export function listRecords(tree: NameTree, view: View | undefined): ListedRecord[] {
  const records: ListedRecord[] = [];
  for (const node of tree.nodes()) {
    for (const { source, network, type, ttlSeconds, data } of node.sets) {
      if (source.kind === "zone" || (view !== undefined && view.sees[network] !== 1)) continue;
      const name = formatName(nodeName(node));
      for (const bytes of data) {
        const value = formatRdata(type, parseRdata(type, CLASS.IN, bytes, 0, 0, bytes.length) ?? bytes);
        records.push({ name, type: formatType(type), ttlSeconds, value, source: `${source.kind} ${source.owner}` });
      }
    }
  }
  return records.sort(
    (one, other) => compare(one.name, other.name) || compare(one.type, other.type) || compare(one.value, other.value),
  );
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
