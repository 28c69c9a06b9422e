/** Where replies go: every row of the table in destination.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MAC_BROADCAST } from "../../../src/base/mac.js";
import { type Answer, BRIDGE, Client, Dhcp4Lab, ip, relayInfo, SERVER, type Sent } from "../../support/dhcp4-lab.js";

const CLIENT = new Client(0x5254_0000_0001);
const RELAY_MAC = 0x0200_0000_00fe;
const RELAY = ip("10.77.0.254");
const BROADCAST = 0xffff_ffff;
const FLAG = 0x8000;

interface Row {
  readonly name: string;
  readonly ask: (lab: Dhcp4Lab) => Promise<Answer>;
  readonly mac: number;
  readonly destination: number;
  readonly port?: number;
  readonly flags?: number;
}

const relayed: Sent = { link: BRIDGE, mac: RELAY_MAC, source: RELAY, destination: SERVER, udpSource: 67 };
const bridged: Sent = { link: BRIDGE };

const ADDRESS = ip("10.77.0.77");

async function bound(lab: Dhcp4Lab): Promise<number> {
  const offer = await lab.ask(CLIENT.discover({ kind: "address", code: 50, address: ADDRESS }), bridged);
  await lab.ask(CLIENT.select(offer), bridged);
  return offer.message.yiaddr;
}

const wanted = { kind: "address", code: 50, address: ADDRESS } as const;

const ROWS: readonly Row[] = [
  {
    name: "offer to a client that takes unicast",
    ask: (lab) => lab.ask(CLIENT.discover(wanted), bridged),
    mac: CLIENT.mac,
    destination: ADDRESS,
  },
  {
    name: "offer to a client with the broadcast flag",
    ask: (lab) => lab.ask({ ...CLIENT.discover(wanted), flags: FLAG }, bridged),
    mac: MAC_BROADCAST,
    destination: BROADCAST,
    flags: FLAG,
  },
  {
    name: "offer through a relay",
    ask: (lab) => lab.ask({ ...CLIENT.discover(wanted), giaddr: RELAY, hops: 1 }, relayed),
    mac: RELAY_MAC,
    destination: RELAY,
    port: 67,
  },
  {
    name: "offer through a relay, broadcast flag kept for it",
    ask: (lab) => lab.ask({ ...CLIENT.discover(wanted), giaddr: RELAY, flags: FLAG }, relayed),
    mac: RELAY_MAC,
    destination: RELAY,
    port: 67,
    flags: FLAG,
  },
  {
    name: "offer through a relay that names the port it sends from (RFC 8357)",
    ask: (lab) => lab.ask({ ...CLIENT.discover(wanted, relayInfo([19])), giaddr: RELAY }, { ...relayed, udpSource: 5067 }),
    mac: RELAY_MAC,
    destination: RELAY,
    port: 5067,
  },
  {
    name: "offer through a relay that sends from another port and does not say so",
    ask: (lab) => lab.ask({ ...CLIENT.discover(wanted), giaddr: RELAY }, { ...relayed, udpSource: 5067 }),
    mac: RELAY_MAC,
    destination: RELAY,
    port: 67,
  },
  {
    name: "ACK to a renewal by unicast",
    ask: async (lab) => lab.ask(CLIENT.renew(await bound(lab)), { ...bridged, source: ADDRESS, destination: SERVER }),
    mac: CLIENT.mac,
    destination: ADDRESS,
  },
  {
    name: "ACK to a rebinding by broadcast, broadcast flag set: still to ciaddr",
    ask: async (lab) => lab.ask({ ...CLIENT.renew(await bound(lab)), flags: FLAG }, { ...bridged, source: ADDRESS }),
    mac: CLIENT.mac,
    destination: ADDRESS,
    flags: FLAG,
  },
  {
    name: "ACK to a renewal that came through a router",
    ask: async (lab) =>
      lab.ask(CLIENT.renew(await bound(lab)), { ...bridged, mac: RELAY_MAC, source: ADDRESS, destination: SERVER }),
    mac: RELAY_MAC,
    destination: ADDRESS,
  },
  {
    name: "NAK",
    ask: (lab) => lab.ask(CLIENT.reboot(ip("192.0.2.1")), bridged),
    mac: MAC_BROADCAST,
    destination: BROADCAST,
  },
  {
    name: "NAK to a renewal: broadcast, not to ciaddr",
    ask: (lab) => lab.ask(CLIENT.renew(ADDRESS), { ...bridged, source: ADDRESS, destination: SERVER }),
    mac: MAC_BROADCAST,
    destination: BROADCAST,
  },
  {
    name: "NAK through a relay sets the broadcast flag",
    ask: (lab) => lab.ask({ ...CLIENT.reboot(ip("192.0.2.1")), giaddr: RELAY }, relayed),
    mac: RELAY_MAC,
    destination: RELAY,
    port: 67,
    flags: FLAG,
  },
  {
    name: "ACK to INFORM",
    ask: (lab) => lab.ask(CLIENT.inform(ADDRESS), { ...bridged, source: ADDRESS }),
    mac: CLIENT.mac,
    destination: ADDRESS,
  },
  {
    name: "ACK to INFORM through a relay goes to ciaddr all the same",
    ask: (lab) => lab.ask({ ...CLIENT.inform(ADDRESS), giaddr: RELAY }, relayed),
    mac: RELAY_MAC,
    destination: ADDRESS,
  },
  {
    name: "ACK to INFORM without ciaddr goes to its sender",
    ask: (lab) => lab.ask(CLIENT.inform(0), { ...bridged, source: ADDRESS }),
    mac: CLIENT.mac,
    destination: ADDRESS,
  },
  {
    name: "ACK to INFORM without ciaddr through a relay sets the broadcast flag",
    ask: (lab) => lab.ask({ ...CLIENT.inform(0), giaddr: RELAY }, relayed),
    mac: RELAY_MAC,
    destination: RELAY,
    port: 67,
    flags: FLAG,
  },
  {
    name: "ACK to INFORM without any address",
    ask: (lab) => lab.ask(CLIENT.inform(0), bridged),
    mac: MAC_BROADCAST,
    destination: BROADCAST,
  },
];

for (const { name, ask, mac, destination, port = 68, flags = 0 } of ROWS) {
  test(`destination: ${name}`, async () => {
    const answer = await ask(new Dhcp4Lab());
    const { etherDestination, etherSource, udpDestination, udpSource, source, ifindex } = answer;
    assert.deepEqual(
      { mac: etherDestination, destination: answer.destination, port: udpDestination, flags: answer.message.flags },
      { mac, destination, port, flags },
    );
    assert.deepEqual(
      { etherSource, udpSource, source, ifindex },
      { etherSource: BRIDGE.gatewayMac, udpSource: 67, source: SERVER, ifindex: 9 },
    );
  });
}
