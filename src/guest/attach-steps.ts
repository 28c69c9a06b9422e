import { formatAddress, type InterfaceAddress, type LinkSettings, type LinkState } from "../base/kernel-objects.js";
import { formatMac } from "../base/mac.js";
import { addTo } from "../network/apply.js";
import type { Sysctl } from "../network/kernel.js";
import type { Binding, Port } from "../network/model.js";
import type { Operation } from "../network/operation.js";
import { wantedPort } from "../network/plan.js";
import { linkOperations } from "../network/reconcile.js";
import { setsOf } from "../network/ruleset.js";
import { bindingState, portAddresses, publicStates, type Station, type StationState, stationStates } from "../network/state.js";
import type { Frames, Names } from "./services.js";
import type { Step } from "./steps.js";

export interface AttachServices {
  readonly sysctl: Sysctl;
  readonly frames: Frames;
  readonly names: Names;
}

/**
 * What attaching a port takes, in order: link set and up → addresses → route → neighbour → guard → frames → name. The port's
 * bindings are the guest's already. `before` is the link as it was, and as it will be again when the attach fails; without
 * it the steps are only good for being undone, and leave a link that is nobody's.
 */
export function attachSteps(
  port: Port,
  before: LinkState | undefined,
  interfaces: ReadonlyMap<string, number>,
  services: AttachServices,
): Step[] {
  const operations = linkOperations(wantedPort(port, interfaces), before);
  const bindings = [
    ...stationStates(port).flatMap((state) => stationSteps(port, state)),
    ...port.bindings.flatMap((binding) => bindingSteps(port, binding, interfaces)),
  ];
  const { frames, names, sysctl } = services;
  return [
    ...operations.filter((operation) => operation.do === "writeSysctl").map((write) => ipv6Step(port, write, sysctl)),
    linkStep(
      port,
      before,
      operations.filter((operation) => operation.do !== "writeSysctl"),
    ),
    ...portAddresses(port).map((address) => addressStep(port, address)),
    ...publicSteps(port, interfaces),
    ...bindings.filter(({ on }) => on === "kernel"),
    ...bindings.filter(({ on }) => on === "guard"),
    {
      on: "service",
      describe: `listen to control frames of ${port.ifname}`,
      do: () => frames.open(port),
      undo: () => frames.close(port),
    },
    {
      on: "service",
      describe: `add the names of ${port.guest}`,
      do: () => names.add(port),
      undo: () => names.remove(port),
    },
  ];
}

const RELEASED_LINK: LinkSettings = { alias: "", group: 0, up: false };

function linkStep(
  port: Port,
  before: LinkState | undefined,
  operations: readonly Exclude<Operation, { do: "writeSysctl" }>[],
): Step {
  return {
    on: "kernel",
    describe: `set up link ${port.ifname}`,
    do(batch) {
      for (const operation of operations) addTo(batch, operation);
    },
    undo(batch) {
      const released = before === undefined ? RELEASED_LINK : settingsOf(before);
      const bridged = port.network.bridge !== undefined;
      batch.releaseLink(port.ifindex, bridged ? { ...released, master: before?.master ?? 0 } : released);
    },
  };
}

function settingsOf({ mac, mtu, group, alias, up, ipv4, ipv6 }: LinkState): LinkSettings {
  return { mac, mtu, group, alias, up, ipv4, ipv6AddressGeneration: ipv6?.addressGeneration };
}

/** Netlink cannot switch a link's IPv6 off; a write to /proc/sys takes 15 µs, before the link comes up. */
function ipv6Step(port: Port, write: Extract<Operation, { do: "writeSysctl" }>, sysctl: Sysctl): Step {
  return {
    on: "service",
    describe: `set IPv6 of ${port.ifname}`,
    do: () => sysctl.write(write.path, write.value),
    undo: () => {
      // The file goes with the link: where it is gone there is nothing to put back.
      if (sysctl.read(write.path) !== undefined) sysctl.write(write.path, write.value === "1" ? "0" : "1");
    },
  };
}

function addressStep(port: Port, address: InterfaceAddress): Step {
  return {
    on: "kernel",
    describe: `add address ${formatAddress(address.address)} to ${port.ifname}`,
    do: (batch) => void batch.addAddress(address),
    undo: (batch) => void batch.deleteAddress(address),
  };
}

/** A MAC address of a guest on a bridge: where the bridge finds it, and that it may come from there. */
function stationSteps(port: Port, { station, bridgeStation }: StationState): Step[] {
  const what = `${formatMac(station.mac)} on ${port.ifname}`;
  return [
    {
      on: "kernel",
      describe: `add station ${what}`,
      do: (batch) => void batch.addBridgeStation(bridgeStation, true),
      undo: (batch) => void batch.deleteBridgeStation(bridgeStation),
    },
    guardStep(station, what),
  ];
}

/** Where the guest's public addresses lead to; what is translated follows its own addresses (`Forwards`). */
function publicSteps(port: Port, interfaces: ReadonlyMap<string, number>): Step[] {
  return publicStates(port, interfaces).map(({ address, route, proxies }) => ({
    on: "kernel",
    describe: `lead ${formatAddress(address)} to ${port.ifname}`,
    do(batch) {
      if (route !== undefined) batch.addRoute(route);
      for (const proxy of proxies) batch.setNeighbour(proxy);
    },
    undo(batch) {
      if (route !== undefined) batch.deleteRoute(route);
      for (const proxy of proxies) batch.deleteNeighbour(proxy);
    },
  }));
}

/** Route, neighbour and guard of one address; also where the host answers for it on the uplink. */
export function bindingSteps(port: Port, binding: Binding, interfaces: ReadonlyMap<string, number>): Step[] {
  const { route, neighbour, station, proxies } = bindingState(port, binding, interfaces);
  const what = `${formatAddress(binding.address)} on ${port.ifname}`;
  const steps: Step[] = [];
  if (route !== undefined) {
    steps.push({
      on: "kernel",
      describe: `add route ${what}`,
      do: (batch) => void batch.addRoute(route),
      undo: (batch) => void batch.deleteRoute(route),
    });
  }
  for (const entry of [neighbour, ...proxies]) {
    if (entry === undefined) continue;
    steps.push({
      on: "kernel",
      describe: `set ${entry.proxy ? "proxy" : "neighbour"} ${what}`,
      do: (batch) => void batch.setNeighbour(entry),
      undo: (batch) => void batch.deleteNeighbour(entry),
    });
  }
  steps.push(guardStep(station, what));
  return steps;
}

function guardStep(station: Station, what: string): Step {
  return {
    on: "guard",
    describe: `let ${what} through the guard`,
    do(batch) {
      for (const set of setsOf(station)) batch.add(set, station);
    },
    undo(batch) {
      for (const set of setsOf(station)) batch.delete(set, station);
    },
  };
}
