import type {
  BridgePortSettings,
  BridgeSettings,
  BridgeStation,
  InterfaceAddress,
  LinkSettings,
  Neighbour,
  Route,
} from "../base/kernel-objects.js";
import type { WantedBridge, WantedVlan } from "./wanted.js";

/** One change to the kernel. */
export type Operation =
  | { readonly do: "writeSysctl"; readonly path: string; readonly value: string }
  | { readonly do: "setLink"; readonly ifindex: number; readonly settings: LinkSettings }
  /** A TAP's frames wait in the ring that the VMM reads: the queue before it never holds one, and is a lock and a call a frame. */
  | { readonly do: "setNoQueue"; readonly ifindex: number }
  | { readonly do: "deleteLink"; readonly ifindex: number }
  | { readonly do: "addBridge"; readonly bridge: WantedBridge }
  | { readonly do: "addVlan"; readonly vlan: WantedVlan }
  | { readonly do: "setBridge"; readonly ifindex: number; readonly settings: BridgeSettings }
  | { readonly do: "setBridgePort"; readonly ifindex: number; readonly settings: BridgePortSettings }
  | { readonly do: "addBridgeStation" | "deleteBridgeStation"; readonly station: BridgeStation }
  /** Without it, an answer for somebody else waits for up to 0.8 s. */
  | { readonly do: "clearProxyDelay"; readonly ifindex: number; readonly family: 4 | 6 }
  | { readonly do: "addAddress" | "deleteAddress"; readonly address: InterfaceAddress }
  | { readonly do: "addRoute" | "deleteRoute"; readonly route: Route }
  | { readonly do: "setNeighbour" | "deleteNeighbour"; readonly neighbour: Neighbour };
