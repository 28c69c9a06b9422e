import type { LinkCounters } from "../link-counters.js";
import { HOST_LITTLE_ENDIAN } from "../netlink.js";
import { Attributes, type MessageWriter } from "./message.js";

const GET_STATISTICS = 94;
/** Fields of `struct if_stats_msg` (linux/if_link.h). */
const FIELD = { ifindex: 4, filter: 8, lengthBytes: 12 } as const;
const IFLA_STATS_LINK_64 = 1;
const FILTER_LINK_64 = 1 << (IFLA_STATS_LINK_64 - 1);
/** Fields of `struct rtnl_link_stats64`. */
const COUNT = { receivedPackets: 0, sentPackets: 8, receivedBytes: 16, sentBytes: 24, lengthBytes: 32 } as const;

/** Asks for the counters of one link, and for nothing else of it. */
export function writeStatisticsGet(writer: MessageWriter, ifindex: number): void {
  writer.begin(GET_STATISTICS, 0);
  const offset = writer.putHeader(FIELD.lengthBytes);
  writer.view.setUint32(offset + FIELD.ifindex, ifindex, HOST_LITTLE_ENDIAN);
  writer.view.setUint32(offset + FIELD.filter, FILTER_LINK_64, HOST_LITTLE_ENDIAN);
  writer.end();
}

/** Reads the payload of RTM_NEWSTATS. */
export function parseStatistics(bytes: Uint8Array, offset: number, end: number): LinkCounters | undefined {
  const value = new Attributes(bytes, offset + FIELD.lengthBytes, end).value(IFLA_STATS_LINK_64);
  if (value === undefined || value.length < COUNT.lengthBytes) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const count = (field: number): number => Number(view.getBigUint64(field, HOST_LITTLE_ENDIAN));
  return {
    received: { packets: count(COUNT.receivedPackets), bytes: count(COUNT.receivedBytes) },
    sent: { packets: count(COUNT.sentPackets), bytes: count(COUNT.sentBytes) },
  };
}
