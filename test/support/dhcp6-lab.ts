/**
 * A DHCPv6 server without a wire: messages in as objects, answers out as objects, through the real dispatcher, frames and all.
 * Time stands still unless `clock` is moved.
 */
import { type Ipv6Address, parseIpv6 } from "../../src/base/ipv6-address.js";
import { silentLogger } from "../../src/base/log.js";
import { type Ipv6Prefix, parseIpv6Prefix } from "../../src/base/prefix.js";
import { Dispatcher } from "../../src/frame/dispatch.js";
import type { Link } from "../../src/frame/link.js";
import type { LeaseEvent } from "../../src/lease/events.js";
import { GroupCommit } from "../../src/lease/group-commit.js";
import { MemoryStore } from "../../src/lease/memory-store.js";
import type { LeaseStore } from "../../src/lease/store.js";
import type { Dhcp6Network } from "../../src/services/dhcp6/network.js";
import { Dhcp6Service } from "../../src/services/dhcp6/service.js";
import { ALL_DHCP_RELAY_AGENTS_AND_SERVERS, DHCP6_PORT, MESSAGE, OPTION } from "../../src/wire/dhcp6/codes.js";
import * as message from "../../src/wire/dhcp6/message.js";
import type { Option } from "../../src/wire/dhcp6/option-repr.js";
import {
  GUEST_LINK_LOCAL,
  GUEST_MAC,
  must,
  PORT,
  RecordingTransmitter,
  readUdpFrame,
  receive,
  tableOf,
  udpv6Frame,
} from "./frames.js";
import { ManualClock } from "./manual-clock.js";
import { viewOf } from "./pieces.js";

export function ip(text: string): Ipv6Address {
  const address = parseIpv6(text);
  if (address === undefined) throw new Error(`${text} is no IPv6 address`);
  return address;
}

export function prefix(text: string): Ipv6Prefix {
  const parsed = parseIpv6Prefix(text);
  if (parsed === undefined) throw new Error(`${text} is no IPv6 prefix`);
  return parsed;
}

export const SERVER_DUID = Uint8Array.from([0, 4, ...Buffer.from("0123456789abcdef0123456789abcdef", "hex")]);

/** Two guests' ports, and a link with many clients. */
export const WEB1: Link = { ...PORT, gatewayIpv6: ip("2001:db8:77::1") };
export const WEB2: Link = { ...WEB1, slot: 1, ifindex: 8, ifname: "tn-web2", guest: "web2" };
export const BRIDGE: Link = { ...WEB1, slot: 2, ifindex: 9, ifname: "br0", guest: undefined };

export const NETWORK: Dhcp6Network = {
  name: "default",
  prefixes: [prefix("2001:db8:77::/64")],
  gateway: ip("2001:db8:77::1"),
  addressPool: prefix("2001:db8:77::/64"),
  delegation: { pool: prefix("2001:db8:100::/40"), length: 56 },
  leaseSeconds: 3600,
  preferredSeconds: 1800,
  offerSeconds: 60,
  quarantineSeconds: 600,
  rapidCommit: true,
  authoritative: true,
  relayed: true,
  preference: 0,
  domain: "tapnet.internal",
  options: {
    dnsServers: [ip("2001:db8:77::1")],
    searchDomains: ["tapnet.internal"],
    ntpServers: [{ kind: "name", name: "ntp.example.org" }],
    sntpServers: [ip("2001:db8::7b")],
    bootFiles: [
      { architecture: 7, url: "tftp://[2001:db8:77::1]/efi", parameters: ["quiet"] },
      { architecture: undefined, url: "tftp://[2001:db8:77::1]/other", parameters: [] },
    ],
    informationRefreshSeconds: 86_400,
    solMaxRtSeconds: 3600,
    infMaxRtSeconds: 7200,
  },
  reservations: [],
  guests: [],
};

export interface Sent {
  readonly link?: Link;
  readonly source?: Ipv6Address;
  readonly destination?: Ipv6Address;
  readonly mac?: number;
  readonly udpSource?: number;
}

/** What came back, and where to. */
export interface Answer {
  readonly message: message.Message;
  readonly destination: Ipv6Address;
  readonly source: Ipv6Address;
  readonly udpDestination: number;
  readonly ifindex: number;
}

export class Dhcp6Lab {
  readonly clock = new ManualClock();
  readonly store: LeaseStore;
  readonly events: LeaseEvent[] = [];
  readonly commit: GroupCommit;
  readonly service: Dhcp6Service;
  readonly dispatcher: Dispatcher;
  readonly transmitter = new RecordingTransmitter();

  constructor(networks: readonly Dhcp6Network[] = [NETWORK], store: LeaseStore = new MemoryStore()) {
    const { clock } = this;
    this.store = store;
    const events = { apply: (all: readonly LeaseEvent[]) => void this.events.push(...all) };
    this.commit = new GroupCommit({ store, events, clock, log: silentLogger });
    const secret = new Uint8Array(32).fill(7);
    this.service = new Dhcp6Service({ serverDuid: SERVER_DUID, secret, commit: this.commit, clock, log: silentLogger });
    for (const network of networks) this.service.setNetwork(network);
    this.dispatcher = new Dispatcher({
      links: tableOf(WEB1, WEB2, BRIDGE),
      transmitter: this.transmitter,
      datagrams: [{ family: 6, port: DHCP6_PORT.server, reach: "link", service: this.service }],
      commit: () => this.commit.commit(),
      clock,
      log: silentLogger,
    });
  }

  /** Sends bytes and hands back the answer, after whatever it had to wait for; undefined for silence. */
  async sendBytes(payload: Uint8Array, sent: Sent = {}): Promise<Answer | undefined> {
    const link = sent.link ?? WEB1;
    const before = this.transmitter.frames.length;
    const frame = udpv6Frame({
      payload,
      source: sent.udpSource ?? DHCP6_PORT.client,
      destination: DHCP6_PORT.server,
      ipv6Source: sent.source ?? GUEST_LINK_LOCAL,
      ipv6Destination: sent.destination ?? ALL_DHCP_RELAY_AGENTS_AND_SERVERS,
      etherSource: sent.mac ?? GUEST_MAC,
      etherDestination: sent.destination === undefined ? 0x3333_0001_0002 : link.gatewayMac,
    });
    this.dispatcher.dispatch(receive([frame], link.slot));
    await this.dispatcher.drain();
    const answer = this.transmitter.frames[before];
    return answer === undefined ? undefined : read(answer);
  }

  async send(sentMessage: message.Message, sent: Sent = {}): Promise<Answer | undefined> {
    return this.sendBytes(message.toBytes(sentMessage), sent);
  }

  /** Sends a message between client and server and hands back the answer's message, which must be one. */
  async ask(asked: message.ClientServerMessage, sent: Sent = {}): Promise<message.ClientServerMessage> {
    const answer = await this.send(asked, sent);
    if (answer === undefined) throw new Error(`no answer to message ${asked.type}: ${JSON.stringify(this.service.counters)}`);
    if (message.isRelay(answer.message)) throw new Error("a relay's answer to a client");
    if (answer.message.transactionId !== asked.transactionId) throw new Error("another transaction's answer");
    return answer.message;
  }
}

function read(frame: { readonly ifindex: number; readonly bytes: Uint8Array }): Answer {
  const { ip: header, udp, payload } = readUdpFrame(frame.bytes);
  if (typeof header.source !== "bigint" || typeof header.destination !== "bigint") throw new Error("not IPv6");
  return {
    message: must(message.parse(viewOf(payload), 0, payload.length)),
    destination: header.destination,
    source: header.source,
    udpDestination: udp.destination,
    ifindex: frame.ifindex,
  };
}

let transaction = 0;

export const DUID_1 = Uint8Array.from([0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56]);
export const DUID_2 = Uint8Array.from([0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x57]);

export const clientId = (duid: Uint8Array): Option => ({ kind: "duid", code: OPTION.clientId, duid });
export const serverId = (duid: Uint8Array = SERVER_DUID): Option => ({ kind: "duid", code: OPTION.serverId, duid });
export const asksFor = (...codes: number[]): Option => ({ kind: "codes", code: OPTION.optionRequest, codes });
export const rapidCommit: Option = { kind: "flag", code: OPTION.rapidCommit };

/** An IA_NA with these addresses in it. */
export function iaNa(iaid: number, ...addresses: Ipv6Address[]): Option {
  return ia(
    OPTION.iaNa,
    iaid,
    addresses.map((address) => {
      return { kind: "ia-address", code: OPTION.iaAddress, address, preferredSeconds: 0, validSeconds: 0, options: [] };
    }),
  );
}

/** An IA_PD with these prefixes in it. */
export function iaPd(iaid: number, ...prefixes: Ipv6Prefix[]): Option {
  return ia(
    OPTION.iaPd,
    iaid,
    prefixes.map(({ address, prefixLength }) => {
      return {
        kind: "ia-prefix",
        code: OPTION.iaPrefix,
        prefix: address,
        prefixLength,
        preferredSeconds: 0,
        validSeconds: 0,
        options: [],
      };
    }),
  );
}

function ia(code: number, iaid: number, options: readonly Option[]): Option {
  return { kind: "ia", code, iaid, t1Seconds: 0, t2Seconds: 0, options };
}

/** A message with a transaction id of its own. */
export function say(type: keyof typeof MESSAGE, ...options: Option[]): message.ClientServerMessage {
  transaction = (transaction + 1) & 0xff_ffff;
  return { type: MESSAGE[type], transactionId: transaction, options };
}

export type Ia = Extract<Option, { kind: "ia" }>;
export type IaAddressOption = Extract<Option, { kind: "ia-address" }>;
export type IaPrefixOption = Extract<Option, { kind: "ia-prefix" }>;

export function optionOf<K extends Option["kind"]>(
  options: readonly Option[],
  kind: K,
  code?: number,
): Extract<Option, { kind: K }> | undefined {
  return options.find(
    (one): one is Extract<Option, { kind: K }> => one.kind === kind && (code === undefined || one.code === code),
  );
}

/** The answer's association with this IAID. */
export function iaOf(answer: message.ClientServerMessage, iaid: number, code: number = OPTION.iaNa): Ia {
  const found = answer.options.find((one): one is Ia => one.kind === "ia" && one.code === code && one.iaid === iaid);
  if (found === undefined) throw new Error(`no IA ${iaid} in the answer`);
  return found;
}

/** Status of a message or an association; 0 where none is said (RFC 8415 §21.13). */
export function statusOf(options: readonly Option[]): number {
  return optionOf(options, "status")?.status ?? 0;
}

/** The one address that an association of the answer gives. */
export function addressOf(answer: message.ClientServerMessage, iaid: number): Ipv6Address {
  const given = iaOf(answer, iaid).options.filter(
    (one): one is IaAddressOption => one.kind === "ia-address" && one.validSeconds > 0,
  );
  if (given.length !== 1) throw new Error(`${given.length} addresses in IA ${iaid}`);
  return given[0].address;
}
