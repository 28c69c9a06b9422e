/** What `guest` needs of its neighbours besides the kernel; the daemon's wiring hands it in. All may answer at once or later. */
import type { Mac } from "../base/mac.js";
import type { Binding, Port } from "../network/model.js";

/** Who knows which addresses are a guest's before it asks: reserved ones, and leases that still run. */
export interface Addresses {
  /** They are the guest's when this resolves, stored where they are to be stored. */
  claim(port: Port): readonly Binding[] | Promise<readonly Binding[]>;
  /** The guest's only MAC address on a bridge: as configured, or as it was before a restart. Undefined where unknown. */
  stationOf?(port: Port): Mac | undefined;
  /** The guest is not attached after all: takes back what `claim` did. Leases stay leases. */
  unclaim(port: Port): void | Promise<void>;
}

/** The frame socket: whose control frames are listened to. */
export interface Frames {
  open(port: Port): void | Promise<void>;
  close(port: Port): void | Promise<void>;
}

/** DNS: which names lead to a guest. */
export interface Names {
  add(port: Port): void | Promise<void>;
  remove(port: Port): void | Promise<void>;
}
