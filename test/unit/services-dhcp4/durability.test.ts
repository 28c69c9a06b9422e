/** No ACK without a stored lease, nothing stored for an offer, and the order of store, listeners and replies. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore } from "../../../src/lease/memory-store.js";
import type { LeaseChange } from "../../../src/lease/store.js";
import { MESSAGE } from "../../../src/wire/dhcp4/codes.js";
import { BRIDGE, Client, Dhcp4Lab, ip, rapidCommit, typeOf } from "../../support/dhcp4-lab.js";
import { ManualClock } from "../../support/manual-clock.js";

/** A store whose saves are counted, and fail while they are told to. */
class FrailStore extends MemoryStore {
  readonly saved: LeaseChange[][] = [];
  isBroken = false;

  override save(changes: readonly LeaseChange[]): Promise<void> {
    if (this.isBroken) return Promise.reject(new Error("disk on fire"));
    this.saved.push([...changes]);
    return super.save(changes);
  }
}

test("nothing is stored on DISCOVER or INFORM", async () => {
  const store = new FrailStore();
  const lab = new Dhcp4Lab({ store });
  await lab.ask(new Client().discover());
  await lab.ask(new Client().inform(ip("10.77.0.9")));
  lab.clock.advance(120_000);
  await lab.commit.drain();
  assert.equal(store.saved.length, 0);
});

test("a lease is stored before its ACK leaves, and listeners are told between", async () => {
  const store = new FrailStore();
  const lab = new Dhcp4Lab({ store });
  const client = new Client();
  const offer = await lab.ask(client.discover());
  assert.equal(lab.events.length, 0);
  await lab.ask(client.select(offer));
  assert.equal(store.saved.length, 1);
  assert.deepEqual(
    lab.events.map(({ kind }) => kind),
    ["bound"],
  );
});

test("a failed save means no ACK, listeners hear that it is taken back, and a lease at the next try", async () => {
  const store = new FrailStore();
  const said: string[] = [];
  const log = { debug() {}, info() {}, warn() {}, error: (_: object, message: string) => void said.push(message) };
  const lab = new Dhcp4Lab({ store, log });
  const client = new Client();
  const offer = await lab.ask(client.discover());
  store.isBroken = true;
  assert.equal(await lab.send(client.select(offer)), undefined);
  assert.deepEqual(
    lab.events.map((event) => (event.kind === "bound" ? event.kind : event.reason)),
    ["bound", "unsaved"],
  );
  assert.ok(said.some((message) => message.includes("disk on fire")));
  assert.equal(lab.service.book("default")?.counts().bound, 0);
  store.isBroken = false;
  const ack = await lab.ask(client.select(offer));
  assert.equal(typeOf(ack), MESSAGE.ack);
  assert.equal(ack.message.yiaddr, offer.message.yiaddr);
});

test("a failed renewal leaves the lease as it was stored", async () => {
  const store = new FrailStore();
  const lab = new Dhcp4Lab({ store });
  const client = new Client();
  const address = await lab.lease(client);
  const before = lab.service.book("default")?.find("guest:web1")?.untilMs;
  lab.clock.advance(1_000_000);
  store.isBroken = true;
  assert.equal(await lab.send(client.renew(address)), undefined);
  assert.equal(lab.service.book("default")?.find("guest:web1")?.untilMs, before);
  store.isBroken = false;
  assert.equal(typeOf(await lab.ask(client.renew(address))), MESSAGE.ack);
});

test("a failed rapid commit is silence too", async () => {
  const store = new FrailStore();
  const lab = new Dhcp4Lab({ store });
  store.isBroken = true;
  assert.equal(await lab.send(new Client().discover(rapidCommit)), undefined);
});

test("a save that takes longer than a second is told, once in a while", async () => {
  const said: string[] = [];
  const log = { debug() {}, info() {}, error() {}, warn: (_: object, message: string) => void said.push(message) };
  const clock = new ManualClock();
  class SlowStore extends MemoryStore {
    override save(changes: readonly LeaseChange[]): Promise<void> {
      clock.advance(1500);
      return super.save(changes);
    }
  }
  const lab = new Dhcp4Lab({ store: new SlowStore(), clock, log });
  for (let number = 1; number < 4; number++) await lab.lease(new Client(0x5254_0000_0000 + number), { link: BRIDGE });
  assert.deepEqual(said, ["a save of leases took 1500 ms: the disk is slow, and clients wait for it"]);
});

test("after a restart every acknowledged lease is there", async () => {
  const store = new FrailStore();
  const before = new Dhcp4Lab({ store });
  const clients = Array.from({ length: 50 }, (_, index) => new Client(0x5254_0000_0000 + index + 1));
  const addresses: number[] = [];
  for (const client of clients) addresses.push(await before.lease(client, { link: BRIDGE }));
  const after = new Dhcp4Lab({ store, clock: before.clock });
  after.service.load(await store.load());
  for (const [index, client] of clients.entries()) {
    const answer = await after.ask(client.renew(addresses[index]), { link: BRIDGE, source: addresses[index] });
    assert.equal(typeOf(answer), MESSAGE.ack);
  }
});

test("renewals that change nothing are not told; a new MAC or name is", async () => {
  const lab = new Dhcp4Lab();
  const client = new Client();
  const address = await lab.lease(client);
  await lab.ask(client.renew(address));
  assert.equal(lab.events.length, 1);
  await lab.ask(new Client(0x5254_0000_0099).renew(address));
  assert.equal(lab.events.length, 2);
  await lab.ask(new Client(0x5254_0000_0099).renew(address, { kind: "text", code: 12, text: "new" }));
  assert.equal(lab.events.length, 3);
});

test("an expired lease is told and stored by itself", async () => {
  const store = new FrailStore();
  const lab = new Dhcp4Lab({ store });
  await lab.lease(new Client());
  lab.clock.advance(3_602_000);
  await lab.commit.drain();
  assert.deepEqual(
    lab.events.map((event) => (event.kind === "unbound" ? event.reason : event.kind)),
    ["bound", "expired"],
  );
  const [tenure] = await store.history({});
  assert.equal(tenure.reason, "expired");
  assert.equal(tenure.endedAtMs - tenure.lease.boundAtMs, 3_600_000);
});
