import { type IpAddress, LOCAL_TABLE, type Route, type RouteType } from "../../base/kernel-objects.js";
import type { Prefix } from "../../base/prefix.js";
import { NETLINK_FLAG } from "../netlink.js";
import { AF_INET, AF_INET6, putAddress, readAddress } from "./address-bytes.js";
import { Attributes, type MessageWriter } from "./message.js";

/** Message types (linux/rtnetlink.h). */
export const ROUTE_MESSAGE = { new: 24, delete: 25, get: 26 } as const;

/** Fields of `struct rtmsg`. */
const FIELD = { family: 0, destinationLength: 1, table: 4, protocol: 5, scope: 6, type: 7, lengthBytes: 12 } as const;
const RTA = { destination: 1, oif: 4, gateway: 5, priority: 6, preferredSource: 7, table: 15 } as const;
const SCOPE = { universe: 0, link: 253, host: 254, nowhere: 255 } as const;
const RTN: Readonly<Record<Exclude<RouteType, "other">, number>> = {
  unicast: 1,
  local: 2,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
};
const TYPE_OF = new Map(Object.entries(RTN).map(([type, number]) => [number, type as RouteType]));
/** Types of routes that lead nowhere. The kernel says that IPv6's have the loopback as link; that means nothing. */
const REJECTING: ReadonlySet<RouteType> = new Set(["unreachable", "blackhole", "prohibit"]);
/** Tables with a number over 255 do not fit the header's field (RT_TABLE_UNSPEC). */
const TABLE_IN_ATTRIBUTE = 0;

/** What tells one route from another: enough to delete it. */
export type RouteKey = Pick<Route, "prefix" | "type" | "ifindex" | "table" | "protocol" | "metric">;

/** A route to the same prefix with the same metric is an error, EEXIST, whoever made it. */
export function writeAddRoute(writer: MessageWriter, route: Route): void {
  writer.begin(ROUTE_MESSAGE.new, NETLINK_FLAG.ack | NETLINK_FLAG.create | NETLINK_FLAG.excl);
  putRoute(writer, route, scopeOf(route));
  if (route.via !== undefined) putAddress(writer, RTA.gateway, route.via);
  if (route.preferredSource !== undefined) putAddress(writer, RTA.preferredSource, route.preferredSource);
  writer.end();
}

export function writeDeleteRoute(writer: MessageWriter, route: RouteKey): void {
  writer.begin(ROUTE_MESSAGE.delete, NETLINK_FLAG.ack);
  putRoute(writer, route, SCOPE.nowhere);
  writer.end();
}

/** All tables; 0 as protocol: whoever made them. The kernel does the sieving. */
export function writeRouteDump(writer: MessageWriter, family: number, protocol: number): void {
  writer.begin(ROUTE_MESSAGE.get, NETLINK_FLAG.dump);
  const offset = writer.putHeader(FIELD.lengthBytes);
  writer.view.setUint8(offset + FIELD.family, family);
  writer.view.setUint8(offset + FIELD.protocol, protocol);
  writer.end();
}

function putRoute(writer: MessageWriter, route: RouteKey, scope: number): void {
  const { prefix, type, ifindex, table, protocol, metric } = route;
  const offset = writer.putHeader(FIELD.lengthBytes);
  const { view } = writer;
  view.setUint8(offset + FIELD.family, prefix.family === 4 ? AF_INET : AF_INET6);
  view.setUint8(offset + FIELD.destinationLength, prefix.prefixLength);
  view.setUint8(offset + FIELD.table, table <= LOCAL_TABLE ? table : TABLE_IN_ATTRIBUTE);
  view.setUint8(offset + FIELD.protocol, protocol);
  view.setUint8(offset + FIELD.scope, scope);
  view.setUint8(offset + FIELD.type, type === "other" ? 0 : RTN[type]);
  if (table > LOCAL_TABLE) writer.putU32(RTA.table, table);
  if (prefix.prefixLength > 0) putAddress(writer, RTA.destination, prefix.address);
  if (ifindex !== 0) writer.putU32(RTA.oif, ifindex);
  if (metric !== 0) writer.putU32(RTA.priority, metric);
}

/** IPv6 has no scopes of routes. */
function scopeOf({ prefix, type, via }: Route): number {
  if (prefix.family === 6) return SCOPE.universe;
  if (type === "local") return SCOPE.host;
  if (type === "multicast" || (type === "unicast" && via === undefined)) return SCOPE.link;
  return SCOPE.universe;
}

/** Reads the payload of RTM_NEWROUTE or RTM_DELROUTE; undefined where it is not one, or not of IPv4 or IPv6. */
export function parseRoute(bytes: Uint8Array, offset: number, end: number): Route | undefined {
  if (end - offset < FIELD.lengthBytes) return undefined;
  const attributes = new Attributes(bytes, offset + FIELD.lengthBytes, end);
  const { view } = attributes;
  const family = view.getUint8(offset + FIELD.family);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const none = family === AF_INET ? 0 : 0n;
  const type = TYPE_OF.get(view.getUint8(offset + FIELD.type)) ?? "other";
  const destination = readAddress(attributes.value(RTA.destination)) ?? none;
  return {
    prefix: prefixOf(destination, view.getUint8(offset + FIELD.destinationLength)),
    type,
    ifindex: REJECTING.has(type) ? 0 : (attributes.u32(RTA.oif) ?? 0),
    via: readAddress(attributes.value(RTA.gateway)),
    preferredSource: readAddress(attributes.value(RTA.preferredSource)),
    table: attributes.u32(RTA.table) ?? view.getUint8(offset + FIELD.table),
    protocol: view.getUint8(offset + FIELD.protocol),
    metric: attributes.u32(RTA.priority) ?? 0,
  };
}

function prefixOf(address: IpAddress, prefixLength: number): Prefix {
  return typeof address === "number" ? { family: 4, address, prefixLength } : { family: 6, address, prefixLength };
}
