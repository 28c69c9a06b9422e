/** What each reply has in it: RFC 2131 table 3, row by row. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MESSAGE, OPTION } from "../../../src/wire/dhcp4/codes.js";
import {
  type Answer,
  addressOf,
  Client,
  clientId,
  codesOf,
  Dhcp4Lab,
  from,
  hostName,
  ip,
  lists,
  NETWORK,
  octets,
  optionOf,
  rapidCommit,
  relayInfo,
  SERVER,
  seconds,
  secondsOf,
  typeOf,
  wants,
} from "../../support/dhcp4-lab.js";

test("a client gets an offer and then a lease", async () => {
  const lab = new Dhcp4Lab();
  const client = new Client();
  const offer = await lab.ask(client.discover());
  assert.equal(typeOf(offer), MESSAGE.offer);
  assert.equal(addressOf(offer, OPTION.serverIdentifier), SERVER);
  const ack = await lab.ask(client.select(offer));
  assert.equal(typeOf(ack), MESSAGE.ack);
  assert.equal(ack.message.yiaddr, offer.message.yiaddr);
  assert.equal(ack.source, SERVER);
  assert.equal(ack.udpSource, 67);
  assert.equal(ack.udpDestination, 68);
});

test("fields of an offer and an ACK are those of table 3", async () => {
  const lab = new Dhcp4Lab();
  const client = new Client();
  const asked = { ...client.discover(), secs: 7, hops: 0, flags: 0x8000, sname: "other", file: "boot" };
  const offer = await lab.ask(asked);
  const ack = await lab.ask({ ...client.select(offer), flags: 0x8000 });
  for (const { message } of [offer, ack]) {
    assert.equal(message.op, 2);
    assert.equal(message.htype, 1);
    assert.deepEqual(message.chaddr, client.chaddr);
    assert.equal(message.hops, 0);
    assert.equal(message.secs, 0);
    assert.equal(message.ciaddr, 0);
    assert.equal(message.siaddr, 0);
    assert.equal(message.giaddr, 0);
    assert.equal(message.flags, 0x8000);
    assert.equal(message.sname, "");
    assert.equal(message.file, "");
  }
});

test("an ACK to a renewal has the client's ciaddr", async () => {
  const lab = new Dhcp4Lab();
  const client = new Client();
  const address = await lab.lease(client);
  const ack = await lab.ask(client.renew(address), { source: address, destination: SERVER });
  assert.equal(ack.message.ciaddr, address);
  assert.equal(ack.message.yiaddr, address);
});

/** Option by message: must be there, or must not (RFC 2131 table 3; client identifier by RFC 6842). */
const TABLE_3: readonly (readonly [option: keyof typeof OPTION, offer: boolean, ack: boolean, nak: boolean, inform: boolean])[] =
  [
    ["requestedAddress", false, false, false, false],
    ["leaseTime", true, true, false, false],
    ["renewalTime", true, true, false, false],
    ["rebindingTime", true, true, false, false],
    ["overload", false, false, false, false],
    ["messageType", true, true, true, true],
    ["parameterList", false, false, false, false],
    ["message", false, false, true, false],
    ["clientIdentifier", true, true, true, true],
    ["vendorClass", false, false, false, false],
    ["serverIdentifier", true, true, true, true],
    ["maximumSize", false, false, false, false],
    ["subnetMask", true, true, false, true],
    ["router", true, true, false, true],
    ["relayAgent", false, false, false, false],
  ];

test("options of each message are those of table 3", async () => {
  const lab = new Dhcp4Lab();
  const id = clientId(1, 2, 3, 4);
  const every = lists(...Array.from({ length: 254 }, (_, index) => index + 1));
  const client = new Client(0x5254_0000_0001, id, every);
  const offer = await lab.ask(client.discover(octets(OPTION.vendorClass, 1, 2)));
  const ack = await lab.ask(client.select(offer));
  const nak = await lab.ask(client.reboot(ip("192.0.2.1")));
  const inform = await lab.ask(client.inform(ack.message.yiaddr));
  assert.deepEqual([offer, ack, nak, inform].map(typeOf), [MESSAGE.offer, MESSAGE.ack, MESSAGE.nak, MESSAGE.ack]);
  for (const [name, ...expected] of TABLE_3) {
    const found = [offer, ack, nak, inform].map((answer) => codesOf(answer).includes(OPTION[name]));
    assert.deepEqual(found, expected, name);
  }
});

test("a NAK says why and gives nothing", async () => {
  const lab = new Dhcp4Lab();
  const client = new Client();
  const nak = await lab.ask({ ...client.reboot(ip("192.0.2.1")), file: "x", sname: "y" });
  assert.deepEqual(codesOf(nak), [OPTION.messageType, OPTION.serverIdentifier, OPTION.message]);
  assert.equal(nak.message.yiaddr, 0);
  assert.equal(nak.message.ciaddr, 0);
  assert.equal(nak.message.siaddr, 0);
  assert.equal(nak.message.file, "");
  assert.equal(nak.message.sname, "");
});

test("a NAK to a renewal has no ciaddr", async () => {
  const lab = new Dhcp4Lab();
  const nak = await lab.ask(new Client().renew(ip("10.77.0.9")));
  assert.equal(typeOf(nak), MESSAGE.nak);
  assert.equal(nak.message.ciaddr, 0);
});

test("INFORM is answered with parameters, without address and times, and makes no lease", async () => {
  const lab = new Dhcp4Lab();
  const ack = await lab.ask(new Client().inform(ip("10.77.0.50"), lists(OPTION.dnsServer)));
  assert.equal(ack.message.yiaddr, 0);
  assert.equal(ack.message.ciaddr, ip("10.77.0.50"));
  assert.equal(addressOf(ack, OPTION.dnsServer), SERVER);
  assert.deepEqual(lab.service.book("default")?.counts(), { bound: 0, offered: 0, ended: 0, declined: 0 });
});

/** The address that the client says it has, and its source → whether our parameters are for it. */
const INFORMS: readonly (readonly [name: string, ciaddr: string, source: string, isAnswered: boolean])[] = [
  ["an address that nobody leased", "10.77.0.50", "10.77.0.50", true],
  ["our own", "10.77.0.1", "0.0.0.0", true],
  ["none, but a source", "0.0.0.0", "10.77.0.50", true],
  ["none at all", "0.0.0.0", "0.0.0.0", true],
  ["one of another subnet", "192.0.2.7", "192.0.2.7", false],
  ["none, and a source of another subnet", "0.0.0.0", "192.0.2.7", false],
  ["broadcast", "255.255.255.255", "0.0.0.0", false],
  ["a group", "224.0.0.1", "0.0.0.0", false],
];

for (const [name, ciaddr, source, isAnswered] of INFORMS) {
  test(`INFORM from ${name} is ${isAnswered ? "answered" : "met with silence"}`, async () => {
    const lab = new Dhcp4Lab();
    const answer = await lab.send(new Client().inform(ip(ciaddr)), { source: ip(source) });
    assert.equal(answer !== undefined, isAnswered);
    assert.equal(lab.service.counters.get("silent-foreign-address"), isAnswered ? 0 : 1);
  });
}

/** What the client asks for → lease, T1, T2. */
const TIMES: readonly (readonly [
  name: string,
  config: Partial<typeof NETWORK>,
  asked: number | undefined,
  expected: number[],
])[] = [
  ["default", {}, undefined, [3600, 1800, 3150]],
  ["shorter", {}, 600, [600, 300, 525]],
  ["longer is cut", {}, 86_400, [3600, 1800, 3150]],
  ["for ever is cut", {}, 0xffff_ffff, [3600, 1800, 3150]],
  ["zero gets the shortest", {}, 0, [60, 30, 52]],
  ["longer where allowed", { longestLeaseSeconds: 86_400 }, 43_200, [43_200, 21_600, 37_800]],
  ["shorter than the shortest", { shortestLeaseSeconds: 900 }, 600, [900, 450, 787]],
  ["shorter where allowed", { shortestLeaseSeconds: 5 }, 10, [10, 5, 8]],
  ["the shortest is no longer than what is given unasked", { shortestLeaseSeconds: 900, leaseSeconds: 300 }, 60, [300, 150, 262]],
  ["the longest is no shorter", { longestLeaseSeconds: 100, leaseSeconds: 300 }, 200, [200, 100, 175]],
  ["for ever where allowed", { longestLeaseSeconds: 0xffff_ffff }, 0xffff_ffff, [0xffff_ffff, 0xffff_ffff, 0xffff_ffff]],
  ["for ever by default", { leaseSeconds: 0xffff_ffff }, undefined, [0xffff_ffff, 0xffff_ffff, 0xffff_ffff]],
  ["own T1 and T2", { renewSeconds: 100, rebindSeconds: 200 }, undefined, [3600, 100, 200]],
  ["own T1 and T2 do not fit a short lease", { renewSeconds: 1000, rebindSeconds: 2000 }, 600, [600, 300, 525]],
  ["a lease of seconds", { leaseSeconds: 10 }, undefined, [10, 5, 8]],
];

for (const [name, config, asked, expected] of TIMES) {
  test(`lease time: ${name}`, async () => {
    const lab = new Dhcp4Lab({ networks: [{ ...NETWORK, ...config }] });
    const client = new Client();
    const options = asked === undefined ? [] : [seconds(asked)];
    const offer = await lab.ask(client.discover(...options));
    const ack = await lab.ask(client.select(offer, ...options));
    for (const answer of [offer, ack]) {
      const times = [OPTION.leaseTime, OPTION.renewalTime, OPTION.rebindingTime].map((code) => secondsOf(answer, code));
      assert.deepEqual(times, expected);
    }
  });
}

test("a lease too short for T1 before T2 before its end has neither", async () => {
  for (const [leaseSeconds, times] of [
    [1, [undefined, undefined]],
    [2, [undefined, undefined]],
    [3, [1, 2]],
  ] as const) {
    const offer = await new Dhcp4Lab({ networks: [{ ...NETWORK, leaseSeconds }] }).ask(new Client().discover());
    assert.deepEqual(
      [OPTION.renewalTime, OPTION.rebindingTime].map((code) => secondsOf(offer, code)),
      times,
    );
  }
});

test("rapid commit gives a lease in two messages, and says so", async () => {
  const lab = new Dhcp4Lab();
  const ack = await lab.ask(new Client().discover(rapidCommit));
  assert.equal(typeOf(ack), MESSAGE.ack);
  assert.equal(optionOf(ack, OPTION.rapidCommit)?.kind, "present");
  assert.equal(lab.service.book("default")?.counts().bound, 1);
});

test("rapid commit is an offer where it is off, and for clients that may do without IPv4", async () => {
  const off = new Dhcp4Lab({ networks: [{ ...NETWORK, rapidCommit: false }] });
  const offer = await off.ask(new Client().discover(rapidCommit));
  assert.equal(typeOf(offer), MESSAGE.offer);
  assert.equal(optionOf(offer, OPTION.rapidCommit), undefined);
  const wait = { code: OPTION.ipv6OnlyPreferred, bytes: Uint8Array.of(0, 0, 7, 8), always: false };
  const mostly = new Dhcp4Lab({ networks: [{ ...NETWORK, options: [wait] }] });
  const other = await mostly.ask(new Client().discover(rapidCommit, lists(OPTION.ipv6OnlyPreferred)));
  assert.equal(typeOf(other), MESSAGE.offer);
  assert.equal(secondsOf(other, OPTION.ipv6OnlyPreferred), 1800);
});

test("IPv6-only preferred goes only to clients that ask for it", async () => {
  const wait = { code: OPTION.ipv6OnlyPreferred, bytes: Uint8Array.of(0, 0, 7, 8), always: true };
  for (const always of [false, true]) {
    const lab = new Dhcp4Lab({ networks: [{ ...NETWORK, options: [{ ...wait, always }] }] });
    assert.equal(optionOf(await lab.ask(new Client().discover()), OPTION.ipv6OnlyPreferred), undefined);
    assert.equal(optionOf(await lab.ask(new Client().discover(lists(1, 3))), OPTION.ipv6OnlyPreferred), undefined);
    const asked = await lab.ask(new Client().discover(lists(1, OPTION.ipv6OnlyPreferred)));
    assert.equal(secondsOf(asked, OPTION.ipv6OnlyPreferred), 1800);
  }
});

test("what is no request of a client's is met with silence and counted", async () => {
  const lab = new Dhcp4Lab();
  const client = new Client();
  const silent: readonly (readonly [
    name: string,
    message: Parameters<Dhcp4Lab["send"]>[0],
    counter: Parameters<typeof lab.service.counters.get>[0],
  ])[] = [
    ["a reply", { ...client.discover(), op: 2 }, "drop-not-from-client"],
    ["an offer", client.say("offer", {}), "drop-message-type"],
    ["an ACK", client.say("ack", {}), "drop-message-type"],
    ["a NAK", client.say("nak", {}), "drop-message-type"],
    ["FORCERENEW", client.say("forceRenew", {}), "drop-message-type"],
    ["a lease query", client.say("leaseQuery", {}), "drop-message-type"],
    ["no hardware address", new Client(0).discover(), "drop-hardware-address"],
    ["a group as hardware address", new Client(0x0100_5e00_0001).discover(), "drop-hardware-address"],
    ["no hardware address at all", { ...client.discover(), chaddr: new Uint8Array(0), htype: 32 }, "drop-hardware-address"],
    ["a client identifier of 300 octets", client.discover(clientId(...Array<number>(300).fill(7))), "drop-client-id"],
    ["a REQUEST without any address", client.say("request", {}), "silent-no-address"],
    ["a REQUEST of an offer without its address", client.say("request", {}, from(SERVER)), "silent-no-address"],
    [
      "a REQUEST to another server",
      client.say("request", {}, from(ip("10.77.0.3")), wants(ip("10.77.0.9"))),
      "silent-other-server",
    ],
    [
      "a REQUEST to a server of no address",
      client.say("request", {}, octets(OPTION.serverIdentifier, 1), wants(ip("10.77.0.9"))),
      "silent-other-server",
    ],
  ];
  for (const [name, message, counter] of silent) {
    const before = lab.service.counters.get(counter);
    assert.equal(await lab.send(message, { mac: client.mac }), undefined, name);
    assert.equal(lab.service.counters.get(counter), before + 1, name);
  }
});

test("a client without hardware address, but with an identifier, is served by broadcast", async () => {
  const lab = new Dhcp4Lab();
  const client = new Client(0x5254_0000_0001, clientId(0xff, 1, 2, 3, 4, 5));
  const offer = await lab.ask({ ...client.discover(), chaddr: new Uint8Array(0), htype: 32 }, { mac: client.mac });
  assert.equal(offer.destination, 0xffff_ffff);
  assert.equal(offer.message.htype, 32);
  assert.equal(offer.message.chaddr.length, 0);
  await lab.ask({ ...client.select(offer), chaddr: new Uint8Array(0), htype: 32 }, { mac: client.mac });
  assert.equal(lab.service.book("default")?.find("guest:web1")?.record?.mac, client.mac, "bound to who sends its frames");
});

test("replies are padded to 300 bytes and end with the end option", async () => {
  const lab = new Dhcp4Lab();
  const offer = await lab.ask(new Client().discover(lists(1)));
  assert.equal(offer.payload.length, 300);
  assert.equal(offer.payload[offer.payload.lastIndexOf(255)], 255);
});

test("the same request gets the same bytes, whatever the reply's buffer held", async () => {
  const lab = new Dhcp4Lab();
  const client = new Client();
  const discover = client.discover(hostName("a"), relayInfo([1, 2, 3]));
  const first = await lab.ask(discover);
  await lab.ask(new Client(0x5254_0000_0009, hostName("x".repeat(60))).discover(), {});
  const second = await lab.ask(discover);
  assert.deepEqual(second.payload, first.payload);
});

function ofType(answer: Answer | undefined): number | undefined {
  return answer === undefined ? undefined : typeOf(answer);
}

test("a port whose network is not served is met with silence", async () => {
  const lab = new Dhcp4Lab({ networks: [] });
  assert.equal(ofType(await lab.send(new Client().discover())), undefined);
  assert.equal(lab.service.counters.get("drop-no-network"), 1);
});
