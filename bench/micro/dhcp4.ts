import { createRequire } from "node:module";
import { systemClock } from "../../src/base/clock.js";
import { silentLogger } from "../../src/base/log.js";
import { Datagram, Reply, VERDICT } from "../../src/frame/datagram.js";
import type { Link } from "../../src/frame/link.js";
import { silentLeaseEvents } from "../../src/lease/events.js";
import { GroupCommit } from "../../src/lease/group-commit.js";
import { MemoryStore } from "../../src/lease/memory-store.js";
import type { Dhcp4Network } from "../../src/services/dhcp4/network.js";
import { Dhcp4Service } from "../../src/services/dhcp4/service.js";
import { MESSAGE, OPTION } from "../../src/wire/dhcp4/codes.js";
import * as message from "../../src/wire/dhcp4/message.js";
import type { Option } from "../../src/wire/dhcp4/option-repr.js";
import { Dhcp4Request } from "../../src/wire/dhcp4/request.js";
import type { MicroCase } from "../frame/micro-case.js";

/** The codec of the package `dhcp`, which has no types. */
interface DhcpPackage {
  parse(bytes: Buffer): { readonly options: Readonly<Record<number, unknown>> };
  format(message: object): { readonly _data: Buffer; readonly _w: number };
}
const dhcp = createRequire(import.meta.url)("dhcp/lib/protocol.js") as DhcpPackage;

const CHADDR = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
const SERVER = 0x0a4d_0001;

/** As systemd-networkd asks: ten options. */
function optionsOf(type: number): Option[] {
  return [
    { kind: "uint8", code: OPTION.messageType, value: type },
    { kind: "octets", code: OPTION.clientIdentifier, data: Uint8Array.of(1, ...CHADDR) },
    { kind: "codes", code: OPTION.parameterList, codes: [1, 3, 6, 12, 15, 28, 42, 119, 121] },
    { kind: "uint16", code: OPTION.maximumSize, value: 1472 },
    { kind: "text", code: OPTION.hostName, text: "web1" },
    { kind: "text", code: OPTION.vendorClass, text: "systemd" },
  ];
}

const DISCOVER = message.toBytes(message.make({ chaddr: CHADDR, xid: 7, options: optionsOf(MESSAGE.discover) }));

function parseCase(): MicroCase {
  const cursor = new Dhcp4Request();
  const view = new DataView(DISCOVER.buffer);
  const buffer = Buffer.from(DISCOVER);
  const mustBe = (isRight: boolean): void => {
    if (!isRight) throw new Error("DISCOVER was not understood");
  };
  return {
    name: "parse a DISCOVER of 6 options",
    systems: {
      tapnet: () =>
        mustBe(cursor.read(DISCOVER, view, 0, DISCOVER.length) === undefined && cursor.messageType === MESSAGE.discover),
      "tapnet, as an object": () => mustBe(typeof message.parse(view, 0, DISCOVER.length) === "object"),
      dhcp: () => mustBe(dhcp.parse(buffer).options[OPTION.messageType] === MESSAGE.discover),
    },
  };
}

function emitCase(): MicroCase {
  const addresses = { kind: "addresses", addresses: [SERVER] } as const;
  const offer = message.make({
    op: 2,
    chaddr: CHADDR,
    xid: 7,
    yiaddr: 0x0a4d_0009,
    options: [
      { kind: "uint8", code: OPTION.messageType, value: MESSAGE.offer },
      { kind: "address", code: OPTION.serverIdentifier, address: SERVER },
      { kind: "uint32", code: OPTION.leaseTime, value: 3600 },
      { kind: "address", code: OPTION.subnetMask, address: 0xffff_ff00 },
      { ...addresses, code: OPTION.router },
      { ...addresses, code: OPTION.dnsServer },
      { kind: "text", code: OPTION.domainName, text: "tapnet.internal" },
    ],
  });
  const bytes = new Uint8Array(message.emittedBytes(offer));
  const view = new DataView(bytes.buffer);
  const same = {
    op: 2,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: 7,
    secs: 0,
    flags: 0,
    ciaddr: "0.0.0.0",
    yiaddr: "10.77.0.9",
    siaddr: "0.0.0.0",
    giaddr: "0.0.0.0",
    chaddr: "52-54-00-12-34-56",
    sname: "",
    file: "",
    options: { 53: 2, 54: "10.77.0.1", 51: 3600, 1: "255.255.255.0", 3: ["10.77.0.1"], 6: ["10.77.0.1"], 15: "tapnet.internal" },
  };
  return {
    name: "compose an OFFER of 7 options from an object",
    systems: {
      tapnet: () => {
        if (message.emit(offer, view, 0) !== bytes.length) throw new Error("OFFER was not written");
      },
      dhcp: () => {
        if (dhcp.format(same)["_w"] < 250) throw new Error("OFFER was not written");
      },
    },
  };
}

const LINK: Link = {
  slot: 0,
  ifindex: 7,
  ifname: "tn-web1",
  network: "default",
  guest: "web1",
  gatewayMac: 0x0200_0000_0001,
  gatewayIpv4: SERVER,
  gatewayIpv6: 0n,
};

const NETWORK: Dhcp4Network = {
  name: "default",
  subnet: { family: 4, address: 0x0a4d_0000, prefixLength: 16 },
  gateway: SERVER,
  dnsServers: [SERVER],
  domain: "tapnet.internal",
  mtu: 1500,
  ranges: [{ first: 0x0a4d_0002, last: 0x0a4d_fffe }],
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

/** The whole service, from payload to payload, without a store behind it. */
function serviceCase(name: string, link: Link, bytes: Uint8Array, expected: number): MicroCase {
  const commit = new GroupCommit({ store: new MemoryStore(), events: silentLeaseEvents, clock: systemClock, log: silentLogger });
  const service = new Dhcp4Service({ commit, clock: systemClock, log: silentLogger });
  service.configure([NETWORK]);
  const datagram = new Datagram();
  const reply = new Reply();
  reply.bytes = new Uint8Array(1472);
  reply.view = new DataView(reply.bytes.buffer);
  reply.payloadLimit = 1472;
  Object.assign(datagram, {
    link,
    bytes,
    view: new DataView(bytes.buffer),
    payloadLength: bytes.length,
    etherSource: 0x5254_0012_3456,
  });
  return {
    name,
    unit: "messages",
    systems: {
      tapnet: () => {
        if (service.handle(datagram, reply) !== expected) throw new Error(`${name}: not answered`);
      },
    },
  };
}

function requestOf(address: number): Uint8Array {
  const wanted: Option = { kind: "address", code: OPTION.requestedAddress, address };
  const server: Option = { kind: "address", code: OPTION.serverIdentifier, address: SERVER };
  return message.toBytes(message.make({ chaddr: CHADDR, xid: 7, options: [...optionsOf(MESSAGE.request), wanted, server] }));
}

const SHARED: Link = { ...LINK, guest: undefined };

export const cases: MicroCase[] = [
  parseCase(),
  emitCase(),
  serviceCase("DISCOVER to OFFER on a port", LINK, DISCOVER, VERDICT.reply),
  serviceCase("DISCOVER to OFFER on a shared link", SHARED, DISCOVER, VERDICT.reply),
  serviceCase("REQUEST to ACK on a port, before the commit", LINK, requestOf(0x0a4d_0009), VERDICT.replyAfterCommit),
  serviceCase("REQUEST to ACK on a shared link, before the commit", SHARED, requestOf(0x0a4d_0009), VERDICT.replyAfterCommit),
];
