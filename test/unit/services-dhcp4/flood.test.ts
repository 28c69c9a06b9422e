/** One guest that sends 100,000 DISCOVERs with random MACs: its own share of addresses and time, no more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../../src/base/random.js";
import type { ReceiveBatch } from "../../../src/frame/batch.js";
import { MESSAGE } from "../../../src/wire/dhcp4/codes.js";
import * as message from "../../../src/wire/dhcp4/message.js";
import { Client, Dhcp4Lab, type LabOptions, typeOf, WEB1, WEB2 } from "../../support/dhcp4-lab.js";
import { receive, udpv4Frame } from "../../support/frames.js";

const FLOOD = 100_000;
const BATCH = 256;
/** As the daemon has it: 64 at once, 128 a second. */
const BUDGET = { burst: 64, perSecond: 128 };

/** A full batch from the flooding port; MACs are set in place, because making frames takes longer than answering them. */
class Flood {
  readonly batch: ReceiveBatch;
  readonly #random = seededRandom(1);
  #chaddrOffset = 0;

  constructor() {
    const payload = message.toBytes(new Client(0x5254_0000_0001).discover());
    const frame = udpv4Frame({ payload, source: 68, destination: 67, ipSource: 0, ipDestination: 0xffff_ffff, checksum: 0 });
    this.#chaddrOffset = frame.length - payload.length + 28;
    this.batch = receive(
      Array.from({ length: BATCH }, () => frame),
      WEB1.slot,
    );
  }

  next(): ReceiveBatch {
    for (let row = 0; row < BATCH; row++)
      this.batch.view.setUint32(this.batch.offset[row] + this.#chaddrOffset + 2, this.#random.uint32());
    return this.batch;
  }
}

async function flood(options: LabOptions): Promise<{ lab: Dhcp4Lab; waitsMs: number[] }> {
  const lab = new Dhcp4Lab(options);
  const storm = new Flood();
  const waitsMs: number[] = [];
  for (let sent = 0; sent < FLOOD; sent += BATCH) {
    const startedMs = performance.now();
    lab.dispatcher.dispatch(storm.next());
    lab.transmitter.frames.length = 0;
    if (sent % (BATCH * 20) === 0) {
      const good = new Client(0x5254_0000_1000 + (sent & 7));
      assert.equal(typeOf(await lab.ask(good.discover(), { link: WEB2 })), MESSAGE.offer);
      await lab.lease(good, { link: WEB2 });
      waitsMs.push(performance.now() - startedMs);
    }
    lab.clock.advance(2);
  }
  return { lab, waitsMs: waitsMs.sort((a, b) => a - b) };
}

for (const [name, options] of [
  ["with the daemon's budget", { budget: BUDGET }],
  ["with none", {}],
] as const) {
  test(`a flood ${name}: one address is held for it, the others are served within 50 ms`, async () => {
    const { lab, waitsMs } = await flood(options);
    assert.deepEqual(lab.service.book("default")?.counts(), { bound: 1, offered: 1, ended: 0, declined: 0 });
    const medianMs = waitsMs[waitsMs.length >> 1];
    assert.ok(medianMs < 50, `${medianMs} ms`);
  });
}

test("the budget keeps what a flood may use of the service to its own share", async () => {
  const { lab } = await flood({ budget: BUDGET });
  const answered = lab.service.counters.get("discover");
  assert.ok(answered < 1000, `${answered} of ${FLOOD} DISCOVERs reached the service`);
  assert.ok(lab.dispatcher.counters.get("over-budget") > FLOOD - 1000);
});

test("random MACs fill a shared link only as far as its pool goes, and only until the offers end", async () => {
  const lab = new Dhcp4Lab();
  const storm = new Flood();
  storm.batch.slot.fill(2);
  for (let sent = 0; sent < 10_000; sent += BATCH) lab.dispatcher.dispatch(storm.next());
  assert.equal(lab.service.book("default")?.counts().offered, 253);
  lab.clock.advance(62_000);
  assert.equal(lab.service.book("default")?.counts().offered, 0);
});
