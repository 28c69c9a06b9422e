/** Addresses and options for one client, and for classes of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dhcp4Class, Dhcp4Match, Dhcp4Network, Dhcp4Reservation } from "../../../src/services/dhcp4/network.js";
import { MESSAGE, OPTION } from "../../../src/wire/dhcp4/codes.js";
import type { Option } from "../../../src/wire/dhcp4/option-repr.js";
import {
  BRIDGE,
  Client,
  clientId,
  Dhcp4Lab,
  hostName,
  ip,
  lists,
  NETWORK,
  octets,
  optionOf,
  relayInfo,
  secondsOf,
  typeOf,
  WEB2,
} from "../../support/dhcp4-lab.js";

const TEN = ip("10.77.0.10");
const TWENTY = ip("10.77.0.20");

const NOBODY: Dhcp4Reservation = {
  mac: undefined,
  clientId: undefined,
  circuitId: undefined,
  remoteId: undefined,
  ipv4: TEN,
  name: undefined,
  leaseSeconds: undefined,
  options: [],
};

const ANY: Dhcp4Match = {
  vendor: undefined,
  user: undefined,
  architectures: undefined,
  macPrefix: undefined,
  circuitId: undefined,
  remoteId: undefined,
};

function labWith(config: Partial<Dhcp4Network>): Dhcp4Lab {
  return new Dhcp4Lab({ networks: [{ ...NETWORK, ...config }] });
}

/** Reservation, the client's options, whether it is meant. */
const RESERVED: readonly (readonly [
  name: string,
  reservation: Partial<Dhcp4Reservation>,
  mac: number,
  options: Option[],
  isMeant: boolean,
])[] = [
  ["by MAC", { mac: 0x5254_0000_0001 }, 0x5254_0000_0001, [], true],
  ["another MAC", { mac: 0x5254_0000_0001 }, 0x5254_0000_0002, [], false],
  ["by client identifier", { clientId: "0102" }, 0x5254_0000_0001, [clientId(1, 2)], true],
  ["another client identifier", { clientId: "0102" }, 0x5254_0000_0001, [clientId(1, 2, 3)], false],
  ["no client identifier", { clientId: "0102" }, 0x5254_0000_0001, [], false],
  ["by circuit", { circuitId: "0a0b" }, 0x5254_0000_0001, [relayInfo([1, 10, 11])], true],
  ["another circuit", { circuitId: "0a0b" }, 0x5254_0000_0001, [relayInfo([1, 10])], false],
  ["by remote", { remoteId: "0c" }, 0x5254_0000_0001, [relayInfo([1, 10], [2, 12])], true],
  ["by MAC and circuit", { mac: 0x5254_0000_0001, circuitId: "0a" }, 0x5254_0000_0001, [relayInfo([1, 10])], true],
  ["right MAC on another circuit", { mac: 0x5254_0000_0001, circuitId: "0a" }, 0x5254_0000_0001, [relayInfo([1, 11])], false],
];

for (const [name, reservation, mac, options, isMeant] of RESERVED) {
  test(`reservation ${name}`, async () => {
    const lab = labWith({ reservations: [{ ...NOBODY, ...reservation }] });
    const address = await lab.lease(new Client(mac, ...options), { link: BRIDGE });
    assert.equal(address === TEN, isMeant);
  });
}

test("the name that is kept for a client is its lease's, and nobody else's, however he asks for it", async () => {
  const lab = labWith({ reservations: [{ ...NOBODY, mac: 0x5254_0000_0001, name: "Printer" }] });
  const nameAt = (address: number): string | undefined => lab.service.book("default")?.at(address)?.record?.hostname;
  const fqdn = octets(OPTION.clientFqdn, 1, 0, 0, ...Buffer.from("printer"));
  assert.equal(nameAt(await lab.lease(new Client(0x5254_0000_0002, hostName("other")), { link: BRIDGE })), "other");
  for (const claim of [hostName("PRINTER"), fqdn]) {
    const thief = new Client(0x5254_0000_0003, claim);
    const offer = await lab.ask(thief.discover(), { link: BRIDGE });
    const told = optionOf(offer, OPTION.clientFqdn);
    assert.equal(told?.kind === "fqdn" ? told.name.length : 0, 0);
    assert.equal(nameAt(await lab.lease(thief, { link: BRIDGE })), "");
  }
  assert.equal(nameAt(await lab.lease(new Client(0x5254_0000_0001, hostName("hp-12ab")), { link: BRIDGE })), "printer");
});

test("a guest that writes a relay's option itself gets neither the address nor the class that belong to the relay's client", async () => {
  const match = { ...ANY, remoteId: "0c" };
  const pxe = { name: "pxe", match, leaseSeconds: 77, ranges: undefined, options: [] };
  const lab = labWith({ reservations: [{ ...NOBODY, circuitId: "0a" }], classes: [pxe] });
  const forged = relayInfo([1, 10], [2, 12]);
  const onPort = await lab.ask(new Client().discover(forged));
  assert.notEqual(onPort.message.yiaddr, TEN);
  assert.equal(secondsOf(onPort), 3600);
  const relayed = await lab.ask(new Client().discover(forged), { link: BRIDGE });
  assert.equal(relayed.message.yiaddr, TEN);
  assert.equal(secondsOf(relayed), 77);
});

test("a reserved address is given to nobody else, asked for or not", async () => {
  const lab = labWith({ reservations: [{ ...NOBODY, mac: 0x5254_0000_0001 }], ranges: [{ first: TEN, last: TEN + 1 }] });
  const other = new Client(0x5254_0000_0002);
  assert.equal(
    (await lab.ask(other.discover({ kind: "address", code: 50, address: TEN }), { link: BRIDGE })).message.yiaddr,
    TEN + 1,
  );
  assert.equal(await lab.lease(other, { link: BRIDGE }), TEN + 1);
  assert.equal(await lab.send(new Client(0x5254_0000_0003).discover(), { link: BRIDGE }), undefined);
  assert.equal(await lab.lease(new Client(0x5254_0000_0001), { link: BRIDGE }), TEN);
});

test("a station that shows another client identifier after it has booted keeps the address that its MAC has", async () => {
  const lab = labWith({ reservations: [{ ...NOBODY, mac: 0x5254_0000_0001 }] });
  const bridged = { link: BRIDGE };
  const [rom, system] = [clientId(0, 1), clientId(0xff, 2)].map((id) => new Client(0x5254_0000_0001, id));
  assert.equal(await lab.lease(rom, bridged), TEN);
  assert.equal(await lab.lease(system, bridged), TEN);
  assert.equal(typeOf(await lab.ask(system.renew(TEN), { ...bridged, source: TEN })), MESSAGE.ack);
  await lab.send(rom.release(TEN), { ...bridged, source: TEN });
  assert.equal(lab.service.book("default")?.at(TEN)?.state, "bound", "the ROM's farewell does not cut off the system");
  await lab.send(system.release(TEN), { ...bridged, source: TEN });
  assert.equal(lab.service.book("default")?.at(TEN)?.state, "released");
  assert.notEqual(await lab.lease(new Client(0x5254_0000_0002, clientId(0, 1)), bridged), TEN);
  assert.equal(await lab.lease(new Client(0x5254_0000_0001), bridged), TEN);
});

test("a reservation may lie outside the ranges", async () => {
  const lab = labWith({ reservations: [{ ...NOBODY, mac: 0x5254_0000_0001 }], ranges: [{ first: TWENTY, last: TWENTY }] });
  assert.equal(await lab.lease(new Client(0x5254_0000_0001), { link: BRIDGE }), TEN);
});

test("a guest has its configured address, name and options on its port", async () => {
  const guests = [
    { name: "web1", ipv4: TEN, leaseSeconds: 120, options: [{ code: 42, bytes: Uint8Array.of(1, 2, 3, 4), always: true }] },
  ];
  const lab = labWith({ guests });
  const offer = await lab.ask(new Client().discover(lists(12)));
  assert.equal(offer.message.yiaddr, TEN);
  assert.equal(secondsOf(offer), 120);
  assert.deepEqual(optionOf(offer, 12), { kind: "text", code: 12, text: "web1" });
  assert.notEqual(optionOf(offer, 42), undefined);
  assert.notEqual(await lab.lease(new Client(), { link: WEB2 }), TEN);
});

test("a new reservation takes effect at the next renewal, and the old address is free then", async () => {
  const lab = labWith({});
  const client = new Client();
  const first = await lab.lease(client);
  lab.service.configureNetwork({ ...NETWORK, guests: [{ name: "web1", ipv4: TWENTY, leaseSeconds: undefined, options: [] }] });
  assert.equal(typeOf(await lab.ask(client.renew(first), { source: first })), MESSAGE.nak);
  assert.equal(await lab.lease(client), TWENTY);
  assert.equal(lab.service.book("default")?.at(first), undefined);
});

test("a client whose reserved address is taken gets another one meanwhile, and moves when it is free", async () => {
  const lab = labWith({});
  const holder = new Client(0x5254_0000_0001);
  const heir = new Client(0x5254_0000_0002);
  const address = await lab.lease(holder, { link: BRIDGE });
  lab.service.configureNetwork({ ...NETWORK, reservations: [{ ...NOBODY, mac: heir.mac, ipv4: address }] });
  const meanwhile = await lab.lease(heir, { link: BRIDGE });
  assert.notEqual(meanwhile, address);
  assert.equal(typeOf(await lab.ask(heir.renew(meanwhile), { link: BRIDGE })), MESSAGE.ack);
  assert.equal(typeOf(await lab.ask(holder.renew(address), { link: BRIDGE })), MESSAGE.nak);
  await lab.send(holder.release(address), { link: BRIDGE });
  assert.equal(typeOf(await lab.ask(heir.renew(meanwhile), { link: BRIDGE })), MESSAGE.nak);
  assert.equal(await lab.lease(heir, { link: BRIDGE }), address);
});

test("ranges that shrink take a lease away when its client renews", async () => {
  const lab = labWith({});
  const client = new Client();
  const first = await lab.lease(client);
  lab.service.configureNetwork({ ...NETWORK, ranges: [{ first: TEN, last: TEN }] });
  if (first !== TEN) assert.equal(typeOf(await lab.ask(client.renew(first))), MESSAGE.nak);
  assert.equal(await lab.lease(client), TEN);
});

test("a network that goes away takes its leases with it", async () => {
  const lab = labWith({});
  await lab.lease(new Client());
  lab.service.configure([]);
  await lab.commit.drain();
  assert.deepEqual(
    lab.events.map((event) => event.kind),
    ["bound", "unbound"],
  );
  assert.deepEqual(await lab.store.load(), []);
});

const PXE = octets(OPTION.vendorClass, ...Buffer.from("PXEClient:Arch:00007"));

/** Condition, the client's options, whether they match. */
const CLASSES: readonly (readonly [name: string, match: Partial<Dhcp4Match>, options: Option[], matches: boolean])[] = [
  ["vendor prefix", { vendor: "PXEClient*" }, [PXE], true],
  ["vendor exact", { vendor: "PXEClient" }, [PXE], false],
  ["vendor suffix", { vendor: "*00007" }, [PXE], true],
  ["vendor infix", { vendor: "*Arch*" }, [PXE], true],
  ["vendor too long", { vendor: "PXEClient:Arch:00007:more*" }, [PXE], false],
  ["no vendor", { vendor: "*" }, [], false],
  ["user class, plain", { user: "iPXE" }, [octets(OPTION.userClass, ...Buffer.from("iPXE"))], true],
  ["user class, as RFC 3004 has it", { user: "iPXE" }, [octets(OPTION.userClass, 1, 0x78, 4, ...Buffer.from("iPXE"))], true],
  ["another user class", { user: "iPXE" }, [octets(OPTION.userClass, 4, ...Buffer.from("gPXE"))], false],
  ["architecture", { architectures: [7, 9] }, [octets(OPTION.clientArchitecture, 0, 0, 0, 9)], true],
  ["another architecture", { architectures: [7] }, [octets(OPTION.clientArchitecture, 0, 0)], false],
  ["half an architecture", { architectures: [0] }, [octets(OPTION.clientArchitecture, 0)], false],
  ["MAC prefix", { macPrefix: "525400" }, [], true],
  ["another MAC prefix", { macPrefix: "525401" }, [], false],
  ["circuit", { circuitId: "01ff" }, [relayInfo([1, 1, 255])], true],
  ["all must match", { vendor: "PXEClient*", macPrefix: "0000" }, [PXE], false],
];

for (const [name, match, options, matches] of CLASSES) {
  test(`class by ${name}`, async () => {
    const one: Dhcp4Class = {
      name: "one",
      match: { ...ANY, ...match },
      leaseSeconds: 300,
      ranges: [{ first: TEN, last: TEN }],
      options: [{ code: 67, bytes: Buffer.from("boot"), always: true }],
      boot: { server: TWENTY, file: "boot", serverName: "" },
    };
    const lab = labWith({ classes: [one], ranges: [{ first: TWENTY, last: TWENTY + 9 }] });
    const offer = await lab.ask(new Client(0x5254_0000_0001, ...options).discover(lists(1)), { link: BRIDGE });
    assert.equal(offer.message.yiaddr === TEN, matches);
    assert.equal(secondsOf(offer), matches ? 300 : 3600);
    assert.equal(optionOf(offer, 67) !== undefined, matches);
    assert.equal(offer.message.siaddr, matches ? TWENTY : 0);
  });
}

test("the first class that matches wins, the reservation before the class, the class before the network", async () => {
  const value = (code: number, octet: number): Dhcp4Network["options"][number] => ({
    code,
    bytes: Uint8Array.of(octet),
    always: false,
  });
  const classOf = (octet: number): Dhcp4Class => {
    return {
      name: `c${octet}`,
      match: { ...ANY, macPrefix: "52" },
      leaseSeconds: undefined,
      ranges: undefined,
      options: [value(224, octet), value(225, octet)],
    };
  };
  const lab = labWith({
    options: [value(224, 1), value(225, 1), value(226, 1)],
    classes: [classOf(2), classOf(3)],
    reservations: [{ ...NOBODY, mac: 0x5254_0000_0001, options: [value(224, 4)] }],
  });
  const offer = await lab.ask(new Client(0x5254_0000_0001).discover(lists(224, 225, 226)), { link: BRIDGE });
  const found = [224, 225, 226].map((code) => {
    const option = optionOf(offer, code);
    return option?.kind === "octets" ? option.data[0] : undefined;
  });
  assert.deepEqual(found, [4, 2, 1]);
});
