/**
 * Theory of operation
 *
 * Links, addresses, routes and neighbours of this network namespace: read in dumps, changed in batches, watched.
 *
 * A message is composed here byte by byte and read here, after the structures of `linux/rtnetlink.h`; what is not known in it
 * is left alone. One `Rtnetlink` has one socket for questions and, while somebody watches, one for notifications. A change that
 * we made is notified like any other: the kernel does not say reliably whose it was, so a watcher compares and does not
 * guess.
 */
import type { BridgeStation, InterfaceAddress, LinkState, Neighbour, Route, TunState } from "../base/kernel-objects.js";
import type { LinkCounters } from "./link-counters.js";
import { eachMessage, messageError, NetlinkSocket, type NetlinkSubscription } from "./netlink.js";
import { AF_INET, AF_INET6 } from "./rtnetlink/address-bytes.js";
import { ADDRESS_MESSAGE, parseAddress, writeAddressDump } from "./rtnetlink/addresses.js";
import { RouteBatch } from "./rtnetlink/batch.js";
import { parseBridgeStation, writeBridgeStationDump } from "./rtnetlink/bridges.js";
import { LINK_MESSAGE, parseLink, writeLinkDump, writeLinkGet } from "./rtnetlink/links.js";
import { MessageWriter } from "./rtnetlink/message.js";
import { parseNeighbour, writeNeighbourDump } from "./rtnetlink/neighbours.js";
import { parseRoute, ROUTE_MESSAGE, writeRouteDump } from "./rtnetlink/routes.js";
import { parseStatistics, writeStatisticsGet } from "./rtnetlink/statistics.js";
import { parseTun } from "./rtnetlink/tun.js";

export { type RequestFailure, RouteBatch } from "./rtnetlink/batch.js";
export type { NeighbourTableSettings } from "./rtnetlink/neighbours.js";
export type { RouteKey } from "./rtnetlink/routes.js";

/** Multicast groups (`enum rtnetlink_groups`). */
const GROUP = { link: 1, ipv4Address: 5, ipv4Route: 7, ipv6Address: 9, ipv6Route: 11 } as const;

/** What a watcher is told. Deletions carry what was deleted. */
export interface RtnetlinkListener {
  onLink(link: LinkState, deleted: boolean): void;
  onAddress(address: InterfaceAddress, deleted: boolean): void;
  onRoute(route: Route, deleted: boolean): void;
  /** Notifications were lost: look at everything. */
  onOverrun(): void;
}

/** The network namespace's links, addresses, routes and neighbours. */
export class Rtnetlink {
  readonly #socket = new NetlinkSocket("route");

  /** An empty batch. caps: NET_ADMIN when it is sent */
  batch(): RouteBatch {
    return new RouteBatch(this.#socket, (ifindex) => this.link(ifindex)?.name ?? `link ${ifindex}`);
  }

  dumpLinks(): LinkState[] {
    return read(this.#socket.dump(compose(writeLinkDump)), parseLink);
  }

  dumpAddresses(): InterfaceAddress[] {
    return this.#bothFamilies(writeAddressDump, parseAddress);
  }

  /** Routes of all tables that this protocol made; 0: whoever made them. */
  dumpRoutes(protocol = 0): Route[] {
    return this.#bothFamilies((writer, family) => writeRouteDump(writer, family, protocol), parseRoute).filter(
      (route) => protocol === 0 || route.protocol === protocol,
    );
  }

  /** Neighbours, and the addresses that we answer for. */
  dumpNeighbours(): Neighbour[] {
    return [false, true].flatMap((proxy) =>
      this.#bothFamilies((writer, family) => writeNeighbourDump(writer, family, proxy), parseNeighbour),
    );
  }

  /** Stations that were put behind ports of bridges by hand, to stay there. */
  dumpBridgeStations(): BridgeStation[] {
    return read(this.#socket.dump(compose(writeBridgeStationDump)), parseBridgeStation);
  }

  /** One link by its index or any of its names; undefined where there is none. */
  link(which: number | string): LinkState | undefined {
    return read(this.#getLink(which), parseLink)[0];
  }

  /** How a TAP was made; undefined where there is no such link, or it is no TAP. */
  tun(which: number | string): TunState | undefined {
    return read(this.#getLink(which), parseTun)[0];
  }

  /** What has passed a link since it was made; undefined where there is none. Of all links at once: `linkCounters`. */
  counters(ifindex: number): LinkCounters | undefined {
    return read(
      this.#get((writer) => writeStatisticsGet(writer, ifindex), `get counters of link ${ifindex}`),
      parseStatistics,
    )[0];
  }

  /** Tells of every change to links, addresses and routes until the result is closed. caps: none */
  watch(listener: RtnetlinkListener): NetlinkSubscription {
    return this.#socket.subscribe(Object.values(GROUP), {
      onMessages: (messages) => eachMessage(messages, (type, offset, end) => notify(listener, messages, type, offset, end)),
      onOverrun: () => listener.onOverrun(),
    });
  }

  /** May be called again. */
  close(): void {
    this.#socket.close();
  }

  #getLink(which: number | string): Uint8Array {
    return this.#get((writer) => writeLinkGet(writer, which), `get link ${which}`);
  }

  /** The answer to one question; nothing where there is no such link. */
  #get(write: (writer: MessageWriter) => void, request: string): Uint8Array {
    const { results, answers } = this.#socket.transact(compose(write), 1);
    if (results[0].code === "ENODEV") return NOTHING;
    if (results[0].errno !== 0) throw messageError(results[0], request);
    return answers;
  }

  #bothFamilies<Value>(write: (writer: MessageWriter, family: number) => void, parse: Parse<Value>): Value[] {
    return [AF_INET, AF_INET6].flatMap((family) => read(this.#socket.dump(compose((writer) => write(writer, family))), parse));
  }
}

const NOTHING = new Uint8Array(0);

type Parse<Value> = (bytes: Uint8Array, offset: number, end: number) => Value | undefined;

function compose(write: (writer: MessageWriter) => void): Uint8Array {
  const writer = new MessageWriter();
  write(writer);
  return writer.bytes;
}

function read<Value>(messages: Uint8Array, parse: Parse<Value>): Value[] {
  const values: Value[] = [];
  eachMessage(messages, (_type, offset, end) => {
    const value = parse(messages, offset, end);
    if (value !== undefined) values.push(value);
  });
  return values;
}

function notify(listener: RtnetlinkListener, messages: Uint8Array, type: number, offset: number, end: number): void {
  switch (type) {
    case LINK_MESSAGE.new:
    case LINK_MESSAGE.delete: {
      const link = parseLink(messages, offset, end);
      if (link !== undefined) listener.onLink(link, type === LINK_MESSAGE.delete);
      break;
    }
    case ADDRESS_MESSAGE.new:
    case ADDRESS_MESSAGE.delete: {
      const address = parseAddress(messages, offset, end);
      if (address !== undefined) listener.onAddress(address, type === ADDRESS_MESSAGE.delete);
      break;
    }
    case ROUTE_MESSAGE.new:
    case ROUTE_MESSAGE.delete: {
      const route = parseRoute(messages, offset, end);
      if (route !== undefined) listener.onRoute(route, type === ROUTE_MESSAGE.delete);
      break;
    }
    default:
      break;
  }
}
