import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { IPV6_ALL_NODES, IPV6_ANY, solicitedNode } from "../../../src/base/ipv6-address.js";
import { AddressLearner, type AddressLearnerOptions } from "../../../src/services/nd/address-learner.js";
import * as mld from "../../../src/wire/mld.js";
import type { Message } from "../../../src/wire/ndp/message.js";
import { ip, prefix } from "../../support/dhcp6-lab.js";
import { GUEST_LINK_LOCAL, GUEST_MAC, ipv6Of, PORT_LINK_LOCAL } from "../../support/frames.js";
import { BRIDGE, NdLab, WEB1, WEB2 } from "../../support/nd-lab.js";

const SLAAC = ip("2001:db8:77::abcd:1");
const EUI64 = ip("2001:db8:77:0:5054:ff:fe12:3456");
const PREFIX = prefix("2001:db8:77::/64");

function setUp(overrides: Partial<Pick<AddressLearnerOptions, "owner" | "most" | "idleMs">> = {}) {
  const lab = new NdLab();
  const log: string[] = [];
  const name = (address: bigint): string => address.toString(16).slice(-4);
  const learner = new AddressLearner({
    clock: lab.clock,
    sender: lab.sender,
    owner: () => undefined,
    events: {
      learned: ({ link, address }) => void log.push(`+${link.guest} ${name(address)}`),
      forgotten: ({ link, address }) => void log.push(`-${link.guest} ${name(address)}`),
    },
    ...overrides,
  });
  lab.bind(learner, [
    "neighbourSolicitation",
    "neighbourAdvertisement",
    "routerAdvertisement",
    "redirect",
    "listenerReport",
    "listenerReportV2",
    "echoReply",
  ]);
  for (const link of [WEB1, WEB2]) learner.addLink(link, [PREFIX]);
  return { lab, learner, log };
}

const solicitation = (target: bigint): Message => ({ kind: "neighbour-solicitation", target, options: [] });
const advertisement = (target: bigint): Message => {
  return { kind: "neighbour-advertisement", router: false, solicited: true, override: true, target, options: [] };
};

/** A duplicate address detection (RFC 4862 §5.4.2). */
function detect(lab: NdLab, link: typeof WEB1, address: bigint) {
  return lab.hear(link, solicitation(address), { source: IPV6_ANY, destination: solicitedNode(address) });
}

function advertise(lab: NdLab, link: typeof WEB1, address: bigint) {
  return lab.hear(link, advertisement(address), { source: address, destination: PORT_LINK_LOCAL });
}

/** A guest listens to the group of an address (RFC 3810 §5.2). */
function report(address: bigint): Uint8Array {
  const records = [{ type: mld.RECORD_TYPE.toExclude, group: solicitedNode(address), sources: [] }];
  const listened: mld.ListenerReport = { kind: "v2", records };
  const bytes = new Uint8Array(mld.emittedBytes(listened));
  mld.emit(listened, new DataView(bytes.buffer), 0);
  return bytes;
}

describe("a guest that was there before us", () => {
  const GATEWAY = WEB1.gatewayIpv6;
  const ECHO_REPLY = 129;
  /** Polls the guest and hands back what it is asked. */
  const poll = (lab: NdLab, learner: AddressLearner): Uint8Array => {
    const before = lab.transmitter.frames.length;
    learner.poll(WEB1.slot);
    lab.sender.flush();
    const [frame, ...more] = lab.transmitter.frames.slice(before);
    assert.equal(more.length, 0);
    return frame.bytes;
  };
  /** What the guest answers to an echo, from this address. */
  const answer = (lab: NdLab, asked: Uint8Array, source: bigint): void => {
    lab.hearIcmpv6(WEB1, Uint8Array.from([ECHO_REPLY, 0, 0, 0, ...asked.slice(58)]), { source, destination: GATEWAY });
  };

  test("is asked by an echo from our global address to all nodes, and what it answers from is learnt", () => {
    const { lab, learner, log } = setUp();
    const asked = poll(lab, learner);
    assert.deepEqual([ipv6Of(asked, 22), ipv6Of(asked, 38), asked[54]], [GATEWAY, IPV6_ALL_NODES, 128]);
    answer(lab, asked, SLAAC);
    answer(lab, asked, SLAAC);
    assert.deepEqual(log, ["+web1 0001"]);
  });

  test("is asked once more, and not when it is gone", () => {
    const { lab, learner } = setUp();
    poll(lab, learner);
    const before = lab.transmitter.frames.length;
    lab.clock.advance(60_000);
    assert.equal(lab.transmitter.frames.length, before + 1);
    poll(lab, learner);
    learner.removeLink(WEB1.slot);
    assert.equal(lab.clock.pending, 0);
  });

  test("teaches nothing by answers that nobody asked for: before, too late, to another's ping", () => {
    const { lab, learner, log } = setUp();
    const [other, asked] = [new Uint8Array(66), poll(lab, learner)];
    answer(lab, other, SLAAC);
    lab.clock.advance(14_000);
    answer(lab, asked, SLAAC);
    const second = setUp();
    answer(second.lab, asked, SLAAC);
    assert.deepEqual([log, second.log], [[], []]);
    assert.equal(learner.counters.get("echo-unasked"), 2);
  });

  test("cannot claim what is another's so", () => {
    const { lab, learner, log } = setUp({ owner: () => "web2" });
    answer(lab, poll(lab, learner), SLAAC);
    answer(lab, poll(lab, learner), ip("2001:db8:99::1"));
    assert.deepEqual(log, []);
  });
});

describe("an address is learnt", () => {
  test("from the detection of duplicates, at once and once", () => {
    const { lab, learner, log } = setUp();
    assert.deepEqual(detect(lab, WEB1, SLAAC), []);
    detect(lab, WEB1, SLAAC);
    assert.deepEqual(log, ["+web1 0001"]);
    assert.deepEqual(learner.addresses(WEB1.slot), [SLAAC]);
  });

  test("from an advertisement", () => {
    const { lab, log } = setUp();
    advertise(lab, WEB1, SLAAC);
    assert.deepEqual(log, ["+web1 0001"]);
  });

  test("from the source of a solicitation", () => {
    const { lab, log } = setUp();
    lab.hear(WEB1, solicitation(ip("fe80::1")), { source: SLAAC, destination: solicitedNode(ip("fe80::1")) });
    assert.deepEqual(log, ["+web1 0001"]);
  });

  test("by asking, when a listener report hints at the one made from the MAC", () => {
    const { lab, log } = setUp();
    const bytes = report(EUI64);
    const told = lab.hearIcmpv6(WEB1, bytes, { source: GUEST_LINK_LOCAL, destination: ip("ff02::16") });
    assert.deepEqual(
      told.map(({ message, destination }) => [message.kind, destination]),
      [["neighbour-solicitation", solicitedNode(EUI64)]],
    );
    assert.deepEqual(lab.hearIcmpv6(WEB1, bytes, { source: GUEST_LINK_LOCAL, destination: ip("ff02::16") }), []);
    advertise(lab, WEB1, EUI64);
    assert.deepEqual(log, ["+web1 3456"]);
  });

  test("by asking again, when the guest has heard of its prefix only after the report", () => {
    const { lab, log } = setUp();
    const bytes = report(EUI64);
    const asked = lab.during(() => {
      lab.hearIcmpv6(WEB1, bytes, { source: GUEST_LINK_LOCAL, destination: ip("ff02::16") });
      lab.clock.advance(4000);
    });
    assert.deepEqual(
      asked.map(({ destination }) => destination),
      new Array(3).fill(solicitedNode(EUI64)),
    );
    advertise(lab, WEB1, EUI64);
    assert.deepEqual(log, ["+web1 3456"]);
    assert.deepEqual(
      lab.during(() => lab.clock.advance(20_000)),
      [],
    );
  });

  test("and nobody is asked for ever, nor on a port that is gone", () => {
    const { lab, learner } = setUp();
    for (const port of [WEB1, WEB2]) {
      lab.hearIcmpv6(port, report(EUI64), { source: GUEST_LINK_LOCAL, destination: ip("ff02::16") });
    }
    learner.removeLink(WEB2.slot);
    const asked = lab.during(() => lab.clock.advance(60_000));
    assert.deepEqual(
      asked.map(({ ifindex }) => ifindex),
      new Array(4).fill(WEB1.ifindex),
    );
    assert.equal(lab.clock.pending, 0);
  });

  test("again with another MAC, when the guest changes that", () => {
    const { lab, log } = setUp();
    detect(lab, WEB1, SLAAC);
    lab.hear(WEB1, { ...advertisement(SLAAC), solicited: false } as Message, {
      source: SLAAC,
      destination: IPV6_ALL_NODES,
      mac: GUEST_MAC + 1,
    });
    assert.deepEqual(log, ["+web1 0001", "+web1 0001"]);
  });
});

describe("nothing is learnt", () => {
  test("outside the port's prefixes, nor of link-local addresses", () => {
    const { lab, learner, log } = setUp();
    detect(lab, WEB1, ip("2001:db8:99::1"));
    detect(lab, WEB1, GUEST_LINK_LOCAL);
    assert.deepEqual(log, []);
    assert.equal(learner.counters.get("not-permitted"), 1);
  });

  test("that is anycast: the routers' own (RFC 4291 §2.6.1), or reserved (RFC 2526)", () => {
    const { lab, learner, log } = setUp();
    for (const anycast of ["2001:db8:77::", "2001:db8:77:0:fdff:ffff:ffff:fffe"]) {
      detect(lab, WEB1, ip(anycast));
      advertise(lab, WEB1, ip(anycast));
    }
    assert.deepEqual(log, []);
    assert.equal(learner.counters.get("not-permitted"), 4);
  });

  test("from a detection that asks the wrong group, or names a station (RFC 4861 §7.1.1)", () => {
    const { lab, learner, log } = setUp();
    const named = { ...solicitation(SLAAC), options: [{ kind: "source-link-layer-address", mac: GUEST_MAC }] } as Message;
    lab.hear(WEB1, solicitation(SLAAC), { source: IPV6_ANY, destination: IPV6_ALL_NODES });
    lab.hear(WEB1, named, { source: IPV6_ANY, destination: solicitedNode(SLAAC) });
    assert.deepEqual(log, []);
    assert.equal(learner.counters.get("detection-malformed"), 2);
  });

  test("from an answer that goes to everybody (RFC 4861 §7.1.2)", () => {
    const { lab, learner, log } = setUp();
    lab.hear(WEB1, advertisement(SLAAC), { source: SLAAC, destination: IPV6_ALL_NODES });
    assert.deepEqual(log, []);
    assert.equal(learner.counters.get("advertisement-malformed"), 1);
    lab.hear(WEB1, { ...advertisement(SLAAC), solicited: false } as Message, { source: SLAAC, destination: IPV6_ALL_NODES });
    assert.deepEqual(log, ["+web1 0001"]);
  });

  test("from shared links", () => {
    const { lab, learner, log } = setUp();
    detect(lab, BRIDGE, SLAAC);
    assert.deepEqual(log, []);
    assert.equal(learner.counters.get("no-port"), 1);
  });

  test("of what the guest has by other means", () => {
    const { lab, log } = setUp({ owner: () => "web1" });
    assert.deepEqual(detect(lab, WEB1, SLAAC), []);
    assert.deepEqual(log, []);
  });

  test("from router advertisements and redirects, which are counted", () => {
    const { lab, learner } = setUp();
    const header = {
      hopLimit: 0,
      managed: false,
      other: false,
      preference: "high",
      routerLifetimeSeconds: 9000,
      reachableMs: 0,
      retransmitMs: 0,
    } as const;
    lab.hear(
      WEB1,
      { kind: "router-advertisement", ...header, options: [] },
      { source: GUEST_LINK_LOCAL, destination: IPV6_ALL_NODES },
    );
    lab.hear(
      WEB1,
      { kind: "redirect", target: 1n, destination: 2n, options: [] },
      { source: GUEST_LINK_LOCAL, destination: PORT_LINK_LOCAL },
    );
    assert.equal(learner.counters.get("router-advertisement"), 1);
    assert.equal(learner.counters.get("redirect"), 1);
  });
});

describe("what is another's", () => {
  for (const [whose, setUpOwner] of [
    ["learnt on another port", () => undefined],
    ["leased to another guest", () => "web2"],
    ["the gateway", () => ""],
  ] as const) {
    test(`(${whose}) is defended: the detection is answered, nothing is learnt`, () => {
      const { lab, learner, log } = setUp({ owner: setUpOwner });
      if (whose === "learnt on another port") detect(lab, WEB2, SLAAC);
      const [told, ...more] = detect(lab, WEB1, SLAAC);
      assert.equal(more.length, 0);
      assert.deepEqual([told.destination, told.etherDestination, told.source], [IPV6_ALL_NODES, 0x3333_0000_0001, ip("fe80::1")]);
      assert.deepEqual(told.message, {
        kind: "neighbour-advertisement",
        router: false,
        solicited: false,
        override: false,
        target: SLAAC,
        options: [{ kind: "target-link-layer-address", mac: WEB1.gatewayMac }],
      });
      assert.equal(log.filter((line) => line.includes("web1")).length, 0);
      assert.equal(learner.counters.get("defended"), 1);
    });
  }

  test("cannot be taken by advertising it", () => {
    const { lab, learner, log } = setUp();
    detect(lab, WEB2, SLAAC);
    advertise(lab, WEB1, SLAAC);
    assert.deepEqual(log, ["+web2 0001"]);
    assert.equal(learner.counters.get("not-its-own"), 1);
  });

  test("is reached through us: a solicitation for a neighbour is answered with our MAC", () => {
    const { lab } = setUp();
    detect(lab, WEB2, SLAAC);
    const asked = { source: GUEST_LINK_LOCAL, destination: solicitedNode(SLAAC) };
    const [told] = lab.hear(WEB1, solicitation(SLAAC), asked);
    assert.equal(told.destination, GUEST_LINK_LOCAL);
    assert.ok(told.message.kind === "neighbour-advertisement" && told.message.solicited && !told.message.override);
    assert.deepEqual(lab.hear(WEB1, solicitation(ip("2001:db8:77::9999")), asked), []);
  });

  test("is lost to a lease by whoever had merely taken it", () => {
    const { lab, learner, log } = setUp();
    detect(lab, WEB1, SLAAC);
    learner.withdraw("default", SLAAC);
    assert.deepEqual(log, ["+web1 0001", "-web1 0001"]);
  });
});

describe("silence", () => {
  test("is asked about three times, a second apart, then the address is forgotten", () => {
    const { lab, log } = setUp({ idleMs: 60_000 });
    detect(lab, WEB1, SLAAC);
    assert.deepEqual(
      lab.during(() => lab.clock.advance(59_000)),
      [],
    );
    const told = lab.during(() => lab.clock.advance(4000));
    assert.deepEqual(
      told.map(({ message, destination, etherDestination }) => [message.kind, destination, etherDestination]),
      [
        ["neighbour-solicitation", SLAAC, GUEST_MAC],
        ["neighbour-solicitation", SLAAC, GUEST_MAC],
        ["neighbour-solicitation", SLAAC, GUEST_MAC],
      ],
    );
    lab.clock.advance(2000);
    assert.deepEqual(log, ["+web1 0001", "-web1 0001"]);
    assert.equal(lab.clock.pending, 0);
  });

  test("that is broken keeps the address", () => {
    const { lab, log } = setUp({ idleMs: 60_000 });
    detect(lab, WEB1, SLAAC);
    for (let minute = 0; minute < 10; minute++) {
      lab.clock.advance(60_500);
      advertise(lab, WEB1, SLAAC);
    }
    assert.deepEqual(log, ["+web1 0001"]);
  });
});

describe("the bound", () => {
  const many = Array.from({ length: 9 }, (_, index) => SLAAC + BigInt(index));

  test("a ninth address is refused when the eight are alive", () => {
    const { lab, learner } = setUp();
    for (const address of many.slice(0, 8)) detect(lab, WEB1, address);
    const asked = lab.during(() => void detect(lab, WEB1, many[8]));
    assert.equal(asked.length, 8);
    for (const address of many.slice(0, 8)) advertise(lab, WEB1, address);
    lab.clock.advance(10_000);
    assert.deepEqual(learner.addresses(WEB1.slot), many.slice(0, 8));
    assert.equal(learner.counters.get("full"), 1);
  });

  test("it takes the place of one that is silent", () => {
    const { lab, learner, log } = setUp();
    for (const address of many) detect(lab, WEB1, address);
    for (const address of many.slice(1, 8)) advertise(lab, WEB1, address);
    lab.clock.advance(10_000);
    assert.deepEqual(learner.addresses(WEB1.slot), many.slice(1));
    assert.deepEqual(log.slice(-2), ["-web1 0001", "+web1 0009"]);
  });

  test("a guest that floods only harms itself", () => {
    const { lab, learner } = setUp();
    for (let index = 0n; index < 1000n; index++) detect(lab, WEB1, SLAAC + index);
    detect(lab, WEB2, SLAAC + 5000n);
    assert.equal(learner.addresses(WEB1.slot).length, 8);
    assert.equal(learner.addresses(WEB2.slot).length, 1);
  });
});

describe("the life of a port", () => {
  test("its addresses go with it, with other prefixes, and come back by adoption in silence", () => {
    const { lab, learner, log } = setUp();
    detect(lab, WEB1, SLAAC);
    learner.setLinkPrefixes(WEB1.slot, [prefix("2001:db8:88::/64")]);
    assert.deepEqual(log, ["+web1 0001", "-web1 0001"]);
    learner.addLink(WEB1, [PREFIX]);
    learner.adopt(WEB1.slot, SLAAC, GUEST_MAC);
    assert.deepEqual(learner.addresses(WEB1.slot), [SLAAC]);
    assert.equal(log.length, 2);
    learner.removeLink(WEB1.slot);
    assert.equal(log.length, 3);
    learner.close();
    assert.equal(lab.clock.pending, 0);
  });
});
