import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { seededRandom } from "../../../src/base/random.js";
import { FRAME_VERDICT } from "../../../src/frame/forward/hooks.js";
import { delay, loss, rate, reorder } from "../../../src/frame/forward/impairments.js";
import { mirror } from "../../../src/frame/forward/mirror.js";
import { Ipv4Routes, Ipv6Routes } from "../../../src/frame/forward/routes.js";
import * as pcapng from "../../../src/wire/pcapng.js";
import {
  A,
  B,
  ForwardLab,
  GATEWAY_IPV4,
  GATEWAY_MAC,
  HOST,
  icmpPayload,
  ipv4Frame,
  ipv6Frame,
  NOBODY_IPV4,
  readIpv4,
  udpPayload,
  WORLD_IPV4,
} from "../../support/forward-lab.js";
import { viewOf } from "../../support/pieces.js";

const numbered = (count: number) => Array.from({ length: count }, (_, identification) => ipv4Frame({ identification }));
const numbersOf = (sent: readonly { readonly bytes: Uint8Array }[]) => sent.map(({ bytes }) => readIpv4(bytes).identification);

describe("frames that are none", () => {
  const rows = [
    ["a runt", new Uint8Array(13), "runt"],
    ["nothing", new Uint8Array(0), "runt"],
    ["from a group", ipv4Frame({ etherSource: 0x0300_0000_0001 }), "ethernet-source"],
    ["from nobody", ipv4Frame({ etherSource: 0 }), "ethernet-source"],
    ["from our own MAC", ipv4Frame({ etherSource: GATEWAY_MAC }), "ethernet-source"],
    ["of an unknown type", ipv4Frame({}, (view) => view.setUint16(12, 0x88cc)), "unknown-type"],
    ["of a VLAN", ipv4Frame({}, (view) => view.setUint16(12, 0x8100)), "unknown-type"],
  ] as const;
  for (const [name, frame, reason] of rows) {
    test(name, () => assert.deepEqual(new ForwardLab().in(A.slot, frame), { sent: [], counted: { [reason]: 1 } }));
  }

  test("a frame longer than its row, or of segments that nobody cut", () => {
    const lab = new ForwardLab();
    lab.links.deliver(lab.engine, A.slot, [ipv4Frame()], 2);
    lab.links.deliver(lab.engine, A.slot, [ipv4Frame()], 3);
    assert.equal(lab.engine.counters().giant, 1);
    assert.equal(lab.engine.counters()["segments-unsplit"], 1);
  });

  test("any bytes are counted once, for one reason, and nothing throws", () => {
    const lab = new ForwardLab();
    const random = seededRandom(7);
    const seeds = [ipv4Frame(), ipv6Frame(), ipv4Frame({ options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 1) })];
    let frames = 0;
    for (let round = 0; round < 20_000; round++) {
      const frame = seeds[round % seeds.length].slice(0, round % 3 === 0 ? random.uint32() % 90 : undefined);
      for (let flips = random.uint32() % 4; flips > 0; flips--) {
        if (frame.length > 12) frame[12 + (random.uint32() % (frame.length - 12))] = random.uint32() & 0xff;
      }
      lab.links.deliver(lab.engine, A.slot, [frame], random.uint32() % 4 === 0 ? 1 : 0);
      frames++;
    }
    const { "error-sent": sent, "error-limited": limited, "error-unfit": unfit, ...became } = lab.engine.counters();
    assert.equal(
      Object.values(became).reduce((sum, count) => sum + count, 0),
      frames,
    );
    assert.ok(sent + limited + unfit > 0 && became.forwarded > 0 && became["ipv4-checksum"] > 0);
  });
});

describe("ports and routes", () => {
  test("a port that is gone takes its routes along, and its slot may be used again", () => {
    const lab = new ForwardLab();
    assert.equal(lab.engine.removePort(B.slot), true);
    assert.equal(lab.engine.removePort(B.slot), false);
    assert.equal(lab.in(A.slot, ipv4Frame()).counted.unreachable, 1);
    assert.deepEqual(lab.in(B.slot, ipv4Frame()).counted, { "port-gone": 1 });
    lab.engine.addPort({ slot: B.slot, name: "again", kind: "guest", mac: GATEWAY_MAC });
    assert.equal(lab.in(A.slot, ipv4Frame()).counted.unreachable, 1);
    lab.engine.bind(B.slot, B.ipv4, 0x5254_0000_00bb);
    assert.equal(lab.in(A.slot, ipv4Frame()).counted.forwarded, 1);
  });

  test("an address moves with its new binding, and is nobody's without one", () => {
    const lab = new ForwardLab();
    lab.engine.bind(B.slot, A.ipv4, B.mac);
    assert.deepEqual(lab.in(A.slot, ipv4Frame()).counted, { spoofed: 1 });
    assert.equal(lab.engine.unbind(A.ipv4), true);
    assert.equal(lab.engine.unbind(A.ipv4), false);
    assert.equal(lab.engine.unbind(0x0a4d_0001), false, "our own address is no binding");
  });

  test("what cannot be is refused with a code", () => {
    const { engine } = new ForwardLab();
    const port = { slot: 20, name: "x", kind: "guest", mac: GATEWAY_MAC } as const;
    const refused: readonly (readonly [() => void, string])[] = [
      [() => engine.addPort({ ...port, slot: A.slot }), "INVALID_STATE"],
      [() => engine.addPort({ ...port, slot: -1 }), "INVALID_ARGUMENT"],
      [() => engine.addPort({ ...port, slot: 70_000 }), "INVALID_ARGUMENT"],
      [() => engine.addPort({ ...port, mac: 0 }), "INVALID_ARGUMENT"],
      [() => engine.addPort({ ...port, mtu: 40 }), "INVALID_ARGUMENT"],
      [() => engine.addPort({ ...port, kind: "host" }), "INVALID_ARGUMENT"],
      [() => engine.addPort({ ...port, kind: "host", peerMac: 1 }), "INVALID_STATE"],
      [() => engine.bind(20, 0x0a4d_0055, 1), "INVALID_STATE"],
      [() => engine.bind(A.slot, 0x0a4d_0055, 0), "INVALID_ARGUMENT"],
      [() => engine.bind(A.slot, 0x0a4d_0001, 1), "INVALID_ARGUMENT"],
    ];
    for (const [act, code] of refused) assert.throws(act, { code });
  });

  test("routes: the longest prefix wins, whatever was added, replaced and removed before", () => {
    const random = seededRandom(11);
    for (const lengths of [[32], [0, 8, 24, 32]]) {
      const routes = new Ipv4Routes();
      const model = new Map<string, number>();
      for (let step = 0; step < 4000; step++) {
        const prefixLength = lengths[random.uint32() % lengths.length];
        const mask = prefixLength === 0 ? 0 : (0xffff_ffff << (32 - prefixLength)) >>> 0;
        const address = ((0x0a00_0000 | (random.uint32() & 0x0001_01ff)) & mask) >>> 0;
        const key = `${address}/${prefixLength}`;
        const prefix = { family: 4, address, prefixLength } as const;
        if (random.uint32() % 3 === 0) {
          assert.equal(routes.delete(prefix), model.get(key) ?? -1);
          model.delete(key);
        } else {
          assert.equal(routes.set(prefix, step), model.get(key) ?? -1);
          model.set(key, step);
        }
        const probe = (0x0a00_0000 | (random.uint32() & 0x0001_01ff)) >>> 0;
        const expected = [32, 24, 8, 0].map((length) =>
          model.get(`${length === 0 ? 0 : (probe & (0xffff_ffff << (32 - length))) >>> 0}/${length}`),
        );
        assert.equal(routes.find(probe | 0), expected.find((hop) => hop !== undefined) ?? -1);
      }
    }
  });

  test("routes of IPv6 likewise", () => {
    const random = seededRandom(12);
    const routes = new Ipv6Routes();
    const model = new Map<string, number>();
    const view = new DataView(new ArrayBuffer(16));
    const base = 0x2001_0db8n << 96n;
    for (let step = 0; step < 4000; step++) {
      const prefixLength = [0, 64, 128][random.uint32() % 3];
      const host = BigInt(random.uint32() & 0x3f) | (BigInt(random.uint32() & 3) << 64n);
      const cut = BigInt(128 - prefixLength);
      const address = prefixLength === 0 ? 0n : ((base | host) >> cut) << cut;
      const key = `${address}/${prefixLength}`;
      if (random.uint32() % 3 === 0) {
        assert.equal(routes.delete({ family: 6, address, prefixLength }), model.get(key) ?? -1);
        model.delete(key);
      } else {
        routes.set({ family: 6, address, prefixLength }, step);
        model.set(key, step);
      }
      const probe = base | BigInt(random.uint32() & 0x3f) | (BigInt(random.uint32() & 3) << 64n);
      view.setBigUint64(0, probe >> 64n);
      view.setBigUint64(8, probe & 0xffff_ffff_ffff_ffffn);
      const expected = [probe, (probe >> 64n) << 64n, 0n].map((prefix, index) => model.get(`${prefix}/${[128, 64, 0][index]}`));
      assert.equal(routes.find(view, 0), expected.find((hop) => hop !== undefined) ?? -1);
    }
  });

  test("frames of one port keep their order, and a port that takes nothing loses its own frames only", () => {
    const lab = new ForwardLab();
    assert.deepEqual(
      numbersOf(lab.in(A.slot, ...numbered(300)).sent),
      Array.from({ length: 300 }, (_, index) => index),
    );
    lab.links.blocked.add(HOST.slot);
    const { sent, counted } = lab.in(A.slot, ipv4Frame({ to: WORLD_IPV4 }), ipv4Frame(), ipv4Frame({ to: WORLD_IPV4 }));
    assert.equal(sent.length, 1);
    assert.deepEqual(counted, { forwarded: 3, unsent: 2 });
  });
});

describe("guests whose router is the host, but for each other", () => {
  /** A's frames that are not for B go to the relay at 11, and what comes from there goes to A. */
  function set(): ForwardLab {
    const lab = new ForwardLab();
    const own = { mac: GATEWAY_MAC, ipv4: 0x0a4d_0001 };
    lab.engine.removePort(A.slot);
    lab.engine.addPort({ slot: A.slot, name: "guest0", kind: "guest", ...own, peer: 11 });
    lab.engine.addPort({ slot: 11, name: "tn-guest0", kind: "relay", mac: GATEWAY_MAC, peer: A.slot });
    lab.engine.bind(A.slot, A.ipv4, A.mac);
    return lab;
  }

  test("what is for another guest is routed here", () => {
    const { sent, counted } = set().in(A.slot, ipv4Frame());
    assert.deepEqual([sent[0].port, readIpv4(sent[0].bytes).ttl, counted], [B.slot, 63, { forwarded: 1 }]);
  });

  test("everything else passes as it is, whatever it is, both ways", () => {
    const lab = set();
    const frames = [
      ipv4Frame({ to: WORLD_IPV4, ttl: 1 }),
      ipv4Frame({ to: 0x0a4d_0001 }),
      ipv4Frame({ source: 0x0101_0101, to: NOBODY_IPV4 }),
      ipv4Frame({ etherDestination: 0xffff_ffff_ffff }),
      ipv6Frame({ to: 1n }),
      new Uint8Array(14).fill(7),
      ipv4Frame({}, (view) => view.setUint16(12, 0x0806)),
    ];
    for (const [by, to] of [
      [A.slot, 11],
      [11, A.slot],
    ] as const) {
      const { sent, counted } = lab.in(by, ...frames);
      assert.deepEqual(counted, { relayed: frames.length });
      assert.deepEqual(
        sent,
        frames.map((bytes) => ({ port: to, bytes })),
      );
    }
    assert.deepEqual(
      lab.in(11, ipv4Frame()).sent.map(({ port }) => port),
      [A.slot],
      "also what another guest could get",
    );
  });

  test("spoofed frames do not reach another guest, and guests that are kept apart have only the host", () => {
    const lab = set();
    assert.deepEqual(lab.in(A.slot, ipv4Frame({ source: NOBODY_IPV4 })).counted, { spoofed: 1 });
    lab.engine.isolateGuests(true);
    assert.deepEqual(lab.in(A.slot, ipv4Frame()).counted, { relayed: 1 });
  });

  test("a relay that is gone takes the way out along, not the way to others", () => {
    const lab = set();
    lab.engine.removePort(11);
    assert.deepEqual(lab.in(A.slot, ipv4Frame({ to: WORLD_IPV4 })).counted, { "port-gone": 1 });
    assert.deepEqual(lab.in(A.slot, ipv4Frame()).counted, { forwarded: 1 });
  });
});

describe("hooks", () => {
  test("a hook sees each forwarded frame as it leaves, with both ports, and may drop it", () => {
    const lab = new ForwardLab();
    const seen: string[] = [];
    const remove = lab.engine.use((frame) => {
      const packet = readIpv4(frame.bytes.subarray(frame.offset, frame.offset + frame.length));
      seen.push(`${frame.from.name} > ${frame.to.name} ttl ${packet.ttl}`);
      return packet.identification % 2 === 0 ? FRAME_VERDICT.pass : FRAME_VERDICT.drop;
    });
    const { sent, counted } = lab.in(A.slot, ...numbered(4));
    assert.deepEqual(numbersOf(sent), [0, 2]);
    assert.deepEqual(counted, { forwarded: 2, hook: 2 });
    assert.equal(seen[0], "guest0 > guest1 ttl 63");
    remove();
    assert.equal(lab.in(A.slot, ...numbered(4)).sent.length, 4);
  });

  test("delay: frames come later, in their order, once each", () => {
    const lab = new ForwardLab();
    lab.engine.use(delay({ delayMs: 40 }));
    assert.deepEqual(lab.in(A.slot, ...numbered(3)), { sent: [], counted: { held: 3 } });
    lab.clock.advance(20);
    lab.in(A.slot, ipv4Frame({ identification: 9 }));
    lab.clock.advance(19);
    assert.deepEqual(lab.links.take(), []);
    lab.clock.advance(1);
    assert.deepEqual(numbersOf(lab.links.take()), [0, 1, 2]);
    lab.clock.advance(20);
    assert.deepEqual(numbersOf(lab.links.take()), [9]);
    assert.equal(lab.clock.pending, 0);
  });

  test("jitter: every frame within its bounds, sorted by when it is due", () => {
    const lab = new ForwardLab();
    lab.engine.use(delay({ delayMs: 50, jitterMs: 30, random: seededRandom(3) }));
    lab.in(A.slot, ...numbered(200));
    lab.clock.advance(19);
    assert.deepEqual(lab.links.take(), []);
    lab.clock.advance(62);
    const numbers = numbersOf(lab.links.take());
    assert.equal(new Set(numbers).size, 200);
    assert.notDeepEqual(
      numbers,
      numbers.toSorted((one, other) => one - other),
    );
  });

  test("loss: the share that was asked for, and only of what was selected", () => {
    const lab = new ForwardLab();
    lab.engine.use(loss({ share: 0.25, random: seededRandom(5), only: ({ to }) => to.slot === B.slot }));
    const { counted } = lab.in(A.slot, ...numbered(4000));
    assert.ok(Math.abs((counted.hook ?? 0) - 1000) < 120, `${counted.hook} of 4000`);
    assert.equal(lab.in(A.slot, ...Array.from({ length: 100 }, () => ipv4Frame({ to: WORLD_IPV4 }))).counted.forwarded, 100);
  });

  test("reorder: some are overtaken, none is lost", () => {
    const lab = new ForwardLab();
    lab.engine.use(reorder({ share: 0.3, delayMs: 10, random: seededRandom(8) }));
    const first = numbersOf(lab.in(A.slot, ...numbered(100)).sent);
    assert.ok(first.length > 50 && first.length < 90);
    lab.clock.advance(10);
    assert.equal(new Set([...first, ...numbersOf(lab.links.take())]).size, 100);
  });

  test("rate: so many bits a second to each port, and no longer queue than asked for", () => {
    const lab = new ForwardLab();
    const frame = ipv4Frame({ payload: new Uint8Array(1000 - 34) });
    lab.engine.use(rate({ bitsPerSecond: 1_000_000, queueMs: 80 }));
    const { counted } = lab.in(A.slot, ...Array.from({ length: 30 }, () => frame));
    // 8 ms for each: the one that would begin after 88 ms is the first that is lost.
    assert.deepEqual(counted, { held: 11, hook: 19 });
    lab.clock.advance(44);
    assert.equal(lab.links.take().length, 5);
    lab.clock.advance(100);
    assert.equal(lab.links.take().length, 6);
  });

  test("rate: ten seconds carry what was asked for within 5 %, whatever the rate and the length of frames", () => {
    for (const [bitsPerSecond, bytes] of [
      [256_000, 60],
      [3_000_000, 1400],
      [40_000_000, 700],
    ] as const) {
      const lab = new ForwardLab();
      lab.engine.use(rate({ bitsPerSecond, queueMs: 50 }));
      const frame = ipv4Frame({ payload: udpPayload(bytes) });
      let carried = 0;
      const perStep = Math.ceil((bitsPerSecond * 1.5) / 8 / frame.length / 200);
      for (let step = 0; step < 2000; step++) {
        lab.in(A.slot, ...Array.from({ length: perStep }, () => frame));
        lab.clock.advance(5);
        for (const { bytes: left } of lab.links.take()) carried += left.length * 8;
      }
      const share = carried / 10 / bitsPerSecond;
      assert.ok(share > 0.95 && share < 1.05, `${share} of ${bitsPerSecond}`);
    }
  });

  test("delay: every frame in the millisecond of its time; with jitter evenly spread about it", () => {
    const [delayMs, jitterMs, frames] = [100, 40, 8000];
    const lab = new ForwardLab({ heldMost: frames });
    lab.engine.use(delay({ delayMs, jitterMs, random: seededRandom(11) }));
    lab.in(A.slot, ...numbered(frames));
    const left: number[] = [];
    for (let ms = 1; ms <= 200; ms++) {
      lab.clock.advance(1);
      for (const _ of lab.links.take()) left.push(ms);
    }
    assert.equal(left.length, frames);
    const mean = left.reduce((sum, ms) => sum + ms, 0) / frames;
    // A frame leaves up to a millisecond late, and the mean of so many is off by 0.26 ms (one sigma).
    assert.ok(Math.abs(mean - delayMs - 0.5) < 1.1, `mean ${mean}`);
    for (let tenth = 0; tenth < 8; tenth++) {
      const from = delayMs - jitterMs + tenth * 10;
      const share = left.filter((ms) => ms > from && ms <= from + 10).length / frames;
      assert.ok(Math.abs(share - 1 / 8) < 0.015, `${share} of them between ${from} and ${from + 10} ms`);
    }
  });

  test("what cannot be asked of an impairment is refused, with its range", () => {
    for (const [make, message] of [
      [() => loss({ share: 5 }), /share is between 0 and 1, not 5/],
      [() => reorder({ share: -1, delayMs: 1 }), /share is between 0 and 1, not -1/],
      [() => delay({ delayMs: Number.NaN }), /delayMs is 0 or more, not NaN/],
      [() => rate({ bitsPerSecond: 0 }), /bitsPerSecond is 1 or more, not 0/],
    ] as const) {
      assert.throws(make, { name: "TapnetError", code: "INVALID_ARGUMENT", message });
    }
  });

  test("a hook that throws loses its frame, which is counted; it is told once, and all else goes on", () => {
    const told: unknown[] = [];
    const lab = new ForwardLab({ onHookError: (error, hook) => void told.push(error, hook) });
    const failing = (): never => {
      throw new Error("no");
    };
    const remove = lab.engine.use(failing);
    assert.deepEqual(lab.in(A.slot, ...numbered(3)), { sent: [], counted: { "hook-failed": 3 } });
    assert.deepEqual(told, [new Error("no"), failing]);
    assert.equal(lab.in(A.slot, ipv4Frame({ to: GATEWAY_IPV4, protocol: 1, payload: icmpPayload(8) })).sent.length, 1);
    remove();
    remove();
    assert.equal(lab.in(A.slot, ...numbered(3)).sent.length, 3);
  });

  test("without a handler it is a warning of the process", async () => {
    const lab = new ForwardLab();
    const warned = once(process, "warning");
    lab.engine.use(() => {
      throw new Error("no");
    });
    lab.in(A.slot, ipv4Frame());
    const [warning] = (await warned) as [Error];
    assert.match(`${warning.name}: ${warning.message}`, /^TapnetWarning: a hook failed, .*dropped: no$/);
  });

  test("a hook that says nothing lets the frame pass, and may take itself out while it runs", () => {
    const lab = new ForwardLab();
    const seen: string[] = [];
    const remove = lab.engine.use(() => {
      seen.push("first");
      remove();
      return undefined;
    });
    lab.engine.use(() => void seen.push("second"));
    assert.equal(lab.in(A.slot, ...numbered(2)).sent.length, 2);
    assert.deepEqual(seen, ["first", "second", "second"]);
  });

  test("frames that waited and then are not taken by their link are counted", () => {
    const lab = new ForwardLab();
    lab.engine.use(delay({ delayMs: 5 }));
    lab.in(A.slot, ...numbered(3));
    lab.links.blocked.add(B.slot);
    lab.clock.advance(5);
    assert.equal(lab.engine.counters().unsent, 3);
  });

  test("frames that wait are bounded, and go with their port", () => {
    const lab = new ForwardLab({ heldMost: 10 });
    lab.engine.use(delay({ delayMs: 5 }));
    assert.deepEqual(lab.in(A.slot, ...numbered(12)).counted, { held: 10, "held-full": 2 });
    lab.engine.removePort(B.slot);
    assert.equal(lab.engine.held, 0);
    lab.clock.advance(10);
    assert.deepEqual(lab.links.take(), []);
  });

  test("close forgets what waits", () => {
    const lab = new ForwardLab();
    lab.engine.use(delay({ delayMs: 5 }));
    lab.in(A.slot, ...numbered(3));
    lab.engine.close();
    lab.engine.close();
    assert.equal(lab.clock.pending, 0);
  });

  test("mirror: a capture with an interface a port, that our own codec reads", () => {
    const lab = new ForwardLab();
    const blocks: Uint8Array[] = [];
    lab.engine.use(mirror({ write: (block) => void blocks.push(block), clock: lab.clock, snapBytes: 60 }));
    lab.in(A.slot, ipv4Frame(), ipv4Frame({ to: WORLD_IPV4 }), ipv4Frame());
    const file = pcapng.parseFile(viewOf(new Uint8Array(Buffer.concat(blocks))));
    assert.ok(typeof file !== "string");
    assert.deepEqual(
      file.map(({ kind }) => kind),
      ["section", "interface", "packet", "interface", "packet", "packet"],
    );
    assert.deepEqual(
      file.flatMap((block) => (block.kind === "interface" ? [block.name] : [])),
      ["guest1", "host"],
    );
    const packets = file.flatMap((block) => (block.kind === "packet" ? [block] : []));
    assert.deepEqual(
      packets.map((packet) => packet.interface),
      [0, 1, 0],
    );
    assert.deepEqual([packets[0].bytes.length, packets[0].originalBytes], [60, 74]);
  });
});
