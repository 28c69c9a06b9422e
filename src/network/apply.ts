import type { Kernel, RequestFailure, RouteBatch, Sysctl } from "./kernel.js";
import type { Operation } from "./operation.js";

/** An operation that the kernel refused. */
export interface OperationFailure {
  readonly operation: Operation;
  readonly error: Error;
}

/**
 * Carries out operations in order, going on after failures, and returns these. Everything between two writes to
 * `/proc/sys` goes to the kernel in one system call.
 */
export function apply(operations: readonly Operation[], kernel: Kernel, sysctl: Sysctl): OperationFailure[] {
  const failures: OperationFailure[] = [];
  const batch = kernel.batch();
  let batched: Operation[] = [];
  const flush = (): void => {
    failures.push(...batch.send().map(({ request, error }: RequestFailure) => ({ operation: batched[request], error })));
    batched = [];
  };
  for (const operation of operations) {
    if (operation.do !== "writeSysctl") {
      addTo(batch, operation);
      while (batched.length < batch.count) batched.push(operation);
      continue;
    }
    flush();
    try {
      sysctl.write(operation.path, operation.value);
    } catch (error) {
      failures.push({ operation, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  flush();
  return failures;
}

/** Adds one request to the batch. */
export function addTo(batch: RouteBatch, operation: Exclude<Operation, { do: "writeSysctl" }>): void {
  switch (operation.do) {
    case "setLink":
      batch.setLink(operation.ifindex, operation.settings);
      break;
    case "setNoQueue":
      batch.setNoQueue(operation.ifindex);
      break;
    case "deleteLink":
      batch.deleteLink(operation.ifindex);
      break;
    case "addBridge":
      batch.addBridge({ ...operation.bridge.settings, up: true }, operation.bridge.bridge);
      break;
    case "addVlan":
      batch.addVlan(operation.vlan.settings, operation.vlan.vlan);
      break;
    case "setBridge":
      batch.setBridge(operation.ifindex, operation.settings);
      break;
    case "setBridgePort":
      batch.setBridgePort(operation.ifindex, operation.settings);
      break;
    case "addBridgeStation":
      // Bound already: whoever else was heard with it meanwhile is not it.
      batch.addBridgeStation(operation.station, true);
      break;
    case "deleteBridgeStation":
      batch.deleteBridgeStation(operation.station);
      break;
    case "clearProxyDelay":
      batch.setNeighbourTable({ family: operation.family, ifindex: operation.ifindex, proxyDelayMs: 0 });
      break;
    case "addAddress":
      batch.addAddress(operation.address);
      break;
    case "deleteAddress":
      batch.deleteAddress(operation.address);
      break;
    case "addRoute":
      batch.addRoute(operation.route);
      break;
    case "deleteRoute":
      batch.deleteRoute(operation.route);
      break;
    case "setNeighbour":
      batch.setNeighbour(operation.neighbour);
      break;
    case "deleteNeighbour":
      batch.deleteNeighbour(operation.neighbour);
      break;
  }
}
