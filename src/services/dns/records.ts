import { TapnetError } from "../../base/errors.js";
import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import { writeUint16 } from "../../wire/dns/bytes.js";
import { foldName, formatName, parseName } from "../../wire/dns/name.js";
import { TYPE } from "../../wire/dns/numbers.js";
import { ipv4Bytes, ipv6Bytes } from "./addresses.js";
import { EVERYONE, type NameTree, RecordSet, type RecordSource } from "./name-tree.js";
import { PlacedRecords } from "./placed-records.js";
import { reverseOf } from "./zones.js";

/** A record that the operator wrote. A name may begin with `*.` (RFC 4592); for PTR it may be an address. */
export type ConfiguredRecord = { readonly name: string; readonly ttlSeconds: number } & (
  | { readonly type: "A"; readonly address: Ipv4Address }
  | { readonly type: "AAAA"; readonly address: Ipv6Address }
  | { readonly type: "CNAME" | "PTR"; readonly target: string }
  | { readonly type: "TXT"; readonly strings: readonly string[] }
  | { readonly type: "MX"; readonly preference: number; readonly target: string }
  | { readonly type: "SRV"; readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
);

const SOURCE: RecordSource = { kind: "configuration", owner: "records" };

/** The operator's records in the tree; `replace` puts new ones in place of all the old ones. */
export class ConfiguredRecords {
  readonly #tree: NameTree;
  readonly #placed: PlacedRecords;

  constructor(tree: NameTree) {
    this.#tree = tree;
    this.#placed = new PlacedRecords(tree);
  }

  /** Throws a TapnetError that names the record which cannot be; the old ones stay then. */
  replace(records: readonly ConfiguredRecord[]): void {
    const grouped = new Map<string, { name: Uint8Array; type: number; ttlSeconds: number; data: Uint8Array[] }>();
    for (const record of records) {
      const name = ownerOf(record);
      const key = `${record.type} ${Buffer.from(name).toString("latin1")}`;
      const group = grouped.get(key) ?? { name, type: TYPE[record.type], ttlSeconds: record.ttlSeconds, data: [] };
      // RFC 2181 §5.2: one TTL for all of them.
      group.ttlSeconds = Math.min(group.ttlSeconds, record.ttlSeconds);
      group.data.push(dataOf(record));
      grouped.set(key, group);
    }
    refuseMixedAliases([...grouped.values()]);
    this.#placed.clear();
    for (const { name, type, ttlSeconds, data } of grouped.values()) {
      this.#placed.put(this.#tree.insert(name), new RecordSet(SOURCE, EVERYONE, type, ttlSeconds, data));
    }
  }
}

/** RFC 1034 §3.6.2: beside an alias there is nothing, and it has one target. */
function refuseMixedAliases(groups: readonly { name: Uint8Array; type: number; data: readonly Uint8Array[] }[]): void {
  const typesOf = new Map<string, number>();
  for (const { name } of groups) {
    const key = Buffer.from(name).toString("latin1");
    typesOf.set(key, (typesOf.get(key) ?? 0) + 1);
  }
  for (const { name, type, data } of groups) {
    if (type !== TYPE.CNAME) continue;
    if (data.length === 1 && typesOf.get(Buffer.from(name).toString("latin1")) === 1) continue;
    throw new TapnetError(
      "DNS_RECORD",
      `${formatName(name)}: a CNAME record must be the only record of its name (RFC 1034 §3.6.2)`,
    );
  }
}

function ownerOf(record: ConfiguredRecord): Uint8Array {
  const reverse = record.type === "PTR" ? reverseOf(record.name) : undefined;
  return reverse ?? nameOf(record.name, record);
}

function nameOf(text: string, record: ConfiguredRecord): Uint8Array {
  const name = parseName(text);
  if (name === undefined)
    throw new TapnetError("DNS_RECORD", `record ${record.name} ${record.type}: ${text} is not a domain name`);
  return foldName(name);
}

function dataOf(record: ConfiguredRecord): Uint8Array {
  switch (record.type) {
    case "A":
      return ipv4Bytes(record.address);
    case "AAAA":
      return ipv6Bytes(record.address);
    case "CNAME":
    case "PTR":
      return nameOf(record.target, record);
    case "TXT":
      return stringsData(record.strings, record);
    case "MX":
      return withNumbers([record.preference], nameOf(record.target, record));
    case "SRV":
      return withNumbers([record.priority, record.weight, record.port], nameOf(record.target, record));
  }
}

function withNumbers(numbers: readonly number[], name: Uint8Array): Uint8Array {
  const data = new Uint8Array(numbers.length * 2 + name.length);
  for (const [index, number] of numbers.entries()) writeUint16(data, index * 2, number);
  data.set(name, numbers.length * 2);
  return data;
}

/** RFC 1035 §3.3.14: strings of 255 bytes at most, one at least. */
function stringsData(strings: readonly string[], record: ConfiguredRecord): Uint8Array {
  const encoded = (strings.length === 0 ? [""] : strings).map((string) => Buffer.from(string, "utf8"));
  if (encoded.some((bytes) => bytes.length > 255)) {
    throw new TapnetError(
      "DNS_RECORD",
      `record ${record.name} TXT: a text is longer than 255 bytes; write it as a list of shorter ones`,
    );
  }
  return new Uint8Array(Buffer.concat(encoded.flatMap((bytes) => [Buffer.of(bytes.length), bytes])));
}
