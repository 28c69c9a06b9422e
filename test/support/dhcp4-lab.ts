/**
 * A DHCPv4 server without a wire: messages in as objects, answers out as objects, through the real dispatcher, frames and all.
 * Time stands still unless `clock` is moved.
 */
import { IPV4_BROADCAST, type Ipv4Address, parseIpv4 } from "../../src/base/ipv4-address.js";
import { type Logger, silentLogger } from "../../src/base/log.js";
import { MAC_BROADCAST, type Mac, writeMac } from "../../src/base/mac.js";
import { type Ipv4Prefix, parseIpv4Prefix } from "../../src/base/prefix.js";
import type { Budget } from "../../src/frame/budget.js";
import { Dispatcher } from "../../src/frame/dispatch.js";
import type { Link } from "../../src/frame/link.js";
import type { LeaseEvent } from "../../src/lease/events.js";
import { GroupCommit } from "../../src/lease/group-commit.js";
import { MemoryStore } from "../../src/lease/memory-store.js";
import type { LeaseStore } from "../../src/lease/store.js";
import type { AddressProbe } from "../../src/services/dhcp4/conflict-check.js";
import type { Dhcp4Network } from "../../src/services/dhcp4/network.js";
import { Dhcp4Service } from "../../src/services/dhcp4/service.js";
import { MESSAGE, OPTION } from "../../src/wire/dhcp4/codes.js";
import * as message from "../../src/wire/dhcp4/message.js";
import type { Option } from "../../src/wire/dhcp4/option-repr.js";
import { GUEST_MAC, must, PORT, RecordingTransmitter, readUdpFrame, receive, tableOf, udpv4Frame } from "./frames.js";
import { ManualClock } from "./manual-clock.js";
import { viewOf } from "./pieces.js";

export function ip(text: string): Ipv4Address {
  const address = parseIpv4(text);
  if (address === undefined) throw new Error(`${text} is no IPv4 address`);
  return address;
}

export function prefix(text: string): Ipv4Prefix {
  const parsed = parseIpv4Prefix(text);
  if (parsed === undefined) throw new Error(`${text} is no IPv4 prefix`);
  return parsed;
}

/** Two guests' ports, a link with many clients, and one of another network. */
export const WEB1: Link = PORT;
export const WEB2: Link = { ...PORT, slot: 1, ifindex: 8, ifname: "tn-web2", guest: "web2" };
export const BRIDGE: Link = { ...PORT, slot: 2, ifindex: 9, ifname: "br0", guest: undefined };
export const STRANGE: Link = { ...PORT, slot: 3, ifindex: 10, ifname: "tn-lost", guest: "lost", network: "none" };

export const SERVER = ip("10.77.0.1");

export const NETWORK: Dhcp4Network = {
  name: "default",
  subnet: prefix("10.77.0.0/24"),
  gateway: SERVER,
  dnsServers: [SERVER],
  domain: "tapnet.internal",
  mtu: 1500,
  ranges: [{ first: ip("10.77.0.2"), last: ip("10.77.0.254") }],
  leaseSeconds: 3600,
  renewSeconds: undefined,
  rebindSeconds: undefined,
  offerSeconds: 60,
  quarantineSeconds: 86_400,
  netmask: "network",
  authoritative: true,
  rapidCommit: true,
  probe: false,
  routes: [],
  options: [],
  classes: [],
  reservations: [],
  guests: [],
};

/** A network that relays and subnet selection lead to. */
export const FAR: Dhcp4Network = {
  ...NETWORK,
  name: "far",
  subnet: prefix("10.88.0.0/24"),
  gateway: ip("10.88.0.1"),
  ranges: [{ first: ip("10.88.0.100"), last: ip("10.88.0.199") }],
  relayed: true,
};

export interface Sent {
  readonly link?: Link;
  /** Sender's IPv4 address; unspecified as in a client without one. */
  readonly source?: Ipv4Address;
  /** Broadcast when left out. */
  readonly destination?: Ipv4Address;
  readonly udpSource?: number;
  /** Sender of the frame: a relay, or the client itself. */
  readonly mac?: Mac;
}

export interface Answer {
  readonly message: message.Dhcp4Message;
  readonly payload: Uint8Array;
  readonly etherSource: Mac;
  readonly etherDestination: Mac;
  readonly source: Ipv4Address;
  readonly destination: Ipv4Address;
  readonly udpSource: number;
  readonly udpDestination: number;
  readonly ifindex: number;
}

export interface LabOptions {
  readonly networks?: readonly Dhcp4Network[];
  readonly store?: LeaseStore;
  readonly clock?: ManualClock;
  readonly probe?: AddressProbe;
  readonly log?: Logger;
  /** What one port may send; without it nothing is held back. */
  readonly budget?: Budget;
}

export class Dhcp4Lab {
  readonly clock: ManualClock;
  readonly store: LeaseStore;
  readonly commit: GroupCommit;
  readonly service: Dhcp4Service;
  readonly events: LeaseEvent[] = [];
  /** Offers that left outside a batch. */
  readonly late: message.Dhcp4Message[] = [];
  readonly transmitter = new RecordingTransmitter();
  readonly dispatcher: Dispatcher;

  constructor(options: LabOptions = {}) {
    const {
      networks = [NETWORK, FAR],
      store = new MemoryStore(),
      clock = new ManualClock(),
      probe,
      log = silentLogger,
      budget,
    } = options;
    this.clock = clock;
    this.store = store;
    const events = {
      apply: (told: readonly LeaseEvent[]): undefined => {
        this.events.push(...told);
      },
    };
    this.commit = new GroupCommit({ store, events, clock, log });
    const sender = {
      send: (_: unknown, payload: Uint8Array): void => {
        this.late.push(must(message.parse(viewOf(payload.slice()), 0, payload.length)));
      },
    };
    this.service = new Dhcp4Service({ commit: this.commit, clock, log, probe, sender });
    this.service.configure(networks);
    this.dispatcher = new Dispatcher({
      links: tableOf(WEB1, WEB2, BRIDGE, STRANGE),
      transmitter: this.transmitter,
      datagrams: [{ family: 4, port: 67, reach: "link", service: this.service, ...(budget === undefined ? {} : { budget }) }],
      commit: () => this.commit.commit(),
      clock,
      log,
    });
  }

  /** Sends bytes and hands back the answer, after whatever it had to wait for; undefined for silence. */
  async sendBytes(payload: Uint8Array, sent: Sent = {}): Promise<Answer | undefined> {
    const before = this.transmitter.frames.length;
    const frame = udpv4Frame({
      payload,
      source: sent.udpSource ?? 68,
      destination: 67,
      ipSource: sent.source ?? 0,
      ipDestination: sent.destination ?? IPV4_BROADCAST,
      etherSource: sent.mac ?? GUEST_MAC,
      etherDestination: sent.destination === undefined ? MAC_BROADCAST : PORT.gatewayMac,
    });
    this.dispatcher.dispatch(receive([frame], (sent.link ?? WEB1).slot));
    await this.dispatcher.drain();
    const answer = this.transmitter.frames[before];
    return answer === undefined ? undefined : read(answer);
  }

  send(sentMessage: message.Dhcp4Message, sent: Sent = {}): Promise<Answer | undefined> {
    return this.sendBytes(message.toBytes(sentMessage), { mac: macOf(sentMessage), ...sent });
  }

  /** Sends a message that must be answered. */
  async ask(asked: message.Dhcp4Message, sent: Sent = {}): Promise<Answer> {
    const answer = await this.send(asked, sent);
    if (answer === undefined) throw new Error(`no answer: ${JSON.stringify(this.service.counters)}`);
    if (answer.message.xid !== asked.xid) throw new Error("another transaction's answer");
    return answer;
  }

  /** DISCOVER, OFFER, REQUEST, ACK; hands back the address. */
  async lease(client: Client, sent: Sent = {}, ...options: Option[]): Promise<Ipv4Address> {
    const offer = await this.ask(client.discover(...options), sent);
    const ack = await this.ask(client.select(offer, ...options), sent);
    if (typeOf(ack) !== MESSAGE.ack) throw new Error(`${typeOf(ack)} instead of an ACK`);
    return ack.message.yiaddr;
  }
}

function macOf(sent: message.Dhcp4Message): Mac {
  const padded = Uint8Array.from([...sent.chaddr, 0, 0, 0, 0, 0, 0]);
  return viewOf(padded).getUint16(0) * 0x1_0000_0000 + viewOf(padded).getUint32(2);
}

function read(frame: { readonly ifindex: number; readonly bytes: Uint8Array }): Answer {
  const { ether, ip: header, udp, payload } = readUdpFrame(frame.bytes);
  if (typeof header.source !== "number" || typeof header.destination !== "number") throw new Error("not IPv4");
  return {
    message: must(message.parse(viewOf(payload), 0, payload.length)),
    payload,
    etherSource: ether.source,
    etherDestination: ether.destination,
    source: header.source,
    destination: header.destination,
    udpSource: udp.source,
    udpDestination: udp.destination,
    ifindex: frame.ifindex,
  };
}

let transaction = 0x1000_0000;

/** A client that says what it is told to, with fields as RFC 2131 table 5 has them. */
export class Client {
  readonly mac: Mac;
  readonly chaddr: Uint8Array;
  readonly fixed: readonly Option[];

  /** `fixed` goes into every message. */
  constructor(mac: Mac = GUEST_MAC, ...fixed: Option[]) {
    this.mac = mac;
    this.chaddr = new Uint8Array(6);
    writeMac(viewOf(this.chaddr), 0, mac);
    this.fixed = fixed;
  }

  say(type: keyof typeof MESSAGE, fields: Partial<message.Dhcp4Message>, ...options: Option[]): message.Dhcp4Message {
    const head: Option = { kind: "uint8", code: OPTION.messageType, value: MESSAGE[type] };
    return message.make({ chaddr: this.chaddr, xid: ++transaction, ...fields, options: [head, ...this.fixed, ...options] });
  }

  discover(...options: Option[]): message.Dhcp4Message {
    return this.say("discover", {}, ...options);
  }

  /** Takes an offer. */
  select(offer: Answer, ...options: Option[]): message.Dhcp4Message {
    const server = addressOf(offer, OPTION.serverIdentifier) ?? 0;
    return this.say("request", {}, wants(offer.message.yiaddr), from(server), ...options);
  }

  /** Takes our offer of this address. */
  selectAddress(address: Ipv4Address, ...options: Option[]): message.Dhcp4Message {
    return this.say("request", {}, wants(address), from(SERVER), ...options);
  }

  reboot(address: Ipv4Address, ...options: Option[]): message.Dhcp4Message {
    return this.say("request", {}, wants(address), ...options);
  }

  renew(ciaddr: Ipv4Address, ...options: Option[]): message.Dhcp4Message {
    return this.say("request", { ciaddr }, ...options);
  }

  release(ciaddr: Ipv4Address, server = SERVER): message.Dhcp4Message {
    return this.say("release", { ciaddr }, from(server));
  }

  decline(address: Ipv4Address, server = SERVER): message.Dhcp4Message {
    return this.say("decline", {}, wants(address), from(server));
  }

  inform(ciaddr: Ipv4Address, ...options: Option[]): message.Dhcp4Message {
    return this.say("inform", { ciaddr }, ...options);
  }
}

export const wants = (address: Ipv4Address): Option => ({ kind: "address", code: OPTION.requestedAddress, address });
export const from = (address: Ipv4Address): Option => ({ kind: "address", code: OPTION.serverIdentifier, address });
export const lists = (...codes: number[]): Option => ({ kind: "codes", code: OPTION.parameterList, codes });
export const seconds = (value: number): Option => ({ kind: "uint32", code: OPTION.leaseTime, value });
export const largest = (value: number): Option => ({ kind: "uint16", code: OPTION.maximumSize, value });
export const hostName = (text: string): Option => ({ kind: "text", code: OPTION.hostName, text });
export const octets = (code: number, ...data: number[]): Option => ({ kind: "octets", code, data: Uint8Array.from(data) });
export const clientId = (...data: number[]): Option => octets(OPTION.clientIdentifier, ...data);
export const rapidCommit: Option = { kind: "present", code: OPTION.rapidCommit };
export const relayInfo = (...suboptions: [code: number, ...data: number[]][]): Option => ({
  kind: "suboptions",
  code: OPTION.relayAgent,
  suboptions: suboptions.map(([code, ...data]) => ({ code, data: Uint8Array.from(data) })),
});

export function optionOf(answer: Answer, code: number): Option | undefined {
  return answer.message.options?.find((option) => option.code === code);
}

export function codesOf(answer: Answer): number[] {
  return answer.message.options?.map((option) => option.code) ?? [];
}

export function typeOf(answer: Answer): number | undefined {
  const option = optionOf(answer, OPTION.messageType);
  return option?.kind === "uint8" ? option.value : undefined;
}

export function addressOf(answer: Answer, code: number): Ipv4Address | undefined {
  const option = optionOf(answer, code);
  if (option?.kind === "addresses") return option.addresses[0];
  return option?.kind === "address" ? option.address : undefined;
}

export function secondsOf(answer: Answer, code: number = OPTION.leaseTime): number | undefined {
  const option = optionOf(answer, code);
  return option?.kind === "uint32" ? option.value : undefined;
}
