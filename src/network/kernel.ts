/** What `network` and `guest` need of the kernel. `os` has it; the daemon's wiring hands it in, tests hand in their own. */
import type { NetlinkError } from "../base/errors.js";
import type {
  BridgePortSettings,
  BridgeSettings,
  BridgeStation,
  InterfaceAddress,
  LinkSettings,
  LinkState,
  Neighbour,
  Route,
  VlanSettings,
} from "../base/kernel-objects.js";
import type { SetElement, SetKey, TableKey } from "../base/set-element.js";
import type { Station } from "./state.js";

export type { SetKey, TableKey } from "../base/set-element.js";

/** A request of a batch that the kernel refused; `request` counts from 0 in the order in which they were added. */
export interface RequestFailure {
  readonly request: number;
  readonly error: NetlinkError;
}

/** Changes that go to the kernel in one system call. Deleting what is not there succeeds. */
export interface RouteBatch {
  readonly count: number;
  setLink(ifindex: number, settings: LinkSettings): number;
  /** As `setLink`, but a link that is gone is success. */
  releaseLink(ifindex: number, settings: LinkSettings): number;
  /** Frames leave by the link at once. */
  setNoQueue(ifindex: number): number;
  deleteLink(ifindex: number): number;
  addBridge(settings: LinkSettings, bridge: Partial<BridgeSettings>): number;
  addVlan(settings: LinkSettings, vlan: VlanSettings): number;
  setBridge(ifindex: number, settings: Partial<BridgeSettings>): number;
  /** Of a link that is a port of a bridge by then. */
  setBridgePort(ifindex: number, settings: BridgePortSettings): number;
  /** `replace`: also where the bridge knows the station behind another port. */
  addBridgeStation(station: BridgeStation, replace: boolean): number;
  deleteBridgeStation(station: BridgeStation): number;
  addAddress(address: InterfaceAddress): number;
  deleteAddress(address: InterfaceAddress): number;
  addRoute(route: Route): number;
  deleteRoute(route: Route): number;
  setNeighbour(neighbour: Neighbour): number;
  deleteNeighbour(neighbour: Neighbour): number;
  setNeighbourTable(settings: { readonly family: 4 | 6; readonly ifindex: number; readonly proxyDelayMs: number }): number;
  /** Carries out what was added, in order, going on after failures; forgets it. */
  send(): RequestFailure[];
}

export interface Subscription {
  close(): void;
}

export interface KernelListener {
  onLink(link: LinkState, deleted: boolean): void;
  onAddress(address: InterfaceAddress, deleted: boolean): void;
  onRoute(route: Route, deleted: boolean): void;
  /** Notifications were lost. */
  onOverrun(): void;
}

/** Links, addresses, routes and neighbours of one network namespace. */
export interface Kernel {
  batch(): RouteBatch;
  link(which: number | string): LinkState | undefined;
  dumpLinks(): LinkState[];
  dumpAddresses(): InterfaceAddress[];
  /** Those that this protocol made; 0 for all. */
  dumpRoutes(protocol: number): Route[];
  dumpNeighbours(): Neighbour[];
  /** Stations that were put behind ports of bridges by hand, to stay there. */
  dumpBridgeStations(): BridgeStation[];
  watch(listener: KernelListener): Subscription;
}

/** Settings by path below `/proc/sys`. */
export interface Sysctl {
  /** Undefined where this kernel has no such setting. */
  read(path: string): string | undefined;
  write(path: string, value: string): void;
}

/** A ruleset as libnftables-json(5) has it, carried out as a whole or not at all. */
export interface Ruleset {
  readonly nftables: readonly object[];
  /** What nft(8) has no JSON for, in its own language; carried out afterwards. */
  readonly text?: string | undefined;
}

/** Elements to be added to and deleted from sets, all or none. What is there already, or gone already, is success. */
export interface StationBatch {
  readonly count: number;
  add(set: SetKey, station: Station): void;
  delete(set: SetKey, station: Station): void;
  /** As `add`, for what is no station. An element of a map whose key is there already, leading elsewhere, fails. */
  put(set: SetKey, element: SetElement): void;
  remove(set: SetKey, element: SetElement): void;
  /** As `put`; an element with an end that is there already has its whole time again. */
  renew(set: SetKey, element: SetElement): void;
  /** Makes the set hold these elements and no others. */
  fill(set: SetKey, elements: readonly SetElement[]): void;
  /** Undefined when it was carried out. */
  send(): NetlinkError | undefined;
}

/** The packet filter of one network namespace. */
export interface Firewall {
  load(ruleset: Ruleset): Promise<void>;
  batch(): StationBatch;
  /** A digest of a table's rules; `""` where there is no such table. */
  fingerprint(table: TableKey): string;
  stations(set: SetKey): Station[];
  watch(listener: {
    onChange(tables: readonly { readonly family: string; readonly name: string }[], processId: number): void;
    onOverrun(): void;
  }): Subscription;
}
