import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "../../../src/base/clock.js";
import { IPV6_ALL_ROUTERS } from "../../../src/base/ipv6-address.js";
import { type Logger, silentLogger } from "../../../src/base/log.js";
import { type Datagram, type DatagramService, type Reply, VERDICT, type Verdict } from "../../../src/frame/datagram.js";
import { type DatagramBinding, Dispatcher, type DispatcherOptions } from "../../../src/frame/dispatch.js";
import type { Link } from "../../../src/frame/link.js";
import type { Packet } from "../../../src/frame/packet.js";
import * as arp from "../../../src/wire/arp.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import {
  append,
  GUEST_IPV4,
  GUEST_LINK_LOCAL,
  GUEST_MAC,
  icmpv6Frame,
  PORT,
  PORT_LINK_LOCAL,
  RecordingTransmitter,
  readUdpFrame,
  receive,
  tableOf,
  udpv4Frame,
  udpv6Frame,
  withResolvers,
} from "../../support/frames.js";
import { viewOf } from "../../support/pieces.js";

const QUERY = { source: 5353, destination: 53, payload: Uint8Array.of(7) };
const DISCOVER = { source: 68, destination: 67, payload: Uint8Array.of(1), ipSource: 0, ipDestination: 0xffff_ffff };

/** Answers every datagram with its own payload, by the verdict that it was given. */
class Echo implements DatagramService {
  readonly verdict: Verdict;
  seen = 0;

  constructor(verdict: Verdict) {
    this.verdict = verdict;
  }

  handle(request: Datagram, reply: Reply): Verdict {
    this.seen++;
    for (let index = 0; index < request.payloadLength; index++) {
      reply.bytes[reply.payloadOffset + index] = request.bytes[request.payloadOffset + index];
    }
    reply.payloadLength = request.payloadLength;
    return this.verdict;
  }
}

function setUp(options: Partial<DispatcherOptions> & { datagrams: readonly DatagramBinding[] }) {
  const transmitter = new RecordingTransmitter();
  const dispatcher = new Dispatcher({
    links: tableOf(PORT),
    transmitter,
    commit: () => undefined,
    clock: systemClock,
    log: silentLogger,
    ...options,
  });
  return { dispatcher, transmitter };
}

describe("dispatch", () => {
  test("a datagram goes to the service of its family and port, and the answer goes back to who asked", () => {
    const dns = new Echo(VERDICT.reply);
    const other = new Echo(VERDICT.reply);
    const { dispatcher, transmitter } = setUp({
      datagrams: [
        { family: 4, port: 53, reach: "gateway", service: dns },
        { family: 6, port: 53, reach: "gateway", service: other },
        { family: 4, port: 69, reach: "gateway", service: other },
      ],
    });
    dispatcher.dispatch(receive([udpv4Frame(QUERY)]));
    assert.deepEqual([dns.seen, other.seen, transmitter.flushes], [1, 0, 1]);
    const { ether, ip, udp, payload } = readUdpFrame(transmitter.frames[0].bytes);
    assert.deepEqual([ether.source, ether.destination], [PORT.gatewayMac, GUEST_MAC]);
    assert.deepEqual([ip.source, ip.destination], [PORT.gatewayIpv4, GUEST_IPV4]);
    assert.deepEqual([udp.source, udp.destination, [...payload]], [53, 5353, [7]]);
    assert.equal(transmitter.frames[0].ifindex, PORT.ifindex);
  });

  test("over IPv6 the answer comes from the address that was asked; for a group, from ours of the asker's scope", () => {
    const { dispatcher, transmitter } = setUp({
      datagrams: [{ family: 6, port: 547, reach: "link", service: new Echo(VERDICT.reply) }],
    });
    const guestGlobal = PORT.gatewayIpv6 + 5n;
    const group = (0xff02n << 112n) | 0x1_0002n;
    const ask = (ipv6Source: bigint, ipv6Destination: bigint): Uint8Array =>
      udpv6Frame({ source: 546, destination: 547, payload: Uint8Array.of(1), ipv6Source, ipv6Destination });
    dispatcher.dispatch(
      receive([
        ask(GUEST_LINK_LOCAL, group),
        ask(guestGlobal, group),
        ask(guestGlobal, PORT.gatewayIpv6),
        ask(GUEST_LINK_LOCAL, PORT_LINK_LOCAL),
      ]),
    );
    const answers = transmitter.frames.map(({ bytes }) => readUdpFrame(bytes).ip);
    assert.deepEqual(
      answers.map(({ source, destination }) => [source, destination]),
      [
        [PORT_LINK_LOCAL, GUEST_LINK_LOCAL],
        [PORT.gatewayIpv6, guestGlobal],
        [PORT.gatewayIpv6, guestGlobal],
        [PORT_LINK_LOCAL, GUEST_LINK_LOCAL],
      ],
    );
  });

  test("one batch of requests is one flush of replies, and silence takes no row", () => {
    const echo = new Echo(VERDICT.reply);
    const mute = new Echo(VERDICT.silent);
    const { dispatcher, transmitter } = setUp({
      datagrams: [
        { family: 4, port: 53, reach: "gateway", service: echo },
        { family: 4, port: 67, reach: "link", service: mute },
      ],
    });
    const frames = Array.from({ length: 300 }, (_, index) => {
      return index % 3 === 0 ? udpv4Frame(DISCOVER) : udpv4Frame({ ...QUERY, payload: Uint8Array.of(index & 255) });
    });
    dispatcher.dispatch(receive(frames));
    assert.deepEqual([echo.seen, mute.seen, transmitter.frames.length], [200, 100, 200]);
    assert.equal(transmitter.flushes, 1);
    assert.deepEqual([...readUdpFrame(transmitter.frames[1].bytes).payload], [2]);
    assert.deepEqual([dispatcher.counters.get("received"), dispatcher.counters.get("replies")], [300, 200]);
  });

  test("a port without a service, and a broadcast to a service of the gateway only, are counted", () => {
    const echo = new Echo(VERDICT.reply);
    const { dispatcher, transmitter } = setUp({ datagrams: [{ family: 4, port: 53, reach: "gateway", service: echo }] });
    dispatcher.dispatch(
      receive([
        udpv4Frame({ ...QUERY, destination: 123 }),
        udpv4Frame({ ...QUERY, ipDestination: 0xffff_ffff }),
        udpv4Frame({ ...QUERY, ipSource: 0 }),
      ]),
    );
    assert.deepEqual([echo.seen, transmitter.flushes], [0, 0]);
    assert.deepEqual([dispatcher.counters.get("no-service"), dispatcher.counters.get("not-for-gateway")], [1, 2]);
  });

  test("two services for one port are a mistake that is named at construction", () => {
    const service = new Echo(VERDICT.silent);
    const binding = { family: 4, port: 53, reach: "gateway", service } as const;
    assert.throws(() => setUp({ datagrams: [binding, binding] }), /UDP port 53 over IPv4/);
  });

  test("a service that throws costs its frame, is counted, and is logged once a second", () => {
    const echo = new Echo(VERDICT.reply);
    const logged: string[] = [];
    const log: Logger = { ...silentLogger, error: (_fields, message) => logged.push(message) };
    let nowMs = 0;
    const broken: DatagramService = {
      handle() {
        throw new TypeError("a mistake");
      },
    };
    const { dispatcher, transmitter } = setUp({
      log,
      clock: { ...systemClock, monotonicMs: () => nowMs },
      datagrams: [
        { family: 4, port: 53, reach: "gateway", service: echo },
        { family: 4, port: 67, reach: "link", service: broken },
      ],
    });
    const batch = (): Uint8Array[] => [udpv4Frame(DISCOVER), udpv4Frame(QUERY), udpv4Frame(DISCOVER), udpv4Frame(QUERY)];
    dispatcher.dispatch(receive(batch()));
    assert.deepEqual([transmitter.frames.length, dispatcher.counters.get("service-fault"), logged.length], [2, 2, 1]);
    nowMs = 1500;
    dispatcher.dispatch(receive(batch()));
    assert.deepEqual([transmitter.frames.length, dispatcher.counters.get("service-fault"), logged.length], [4, 4, 2]);
  });
});

describe("dispatch of messages below UDP", () => {
  test("by ICMPv6 type; answers leave from fe80::1 with hop limit 255", () => {
    const seen: number[] = [];
    const service = {
      handle(request: Packet, reply: Reply): Verdict {
        seen.push(icmpv6.type(request.view, request.payloadOffset));
        reply.view.setUint32(reply.payloadOffset, 0x8600_0000);
        reply.payloadLength = 4;
        return VERDICT.reply;
      },
    };
    const { dispatcher, transmitter } = setUp({ datagrams: [], packets: [{ message: "routerSolicitation", service }] });
    const frame = (type: number): Uint8Array => icmpv6Frame({ type, ipv6Destination: IPV6_ALL_ROUTERS });
    dispatcher.dispatch(receive([frame(icmpv6.TYPE.routerSolicitation), frame(icmpv6.TYPE.neighbourSolicitation)]));
    assert.deepEqual([seen, dispatcher.counters.get("no-service")], [[133], 1]);
    const { bytes } = transmitter.frames[0];
    assert.equal(bytes[14 + 7], 255);
    assert.equal(viewOf(bytes).getBigUint64(14 + 16), 1n);
    assert.ok(icmpv6.verify(viewOf(bytes), 14, 54, 4));
  });

  test("ARP", () => {
    const service = {
      handle(request: Packet, reply: Reply): Verdict {
        const asked = arp.parse(request.view, request.payloadOffset, request.payloadLength);
        assert.ok(typeof asked !== "string");
        const { senderMac, senderAddress, targetAddress } = asked;
        const answer = { operation: arp.OPERATION.reply, senderMac: PORT.gatewayMac, senderAddress: targetAddress };
        reply.payloadLength = arp.emit(
          { ...answer, targetMac: senderMac, targetAddress: senderAddress },
          reply.view,
          reply.payloadOffset,
        );
        return VERDICT.reply;
      },
    };
    const { dispatcher, transmitter } = setUp({ datagrams: [], packets: [{ message: "arp", service }] });
    const request = new Uint8Array(42);
    request.set([255, 255, 255, 255, 255, 255, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 8, 6]);
    const asking = { operation: arp.OPERATION.request, senderMac: GUEST_MAC, senderAddress: GUEST_IPV4, targetMac: 0 };
    arp.emit({ ...asking, targetAddress: PORT.gatewayIpv4 }, viewOf(request), 14);
    dispatcher.dispatch(receive([request]));
    const { bytes } = transmitter.frames[0];
    assert.equal(arp.describe(viewOf(bytes), 14, bytes.length - 14), "ARP, Reply 10.77.0.1 is-at 02:00:00:00:00:01");
  });
});

describe("the first frame of a link", () => {
  test("is shown once, before it is handled, so that the link may have become a guest's by then", () => {
    const unknown: Link = { ...PORT, guest: undefined };
    const links = tableOf(unknown);
    const seen: (string | undefined)[] = [];
    const service: DatagramService = {
      handle(request) {
        seen.push(request.link.guest);
        return VERDICT.silent;
      },
    };
    const { dispatcher } = setUp({
      links,
      datagrams: [{ family: 4, port: 67, reach: "link", service }],
      onFirstFrame(link, etherSource) {
        seen.push(`${link.ifname} ${etherSource.toString(16)}`);
        links.set({ ...link, guest: "web1" });
      },
    });
    dispatcher.awaitFirstFrame(PORT.slot);
    dispatcher.dispatch(
      receive([new Uint8Array(5), udpv4Frame({ ...DISCOVER, etherSource: 0 }), udpv4Frame(DISCOVER), udpv4Frame(DISCOVER)]),
    );
    assert.deepEqual(seen, ["tn-web1 525400123456", "web1", "web1"]);
  });

  test("may be awaited on any slot, and no more once the link is reset", () => {
    const seen: number[] = [];
    const { dispatcher } = setUp({
      links: tableOf({ ...PORT, slot: 500 }, { ...PORT, slot: 7 }),
      datagrams: [],
      onFirstFrame: (link) => seen.push(link.slot),
    });
    dispatcher.awaitFirstFrame(500);
    dispatcher.awaitFirstFrame(7);
    dispatcher.resetLink(7);
    const batch = receive([udpv4Frame(DISCOVER), udpv4Frame(DISCOVER)]);
    batch.slot.set([500, 7]);
    dispatcher.dispatch(batch);
    assert.deepEqual(seen, [500]);
  });
});

describe("a guest that floods", () => {
  const quiet: Link = { ...PORT, slot: 1, ifindex: 8, guest: "web2" };
  const shared: Link = { ...PORT, slot: 2, ifindex: 9, guest: undefined };

  test("is served within its budget only; the others, and shared links, are served at once", () => {
    const echo = new Echo(VERDICT.reply);
    let nowMs = 0;
    const { dispatcher, transmitter } = setUp({
      links: tableOf(PORT, quiet, shared),
      clock: { ...systemClock, monotonicMs: () => nowMs },
      datagrams: [{ family: 4, port: 67, reach: "link", service: echo, budget: { burst: 10, perSecond: 100 } }],
    });
    const batch = receive(Array<Uint8Array>(200).fill(udpv4Frame(DISCOVER)));
    batch.slot.fill(shared.slot, 150);
    batch.slot[199] = quiet.slot;
    const from = (link: Link): number => transmitter.frames.filter(({ ifindex }) => ifindex === link.ifindex).length;
    dispatcher.dispatch(batch);
    assert.deepEqual([from(PORT), from(quiet), from(shared)], [10, 1, 49]);
    assert.equal(dispatcher.counters.get("over-budget"), 140);
    nowMs = 50;
    dispatcher.dispatch(batch);
    assert.equal(from(PORT), 15);
    dispatcher.resetLink(PORT.slot);
    dispatcher.dispatch(batch);
    assert.equal(from(PORT), 25);
  });
});

describe("replies that wait for the commit", () => {
  test("leave when it is done, the others at once", async () => {
    const commit = withResolvers();
    const { dispatcher, transmitter } = setUp({
      commit: () => commit.promise,
      datagrams: [
        { family: 4, port: 53, reach: "gateway", service: new Echo(VERDICT.reply) },
        { family: 4, port: 67, reach: "link", service: new Echo(VERDICT.replyAfterCommit) },
      ],
    });
    dispatcher.dispatch(
      receive([udpv4Frame(DISCOVER), udpv4Frame(QUERY), udpv4Frame({ ...DISCOVER, payload: Uint8Array.of(1, 2) })]),
    );
    assert.deepEqual(
      transmitter.frames.map(({ bytes }) => readUdpFrame(bytes).udp.source),
      [53],
    );
    commit.resolve();
    await dispatcher.drain();
    const held = transmitter.frames.slice(1).map(({ bytes }) => readUdpFrame(bytes));
    assert.deepEqual(
      held.map(({ udp, payload }) => [udp.source, [...payload]]),
      [
        [67, [1]],
        [67, [1, 2]],
      ],
    );
  });

  test("a batch is no more needed once dispatch has returned", async () => {
    const commit = withResolvers();
    const { dispatcher, transmitter } = setUp({
      commit: () => commit.promise,
      datagrams: [{ family: 4, port: 67, reach: "link", service: new Echo(VERDICT.replyAfterCommit) }],
    });
    const batch = receive([udpv4Frame(DISCOVER)]);
    dispatcher.dispatch(batch);
    batch.bytes.fill(0xff);
    batch.count = 0;
    append(batch, udpv4Frame({ ...DISCOVER, payload: Uint8Array.of(2) }), PORT.slot);
    dispatcher.dispatch(batch);
    commit.resolve();
    await dispatcher.drain();
    assert.deepEqual(
      transmitter.frames.map(({ bytes }) => [...readUdpFrame(bytes).payload]),
      [[1], [2]],
    );
  });
});
