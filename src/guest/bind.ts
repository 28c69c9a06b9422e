/**
 * Theory of operation
 *
 * Leases come in groups: a hundred guests boot, one flush saves their leases, and then a hundred addresses have to be bound
 * before the ACKs leave. So one call carries all of them to the kernel in one system call, and the guard's elements in a
 * second one. A guest whose address the kernel refuses gets its own error and leaves nothing behind; the others do not
 * notice. What is bound already costs nothing: renewals are most of what comes.
 */
import { TapnetError } from "../base/errors.js";
import { formatAddress, type IpAddress } from "../base/kernel-objects.js";
import type { Mac } from "../base/mac.js";
import type { Firewall, Kernel, RouteBatch } from "../network/kernel.js";
import { setsOf } from "../network/ruleset.js";
import { type BindingState, bindingState } from "../network/state.js";
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
  readonly uplinks: ReadonlyMap<string, number>;
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
    else if (port.macOf(request.address) !== request.mac) changes.push(changeOf(row, port, request, ports, targets.uplinks));
  }
  if (changes.length === 0) return outcomes;
  const carried = sendRoutes(changes, targets.kernel, outcomes);
  const refused = sendStations(changes, outcomes, targets.firewall);
  if (refused !== undefined) {
    takeBack(carried, targets.kernel);
    for (const { row } of carried) outcomes[row] = refused;
  }
  for (const change of changes) settle(change, outcomes[change.row] === undefined, ports);
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
    const state = bindingState(port, { address, mac }, targets.uplinks);
    removeState(batch, state);
    while (rows.length < batch.count) rows.push(row);
    for (const set of setsOf(state.station)) stations.delete(set, state.station);
    ports.unbind(port, address);
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
  uplinks: ReadonlyMap<string, number>,
): Change {
  const { address } = request;
  const holder = port.macOf(address) === undefined ? ports.ofAddress(address) : port;
  const mac = holder?.macOf(address);
  const replaced =
    holder === undefined || mac === undefined
      ? undefined
      : { port: holder, state: bindingState(holder, { address, mac }, uplinks) };
  return { row, port, request, state: bindingState(port, request, uplinks), replaced };
}

/** Routes and neighbours of all changes in one system call; returns the changes that the kernel took. */
function sendRoutes(changes: readonly Change[], kernel: Kernel, outcomes: Outcome[]): Change[] {
  const batch = kernel.batch();
  const rows: number[] = [];
  for (const { row, port, state, replaced } of changes) {
    if (replaced !== undefined && replaced.port !== port) removeState(batch, replaced.state);
    const moves = replaced === undefined || replaced.port !== port;
    if (moves) batch.addRoute(state.route);
    batch.setNeighbour(state.neighbour);
    if (moves && state.proxy !== undefined) batch.setNeighbour(state.proxy);
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
  for (const { row, state, replaced } of changes) {
    if (replaced !== undefined) for (const set of setsOf(replaced.state.station)) batch.delete(set, replaced.state.station);
    if (outcomes[row] === undefined) for (const set of setsOf(state.station)) batch.add(set, state.station);
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

function removeState(batch: RouteBatch, { route, neighbour, proxy }: BindingState): void {
  batch.deleteRoute(route);
  batch.deleteNeighbour(neighbour);
  if (proxy !== undefined) batch.deleteNeighbour(proxy);
}

function noPort({ ifindex, address }: BindRequest): TapnetError {
  return new TapnetError("NO_PORT", `${formatAddress(address)} cannot be bound: link ${ifindex} is no port of a guest`);
}
