/**
 * Theory of operation
 *
 * Leases come in groups: a hundred guests boot, one flush saves their leases, and then a hundred addresses have to be bound
 * before the ACKs leave. So one call carries all of them to the kernel in one system call, and the guard's elements in a
 * second one. A guest whose address the kernel refuses gets its own error and leaves nothing behind; the others do not
 * notice. What is bound already costs nothing: renewals are most of what comes.
 *
 * On a bridge an address brings the guest's MAC address along, as a station of the bridge that stays at the guest's port. One that
 * is another guest's, the bridge's own, or is known behind another port of the bridge is refused: it would take over what is sent
 * there. The last address that uses it takes it away.
 */
import { TapnetError } from "../base/errors.js";
import { formatAddress, type IpAddress } from "../base/kernel-objects.js";
import { formatMac, type Mac } from "../base/mac.js";
import type { Firewall, Kernel, RouteBatch, StationBatch } from "../network/kernel.js";
import { setsOf } from "../network/ruleset.js";
import { type BindingState, bindingState, stationState } from "../network/state.js";
import type { AttachedPort, PortTable } from "./port-table.js";

/** An address for the guest behind a link. */
export interface BindRequest {
  readonly ifindex: number;
  readonly address: IpAddress;
  readonly mac: Mac;
}

export interface UnbindRequest {
  readonly ifindex: number;
  readonly address: IpAddress;
}

/** Why a request was not carried out; undefined where it was. */
export type Outcome = Error | undefined;

export interface BindTargets {
  readonly kernel: Kernel;
  readonly firewall: Firewall;
  readonly interfaces: ReadonlyMap<string, number>;
}

/** A binding on its way: what it adds, and what it takes the place of. */
interface Change {
  readonly row: number;
  readonly port: AttachedPort;
  readonly request: BindRequest;
  readonly state: BindingState;
  readonly replaced: { readonly port: AttachedPort; readonly state: BindingState } | undefined;
}

/** Binds addresses; returns one outcome for each request, in order. An address that another port has moves. */
export function bindAll(requests: readonly BindRequest[], ports: PortTable, targets: BindTargets): Outcome[] {
  const outcomes = new Array<Outcome>(requests.length).fill(undefined);
  const changes: Change[] = [];
  for (const [row, request] of requests.entries()) {
    const port = ports.get(request.ifindex);
    if (port === undefined) outcomes[row] = noPort(request);
    else if (port.macOf(request.address) !== request.mac) {
      outcomes[row] = explainForeignStation(port, request.mac, ports);
      if (outcomes[row] === undefined) changes.push(changeOf(row, port, request, ports, targets.interfaces));
    }
  }
  if (changes.length === 0) return outcomes;
  const carried = sendRoutes(changes, targets.kernel, outcomes);
  const refused = sendStations(changes, outcomes, targets.firewall);
  if (refused !== undefined) {
    takeBack(carried, targets.kernel);
    for (const { row } of carried) outcomes[row] = refused;
  }
  for (const change of changes) settle(change, outcomes[change.row] === undefined, ports);
  dropUnused(changes, targets);
  return outcomes;
}

/** Takes addresses away; what is not bound there is left alone. */
export function unbindAll(requests: readonly UnbindRequest[], ports: PortTable, targets: BindTargets): Outcome[] {
  const outcomes = new Array<Outcome>(requests.length).fill(undefined);
  const batch = targets.kernel.batch();
  const stations = targets.firewall.batch();
  const rows: number[] = [];
  for (const [row, { ifindex, address }] of requests.entries()) {
    const port = ports.get(ifindex);
    const mac = port?.macOf(address);
    if (port === undefined || mac === undefined) continue;
    const state = bindingState(port, { address, mac }, targets.interfaces);
    removeState(batch, state);
    while (rows.length < batch.count) rows.push(row);
    for (const set of setsOf(state.station)) stations.delete(set, state.station);
    ports.unbind(port, address);
    if (port.network.bridge !== undefined && !port.uses(mac)) removeStation(port, mac, batch, stations);
    while (rows.length < batch.count) rows.push(row);
  }
  for (const { request, error } of batch.send()) outcomes[rows[request]] ??= error;
  const refused = stations.send();
  return refused === undefined ? outcomes : outcomes.map((outcome) => outcome ?? refused);
}

function changeOf(
  row: number,
  port: AttachedPort,
  request: BindRequest,
  ports: PortTable,
  interfaces: ReadonlyMap<string, number>,
): Change {
  const { address } = request;
  const holder = port.macOf(address) === undefined ? ports.ofAddress(address) : port;
  const mac = holder?.macOf(address);
  const replaced =
    holder === undefined || mac === undefined
      ? undefined
      : { port: holder, state: bindingState(holder, { address, mac }, interfaces) };
  return { row, port, request, state: bindingState(port, request, interfaces), replaced };
}

/** Routes and neighbours of all changes in one system call; returns the changes that the kernel took. */
function sendRoutes(changes: readonly Change[], kernel: Kernel, outcomes: Outcome[]): Change[] {
  const batch = kernel.batch();
  const rows: number[] = [];
  const added = new Set<string>();
  for (const { row, port, request, state, replaced } of changes) {
    if (replaced !== undefined && replaced.port !== port) removeState(batch, replaced.state);
    const moves = replaced === undefined || replaced.port !== port;
    if (moves && state.route !== undefined) batch.addRoute(state.route);
    if (state.neighbour !== undefined) batch.setNeighbour(state.neighbour);
    for (const proxy of moves ? state.proxies : []) batch.setNeighbour(proxy);
    if (isNewStation(port, request.mac, added)) {
      batch.addBridgeStation(stationState(port.ifindex, request.mac).bridgeStation, port.station !== undefined);
    }
    while (rows.length < batch.count) rows.push(row);
  }
  for (const { request, error } of batch.send()) outcomes[rows[request]] ??= error;
  const failed = changes.filter(({ row }) => outcomes[row] !== undefined);
  if (failed.length > 0) takeBack(failed, kernel);
  return changes.filter(({ row }) => outcomes[row] === undefined);
}

/** All or none; the error tells why none. */
function sendStations(changes: readonly Change[], outcomes: readonly Outcome[], firewall: Firewall): Outcome {
  const batch = firewall.batch();
  const added = new Set<string>();
  for (const { row, port, request, state, replaced } of changes) {
    if (replaced !== undefined) for (const set of setsOf(replaced.state.station)) batch.delete(set, replaced.state.station);
    if (outcomes[row] !== undefined) continue;
    for (const set of setsOf(state.station)) batch.add(set, state.station);
    if (!isNewStation(port, request.mac, added)) continue;
    const { station } = stationState(port.ifindex, request.mac);
    for (const set of setsOf(station)) batch.add(set, station);
  }
  return batch.send();
}

/** Removes what `sendRoutes` has made of these changes. What it cannot remove, the next reconcile finds. */
function takeBack(changes: readonly Change[], kernel: Kernel): void {
  const batch = kernel.batch();
  for (const { state } of changes) removeState(batch, state);
  batch.send();
}

/** The table as the kernel now is: a change that failed has also lost what it was to replace. */
function settle({ port, request, replaced }: Change, carriedOut: boolean, ports: PortTable): void {
  if (replaced !== undefined) ports.unbind(replaced.port, request.address);
  if (carriedOut) ports.bind(port, request.address, request.mac);
}

/** Whether the port's bridge does not know the MAC address as the port's yet; said once for each set `added`. */
function isNewStation(port: AttachedPort, mac: Mac, added: Set<string>): boolean {
  const key = `${port.ifindex} ${mac}`;
  if (port.network.bridge === undefined || port.uses(mac) || added.has(key)) return false;
  added.add(key);
  return true;
}

/** Why a guest on a bridge may not have a MAC address; undefined where it may. */
export function explainForeignStation(port: AttachedPort, mac: Mac, ports: PortTable): TapnetError | undefined {
  const { network, guest, station } = port;
  if (network.bridge === undefined || port.uses(mac)) return undefined;
  const text = formatMac(mac);
  const holder = ports.ofStation(mac, network.name);
  const reason =
    station !== undefined
      ? `guest ${guest} has the MAC address ${formatMac(station)}, and may not send from ${text}`
      : holder !== undefined
        ? `${text} is the MAC address of guest ${holder.guest} on the same bridge: give each guest its own`
        : mac === network.gatewayMac
          ? `${text} is the MAC address of the bridge itself: give guest ${guest} another`
          : undefined;
  return reason === undefined ? undefined : new TapnetError("STATION_TAKEN", reason);
}

/** MAC addresses of guests on bridges that no address uses any more, or that could not be used. */
function dropUnused(changes: readonly Change[], { kernel, firewall }: BindTargets): void {
  const batch = kernel.batch();
  const stations = firewall.batch();
  for (const { port, request, replaced } of changes) {
    if (port.network.bridge !== undefined && !port.uses(request.mac)) removeStation(port, request.mac, batch, stations);
    const before = replaced?.state.station;
    if (replaced === undefined || before === undefined || replaced.port.network.bridge === undefined) continue;
    if (!replaced.port.uses(before.mac)) removeStation(replaced.port, before.mac, batch, stations);
  }
  batch.send();
  stations.send();
}

function removeStation(port: AttachedPort, mac: Mac, batch: RouteBatch, stations: StationBatch): void {
  const { station, bridgeStation } = stationState(port.ifindex, mac);
  batch.deleteBridgeStation(bridgeStation);
  for (const set of setsOf(station)) stations.delete(set, station);
}

function removeState(batch: RouteBatch, { route, neighbour, proxies }: BindingState): void {
  if (route !== undefined) batch.deleteRoute(route);
  if (neighbour !== undefined) batch.deleteNeighbour(neighbour);
  for (const proxy of proxies) batch.deleteNeighbour(proxy);
}

function noPort({ ifindex, address }: BindRequest): TapnetError {
  return new TapnetError("NO_PORT", `${formatAddress(address)} cannot be bound: link ${ifindex} is no port of a guest`);
}
