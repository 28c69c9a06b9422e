/**
 * Theory of operation. Goal: one message in, one answer or a counted silence out, with nothing promised that is not on disk. A
 * message goes: relays peeled → checked with all that is nested in it → judged by its type (`rules.ts`) → its network found →
 * answered. Advertise holds an address for a minute and stores nothing; Reply to whatever changes a lease is `replyAfterCommit`.
 * All state is in the books; the service itself has one `Exchange`, reused for every message, so it must never be entered twice.
 * Limits: relays, nesting, associations and leases of one guest are bounded where they are read. Why not a chain of handlers, as
 * other servers have: the steps are few, fixed by the RFC, and a reader should see them in their order.
 */
import type { Clock } from "../../base/clock.js";
import { Counters } from "../../base/counters.js";
import type { Logger } from "../../base/log.js";
import { type Datagram, type DatagramService, type Reply, VERDICT, type Verdict } from "../../frame/datagram.js";
import type { LeaseBook } from "../../lease/book.js";
import type { GroupCommit } from "../../lease/group-commit.js";
import type { LeaseKind, LeaseRecord } from "../../lease/lease.js";
import * as clientFqdn from "../../wire/dhcp6/client-fqdn.js";
import { DHCP6_PORT, type Dhcp6Fault, FAULTS, MESSAGE, OPTION } from "../../wire/dhcp6/codes.js";
import * as iaAddress from "../../wire/dhcp6/ia-address.js";
import * as option from "../../wire/dhcp6/option.js";
import { answeredFlags, clientName } from "./client-name.js";
import { Exchange } from "./exchange.js";
import { ADDRESSES, type IaKind, PREFIXES } from "./ia-kind.js";
import { assignSlots } from "./identity.js";
import { IaLeases } from "./leases.js";
import type { Dhcp6Network } from "./network.js";
import { Networks } from "./networks.js";
import { judge, type RuleDrop, wasOnceUnicast } from "./rules.js";
import { writeStatus } from "./status.js";

const OWN_COUNTERS = [
  "solicit",
  "request",
  "confirm",
  "renew",
  "rebind",
  "release",
  "decline",
  "information-request",
  "relayed",
  "replies",
  "message-type",
  "client-id-missing",
  "server-id-missing",
  "server-id-present",
  "server-id-other",
  "ia-unexpected",
  "unicast",
  "network-unknown",
  "not-ours-to-judge",
  "reply-too-long",
  "none-left",
] as const;
export type Dhcp6Counter = (typeof OWN_COUNTERS)[number] | Dhcp6Fault;

export interface Dhcp6ServiceOptions {
  /** Our DUID, the same for ever (`newServerDuid`). */
  readonly serverDuid: Uint8Array;
  /** Keeps guests' stable addresses from being guessed; the same on every host that serves the network. */
  readonly secret: Uint8Array;
  readonly commit: GroupCommit;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A pool that is used up is reported this often. */
const REPORT_FULL_EVERY_MS = 60_000;

export class Dhcp6Service implements DatagramService {
  readonly counters = new Counters<Dhcp6Counter>([...OWN_COUNTERS, ...FAULTS]);
  readonly #options: Dhcp6ServiceOptions;
  readonly #networks: Networks;
  readonly #exchange = new Exchange();
  readonly #addresses: IaLeases;
  readonly #prefixes: IaLeases;

  constructor(options: Dhcp6ServiceOptions) {
    this.#options = options;
    this.#networks = new Networks(options.commit, options.clock);
    this.#addresses = new IaLeases(ADDRESSES, options.secret);
    this.#prefixes = new IaLeases(PREFIXES, options.secret);
  }

  /** Serves a network from now on, or changes how; its leases stay. */
  setNetwork(config: Dhcp6Network): void {
    this.#networks.set(config);
  }

  /** Serves the network no longer; its leases stay in the store. */
  removeNetwork(name: string): void {
    this.#networks.delete(name);
  }

  /** Takes over what the store holds: once, at start, after the networks were set. */
  load(records: readonly LeaseRecord[]): void {
    this.#networks.load(records);
  }

  /** The leases of a network; undefined where it gives none of that kind. */
  book(network: string, kind: LeaseKind): LeaseBook | undefined {
    const state = this.#networks.get(network);
    return kind === "address" ? state?.addresses : state?.prefixes;
  }

  handle(datagram: Datagram, reply: Reply): Verdict {
    const exchange = this.#exchange;
    const { path, request } = exchange;
    const fault =
      path.read(datagram.view, datagram.payloadOffset, datagram.payloadLength) ??
      request.read(datagram.view, path.messageOffset, path.messageLength) ??
      judge(request, this.#options.serverDuid);
    if (fault !== undefined) return this.#drop(fault);
    const state = this.#networks.of(datagram.link, path, datagram.view);
    if (state === undefined) return this.#drop("network-unknown");
    exchange.begin(datagram, state, this.#options.clock.monotonicMs());
    this.#count(request.type);
    if (!this.#open(datagram, reply)) return this.#drop("reply-too-long");
    const direct = path.depth === 0;
    if (direct && datagram.bytes[datagram.ipv6DestinationOffset] !== 0xff) {
      if (!wasOnceUnicast(request.type)) return this.#drop("unicast");
      writeStatus(exchange.writer, "useMulticast");
    } else if (!this.#answer()) {
      return this.#drop("not-ours-to-judge");
    }
    return this.#close(datagram, reply);
  }

  #drop(reason: Dhcp6Fault | RuleDrop | "network-unknown" | "reply-too-long" | "unicast" | "not-ours-to-judge"): Verdict {
    this.counters.count(this.counters.index(reason));
    return VERDICT.silent;
  }

  #count(type: number): void {
    this.counters.count(this.counters.index(nameOf(type)));
    if (this.#exchange.path.depth > 0) this.counters.count(this.counters.index("relayed"));
  }

  /** Begins the reply: relays, header, who answers whom. False when even that does not fit. */
  #open(datagram: Datagram, reply: Reply): boolean {
    const { path, request, writer } = this.#exchange;
    const limit = reply.payloadOffset + reply.payloadLimit;
    if (path.replyBytes() > reply.payloadLimit) return false;
    const start = path.open(reply.view, reply.payloadOffset);
    const advertise = request.type === MESSAGE.solicit && !this.#commitsAtOnce();
    writer.begin(reply.view, start, limit, advertise ? MESSAGE.advertise : MESSAGE.reply, request.transactionId);
    writer.octets(OPTION.serverId, this.#options.serverDuid);
    if (request.clientIdOffset >= 0)
      writer.copied(OPTION.clientId, datagram.view, request.clientIdOffset, request.clientIdLength);
    return !writer.overflowed;
  }

  #commitsAtOnce(): boolean {
    return this.#exchange.request.rapidCommit && this.#exchange.served.config.rapidCommit;
  }

  /** Writes what the message deserves; false when it deserves silence. */
  #answer(): boolean {
    const { request } = this.#exchange;
    switch (request.type) {
      case MESSAGE.solicit:
      case MESSAGE.request:
        this.#give();
        return true;
      case MESSAGE.renew:
      case MESSAGE.rebind:
        return this.#extend();
      case MESSAGE.confirm:
        return this.#confirm();
      case MESSAGE.release:
      case MESSAGE.decline:
        writeStatus(this.#exchange.writer, "success");
        this.#eachIa();
        return true;
      default:
        this.#writeConfiguration(true);
        return true;
    }
  }

  #give(): void {
    const { request, writer, served } = this.#exchange;
    this.#exchange.hostname = clientName(request);
    this.#eachIa();
    if (request.type === MESSAGE.solicit) {
      if (this.#commitsAtOnce()) writer.empty(OPTION.rapidCommit);
      if (served.config.preference > 0) writer.uint8(OPTION.preference, served.config.preference);
    }
    this.#writeConfiguration(false);
  }

  #extend(): boolean {
    const { request, served } = this.#exchange;
    this.#exchange.hostname = clientName(request);
    this.#eachIa();
    if (request.type === MESSAGE.rebind && !served.config.authoritative && this.#exchange.answeredIas === 0) return false;
    this.#writeConfiguration(false);
    return true;
  }

  /** Confirm (RFC 8415 §18.3.3): are the client's addresses of this link? Without addresses there is nothing to say. */
  #confirm(): boolean {
    const { request, writer, served } = this.#exchange;
    let asked = 0;
    let onLink = true;
    for (let index = 0; index < request.iaCount; index++) {
      for (let at = request.firstInIa(index, OPTION.iaAddress); at >= 0; at = request.nextInIa(index, at)) {
        asked++;
        onLink &&= served.isOnLink(iaAddress.address(request.view, at + option.HEADER_BYTES));
      }
    }
    if (asked > 0) writeStatus(writer, onLink ? "success" : "notOnLink");
    return asked > 0;
  }

  /** Each association in the order of the message; what the network does not give is refused here. */
  #eachIa(): void {
    const { request, state } = this.#exchange;
    if (state.addresses !== undefined) assignSlots(this.#exchange, ADDRESSES, state.addresses);
    if (state.prefixes !== undefined) assignSlots(this.#exchange, PREFIXES, state.prefixes);
    for (let index = 0; index < request.iaCount; index++) {
      const kind = kindOf(request.iaCode[index]);
      const book = kind?.book(state);
      if (kind === undefined || book === undefined) this.#refuse(index);
      else this.#answerIa(kind === ADDRESSES ? this.#addresses : this.#prefixes, book, index);
    }
    if (this.#exchange.refusedIas > 0) this.#reportFull();
  }

  #reportFull(): void {
    const { state, served, refusedIas } = this.#exchange;
    this.counters.count(this.counters.index("none-left"), refusedIas);
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - state.fullSinceMs < REPORT_FULL_EVERY_MS) return;
    state.fullSinceMs = nowMs;
    this.#options.log.warn({ network: served.config.name }, "a DHCPv6 client asked for more than the network has left to give");
  }

  #answerIa(leases: IaLeases, book: LeaseBook, index: number): void {
    const { request, served } = this.#exchange;
    switch (request.type) {
      case MESSAGE.solicit:
        if (this.#commitsAtOnce()) leases.assign(this.#exchange, book, index);
        else leases.advertise(this.#exchange, book, index);
        return;
      case MESSAGE.request:
        leases.assign(this.#exchange, book, index);
        return;
      case MESSAGE.renew:
        leases.extend(this.#exchange, book, index, false);
        return;
      case MESSAGE.rebind:
        leases.extend(this.#exchange, book, index, !served.config.authoritative);
        return;
      case MESSAGE.release:
        leases.release(this.#exchange, book, index);
        return;
      case MESSAGE.decline:
        leases.decline(this.#exchange, book, index);
    }
  }

  /** An association of a kind that this network has none of: temporary addresses (RFC 8415 §21.5) nowhere. */
  #refuse(index: number): void {
    const { request, writer } = this.#exchange;
    const code = request.iaCode[index];
    const iaid = request.iaid(index);
    const mark = code === OPTION.iaTa ? writer.openTemporaryIa(code, iaid) : writer.openIa(code, iaid, 0, 0);
    if (request.type !== MESSAGE.solicit && request.type !== MESSAGE.request) writeStatus(writer, "noBinding");
    else writeStatus(writer, code === OPTION.iaPd ? "noPrefixAvail" : "noAddrsAvail");
    writer.close(mark);
    this.#exchange.answeredIas++;
  }

  /** The options that the client asks for and the network has (RFC 8415 §18.3). */
  #writeConfiguration(stateless: boolean): void {
    const { request, writer, served } = this.#exchange;
    for (const { code, data } of served.options.always) if (request.wants(code)) writer.octets(code, data);
    if (stateless) {
      for (const { code, data } of served.options.stateless) if (request.wants(code)) writer.octets(code, data);
    }
    this.#writeBootFile();
    this.#writeName();
  }

  #writeBootFile(): void {
    const { request, writer, served } = this.#exchange;
    if (!request.wants(OPTION.bootFileUrl)) return;
    for (const { architecture, url, parameters } of served.options.bootFiles) {
      if (architecture !== undefined && !request.hasArchitecture(architecture)) continue;
      writer.octets(OPTION.bootFileUrl, url);
      if (parameters.length > 0 && request.wants(OPTION.bootFileParameters)) writer.octets(OPTION.bootFileParameters, parameters);
      return;
    }
  }

  /** Tells a client that sent its name, and asks to be told, what became of it (RFC 4704 §6). */
  #writeName(): void {
    const { request, writer, served, link } = this.#exchange;
    const { domain } = served.config;
    if (request.fqdnOffset < 0 || domain === "" || !request.wants(OPTION.clientFqdn)) return;
    const label = link.guest ?? clientName(request);
    if (label === "") return;
    const flags = answeredFlags(clientFqdn.flags(request.view, request.fqdnOffset));
    const repr = { flags, name: `${label}.${domain}`, complete: true };
    const data = new Uint8Array(clientFqdn.emittedBytes(repr));
    clientFqdn.emit(repr, new DataView(data.buffer), 0);
    writer.octets(OPTION.clientFqdn, data);
  }

  /** Ends the reply and addresses it: to the client's port, or back to the relay. */
  #close(datagram: Datagram, reply: Reply): Verdict {
    const { path, writer, staged } = this.#exchange;
    if (writer.overflowed) return this.#drop("reply-too-long");
    path.close(reply.view, writer.position);
    reply.payloadLength = writer.position - reply.payloadOffset;
    reply.udpDestination = DHCP6_PORT.client;
    if (path.depth > 0) {
      const ownPort = path.findOption(0, OPTION.relaySourcePort) >= 0;
      reply.udpDestination = ownPort ? datagram.udpSource : DHCP6_PORT.server;
    }
    this.counters.count(this.counters.index("replies"));
    return staged ? VERDICT.replyAfterCommit : VERDICT.reply;
  }
}

function kindOf(code: number): IaKind | undefined {
  if (code === OPTION.iaNa) return ADDRESSES;
  return code === OPTION.iaPd ? PREFIXES : undefined;
}

function nameOf(type: number): Dhcp6Counter {
  switch (type) {
    case MESSAGE.solicit:
      return "solicit";
    case MESSAGE.request:
      return "request";
    case MESSAGE.confirm:
      return "confirm";
    case MESSAGE.renew:
      return "renew";
    case MESSAGE.rebind:
      return "rebind";
    case MESSAGE.release:
      return "release";
    case MESSAGE.decline:
      return "decline";
    default:
      return "information-request";
  }
}
