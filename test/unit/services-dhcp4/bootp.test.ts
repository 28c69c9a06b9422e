/** BOOTP clients (RFC 951, RFC 1534): an address without end, and none of DHCP's own options. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { make } from "../../../src/wire/dhcp4/message.js";
import { BRIDGE, Client, clientId, codesOf, Dhcp4Lab, ip, NETWORK, wants } from "../../support/dhcp4-lab.js";

const CLIENT = new Client();

test("a guest that speaks BOOTP gets an address for ever", async () => {
  const lab = new Dhcp4Lab({ networks: [{ ...NETWORK, boot: { server: ip("10.77.0.5"), file: "kernel", serverName: "" } }] });
  for (const options of [undefined, []]) {
    const answer = await lab.ask(make({ chaddr: CLIENT.chaddr, xid: 77, options }));
    assert.equal(answer.payload.length, 300);
    assert.equal(answer.message.file, "kernel");
    assert.equal(answer.message.siaddr, ip("10.77.0.5"));
    assert.equal(answer.destination, answer.message.yiaddr);
    assert.deepEqual(
      codesOf(answer).filter((code) => code > 50 && code < 62),
      [],
    );
    assert.ok(codesOf(answer).includes(1));
  }
  assert.equal(lab.service.book("default")?.find("guest:web1")?.record?.expiresAtMs, Number.POSITIVE_INFINITY);
});

test("on a shared link only a client with a reservation does", async () => {
  const reservation = {
    clientId: undefined,
    circuitId: undefined,
    remoteId: undefined,
    name: undefined,
    leaseSeconds: undefined,
    options: [],
  };
  const lab = new Dhcp4Lab({
    networks: [{ ...NETWORK, reservations: [{ ...reservation, mac: CLIENT.mac, ipv4: ip("10.77.0.10") }] }],
  });
  const answer = await lab.ask(make({ chaddr: CLIENT.chaddr, xid: 1 }), { link: BRIDGE });
  assert.equal(answer.message.yiaddr, ip("10.77.0.10"));
  const stranger = make({ chaddr: new Client(0x5254_0000_0002).chaddr, xid: 1 });
  assert.equal(await lab.send(stranger, { link: BRIDGE }), undefined);
  assert.equal(lab.service.counters.get("silent-bootp"), 1);
});

test("a station with a reservation cannot take the pool for ever, whatever identifiers it shows", async () => {
  const reservation = { clientId: undefined, circuitId: undefined, remoteId: undefined, name: undefined, options: [] };
  const kept = { ...reservation, mac: CLIENT.mac, ipv4: ip("10.77.0.10"), leaseSeconds: 0xffff_ffff };
  const lab = new Dhcp4Lab({ networks: [{ ...NETWORK, reservations: [kept] }] });
  const somebodyElse = new Client(0x5254_0000_0009);
  lab.service.configure([NETWORK]);
  const offer = await lab.ask(somebodyElse.discover(wants(kept.ipv4)), { link: BRIDGE });
  await lab.ask(somebodyElse.select(offer), { link: BRIDGE });
  assert.equal(offer.message.yiaddr, kept.ipv4);
  lab.service.configure([{ ...NETWORK, reservations: [kept] }]);
  for (let number = 0; number < 20; number++) {
    await lab.send(make({ chaddr: CLIENT.chaddr, xid: number, options: [clientId(1, number)] }), { link: BRIDGE });
    await lab.lease(new Client(CLIENT.mac, clientId(2, number)), { link: BRIDGE });
  }
  const forever = [...(lab.service.book("default")?.leases() ?? [])].filter(
    ({ untilMs }) => untilMs === Number.POSITIVE_INFINITY,
  );
  assert.deepEqual(forever, []);
});

test("a guest that speaks DHCP after BOOTP has the same address, with an end", async () => {
  const lab = new Dhcp4Lab();
  const first = await lab.ask(make({ chaddr: CLIENT.chaddr, xid: 1 }));
  assert.equal(await lab.lease(CLIENT), first.message.yiaddr);
  assert.ok(Number.isFinite(lab.service.book("default")?.find("guest:web1")?.record?.expiresAtMs));
});
