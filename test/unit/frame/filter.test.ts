import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { IPV6_ALL_NODES, IPV6_ALL_ROUTERS } from "../../../src/base/ipv6-address.js";
import { and, assemble, drop, jumpIfEqual, keep, label, loadByte } from "../../../src/frame/bpf.js";
import { controlFilter, type FilterBindings, firstFrameFilter } from "../../../src/frame/filter.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import { runBpf } from "../../support/bpf.js";
import { GUEST_LINK_LOCAL, icmpv6Frame, PORT, udpv4Frame, udpv6Frame } from "../../support/frames.js";

/** What tapnetd binds on a guest's port. */
const BINDINGS: FilterBindings = {
  datagrams: [
    { family: 4, port: 67, reach: "link" },
    { family: 4, port: 53, reach: "gateway" },
    { family: 4, port: 69, reach: "gateway" },
    { family: 6, port: 547, reach: "link" },
    { family: 6, port: 53, reach: "gateway" },
  ],
  packets: [{ message: "routerSolicitation" }, { message: "neighbourSolicitation" }, { message: "listenerReportV2" }],
};

const PROGRAM = controlFilter(PORT, BINDINGS);
const PAYLOAD = new Uint8Array(40);
const BROADCAST = 0xffff_ffff_ffff;
const ALL_SERVERS = (0xff02n << 112n) | 0x1_0002n;
const OUTSIDE = (0x2001_0db8n << 96n) | 1n;

const dhcp = (fields: object = {}): Uint8Array => udpv4Frame({ source: 68, destination: 67, payload: PAYLOAD, ...fields });
const dns = (fields: object = {}): Uint8Array => udpv4Frame({ source: 4000, destination: 53, payload: PAYLOAD, ...fields });
const dhcp6 = (fields: object = {}): Uint8Array => udpv6Frame({ source: 546, destination: 547, payload: PAYLOAD, ...fields });
const dns6 = (fields: object = {}): Uint8Array => udpv6Frame({ source: 4000, destination: 53, payload: PAYLOAD, ...fields });
const nd = (type: number, fields: object = {}): Uint8Array => icmpv6Frame({ type, ipv6Destination: IPV6_ALL_ROUTERS, ...fields });
const extension = (first: number, next: number): object => ({
  extensions: { first, bytes: Uint8Array.of(next, 0, 0, 0, 0, 0, 0, 0) },
});

describe("the filter of a port keeps", () => {
  const kept: [name: string, frame: Uint8Array][] = [
    ["a DISCOVER", dhcp({ etherDestination: BROADCAST, ipSource: 0, ipDestination: 0xffff_ffff })],
    ["a renewal", dhcp()],
    ["DHCP behind IPv4 options", dhcp({ options: new Uint8Array(40) })],
    ["DNS to the gateway", dns()],
    ["a priority-tagged query", dns({ tag: { priority: 7, dropEligible: false, id: 0 } })],
    ["TFTP to the gateway", dns({ destination: 69 })],
    ["a DHCPv6 solicit", dhcp6({ etherDestination: 0x3333_0001_0002, ipv6Destination: ALL_SERVERS })],
    ["DNS over IPv6 to the gateway, and to fe80::1", dns6({ ipv6Destination: PORT.gatewayIpv6 })],
    ["DNS over IPv6 to fe80::1", dns6()],
    ["a router solicitation", nd(icmpv6.TYPE.routerSolicitation)],
    ["a probe for an address", nd(icmpv6.TYPE.neighbourSolicitation, { ipv6Destination: IPV6_ALL_NODES, ipv6Source: 0n })],
    ["a listener report", nd(icmpv6.TYPE.listenerReportV2, extension(0, 58))],
    ["anything to us behind an extension header", dns6(extension(60, 17))],
  ];
  for (const [name, frame] of kept) test(name, () => assert.ok(runBpf(PROGRAM, frame) >= frame.length));
});

describe("the filter of a port drops", () => {
  const dropped: [name: string, frame: Uint8Array][] = [
    ["a query to another resolver", dns({ ipDestination: 0x0808_0808 })],
    ["a query to everybody", dns({ ipDestination: 0xffff_ffff, etherDestination: BROADCAST })],
    ["a query over IPv6 to another resolver", dns6({ ipv6Destination: OUTSIDE })],
    ["a query over IPv6 to a group", dns6({ ipv6Destination: ALL_SERVERS })],
    ["another port of the gateway", dns({ destination: 123 })],
    ["TCP to the gateway", dns({ protocol: 6 })],
    ["a first fragment", dhcp({ flags: 1 })],
    ["a later fragment", dhcp({ flags: 0, fragmentOffsetBytes: 8 })],
    ["a fragment of IPv6", dns6(extension(44, 17))],
    ["a frame for another station", dhcp({ etherDestination: 0x5254_0000_0009 })],
    ["a VLAN", dhcp({ tag: { priority: 0, dropEligible: false, id: 9 } })],
    ["an echo request", nd(icmpv6.TYPE.echoRequest, { ipv6Destination: GUEST_LINK_LOCAL })],
    ["a router advertisement", nd(icmpv6.TYPE.routerAdvertisement, { ipv6Destination: IPV6_ALL_NODES })],
    [
      "ARP, which nobody is bound to",
      Uint8Array.from([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9, 8, 6, ...new Uint8Array(28)]),
    ],
    ["LLDP", Uint8Array.from([1, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0x88, 0xcc, ...new Uint8Array(40)])],
  ];
  for (const [name, frame] of dropped) test(name, () => assert.equal(runBpf(PROGRAM, frame), 0));

  test("a frame that is cut anywhere in its headers", () => {
    for (const frame of [dhcp(), dns6()]) {
      const headers = frame.length - PAYLOAD.length - 4;
      for (let length = 0; length < headers; length++) assert.equal(runBpf(PROGRAM, frame.subarray(0, length)), 0);
    }
  });
});

describe("other filters", () => {
  test("ARP is kept where a service is bound to it", () => {
    const arp = Uint8Array.from([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9, 8, 6, ...new Uint8Array(28)]);
    assert.ok(runBpf(controlFilter(PORT, { datagrams: [], packets: [{ message: "arp" }] }), arp) > 0);
  });

  test("a network without a family answers nothing of it but broadcast and link-local", () => {
    const program = controlFilter({ ...PORT, gatewayIpv4: 0, gatewayIpv6: 0n }, BINDINGS);
    assert.equal(runBpf(program, dns({ ipDestination: 0 })), 0);
    assert.equal(runBpf(program, dns6({ ipv6Destination: 0n })), 0);
    assert.ok(runBpf(program, dhcp({ ipDestination: 0xffff_ffff })) > 0);
    assert.ok(runBpf(program, dns6()) > 0);
  });

  test("for the first frame everything is kept, but no VLAN", () => {
    const program = firstFrameFilter();
    assert.ok(runBpf(program, dns({ ipDestination: 0x0808_0808 })) > 0);
    assert.ok(runBpf(program, new Uint8Array(14)) > 0);
    assert.equal(runBpf(program, dhcp({ tag: { priority: 0, dropEligible: false, id: 9 } })), 0);
  });

  test("a forwarded packet is dropped after a few instructions", () => {
    let steps = 0;
    const counted = new Proxy(PROGRAM, {
      get: (target, key) => {
        steps++;
        return Reflect.get(target, key) as unknown;
      },
    });
    runBpf(counted, dns({ ipDestination: 0x0808_0808 }));
    assert.ok(steps <= 6, `${steps} instructions`);
    steps = 0;
    runBpf(counted, dns6({ ipv6Destination: OUTSIDE }));
    assert.ok(steps <= 11, `${steps} instructions`);
  });
});

describe("the assembler", () => {
  test("resolves labels into distances", () => {
    const program = assemble([loadByte(0), jumpIfEqual(7, "seven"), and(1), drop(), label("seven"), keep()]);
    assert.deepEqual(program[1], { code: 0x15, jt: 2, jf: 0, k: 7 });
    assert.deepEqual([runBpf(program, Uint8Array.of(7)) > 0, runBpf(program, Uint8Array.of(6))], [true, 0]);
  });

  test("names a label that is missing, twice there, behind, or too far", () => {
    assert.throws(() => assemble([jumpIfEqual(7, "nowhere"), drop()]), /no label nowhere/);
    assert.throws(() => assemble([label("a"), drop(), label("a"), drop()]), /two labels a/);
    assert.throws(() => assemble([label("a"), loadByte(0), jumpIfEqual(7, "a"), drop()]), /label a is -2/);
    const far = [jumpIfEqual(7, "end"), ...Array.from({ length: 300 }, () => loadByte(0)), label("end"), drop()];
    assert.throws(() => assemble(far), /label end is 300/);
  });
});
