import type { TunState } from "../../base/kernel-objects.js";
import { Attributes } from "./message.js";

/** Fields of `struct ifinfomsg`, and what stands in its attributes for a TAP (linux/if_link.h, `IFLA_TUN_*`). */
const IFINFO_BYTES = 16;
const IFLA_LINKINFO = 18;
const IFLA_INFO = { kind: 1, data: 2 } as const;
const IFLA_TUN = { type: 3, vnetHeader: 5, persist: 6, multiQueue: 7, queues: 8, disabledQueues: 9 } as const;
/** `IFF_TAP`; a TUN carries no Ethernet. */
const TYPE_TAP = 2;

/** Reads the payload of RTM_NEWLINK; undefined for whatever is no TAP. */
export function parseTun(bytes: Uint8Array, offset: number, end: number): TunState | undefined {
  const info = new Attributes(bytes, offset + IFINFO_BYTES, end).nested(IFLA_LINKINFO);
  if (info?.string(IFLA_INFO.kind) !== "tun") return undefined;
  const data = info.nested(IFLA_INFO.data);
  if (data?.u8(IFLA_TUN.type) !== TYPE_TAP) return undefined;
  const isOn = (type: number): boolean => data.u8(type) === 1;
  const multiQueue = isOn(IFLA_TUN.multiQueue);
  return {
    vnetHeader: isOn(IFLA_TUN.vnetHeader),
    persistent: isOn(IFLA_TUN.persist),
    multiQueue,
    // The kernel counts them where there may be several only.
    queues: multiQueue ? (data.u32(IFLA_TUN.queues) ?? 0) + (data.u32(IFLA_TUN.disabledQueues) ?? 0) : undefined,
  };
}
