/** What the plan says of links and settings; the rest of it is as the kernel has it. */
import type { BridgePortSettings, BridgeSettings, LinkSettings, VlanSettings } from "../base/kernel-objects.js";

/** A setting of the whole host, by path below `/proc/sys`. */
export interface WantedSysctl {
  readonly path: string;
  readonly value: string;
}

/** A port's link as it should be; it also has to be up. */
export interface WantedLink {
  readonly ifindex: number;
  readonly settings: LinkSettings;
  /** Whether it takes part in IPv6 at all; undefined: as it likes. */
  readonly ipv6?: boolean | undefined;
  /** Undefined for what is no bridge of ours. */
  readonly bridge?: BridgeSettings | undefined;
  /** Undefined for what is no guest's port of a bridge. */
  readonly bridgePort?: BridgePortSettings | undefined;
}

/** A VLAN's link of ours, to be made where it is not there. */
export interface WantedVlan {
  readonly settings: LinkSettings & { readonly name: string };
  readonly vlan: VlanSettings;
}

/** A bridge of ours, to be made where it is not there. */
export interface WantedBridge {
  readonly settings: LinkSettings & { readonly name: string };
  readonly bridge: BridgeSettings;
}
