import type { Clock } from "../../base/clock.js";
import { Counters } from "../../base/counters.js";
import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Logger } from "../../base/log.js";
import { isGroupMac, MAC_ZERO } from "../../base/mac.js";
import { type Datagram, type DatagramSender, type DatagramService, Reply, VERDICT, type Verdict } from "../../frame/datagram.js";
import { LeaseBook } from "../../lease/book.js";
import type { GroupCommit } from "../../lease/group-commit.js";
import type { LeaseRecord } from "../../lease/lease.js";
import type { Lease } from "../../lease/lease-entry.js";
import { MESSAGE, OP, OPTION, RELAY_SUBOPTION } from "../../wire/dhcp4/codes.js";
import { onBootp } from "./bootp.js";
import { type AddressProbe, ConflictCheck } from "./conflict-check.js";
import { COUNTER_NAMES, type Dhcp4Counter } from "./counter-names.js";
import { onDiscover } from "./discover.js";
import { Exchange } from "./exchange.js";
import { onDecline, onRelease } from "./give-back.js";
import { guestIdentity, identityOf } from "./identity.js";
import { onInform } from "./inform.js";
import type { Dhcp4Network } from "./network.js";
import { ReplyComposer } from "./reply.js";
import { onRequest } from "./request.js";
import type { KnownClient } from "./reservations.js";
import { type NetworkState, ServedNetwork } from "./served-network.js";
import { Dhcp4Server } from "./server.js";

/** Longest client identifier (RFC 2132 §9.14: one option). */
const CLIENT_ID_LIMIT_BYTES = 255;
/** Payload of a reply outside a batch. */
const LATE_REPLY_BYTES = 1472;

export interface Dhcp4ServiceOptions {
  readonly commit: GroupCommit;
  readonly clock: Clock;
  readonly log: Logger;
  /** Both are needed for networks with `probe`: who asks, and who sends the offer afterwards. */
  readonly probe?: AddressProbe | undefined;
  readonly sender?: DatagramSender | undefined;
}

/**
 * The DHCPv4 server on frames.
 *
 * Order of use: `configure`, `load` with what the store holds, then `handle` for every datagram to port 67. Every verdict
 * `replyAfterCommit` needs `commit.commit()` before its reply leaves.
 */
export class Dhcp4Service implements DatagramService {
  readonly counters = new Counters<Dhcp4Counter>(COUNTER_NAMES);
  readonly #options: Dhcp4ServiceOptions;
  readonly #server: Dhcp4Server;
  readonly #networks = new Map<string, NetworkState>();
  readonly #exchange = new Exchange();
  /** Identity of the guest on each port, by slot, so that it is not put together for every message. */
  readonly #portGuest: (string | undefined)[] = [];
  readonly #portIdentity: string[] = [];

  constructor(options: Dhcp4ServiceOptions) {
    this.#options = options;
    const outcome = {
      free: (kept: Datagram) => this.#handleLate(kept),
      used: (kept: Datagram, lease: Lease) => this.#onConflict(kept, lease),
    };
    const conflicts = options.probe === undefined ? undefined : new ConflictCheck(options.probe, outcome);
    this.#server = new Dhcp4Server({
      composer: new ReplyComposer(),
      counters: this.counters,
      clock: options.clock,
      log: options.log,
      conflicts,
    });
  }

  /**
   * The networks from now on. Leases of a network that stays are kept; those that the new configuration does not give any more
   * end when their client asks next. Networks that are not named any more lose their leases.
   */
  configure(networks: readonly Dhcp4Network[]): void {
    const names = new Set(networks.map((network) => network.name));
    for (const [name, state] of this.#networks) if (!names.has(name)) this.#drop(name, state);
    for (const network of networks) this.configureNetwork(network);
  }

  /** One network's new configuration: reservations, ranges, options, everything; live. */
  configureNetwork(network: Dhcp4Network): void {
    const served = new ServedNetwork(network);
    const state = this.#networks.get(network.name);
    if (state !== undefined) {
      state.served = served;
      state.book.replacePools(served.pools);
      return;
    }
    const book = new LeaseBook({
      network: network.name,
      family: 4,
      kind: "address",
      prefixLength: 32,
      pools: served.pools,
      commit: this.#options.commit,
      clock: this.#options.clock,
    });
    this.#networks.set(network.name, {
      served,
      book,
      saidFullMs: Number.NEGATIVE_INFINITY,
      saidConflictMs: Number.NEGATIVE_INFINITY,
      saidRelayMs: Number.NEGATIVE_INFINITY,
    });
  }

  /** Takes over stored leases, once, after `configure`. Those of networks that are not configured are left alone. */
  load(records: readonly LeaseRecord[]): void {
    for (const { book } of this.#networks.values()) book.load(records);
  }

  /** The leases of a network. */
  book(network: string): LeaseBook | undefined {
    return this.#networks.get(network)?.book;
  }

  /** Why this client could not keep an address of the network when it renews; undefined where it could. */
  explainNotFor(network: string, client: KnownClient): string | undefined {
    const served = this.#networks.get(network)?.served;
    if (served === undefined) return `network ${network} has no DHCP`;
    if (served.reservations.isKeptFor(client)) return undefined;
    if (served.reservations.addresses.has(Number(client.address))) return "is reserved for somebody else";
    const isInRange = served.pools.some((pool) => pool.contains(client.address));
    return isInRange ? undefined : `is outside the ranges of ${network}: widen ranges:, or reserve it`;
  }

  /** Stops every timer. What is staged is still the commit's. */
  close(): void {
    for (const { book } of this.#networks.values()) book.close();
  }

  handle(datagram: Datagram, reply: Reply): Verdict {
    const exchange = this.#exchange;
    exchange.datagram = datagram;
    exchange.reply = reply;
    const fault = exchange.request.read(datagram.bytes, datagram.view, datagram.payloadOffset, datagram.payloadLength);
    const reason = fault ?? this.#explainDrop(exchange) ?? this.#findNetwork(exchange);
    if (reason !== undefined) return this.#server.silent(reason);
    this.#identify(exchange);
    return this.#dispatch(exchange);
  }

  #dispatch(exchange: Exchange): Verdict {
    const server = this.#server;
    switch (exchange.request.messageType) {
      case MESSAGE.discover:
        return onDiscover(exchange, server);
      case MESSAGE.request:
        return onRequest(exchange, server);
      case MESSAGE.decline:
        return onDecline(exchange, server);
      case MESSAGE.release:
        return onRelease(exchange, server);
      case MESSAGE.inform:
        return onInform(exchange, server);
      case 0:
        return onBootp(exchange, server);
      default:
        return server.silent("drop-message-type");
    }
  }

  #explainDrop(exchange: Exchange): Dhcp4Counter | undefined {
    const { request } = exchange;
    if (request.op !== OP.request) return "drop-not-from-client";
    if (
      request.isEthernet
        ? request.mac === MAC_ZERO || isGroupMac(request.mac)
        : request.hlen === 0 && !request.has(OPTION.clientIdentifier)
    ) {
      return "drop-hardware-address";
    }
    return request.lengthOf(OPTION.clientIdentifier) > CLIENT_ID_LIMIT_BYTES ? "drop-client-id" : undefined;
  }

  /**
   * The network whose addresses this client gets: the link's own, unless a relay or the client names another subnet (RFC 3527 §3,
   * RFC 3011 §3, RFC 2131 §4.3.1: `giaddr`), or it has an address of another one and comes through a router. Another network must
   * allow that; and a guest on its port stays in its own network whatever it claims.
   */
  #findNetwork(exchange: Exchange): Dhcp4Counter | undefined {
    const { request } = exchange;
    const { link } = exchange.datagram;
    const own = this.#networks.get(link.network);
    if (own === undefined || link.gatewayIpv4 === 0) return "drop-no-network";
    exchange.state = own;
    const named =
      exchange.relaySuboptionAddress(RELAY_SUBOPTION.linkSelection) ||
      exchange.addressOption(OPTION.subnetSelection) ||
      request.giaddr;
    const subnet = named || (request.messageType === MESSAGE.discover ? 0 : request.ciaddr);
    if (subnet === 0 || own.served.contains(subnet)) return undefined;
    const other = link.guest === undefined ? this.#networkWith(subnet) : undefined;
    if (other?.served.config.relayed === true) {
      exchange.state = other;
      return undefined;
    }
    if (named === 0) return undefined;
    if (other !== undefined) this.#server.sayNotRelayed(exchange, other);
    return "drop-foreign-relay";
  }

  #networkWith(address: Ipv4Address): NetworkState | undefined {
    for (const state of this.#networks.values()) if (state.served.contains(address)) return state;
    return undefined;
  }

  #identify(exchange: Exchange): void {
    const { request, served } = exchange;
    const { link } = exchange.datagram;
    const { isRelayTrusted } = exchange;
    exchange.clientClass = served.classOf(request, isRelayTrusted);
    if (link.guest === undefined) {
      exchange.reservation = served.reservations.of(request, isRelayTrusted);
      exchange.identity = this.#stationOf(exchange) ?? identityOf(request);
      return;
    }
    if (this.#portGuest[link.slot] !== link.guest) {
      this.#portGuest[link.slot] = link.guest;
      this.#portIdentity[link.slot] = guestIdentity(link.guest);
    }
    exchange.identity = this.#portIdentity[link.slot];
    exchange.reservation = served.reservations.ofGuest(link.guest) ?? served.reservations.of(request, isRelayTrusted);
  }

  /**
   * The identity under which a station has the address that is kept for it: it boots by PXE under one client identifier, and runs
   * under another. Undefined where it has none yet.
   */
  #stationOf({ book, mac, reservation }: Exchange): string | undefined {
    if (reservation?.address === undefined || mac === 0) return undefined;
    const holder = book.at(reservation.address);
    return holder?.state !== "declined" && holder?.record?.mac === mac ? holder.identity : undefined;
  }

  #drop(name: string, state: NetworkState): void {
    for (const lease of [...state.book.leases()]) state.book.remove(lease);
    state.book.close();
    this.#networks.delete(name);
  }

  #onConflict(kept: Datagram, lease: Lease): void {
    const exchange = this.#exchange;
    exchange.datagram = kept;
    const isHeld = exchange.request.read(kept.bytes, kept.view, kept.payloadOffset, kept.payloadLength) === undefined;
    if (!isHeld || this.#findNetwork(exchange) !== undefined) return;
    this.#identify(exchange);
    if (exchange.book.at(lease.address) === lease && lease.state === "offered") this.#server.quarantine(exchange, lease);
    this.#handleLate(kept);
  }

  /** Answers a datagram whose batch is long gone. */
  #handleLate(kept: Datagram): void {
    const reply = new Reply();
    reply.bytes = new Uint8Array(LATE_REPLY_BYTES);
    reply.view = new DataView(reply.bytes.buffer);
    reply.payloadLimit = LATE_REPLY_BYTES;
    const verdict = this.handle(kept, reply);
    if (verdict === VERDICT.reply) this.#send(kept, reply);
    if (verdict !== VERDICT.replyAfterCommit) return;
    const send = (): void => this.#send(kept, reply);
    const committed = this.#options.commit.commit();
    if (committed === undefined) send();
    else
      committed.then(send, () =>
        this.#options.log.debug({ network: kept.link.network }, "a late ACK was held back: its lease was not saved"),
      );
  }

  #send(kept: Datagram, reply: Reply): void {
    const { etherDestination, ipSource, ipDestination, udpSource, udpDestination } = reply;
    this.#options.sender?.send(
      {
        link: kept.link,
        ipVersion: 4,
        etherDestination,
        ipSource,
        ipDestination,
        ipv6Source: undefined,
        ipv6Destination: undefined,
        udpSource,
        udpDestination,
      },
      reply.bytes.subarray(reply.payloadOffset, reply.payloadOffset + reply.payloadLength),
    );
  }
}
