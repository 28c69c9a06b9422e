/** RELEASE and DECLINE: never answered, and never more than the sender's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BRIDGE, Client, clientId, Dhcp4Lab, ip, NETWORK, WEB1 } from "../../support/dhcp4-lab.js";

const ONE = new Client(0x5254_0000_0001);
const TWO = new Client(0x5254_0000_0002);
const bridged = { link: BRIDGE };

function stateOf(lab: Dhcp4Lab, address: number): string | undefined {
  return lab.service.book("default")?.at(address)?.state;
}

test("RELEASE ends the lease, is not answered, and is stored by itself", async () => {
  const lab = new Dhcp4Lab();
  const address = await lab.lease(ONE, bridged);
  assert.equal(await lab.send(ONE.release(address), { ...bridged, source: address }), undefined);
  assert.equal(stateOf(lab, address), "released");
  lab.clock.advance(1000);
  await lab.commit.drain();
  assert.deepEqual(
    (await lab.store.load()).map(({ state }) => state),
    ["released"],
  );
  assert.deepEqual(
    lab.events.map(({ kind }) => kind),
    ["bound", "unbound"],
  );
});

const STRANGERS: readonly (readonly [name: string, send: (lab: Dhcp4Lab, address: number) => Promise<unknown>])[] = [
  ["another client's", (lab, address) => lab.send(TWO.release(address), bridged)],
  ["another address", (lab) => lab.send(ONE.release(ip("10.77.0.99")), bridged)],
  ["to another server", (lab, address) => lab.send(ONE.release(address, ip("10.77.0.2")), bridged)],
  ["without an address", (lab) => lab.send(ONE.release(0), bridged)],
  ["DECLINE by another client", (lab, address) => lab.send(TWO.decline(address), bridged)],
  ["DECLINE to another server", (lab, address) => lab.send(ONE.decline(address, ip("10.77.0.2")), bridged)],
  ["DECLINE of another address", (lab) => lab.send(ONE.decline(ip("10.77.0.99")), bridged)],
];

for (const [name, send] of STRANGERS) {
  test(`a bound lease survives a RELEASE or DECLINE: ${name}`, async () => {
    const lab = new Dhcp4Lab();
    const address = await lab.lease(ONE, bridged);
    assert.equal(await send(lab, address), undefined);
    assert.equal(stateOf(lab, address), "bound");
  });
}

test("DECLINE keeps the address from everybody for a day, the client gets another one", async () => {
  const lab = new Dhcp4Lab();
  const address = await lab.lease(ONE, bridged);
  assert.equal(await lab.send(ONE.decline(address), bridged), undefined);
  assert.equal(stateOf(lab, address), "declined");
  assert.notEqual(await lab.lease(ONE, bridged), address);
  const wanted = { kind: "address", code: 50, address } as const;
  assert.notEqual((await lab.ask(TWO.discover(wanted), bridged)).message.yiaddr, address);
  lab.clock.advance(86_401_000);
  assert.equal(stateOf(lab, address), undefined);
  assert.equal((await lab.ask(TWO.discover(wanted), bridged)).message.yiaddr, address);
});

test("an address that was only offered may be declined too", async () => {
  const lab = new Dhcp4Lab();
  const { yiaddr } = (await lab.ask(ONE.discover(), bridged)).message;
  await lab.send(ONE.decline(yiaddr), bridged);
  assert.equal(stateOf(lab, yiaddr), "declined");
});

test("one client that declines without end keeps four addresses out of use, not the pool", async () => {
  const lab = new Dhcp4Lab({ networks: [{ ...NETWORK, ranges: [{ first: ip("10.77.0.10"), last: ip("10.77.0.29") }] }] });
  for (let round = 0; round < 100; round++) {
    const address = await lab.lease(ONE, { link: WEB1 });
    await lab.send(ONE.decline(address), { link: WEB1 });
  }
  assert.equal(lab.service.book("default")?.counts().declined, 4);
});

test("many clients that decline keep half of the pool out of use at most", async () => {
  const lab = new Dhcp4Lab({ networks: [{ ...NETWORK, ranges: [{ first: ip("10.77.0.10"), last: ip("10.77.0.29") }] }] });
  for (let number = 0; number < 100; number++) {
    const client = new Client(0x5254_0000_1000 + number);
    const address = await lab.lease(client, bridged);
    await lab.send(client.decline(address), bridged);
  }
  assert.equal(lab.service.book("default")?.counts().declined, 10);
});

test("behind a port only the client that was answered last gives the lease back", async () => {
  const lab = new Dhcp4Lab();
  const initramfs = new Client(ONE.mac, clientId(1, 1));
  const system = new Client(ONE.mac, clientId(2, 2));
  const address = await lab.lease(initramfs);
  assert.equal(await lab.lease(system), address);
  await lab.send(initramfs.release(address), { source: address });
  assert.equal(stateOf(lab, address), "bound");
  await lab.send(system.release(address), { source: address });
  assert.equal(stateOf(lab, address), "released");
});
