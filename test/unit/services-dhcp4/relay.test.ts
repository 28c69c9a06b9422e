/** Relays, link selection and subnet selection: which network a client is in, and who may say so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE, OPTION } from "../../../src/wire/dhcp4/codes.js";
import type { Option } from "../../../src/wire/dhcp4/option-repr.js";
import {
  addressOf,
  BRIDGE,
  Client,
  Dhcp4Lab,
  FAR,
  from,
  ip,
  NETWORK,
  octets,
  optionOf,
  relayInfo,
  SERVER,
  typeOf,
  WEB1,
  wants,
} from "../../support/dhcp4-lab.js";

const CLIENT = new Client(0x5254_0000_0001);
const NEAR_RELAY = ip("10.77.0.254");
const FAR_RELAY = ip("10.88.0.1");
const UNKNOWN_RELAY = ip("192.0.2.1");
const selection = (address: number): Option => ({ kind: "address", code: OPTION.subnetSelection, address });
const octetsOf = (address: number): number[] => [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255];
const linkSelection = (address: number): Option => relayInfo([5, ...octetsOf(address)]);

/** giaddr and options → network of the address, or silence. */
const SELECTIONS: readonly (readonly [name: string, link: typeof WEB1, giaddr: number, options: Option[], network: string])[] = [
  ["a relay in the link's own network", BRIDGE, NEAR_RELAY, [], "default"],
  ["a relay in another network", BRIDGE, FAR_RELAY, [], "far"],
  ["a relay in no network", BRIDGE, UNKNOWN_RELAY, [], "silence"],
  ["link selection before giaddr", BRIDGE, NEAR_RELAY, [linkSelection(ip("10.88.0.0"))], "far"],
  ["link selection of an unknown relay", BRIDGE, UNKNOWN_RELAY, [linkSelection(ip("10.88.0.0"))], "far"],
  ["link selection of no network", BRIDGE, NEAR_RELAY, [linkSelection(ip("198.51.100.0"))], "silence"],
  ["link selection that is malformed", BRIDGE, NEAR_RELAY, [relayInfo([5, 10, 88])], "default"],
  ["subnet selection", BRIDGE, 0, [selection(ip("10.88.0.0"))], "far"],
  ["subnet selection before giaddr", BRIDGE, NEAR_RELAY, [selection(ip("10.88.0.0"))], "far"],
  [
    "link selection before subnet selection",
    BRIDGE,
    NEAR_RELAY,
    [selection(ip("10.88.0.0")), linkSelection(ip("10.77.0.0"))],
    "default",
  ],
  ["a port stays in its network", WEB1, NEAR_RELAY, [], "default"],
  ["a port that claims a relay elsewhere", WEB1, FAR_RELAY, [], "silence"],
  ["a port that selects another subnet", WEB1, 0, [selection(ip("10.88.0.0"))], "silence"],
  ["a port that selects another link", WEB1, NEAR_RELAY, [linkSelection(ip("10.88.0.0"))], "silence"],
];

for (const [name, link, giaddr, options, network] of SELECTIONS) {
  test(`network: ${name} → ${network}`, async () => {
    const lab = new Dhcp4Lab();
    const sent = giaddr === 0 ? { link } : { link, source: giaddr, udpSource: 67, mac: 0x0200_0000_00fe };
    const answer = await lab.send({ ...CLIENT.discover(...options), giaddr }, sent);
    const found = answer === undefined ? "silence" : answer.message.yiaddr >>> 16 === 0x0a58 ? "far" : "default";
    assert.equal(found, network);
  });
}

test("a network that is not open to relays is not given through them", async () => {
  const lab = new Dhcp4Lab({ networks: [NETWORK, { ...FAR, relayed: false }] });
  assert.equal(await lab.send({ ...CLIENT.discover(), giaddr: FAR_RELAY }, { link: BRIDGE }), undefined);
  assert.equal(lab.service.counters.get("drop-foreign-relay"), 1);
});

test("that is said once a minute, with what to do about it", async () => {
  const said: string[] = [];
  const log = { debug() {}, info() {}, error() {}, warn: (_: object, message: string) => void said.push(message) };
  const lab = new Dhcp4Lab({ log, networks: [NETWORK, { ...FAR, relayed: false }] });
  for (let time = 0; time < 3; time++) await lab.send({ ...CLIENT.discover(), giaddr: FAR_RELAY }, { link: BRIDGE });
  await lab.send({ ...CLIENT.discover(), giaddr: UNKNOWN_RELAY }, { link: BRIDGE });
  assert.deepEqual(said, ["a relay on br0 asks for addresses of far: to allow it, set relay: true in its dhcp:"]);
});

test("a client that has no address yet cannot choose its network by ciaddr", async () => {
  const lab = new Dhcp4Lab();
  const offer = await lab.ask({ ...CLIENT.discover(), ciaddr: ip("10.88.0.150") }, { link: BRIDGE });
  assert.equal(offer.message.yiaddr >>> 16, 0x0a4d);
});

test("a relayed client renews by unicast through its router", async () => {
  const lab = new Dhcp4Lab();
  const sent = { link: BRIDGE, source: FAR_RELAY, udpSource: 67, mac: 0x0200_0000_00fe };
  const offer = await lab.ask({ ...CLIENT.discover(), giaddr: FAR_RELAY }, sent);
  assert.equal(addressOf(offer, OPTION.serverIdentifier), SERVER);
  const ack = await lab.ask({ ...CLIENT.select(offer), giaddr: FAR_RELAY }, sent);
  assert.equal(ack.message.giaddr, FAR_RELAY);
  const address = ack.message.yiaddr;
  const renewed = await lab.ask(CLIENT.renew(address), { link: BRIDGE, source: address, destination: SERVER, mac: sent.mac });
  assert.equal(typeOf(renewed), MESSAGE.ack);
  assert.equal(renewed.etherDestination, sent.mac);
  assert.equal(lab.events[0].kind === "bound" ? lab.events[0].ifindex : -1, 0);
});

test("subnet selection is echoed", async () => {
  const lab = new Dhcp4Lab();
  const answer = await lab.ask(CLIENT.discover(selection(ip("10.88.0.0"))), { link: BRIDGE });
  assert.deepEqual(optionOf(answer, OPTION.subnetSelection), selection(ip("10.88.0.0")));
});

test("subnet selection of any other length is neither followed nor echoed", async () => {
  const lab = new Dhcp4Lab();
  for (const length of [1, 3, 5, 300]) {
    const answer = await lab.ask(CLIENT.discover(octets(OPTION.subnetSelection, ...Array<number>(length).fill(10))), {
      link: BRIDGE,
    });
    assert.equal(optionOf(answer, OPTION.subnetSelection), undefined);
    assert.equal(answer.message.yiaddr >>> 16, 0x0a4d);
  }
});

test("a relay that puts itself in the server's place is followed (RFC 5107)", async () => {
  const lab = new Dhcp4Lab();
  const info = relayInfo([11, ...octetsOf(NEAR_RELAY)]);
  const sent = { link: BRIDGE, source: NEAR_RELAY, udpSource: 67, mac: 0x0200_0000_00fe };
  const offer = await lab.ask({ ...CLIENT.discover(info), giaddr: NEAR_RELAY }, sent);
  assert.equal(addressOf(offer, OPTION.serverIdentifier), NEAR_RELAY);
  const request = CLIENT.say("request", {}, wants(offer.message.yiaddr), from(NEAR_RELAY), info);
  const ack = await lab.ask({ ...request, giaddr: NEAR_RELAY }, sent);
  assert.equal(typeOf(ack), MESSAGE.ack);
});
