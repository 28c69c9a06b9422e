/** DHCPREQUEST in its four states, and what a server may not answer (RFC 2131 §4.3.2). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE } from "../../../src/wire/dhcp4/codes.js";
import {
  type Answer,
  BRIDGE,
  Client,
  clientId,
  Dhcp4Lab,
  from,
  ip,
  NETWORK,
  rapidCommit,
  SERVER,
  typeOf,
  wants,
} from "../../support/dhcp4-lab.js";

const OTHER = ip("10.77.0.99");
const FOREIGN = ip("192.0.2.9");

/** `ack`, `nak` or `silence`. */
function outcome(answer: Answer | undefined): string {
  if (answer === undefined) return "silence";
  return typeOf(answer) === MESSAGE.ack ? "ack" : typeOf(answer) === MESSAGE.nak ? "nak" : `type ${typeOf(answer)}`;
}

type Act = (lab: Dhcp4Lab, client: Client, address: number) => Promise<Answer | undefined>;

const reboot =
  (wanted: number): Act =>
  (lab, client) =>
    lab.send(client.reboot(wanted), { link: BRIDGE });
const rebind =
  (ciaddr: number): Act =>
  (lab, client) =>
    lab.send(client.renew(ciaddr), { link: BRIDGE, source: ciaddr });
const own =
  (act: (address: number) => Act): Act =>
  (lab, client, address) =>
    act(address)(lab, client, address);

/** Before the request the client has: nothing, a lease, or one that expired. */
type Before = "unknown" | "bound" | "expired" | "released" | "taken";

const STATES: readonly (readonly [name: string, before: Before, act: Act, authoritative: string, otherwise: string])[] = [
  ["init-reboot, right address", "bound", own(reboot), "ack", "ack"],
  ["init-reboot, right address, expired meanwhile", "expired", own(reboot), "ack", "ack"],
  ["init-reboot, right address, released before", "released", own(reboot), "ack", "ack"],
  ["init-reboot, another address", "bound", reboot(OTHER), "nak", "nak"],
  ["init-reboot, wrong network", "bound", reboot(FOREIGN), "nak", "silence"],
  ["init-reboot, wrong network, unknown client", "unknown", reboot(FOREIGN), "nak", "silence"],
  ["init-reboot, unknown client", "unknown", reboot(OTHER), "nak", "silence"],
  ["init-reboot, somebody else's by now", "taken", own(reboot), "nak", "silence"],
  ["renewing, right address", "bound", own(rebind), "ack", "ack"],
  ["renewing, right address, expired meanwhile", "expired", own(rebind), "ack", "ack"],
  ["renewing, another address", "bound", rebind(OTHER), "nak", "nak"],
  ["renewing, unknown client", "unknown", rebind(OTHER), "nak", "silence"],
  ["renewing, wrong network", "unknown", rebind(FOREIGN), "nak", "silence"],
  ["renewing, somebody else's by now", "taken", own(rebind), "nak", "silence"],
];

async function prepare(lab: Dhcp4Lab, client: Client, before: Before): Promise<number> {
  if (before === "unknown") return OTHER;
  const address = await lab.lease(client, { link: BRIDGE });
  if (before === "expired") lab.clock.advance(3_700_000);
  if (before === "released" || before === "taken") await lab.send(client.release(address), { link: BRIDGE, source: address });
  if (before === "taken") await takeAll(lab);
  return address;
}

/** The pool of two goes to others. */
async function takeAll(lab: Dhcp4Lab): Promise<void> {
  await lab.lease(new Client(0x5254_0000_0101), { link: BRIDGE });
  await lab.lease(new Client(0x5254_0000_0102), { link: BRIDGE });
}

for (const [name, before, act, ...expected] of STATES) {
  for (const [index, authoritative] of [true, false].entries()) {
    test(`${name}: ${authoritative ? "authoritative" : "not authoritative"} → ${expected[index]}`, async () => {
      const ranges = before === "taken" ? [{ first: ip("10.77.0.8"), last: ip("10.77.0.9") }] : NETWORK.ranges;
      const lab = new Dhcp4Lab({ networks: [{ ...NETWORK, ranges, authoritative }] });
      const client = new Client();
      const address = await prepare(lab, client, before);
      assert.equal(outcome(await act(lab, client, address)), expected[index]);
    });
  }
}

test("selecting: an offer that was forgotten in a restart is honoured while its address is free", async () => {
  const lab = new Dhcp4Lab();
  const ack = await lab.send(new Client().say("request", {}, wants(OTHER), from(SERVER)));
  assert.equal(outcome(ack), "ack");
});

test("selecting: an address that is not to be had is refused", async () => {
  const lab = new Dhcp4Lab();
  const first = await lab.lease(new Client(0x5254_0000_0001), { link: BRIDGE });
  const client = new Client(0x5254_0000_0002);
  for (const wanted of [first, FOREIGN, SERVER, ip("10.77.0.0"), ip("10.77.0.255")]) {
    assert.equal(outcome(await lab.send(client.say("request", {}, wants(wanted), from(SERVER)), { link: BRIDGE })), "nak");
  }
});

test("selecting: a client that takes another server's offer gives ours back", async () => {
  const lab = new Dhcp4Lab({ networks: [{ ...NETWORK, ranges: [{ first: OTHER, last: OTHER }] }] });
  const one = new Client(0x5254_0000_0001);
  const two = new Client(0x5254_0000_0002);
  await lab.ask(one.discover(), { link: BRIDGE });
  assert.equal(await lab.send(two.discover(), { link: BRIDGE }), undefined);
  await lab.send(one.say("request", {}, wants(OTHER), from(ip("10.77.0.2"))), { link: BRIDGE });
  assert.equal((await lab.ask(two.discover(), { link: BRIDGE })).message.yiaddr, OTHER);
});

test("selecting: a bound lease stays when its client asks another server", async () => {
  const lab = new Dhcp4Lab();
  const client = new Client();
  const address = await lab.lease(client);
  await lab.send(client.say("request", {}, wants(address), from(ip("10.77.0.2"))));
  assert.equal(outcome(await lab.send(client.renew(address))), "ack");
});

test("an offer is held for its client until the hold ends, then it is free", async () => {
  const lab = new Dhcp4Lab({ networks: [{ ...NETWORK, offerSeconds: 30, ranges: [{ first: OTHER, last: OTHER }] }] });
  await lab.ask(new Client(0x5254_0000_0001).discover(), { link: BRIDGE });
  lab.clock.advance(29_000);
  const two = new Client(0x5254_0000_0002);
  assert.equal(await lab.send(two.discover(), { link: BRIDGE }), undefined);
  lab.clock.advance(2000);
  assert.equal((await lab.ask(two.discover(), { link: BRIDGE })).message.yiaddr, OTHER);
});

test("the same client is offered the same address again, also after its lease has ended", async () => {
  const lab = new Dhcp4Lab();
  const client = new Client();
  const first = (await lab.ask(client.discover(), { link: BRIDGE })).message.yiaddr;
  assert.equal((await lab.ask(client.discover(), { link: BRIDGE })).message.yiaddr, first);
  assert.equal(await lab.lease(client, { link: BRIDGE }), first);
  lab.clock.advance(7_200_000);
  for (let other = 1; other < 100; other++) await lab.lease(new Client(0x5254_0001_0000 + other), { link: BRIDGE });
  assert.equal(await lab.lease(client, { link: BRIDGE }), first);
});

test("a new client gets the address that it asks for, if that is free", async () => {
  const lab = new Dhcp4Lab();
  const client = new Client();
  assert.equal((await lab.ask(client.discover(wants(OTHER)), { link: BRIDGE })).message.yiaddr, OTHER);
  const late = new Client(0x5254_0000_0002);
  assert.notEqual((await lab.ask(late.discover(wants(OTHER)), { link: BRIDGE })).message.yiaddr, OTHER);
});

test("a renewal extends the lease from now", async () => {
  const lab = new Dhcp4Lab();
  const client = new Client();
  const address = await lab.lease(client);
  lab.clock.advance(1_800_000);
  await lab.ask(client.renew(address));
  lab.clock.advance(3_500_000);
  assert.equal(lab.service.book("default")?.find("guest:web1")?.state, "bound");
  lab.clock.advance(101_000);
  assert.equal(lab.service.book("default")?.find("guest:web1")?.state, "expired");
});

test("a full pool is met with silence, said once a minute, and the oldest ended lease is taken before that", async () => {
  const said: string[] = [];
  const log = { debug() {}, info() {}, error() {}, warn: (_: object, message: string) => void said.push(message) };
  const lab = new Dhcp4Lab({ log, networks: [{ ...NETWORK, ranges: [{ first: ip("10.77.0.8"), last: ip("10.77.0.9") }] }] });
  const clients = [1, 2, 3].map((number) => new Client(0x5254_0000_0000 + number));
  const first = await lab.lease(clients[0], { link: BRIDGE });
  lab.clock.advance(1_800_000);
  await lab.lease(clients[1], { link: BRIDGE });
  assert.equal(await lab.send(clients[2].discover(), { link: BRIDGE }), undefined);
  assert.equal(await lab.send(clients[2].discover(), { link: BRIDGE }), undefined);
  assert.equal(said.length, 1);
  assert.match(said[0], /default has no free address/);
  assert.equal(lab.service.counters.get("silent-pool-full"), 2);
  assert.equal(await lab.send(clients[2].discover(rapidCommit), { link: BRIDGE }), undefined);
  lab.clock.advance(1_900_000);
  assert.equal(await lab.lease(clients[2], { link: BRIDGE }), first);
});

test("on a shared link a client is its identifier, then its MAC", async () => {
  const lab = new Dhcp4Lab();
  const one = await lab.lease(new Client(0x5254_0000_0001, clientId(1, 2, 3)), { link: BRIDGE });
  const moved = await lab.lease(new Client(0x5254_0000_0002, clientId(1, 2, 3)), { link: BRIDGE });
  const plain = await lab.lease(new Client(0x5254_0000_0001), { link: BRIDGE });
  assert.equal(moved, one);
  assert.notEqual(plain, one);
});

test("behind a port there is one lease, whatever the guest calls itself", async () => {
  const lab = new Dhcp4Lab();
  const first = await lab.lease(new Client(0x5254_0000_0001, clientId(1, 2, 3)));
  assert.equal(await lab.lease(new Client(0x5254_0000_0002, clientId(9, 9, 9))), first);
  assert.equal(await lab.lease(new Client(0x5254_0000_0003)), first);
  assert.equal(lab.service.book("default")?.counts().bound, 1);
});
