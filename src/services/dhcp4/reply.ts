import type { Ipv4Address } from "../../base/ipv4-address.js";
import * as area from "../../wire/dhcp4/area.js";
import { FIELD as FQDN, FQDN_FLAG, HEADER_BYTES as FQDN_HEADER_BYTES, RCODE_UNUSED } from "../../wire/dhcp4/client-fqdn.js";
import { MESSAGE, OPTION } from "../../wire/dhcp4/codes.js";
import * as header from "../../wire/dhcp4/header.js";
import type { OptionSet } from "../../wire/dhcp4/option-set.js";
import { Dhcp4Writer } from "../../wire/dhcp4/writer.js";
import { setDestination } from "./destination.js";
import type { Exchange } from "./exchange.js";
import { rebindSeconds, renewSeconds } from "./lease-time.js";

/** IPv4 and UDP headers: option 57 counts them (RFC 2132 §9.10), a payload does not. */
const DATAGRAM_HEADER_BYTES = 28;
/** What every client takes (RFC 2131 §2). */
const LEAST_DATAGRAM_BYTES = 576;
/** Header, message type, server and times, and the end: what every reply has beside echoed options. */
const ESSENTIAL_BYTES = header.FIELD.options + 3 + 4 * 6 + 4;

/** Option 97 in its only form: a type and a UUID (RFC 4578 §2.3). */
const CLIENT_UUID_BYTES = 17;

/** A shorter lease has no room for T1 before T2 before its end, in whole seconds. */
const SHORTEST_WITH_TIMES_SECONDS = 3;

/** Options that are the protocol's own: never sent because a list names them. */
const PROTOCOL_CODES = new Uint8Array(256);
for (const code of [
  OPTION.pad,
  OPTION.requestedAddress,
  OPTION.leaseTime,
  OPTION.overload,
  OPTION.messageType,
  OPTION.serverIdentifier,
  OPTION.parameterList,
  OPTION.message,
  OPTION.maximumSize,
  OPTION.renewalTime,
  OPTION.rebindingTime,
  OPTION.clientIdentifier,
  OPTION.rapidCommit,
  OPTION.clientFqdn,
  OPTION.relayAgent,
  OPTION.subnetSelection,
  OPTION.end,
]) {
  PROTOCOL_CODES[code] = 1;
}

/**
 * Composes replies by RFC 2131 table 3: which fields and options each message has.
 *
 * Every method writes the payload and the destination into the exchange's `reply`, and returns false when the message cannot be
 * composed at all, because the relay's option 82 leaves no room for it.
 */
export class ReplyComposer {
  readonly #writer = new Dhcp4Writer();
  readonly #scratch = new Uint8Array(512);
  /** Whether an option found no place in the last reply. */
  get hasOmitted(): boolean {
    return this.#writer.omitted > 0;
  }

  /** DHCPOFFER or DHCPACK for a lease. */
  lease(exchange: Exchange, type: number, address: Ipv4Address, seconds: number, isRapid: boolean): boolean {
    if (!this.#begin(exchange)) return false;
    const { request } = exchange;
    const writer = this.#writer;
    const { config } = exchange.served;
    writer.ciaddr = type === MESSAGE.ack ? request.ciaddr : 0;
    writer.yiaddr = address;
    this.#boot(exchange);
    writer.uint8(OPTION.messageType, type);
    writer.uint32(OPTION.serverIdentifier, exchange.serverId);
    writer.uint32(OPTION.leaseTime, seconds);
    if (seconds >= SHORTEST_WITH_TIMES_SECONDS) {
      writer.uint32(OPTION.renewalTime, renewSeconds(config, seconds));
      writer.uint32(OPTION.rebindingTime, rebindSeconds(config, seconds));
    }
    if (isRapid) writer.octets(OPTION.rapidCommit, this.#scratch, 0, 0);
    this.#echo(exchange, OPTION.clientIdentifier);
    this.#parameters(exchange);
    setDestination(exchange, "lease", address);
    return this.#finish(exchange);
  }

  /** DHCPACK to DHCPINFORM: no address and no times (RFC 2131 §4.3.5). */
  inform(exchange: Exchange): boolean {
    if (!this.#begin(exchange)) return false;
    const { request } = exchange;
    const writer = this.#writer;
    writer.ciaddr = request.ciaddr;
    if (request.ciaddr === 0 && request.giaddr !== 0) writer.flags = request.flags | header.FLAG_BROADCAST;
    this.#boot(exchange);
    writer.uint8(OPTION.messageType, MESSAGE.ack);
    writer.uint32(OPTION.serverIdentifier, exchange.serverId);
    this.#echo(exchange, OPTION.clientIdentifier);
    this.#parameters(exchange);
    setDestination(exchange, "inform", 0);
    return this.#finish(exchange);
  }

  /** DHCPNAK: message type, server, reason, and what must be echoed; a relay has to broadcast it (RFC 2131 §4.3.2). */
  nak(exchange: Exchange, reason: string): boolean {
    if (!this.#begin(exchange)) return false;
    const { request } = exchange;
    const writer = this.#writer;
    writer.withoutOverload();
    if (request.giaddr !== 0) writer.flags = request.flags | header.FLAG_BROADCAST;
    writer.uint8(OPTION.messageType, MESSAGE.nak);
    writer.uint32(OPTION.serverIdentifier, exchange.serverId);
    this.#echo(exchange, OPTION.clientIdentifier);
    this.#text(OPTION.message, reason);
    setDestination(exchange, "nak", 0);
    return this.#finish(exchange);
  }

  /** BOOTREPLY: an address and vendor information, none of DHCP's own options (RFC 1534 §2). */
  bootp(exchange: Exchange, address: Ipv4Address): boolean {
    const { request } = exchange;
    if (!this.#begin(exchange, Math.max(header.BOOTP_MESSAGE_BYTES, request.length))) return false;
    const writer = this.#writer;
    writer.withoutOverload();
    writer.ciaddr = request.ciaddr;
    writer.yiaddr = address;
    this.#boot(exchange);
    this.#parameters(exchange);
    setDestination(exchange, "lease", address);
    return this.#finish(exchange);
  }

  /**
   * Size of the reply: what the client takes, or `most`; the relay's option comes on top, because the relay takes it out again.
   */
  #begin(exchange: Exchange, most = Number.POSITIVE_INFINITY): boolean {
    const { request, reply } = exchange;
    const tailBytes = request.has(OPTION.relayAgent) ? area.optionBytes(request.lengthOf(OPTION.relayAgent)) : 0;
    const asked = request.lengthOf(OPTION.maximumSize) === 2 ? request.uint16(OPTION.maximumSize) : 0;
    const limit = Math.min(Math.max(asked, LEAST_DATAGRAM_BYTES) - DATAGRAM_HEADER_BYTES, most);
    const linkBytes = Math.max(exchange.served.config.mtu, LEAST_DATAGRAM_BYTES) - DATAGRAM_HEADER_BYTES;
    const size = Math.min(limit + tailBytes, linkBytes, reply.payloadLimit);
    const needed = ESSENTIAL_BYTES + area.optionBytes(request.lengthOf(OPTION.clientIdentifier)) + tailBytes;
    if (needed > size) return false;
    this.#writer.begin(request, reply.bytes, reply.view, reply.payloadOffset, size, tailBytes);
    return true;
  }

  #finish(exchange: Exchange): boolean {
    const { request, reply } = exchange;
    reply.payloadLength = this.#writer.finish(request, request.has(OPTION.relayAgent) ? OPTION.relayAgent : 0);
    return true;
  }

  #boot(exchange: Exchange): void {
    const boot = exchange.clientClass?.boot ?? exchange.served.boot;
    if (boot === undefined) return;
    this.#writer.siaddr = boot.server;
    this.#writer.boot(boot.file, boot.serverName);
  }

  /**
   * What the client asks for in its order (RFC 2132 §9.8), everything when it sends no list; then what is sent unasked. Option 1
   * always comes before 3 (RFC 2132 §3.3); 3 and 33 are left out for a client that gets 121 (RFC 3442); 108 never comes unasked
   * (RFC 8925 §3.3); 97 is said back (RFC 4578 §2.3).
   */
  #parameters(exchange: Exchange): void {
    const { request } = exchange;
    const length = request.lengthOf(OPTION.parameterList);
    if (length === 0) this.#everything(exchange);
    else {
      const list = request.bytesOf(OPTION.parameterList);
      const start = request.offsetOf(OPTION.parameterList);
      for (let at = start; at < start + length; at++) this.#parameter(exchange, list[at]);
    }
    this.#unasked(exchange, exchange.reservation?.options);
    this.#unasked(exchange, exchange.clientClass?.options);
    this.#unasked(exchange, exchange.networkOptions);
    if (request.lengthOf(OPTION.clientFqdn) >= FQDN_HEADER_BYTES && request.messageType !== 0) this.#fqdn(exchange);
    if (request.lengthOf(OPTION.clientUuid) === CLIENT_UUID_BYTES && !this.#writer.has(OPTION.clientUuid)) {
      this.#echo(exchange, OPTION.clientUuid);
    }
    if (exchange.addressOption(OPTION.subnetSelection) !== 0) this.#echo(exchange, OPTION.subnetSelection);
  }

  #everything(exchange: Exchange): void {
    for (const set of [exchange.reservation?.options, exchange.clientClass?.options, exchange.networkOptions]) {
      for (const code of set?.codes ?? []) if (code !== OPTION.ipv6OnlyPreferred) this.#parameter(exchange, code);
    }
    this.#parameter(exchange, OPTION.hostName);
  }

  #unasked(exchange: Exchange, set: OptionSet | undefined): void {
    if (set === undefined) return;
    for (const code of set.alwaysCodes) if (code !== OPTION.ipv6OnlyPreferred) this.#parameter(exchange, code);
  }

  #parameter(exchange: Exchange, code: number): void {
    if (PROTOCOL_CODES[code] === 1 || this.#writer.has(code)) return;
    if ((code === OPTION.router || code === OPTION.staticRoutes) && this.#areReplaced(exchange)) return;
    if (code === OPTION.router) this.#configured(exchange, OPTION.subnetMask);
    this.#configured(exchange, code);
    if (code === OPTION.hostName && !this.#writer.has(code)) this.#text(code, exchange.hostName);
  }

  /** Whether option 121 stands for options 3 and 33. */
  #areReplaced(exchange: Exchange): boolean {
    if (exchange.served.config.routesReplaceRouter === false) return false;
    const code = OPTION.classlessRoutes;
    const { reservation, clientClass, networkOptions } = exchange;
    const isThere =
      networkOptions.has(code) || clientClass?.options.has(code) === true || reservation?.options.has(code) === true;
    return isThere && exchange.asksFor(code);
  }

  /** The most specific value wins: the reservation's, then the class's, then the network's. */
  #configured(exchange: Exchange, code: number): void {
    if (exchange.reservation !== undefined) this.#writer.fromSet(exchange.reservation.options, code);
    if (exchange.clientClass !== undefined) this.#writer.fromSet(exchange.clientClass.options, code);
    this.#writer.fromSet(exchange.networkOptions, code);
  }

  /** An option of the request, as it came. The caller has checked that it is no longer than one option can be. */
  #echo(exchange: Exchange, code: number): void {
    const { request } = exchange;
    if (request.has(code)) this.#writer.octets(code, request.bytesOf(code), request.offsetOf(code), request.lengthOf(code));
  }

  #text(code: number, text: string): void {
    if (text === "") return;
    const length = Math.min(text.length, area.VALUE_LIMIT_BYTES);
    for (let at = 0; at < length; at++) this.#scratch[at] = text.charCodeAt(at);
    this.#writer.octets(code, this.#scratch, 0, length);
  }

  /**
   * Option 81 (RFC 4702 §4): we keep the client's name ourselves unless it wants no updates at all, and say which name that is,
   * in the encoding that it used.
   */
  #fqdn(exchange: Exchange): void {
    const { request } = exchange;
    const asked = request.bytesOf(OPTION.clientFqdn)[request.offsetOf(OPTION.clientFqdn) + FQDN.flags];
    const isRefused = (asked & FQDN_FLAG.noUpdates) !== 0;
    const isOurs = isRefused ? 0 : FQDN_FLAG.serverUpdates;
    const overridden = isOurs === (asked & FQDN_FLAG.serverUpdates) ? 0 : FQDN_FLAG.overridden;
    const encoded = asked & FQDN_FLAG.encoded;
    this.#scratch[FQDN.flags] = isOurs | overridden | encoded | (isRefused ? FQDN_FLAG.noUpdates : 0);
    this.#scratch[FQDN.rcode1] = RCODE_UNUSED;
    this.#scratch[FQDN.rcode2] = RCODE_UNUSED;
    const end = encoded === 0 ? this.#asciiName(exchange, FQDN.name) : this.#encodedName(exchange, FQDN.name);
    if (end <= area.VALUE_LIMIT_BYTES) this.#writer.octets(OPTION.clientFqdn, this.#scratch, 0, end);
  }

  #asciiName(exchange: Exchange, start: number): number {
    const { domain } = exchange.served.config;
    const label = exchange.nameForClient;
    const name = label === "" || domain === "" ? label : `${label}.${domain}`;
    const length = Math.min(name.length, this.#scratch.length - start);
    for (let index = 0; index < length; index++) this.#scratch[start + index] = name.charCodeAt(index);
    return start + length;
  }

  #encodedName(exchange: Exchange, start: number): number {
    const label = exchange.nameForClient;
    if (label === "") return start;
    let at = start;
    this.#scratch[at++] = label.length;
    for (let index = 0; index < label.length; index++) this.#scratch[at++] = label.charCodeAt(index);
    for (const octet of exchange.served.domainLabels) this.#scratch[at++] = octet;
    return at;
  }
}
