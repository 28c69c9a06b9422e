/** ARP before an offer: only where it is wanted, and never longer than it may. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AddressProbe } from "../../../src/services/dhcp4/conflict-check.js";
import { MESSAGE } from "../../../src/wire/dhcp4/codes.js";
import { BRIDGE, Client, Dhcp4Lab, NETWORK, rapidCommit } from "../../support/dhcp4-lab.js";

class FakeProbe implements AddressProbe {
  readonly asked: { address: number; waitMs: number; done: (isUsed: boolean) => void }[] = [];

  probe(_: unknown, address: number, waitMs: number, done: (isUsed: boolean) => void): void {
    this.asked.push({ address, waitMs, done });
  }
}

function labOf(probe: FakeProbe): Dhcp4Lab {
  return new Dhcp4Lab({ probe, networks: [{ ...NETWORK, probe: true }] });
}

test("an offer waits for the probe, once per address", async () => {
  const probe = new FakeProbe();
  const lab = labOf(probe);
  const client = new Client();
  assert.equal(await lab.send(client.discover(), { link: BRIDGE }), undefined);
  assert.equal(await lab.send(client.discover(), { link: BRIDGE }), undefined);
  assert.equal(probe.asked.length, 1);
  assert.ok(probe.asked[0].waitMs <= 1000);
  probe.asked[0].done(false);
  assert.equal(lab.late.length, 1);
  assert.equal(lab.late[0].yiaddr, probe.asked[0].address);
  const again = await lab.ask(client.discover(), { link: BRIDGE });
  assert.equal(again.message.yiaddr, probe.asked[0].address);
});

test("an address that somebody uses goes into quarantine, and the next one is probed", async () => {
  const probe = new FakeProbe();
  const lab = labOf(probe);
  await lab.send(new Client().discover(), { link: BRIDGE });
  probe.asked[0].done(true);
  assert.equal(lab.service.book("default")?.at(probe.asked[0].address)?.state, "declined");
  assert.equal(probe.asked.length, 2);
  assert.notEqual(probe.asked[1].address, probe.asked[0].address);
  probe.asked[1].done(false);
  assert.equal(lab.late[0].yiaddr, probe.asked[1].address);
});

test("rapid commit waits for probe and store", async () => {
  const probe = new FakeProbe();
  const lab = labOf(probe);
  await lab.send(new Client().discover(rapidCommit), { link: BRIDGE });
  probe.asked[0].done(false);
  assert.equal(lab.late.length, 0);
  await lab.commit.drain();
  const type = lab.late[0].options?.find((option) => option.code === 53);
  assert.equal(type?.kind === "uint8" ? type.value : 0, MESSAGE.ack);
});

test("nothing is probed on a port, through a relay, or for a client's own lease", async () => {
  const probe = new FakeProbe();
  const lab = labOf(probe);
  await lab.lease(new Client());
  const relayed = { link: BRIDGE, source: 0x0a4d_00fe, udpSource: 67, mac: 0x0200_0000_00fe };
  await lab.ask({ ...new Client(0x5254_0000_0007).discover(), giaddr: 0x0a4d_00fe }, relayed);
  assert.equal(probe.asked.length, 0);
});

test("a flood does not start more probes than fit", async () => {
  const probe = new FakeProbe();
  const lab = new Dhcp4Lab({
    probe,
    networks: [
      {
        ...NETWORK,
        probe: true,
        subnet: { family: 4, address: 0x0a4d_0000, prefixLength: 16 },
        ranges: [{ first: 0x0a4d_0100, last: 0x0a4d_ff00 }],
      },
    ],
  });
  for (let number = 0; number < 1000; number++)
    await lab.send(new Client(0x5254_0000_0000 + number + 1).discover(), { link: BRIDGE });
  assert.equal(probe.asked.length, 256);
});
