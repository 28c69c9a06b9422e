import type { NetlinkError } from "../../base/errors.js";
import {
  type BridgePortSettings,
  type BridgeSettings,
  type BridgeStation,
  formatAddress,
  type InterfaceAddress,
  type LinkSettings,
  type Neighbour,
  type Route,
  type VlanSettings,
} from "../../base/kernel-objects.js";
import { formatMac } from "../../base/mac.js";
import { formatPrefix } from "../../base/prefix.js";
import { messageError, type NetlinkSocket, type TransactResult } from "../netlink.js";
import { writeAddAddress, writeDeleteAddress } from "./addresses.js";
import { writeAddBridgeStation, writeDeleteBridgeStation } from "./bridges.js";
import {
  writeAliasByName,
  writeAlternativeName,
  writeDeleteLink,
  writeDeleteLinkGroup,
  writeNewBridge,
  writeNewVeth,
  writeNewVlan,
  writeSetBridge,
  writeSetBridgePort,
  writeSetLink,
} from "./links.js";
import { MessageWriter } from "./message.js";
import { type NeighbourTableSettings, writeDeleteNeighbour, writeSetNeighbour, writeSetNeighbourTable } from "./neighbours.js";
import { writeNoQueue } from "./queueing.js";
import { type RouteKey, writeAddRoute, writeDeleteRoute } from "./routes.js";

/** A request of a batch that the kernel refused; `request` counts from 0 in the order in which they were added. */
export interface RequestFailure {
  readonly request: number;
  readonly error: NetlinkError;
}

/** Deleting what is not there is success: that is what was wanted. */
const ABSENT: readonly string[] = ["ESRCH", "ENOENT", "ENODEV", "EADDRNOTAVAIL"];

const PRESENT: readonly string[] = ["EEXIST"];

/**
 * Changes to links, addresses, routes and neighbours that go to the kernel in one system call.
 *
 * The kernel carries them out in order and goes on after an error, so each request has an outcome of its own. Each method
 * returns its request's number. A batch can be filled and sent again and again.
 */
export class RouteBatch {
  readonly #socket: NetlinkSocket;
  readonly #linkName: (ifindex: number) => string;
  readonly #writer = new MessageWriter();
  #requests: Request[] = [];

  /** `linkName` is asked only when something failed, to say where. */
  constructor(socket: NetlinkSocket, linkName: (ifindex: number) => string) {
    this.#socket = socket;
    this.#linkName = linkName;
  }

  /** Requests that were added since it was sent last. */
  get count(): number {
    return this.#requests.length;
  }

  /** All requests so far, as they will be sent. */
  get bytes(): Uint8Array {
    return this.#writer.bytes;
  }

  setLink(ifindex: number, settings: LinkSettings): number {
    writeSetLink(this.#writer, ifindex, settings);
    return this.#add((name) => `set link ${name(ifindex)} ${describeSettings(settings)}`);
  }

  /** As `setLink`, but a link that is gone is success. */
  releaseLink(ifindex: number, settings: LinkSettings): number {
    writeSetLink(this.#writer, ifindex, settings);
    return this.#add((name) => `release link ${name(ifindex)}`, ABSENT);
  }

  addVeth(one: LinkSettings, other: LinkSettings): number {
    writeNewVeth(this.#writer, one, other);
    return this.#add(() => `add veth pair ${one.name} and ${other.name}`);
  }

  /** One request, or two where it gets an alias. */
  addBridge(settings: LinkSettings, bridge: Partial<BridgeSettings> = {}): number {
    const { name = "", alias } = settings;
    writeNewBridge(this.#writer, { ...settings, alias: undefined }, bridge);
    const request = this.#add(() => `add bridge ${name}`);
    if (alias === undefined) return request;
    writeAliasByName(this.#writer, name, alias);
    this.#add(() => `set alias of bridge ${name}`);
    return request;
  }

  /** One request, or two where it gets an alias. EOPNOTSUPP where the kernel has no VLANs. */
  addVlan(settings: LinkSettings, vlan: VlanSettings): number {
    const { name = "", alias } = settings;
    writeNewVlan(this.#writer, { ...settings, alias: undefined }, vlan);
    const request = this.#add(() => `add VLAN ${name}`);
    if (alias === undefined) return request;
    writeAliasByName(this.#writer, name, alias);
    this.#add(() => `set alias of VLAN ${name}`);
    return request;
  }

  setBridge(ifindex: number, settings: Partial<BridgeSettings>): number {
    writeSetBridge(this.#writer, ifindex, settings);
    return this.#add((name) => `set bridge ${name(ifindex)} ${describeSettings(settings)}`);
  }

  /** Of a link that is a port of a bridge already, or becomes one by an earlier request of the batch. */
  setBridgePort(ifindex: number, settings: BridgePortSettings): number {
    writeSetBridgePort(this.#writer, ifindex, settings);
    return this.#add((name) => `set bridge port ${name(ifindex)} ${describeSettings(settings)}`);
  }

  /** Without `replace` a station that the bridge knows behind another port is refused (EEXIST). */
  addBridgeStation(station: BridgeStation, replace: boolean): number {
    writeAddBridgeStation(this.#writer, station, replace);
    return this.#add((name) => `add station ${formatMac(station.mac)} behind bridge port ${name(station.ifindex)}`);
  }

  deleteBridgeStation(station: BridgeStation): number {
    writeDeleteBridgeStation(this.#writer, station);
    // EINVAL: the link is no port of a bridge any more, and has taken its stations along.
    const absent = [...ABSENT, "EINVAL"];
    return this.#add((name) => `delete station ${formatMac(station.mac)} of bridge port ${name(station.ifindex)}`, absent);
  }

  /** Frames leave by the link at once. */
  setNoQueue(ifindex: number): number {
    writeNoQueue(this.#writer, ifindex);
    // A kernel that has no queueing disciplines, or not this one: the link serves as it is.
    return this.#add((name) => `take the queue from link ${name(ifindex)}`, ["EOPNOTSUPP", "ENOENT"]);
  }

  deleteLink(ifindex: number): number {
    writeDeleteLink(this.#writer, ifindex);
    return this.#add((name) => `delete link ${name(ifindex)}`, ABSENT);
  }

  deleteLinkGroup(group: number): number {
    writeDeleteLinkGroup(this.#writer, group);
    return this.#add(() => `delete links of group ${group}`, ABSENT);
  }

  addAlternativeName(ifindex: number, alternative: string): number {
    writeAlternativeName(this.#writer, ifindex, alternative, true);
    return this.#add((name) => `add name ${alternative} to link ${name(ifindex)}`);
  }

  deleteAlternativeName(ifindex: number, alternative: string): number {
    writeAlternativeName(this.#writer, ifindex, alternative, false);
    return this.#add((name) => `delete name ${alternative} of link ${name(ifindex)}`, ABSENT);
  }

  /** An address that the link has already is success. */
  addAddress(address: InterfaceAddress): number {
    writeAddAddress(this.#writer, address);
    return this.#add((name) => `add address ${describeAddress(address, name)}`, PRESENT);
  }

  deleteAddress(address: InterfaceAddress): number {
    writeDeleteAddress(this.#writer, address);
    return this.#add((name) => `delete address ${describeAddress(address, name)}`, ABSENT);
  }

  addRoute(route: Route): number {
    writeAddRoute(this.#writer, route);
    return this.#add((name) => `add route ${describeRoute(route, name)}`);
  }

  deleteRoute(route: RouteKey): number {
    writeDeleteRoute(this.#writer, route);
    return this.#add((name) => `delete route ${describeRoute(route, name)}`, ABSENT);
  }

  setNeighbour(neighbour: Neighbour): number {
    writeSetNeighbour(this.#writer, neighbour);
    return this.#add((name) => `set neighbour ${describeNeighbour(neighbour, name)}`);
  }

  deleteNeighbour(neighbour: Neighbour): number {
    writeDeleteNeighbour(this.#writer, neighbour);
    return this.#add((name) => `delete neighbour ${describeNeighbour(neighbour, name)}`, ABSENT);
  }

  setNeighbourTable(settings: NeighbourTableSettings): number {
    writeSetNeighbourTable(this.#writer, settings);
    return this.#add((name) => `set proxy delay of link ${name(settings.ifindex)}`);
  }

  /** Sends what was added and forgets it; returns what failed, in order. caps: NET_ADMIN */
  send(): RequestFailure[] {
    const requests = this.#requests;
    if (requests.length === 0) return [];
    try {
      return this.#failures(requests, this.#socket.transact(this.#writer.bytes, requests.length));
    } finally {
      this.#forget();
    }
  }

  /** As `send`, on a pool thread: for hundreds of requests and more. The batch may be filled again at once. */
  async sendLater(): Promise<RequestFailure[]> {
    const requests = this.#requests;
    if (requests.length === 0) return [];
    const sent = this.#socket.transactLater(this.#writer.bytes, requests.length);
    this.#forget();
    return this.#failures(requests, await sent);
  }

  #add(describe: Request["describe"], accepted: readonly string[] = []): number {
    return this.#requests.push({ describe, accepted }) - 1;
  }

  #forget(): void {
    this.#writer.clear();
    this.#requests = [];
  }

  #failures(requests: readonly Request[], { results, failed }: TransactResult): RequestFailure[] {
    const failures: RequestFailure[] = [];
    if (failed === 0) return failures;
    for (const [request, result] of results.entries()) {
      const { describe, accepted } = requests[request];
      if (result.errno === 0 || accepted.includes(result.code)) continue;
      failures.push({ request, error: messageError(result, describe(this.#linkName)) });
    }
    return failures;
  }
}

interface Request {
  readonly describe: (linkName: (ifindex: number) => string) => string;
  /** Errors that mean success. */
  readonly accepted: readonly string[];
}

function describeSettings(settings: object): string {
  const parts = Object.entries(settings).filter(([, value]) => value !== undefined);
  return parts.map(([key, value]) => (typeof value === "object" ? key : `${key} ${String(value)}`)).join(" ");
}

function describeAddress({ address, prefixLength, ifindex }: InterfaceAddress, name: (ifindex: number) => string): string {
  return `${formatAddress(address)}/${prefixLength} dev ${name(ifindex)}`;
}

function describeRoute(route: RouteKey, name: (ifindex: number) => string): string {
  const type = route.type === "unicast" ? "" : `${route.type} `;
  return `${type}${formatPrefix(route.prefix)}${route.ifindex === 0 ? "" : ` dev ${name(route.ifindex)}`}`;
}

function describeNeighbour({ address, ifindex, proxy }: Neighbour, name: (ifindex: number) => string): string {
  return `${proxy ? "proxy " : ""}${formatAddress(address)} dev ${name(ifindex)}`;
}
