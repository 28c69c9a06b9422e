/**
 * The whole service under messages that nobody would send: mutated and made up, on ports and shared links, with relays and
 * without, for a minute. `TAPNET_FUZZ_SECONDS` says another time.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { LeaseRecord } from "../../../src/lease/lease.js";
import { MemoryStore } from "../../../src/lease/memory-store.js";
import type { LeaseChange } from "../../../src/lease/store.js";
import { MESSAGE } from "../../../src/wire/dhcp4/codes.js";
import * as message from "../../../src/wire/dhcp4/message.js";
import { BRIDGE, Client, Dhcp4Lab, FAR, ip, NETWORK, typeOf, WEB1, WEB2 } from "../../support/dhcp4-lab.js";
import { fuzzFor } from "../../support/fuzz.js";
import { heapUsedMb } from "../../support/heap.js";
import { viewOf } from "../../support/pieces.js";
import { dhcp4Message, mutation } from "./arbitraries.js";

const SEARCH_SECONDS = 60;
/** When all books and buffers have their size. */
const WARM_MESSAGES = 5000;

const LINKS = [WEB1, WEB2, BRIDGE];

/** Rich configuration, so that every branch has something to do. */
const RICH = {
  ...NETWORK,
  netmask: "host",
  ranges: [{ first: ip("10.77.0.2"), last: ip("10.77.0.40") }],
  options: [
    { code: 43, bytes: new Uint8Array(300).fill(7), always: true },
    { code: 108, bytes: Uint8Array.of(0, 0, 1, 0), always: false },
  ],
  classes: [
    {
      name: "pxe",
      match: {
        vendor: "*P*",
        user: undefined,
        architectures: undefined,
        macPrefix: undefined,
        circuitId: undefined,
        remoteId: undefined,
      },
      leaseSeconds: 100,
      ranges: [{ first: ip("10.77.0.30"), last: ip("10.77.0.60") }],
      options: [],
    },
  ],
  reservations: [
    {
      mac: 0x5254_0000_0001,
      clientId: undefined,
      circuitId: undefined,
      remoteId: undefined,
      ipv4: ip("10.77.0.9"),
      name: "nine",
      leaseSeconds: undefined,
      options: [],
    },
  ],
  guests: [{ name: "web2", ipv4: ip("10.77.0.70"), leaseSeconds: undefined, options: [] }],
} as const;

/** Without a history, which grows to 100,000 tenures in memory, and would hide what must not grow. */
class ForgetfulStore extends MemoryStore {
  override save(changes: readonly LeaseChange[]): Promise<void> {
    return super.save(changes.filter(({ kind }) => kind !== "ended"));
  }
}

const step = fc.record({
  sent: dhcp4Message,
  mutate: fc.option(mutation, { freq: 2, nil: undefined }),
  link: fc.nat(2),
  source: fc.constantFrom(0, ip("10.77.0.9"), ip("10.88.0.1")),
  waitMs: fc.constantFrom(0, 0, 0, 1000, 61_000, 4_000_000),
});

function bound(lab: Dhcp4Lab): LeaseRecord[] {
  return ["default", "far"].flatMap((name) =>
    [...(lab.service.book(name)?.leases() ?? [])].flatMap((lease) =>
      lease.state === "bound" && lease.record ? [lease.record] : [],
    ),
  );
}

test("no message throws, every reply is one, laws hold, and a good client is served afterwards; memory is flat", async (t) => {
  const lab = new Dhcp4Lab({ networks: [RICH, FAR], store: new ForgetfulStore() });
  let messages = 0;
  let answers = 0;
  let heapAtFirstMb = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
      for (const { sent, mutate, link, source, waitMs } of steps) {
        lab.clock.advance(waitMs);
        if (messages++ === WARM_MESSAGES) heapAtFirstMb = heapUsedMb();
        const whole = message.toBytes(sent).subarray(0, 1472);
        const bytes = mutate === undefined ? whole : mutate(whole);
        const answer = await lab.sendBytes(bytes, { link: LINKS[link], source });
        assert.equal(lab.dispatcher.counters.get("service-fault"), 0);
        lab.transmitter.frames.length = 0;
        lab.events.length = 0;
        if (answer === undefined) continue;
        answers++;
        assert.equal(answer.message.op, 2);
        assert.equal(answer.message.xid, viewOf(bytes).getUint32(4));
        assert.ok(answer.payload.length >= 300 && answer.payload.length <= 1472);
        assert.ok(isAnswerTo(bytes[0] === 1, typeOf(answer)));
      }
      checkLaws(lab);
    }),
    fuzzFor(SEARCH_SECONDS),
  );
  const growthMb = heapUsedMb() - heapAtFirstMb;
  t.diagnostic(`${messages} messages, ${answers} answers; the heap has grown by ${growthMb.toFixed(1)} MB`);
  assert.ok(growthMb < 4, `the heap has grown by ${growthMb} MB in ${messages} messages`);
  for (const [index, link] of LINKS.entries()) {
    lab.clock.advance(5_000_000);
    assert.ok((await lab.lease(new Client(0x5254_0077_0000 + index), { link })) > 0);
  }
});

function isAnswerTo(isRequest: boolean, type: number | undefined): boolean {
  return isRequest && (type === undefined || type === MESSAGE.offer || type === MESSAGE.ack || type === MESSAGE.nak);
}

function checkLaws(lab: Dhcp4Lab): void {
  const leases = bound(lab);
  assert.equal(new Set(leases.map(({ address }) => address)).size, leases.length);
  assert.equal(new Set(leases.map(({ network, identity }) => `${network} ${identity}`)).size, leases.length);
  for (const { identity, address, expiresAtMs } of leases) {
    const mayStay = identity.startsWith("guest:") || address === RICH.reservations[0].ipv4;
    assert.ok(mayStay || Number.isFinite(expiresAtMs), `${identity} has an address of the pool for ever`);
  }
  for (const { hostname } of leases) assert.match(hostname, /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)?$/);
}
