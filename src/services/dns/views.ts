import { TapnetError } from "../../base/errors.js";
import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import type { Prefix } from "../../base/prefix.js";
import { formatName, parseName } from "../../wire/dns/name.js";
import { TYPE } from "../../wire/dns/numbers.js";
import { addressData } from "./addresses.js";
import type { ForwardPolicy } from "./forward-policy.js";
import { EVERYONE, type NameNode, type NameTree, nodeName, RecordSet, type RecordSource } from "./name-tree.js";
import { PlacedRecords } from "./placed-records.js";
import { addLocalZone, removeZone, reverseIpv4, reverseIpv6, reverseZones, wireName } from "./zones.js";

/** What DNS knows about one network. */
export interface NetworkNames {
  readonly network: string;
  /** Names of its guests end in it: `tapnet.internal`. */
  readonly domain: string;
  /** Whose reverse zones are ours. */
  readonly prefixes: readonly Prefix[];
  /** Our own addresses, which get the name `gateway`. */
  readonly gatewayIpv4?: readonly Ipv4Address[];
  readonly gatewayIpv6?: readonly Ipv6Address[];
  /** The other networks whose names its guests see; all of them without a list. */
  readonly sees?: readonly string[];
}

/** What the guests of one network see, and where their other questions go. */
export class View {
  readonly network: string;
  readonly number: number;
  /** By network number: 1 where names are visible. */
  readonly sees: Uint8Array;
  /** Where bare names (`web1`) are looked for: the network's own domain first. */
  readonly searchList: NameNode[] = [];
  /** Undefined where nothing is forwarded. */
  policy: ForwardPolicy | undefined = undefined;

  constructor(network: string, number: number) {
    this.network = network;
    this.number = number;
    this.sees = new Uint8Array(NETWORKS_MOST);
  }

  isVisible(node: NameNode): boolean {
    if (node.children > 0 || node.zone !== null || node.parent === null) return true;
    if (node.only !== null) return this.sees[node.only.network] === 1;
    for (const set of node.sets) if (this.sees[set.network] === 1) return true;
    return false;
  }

  /** The first visible records of a type under a node, or undefined. */
  findSet(node: NameNode, type: number): RecordSet | undefined {
    const { only } = node;
    if (only !== null) return only.type === type && this.sees[only.network] === 1 ? only : undefined;
    for (const set of node.sets) if (set.type === type && this.sees[set.network] === 1) return set;
    return undefined;
  }
}

const NETWORKS_MOST = 1024;
const GATEWAY_TTL_SECONDS = 60;

interface Known {
  readonly names: NetworkNames;
  readonly view: View;
  readonly domain: NameNode;
  readonly zones: readonly NameNode[];
  readonly gateway: PlacedRecords;
}

/** The networks by name: their domains, their reverse zones, and the view of each. */
export class Views {
  /** What this host itself sees: the names of all networks. */
  readonly host = new View("", EVERYONE);
  /** Grows with every change, so that those who remember a network's view know when to ask again. */
  epoch = 0;
  readonly #tree: NameTree;
  readonly #known = new Map<string, Known>();
  readonly #serial: number;
  #lastNumber = EVERYONE;
  readonly #freeNumbers: number[] = [];

  /** `serial` goes into the SOA records of local zones. */
  constructor(tree: NameTree, serial: number) {
    this.#tree = tree;
    this.#serial = serial;
    this.#refresh();
  }

  /** Adds a network, or changes it; its view stays the same object, so those who hold it need not know. */
  set(names: NetworkNames): View {
    if (parseName(names.domain) === undefined) {
      throw new TapnetError(
        "DNS_DOMAIN",
        `network ${names.network}: ${names.domain} is not a domain name: write one like tapnet.internal`,
      );
    }
    const before = this.#known.get(names.network);
    const view = before?.view ?? new View(names.network, this.#takeNumber());
    if (before !== undefined) this.#clear(before);
    const apexes = [wireName(names.domain), ...names.prefixes.flatMap(reverseZones)];
    const zones = apexes.map((apex) => addLocalZone(this.#tree, apex, names.domain, this.#serial));
    const gateway = this.#addGateway(names, view.number);
    this.#known.set(names.network, { names, view, domain: zones[0], zones, gateway });
    this.#refresh();
    return view;
  }

  remove(network: string): void {
    const known = this.#known.get(network);
    if (known === undefined) return;
    this.#known.delete(network);
    this.#clear(known);
    this.#freeNumbers.push(known.view.number);
    this.#refresh();
  }

  get(network: string): View | undefined {
    return this.#known.get(network)?.view;
  }

  namesOf(network: string): NetworkNames | undefined {
    return this.#known.get(network)?.names;
  }

  /** The network that has this address as its gateway. */
  ofGateway(address: Ipv4Address | Ipv6Address): View | undefined {
    for (const { names, view } of this.#known.values()) {
      const own: readonly (Ipv4Address | Ipv6Address)[] =
        typeof address === "bigint" ? (names.gatewayIpv6 ?? []) : (names.gatewayIpv4 ?? []);
      if (own.includes(address)) return view;
    }
    return undefined;
  }

  *all(): Generator<View> {
    for (const { view } of this.#known.values()) yield view;
  }

  /** Every domain and reverse zone that is answered here, as text. */
  zoneNames(): string[] {
    return [...new Set([...this.#known.values()].flatMap(({ zones }) => zones.map((node) => formatName(nodeName(node)))))];
  }

  #takeNumber(): number {
    const free = this.#freeNumbers.pop();
    if (free !== undefined) return free;
    if (this.#lastNumber + 1 === NETWORKS_MOST) {
      throw new TapnetError("DNS_NETWORKS", `DNS serves at most ${NETWORKS_MOST - 1} networks`);
    }
    return ++this.#lastNumber;
  }

  #addGateway(names: NetworkNames, number: number): Known["gateway"] {
    const owner = wireName(`gateway.${names.domain}`);
    const source: RecordSource = { kind: "configuration", owner: `gateway of ${names.network}` };
    const placed = new PlacedRecords(this.#tree);
    const put = (name: Uint8Array, type: number, data: Uint8Array[]) => {
      placed.put(this.#tree.insert(name), new RecordSet(source, number, type, GATEWAY_TTL_SECONDS, data));
    };
    const { gatewayIpv4 = [], gatewayIpv6 = [] } = names;
    for (const { type, data } of addressData(gatewayIpv4, gatewayIpv6)) put(owner, type, data);
    for (const address of gatewayIpv4) put(reverseIpv4(address), TYPE.PTR, [owner]);
    for (const address of gatewayIpv6) put(reverseIpv6(address), TYPE.PTR, [owner]);
    return placed;
  }

  #clear(known: Known): void {
    known.gateway.clear();
    const stillUsed = new Set([...this.#known.values()].filter((other) => other !== known).flatMap((other) => other.zones));
    for (const zone of known.zones) if (!stillUsed.has(zone)) removeZone(this.#tree, zone);
  }

  /** Computes anew what each network sees and where it looks for bare names. */
  #refresh(): void {
    this.epoch++;
    this.host.sees.fill(0);
    this.host.sees[EVERYONE] = 1;
    this.host.searchList.length = 0;
    for (const { view, domain } of this.#known.values()) {
      this.host.sees[view.number] = 1;
      if (!this.host.searchList.includes(domain)) this.host.searchList.push(domain);
    }
    for (const { view, names, domain } of this.#known.values()) {
      view.sees.fill(0);
      view.sees[EVERYONE] = 1;
      view.sees[view.number] = 1;
      view.searchList.length = 0;
      view.searchList.push(domain);
      for (const other of this.#known.values()) {
        if (names.sees !== undefined && !names.sees.includes(other.names.network)) continue;
        view.sees[other.view.number] = 1;
        if (!view.searchList.includes(other.domain)) view.searchList.push(other.domain);
      }
    }
  }
}
