import { type Ipv4Address, isLoopbackIpv4, parseIpv4 } from "../../base/ipv4-address.js";
import { type Ipv6Address, isMulticastIpv6, parseIpv6 } from "../../base/ipv6-address.js";
import { foldName, parseName } from "../../wire/dns/name.js";
import { TYPE } from "../../wire/dns/numbers.js";
import { addressData } from "./addresses.js";
import { EVERYONE, type NameNode, type NameTree, RecordSet, type RecordSource } from "./name-tree.js";
import { PlacedRecords } from "./placed-records.js";
import { reverseIpv4, reverseIpv6 } from "./zones.js";

export interface HostEntry {
  readonly address: Ipv4Address | Ipv6Address;
  /** On the wire, folded; the canonical one first. */
  readonly names: readonly Uint8Array[];
}

const LINES_MOST = 1_000_000;
const TTL_SECONDS = 60;

/** Reads a file in the form of hosts(5). Lines that are none are left out, as every resolver does. */
export function parseHosts(text: string): HostEntry[] {
  const entries: HostEntry[] = [];
  for (const line of text.split("\n", LINES_MOST)) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    const parsed = address.includes(":") ? parseIpv6(address) : parseIpv4(address);
    if (parsed === undefined) continue;
    const wire = names.map(parseName).filter((name) => name !== undefined);
    if (wire.length > 0) entries.push({ address: parsed, names: wire.map(foldName) });
  }
  return entries;
}

/**
 * Whether an entry means something to others than the host that has it: `127.0.1.1 myhost` would lead each guest to itself, and
 * the groups of `ff02::1 ip6-allnodes` are no hosts.
 */
export function isForOthers({ address }: HostEntry): boolean {
  if (typeof address === "bigint") return address !== 1n && !isMulticastIpv6(address) && address !== 0xfe00n << 112n;
  return !isLoopbackIpv4(address);
}

/** The names of one hosts file in the tree; `replace` puts new entries in place of all the old ones. */
export class HostsFile {
  readonly #tree: NameTree;
  readonly #source: RecordSource;
  readonly #placed: PlacedRecords;

  constructor(tree: NameTree, path: string) {
    this.#tree = tree;
    this.#placed = new PlacedRecords(tree);
    this.#source = { kind: "hosts", owner: path };
  }

  replace(entries: readonly HostEntry[]): void {
    this.#placed.clear();
    const named = new Map<NameNode, { ipv4: Ipv4Address[]; ipv6: Ipv6Address[] }>();
    for (const { address, names } of entries) {
      for (const name of names) this.#collect(named, name, address);
      this.#placePointer(address, names[0]);
    }
    for (const [node, { ipv4, ipv6 }] of named) for (const set of addressData(ipv4, ipv6)) this.#place(node, set.type, set.data);
  }

  #collect(
    named: Map<NameNode, { ipv4: Ipv4Address[]; ipv6: Ipv6Address[] }>,
    name: Uint8Array,
    address: Ipv4Address | Ipv6Address,
  ): void {
    const node = this.#tree.insert(name);
    let addresses = named.get(node);
    if (addresses === undefined) {
      addresses = { ipv4: [], ipv6: [] };
      named.set(node, addresses);
    }
    if (typeof address === "bigint") addresses.ipv6.push(address);
    else addresses.ipv4.push(address);
  }

  /** The first line that names an address says what it is called. */
  #placePointer(address: Ipv4Address | Ipv6Address, name: Uint8Array): void {
    if (address === 0 || address === 0n) return;
    const node = this.#tree.insert(typeof address === "bigint" ? reverseIpv6(address) : reverseIpv4(address));
    if (!node.sets.some((set) => set.source === this.#source)) this.#place(node, TYPE.PTR, [name]);
  }

  #place(node: NameNode, type: number, data: Uint8Array[]): void {
    this.#placed.put(node, new RecordSet(this.#source, EVERYONE, type, TTL_SECONDS, data));
  }
}
