/**
 * The same random frames through the kernel's routing and through the forwarder: the same frames out. Differences are listed in
 * `differences.json`, each with why; any other is a failure. `FORWARD_FRAMES=100000` for the full size.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { seededRandom } from "../../../src/base/random.js";
import type { SentFrame } from "../../../src/frame/forward/memory-link.js";
import { A, ForwardLab, GATEWAY_IPV4, GATEWAY_IPV6 } from "../../support/forward-lab.js";
import { needs, root, tap } from "../../support/needs.js";
import { packageRoot } from "../../support/paths.js";
import { hexOf, viewOf } from "../../support/pieces.js";
import { KernelRouter } from "./kernel-router.js";
import { RandomFrames } from "./random-frames.js";

interface Difference {
  readonly name: string;
  /** What became of the frame in the forwarder. */
  readonly reasons: readonly string[];
  readonly ours: "nothing" | "something";
  readonly kernels: "nothing" | "something";
  /** Of which frames; all when left out. */
  readonly family?: 4 | 6;
  readonly options?: boolean;
  /** In IPv6: what the header says comes next. */
  readonly nextHeader?: number;
  readonly why: string;
}

const FRAMES = Number(process.env["FORWARD_FRAMES"] ?? 20_000);
const SEED = 20_260_731;
const DIFFERENCES = JSON.parse(
  readFileSync(join(packageRoot, "test/netns/forward/differences.json"), "utf8"),
) as readonly Difference[];
const IP = 14;

/** What a frame says, without what every router chooses for itself in a packet of its own: identification, and so checksums. */
function textOf({ port, bytes }: SentFrame): string {
  const frame = bytes.slice();
  const view = viewOf(frame);
  const type = view.getUint16(12);
  if (type === 0x0800 && view.getUint32(IP + 12) === GATEWAY_IPV4) {
    view.setUint16(IP + 4, 0);
    view.setUint16(IP + 10, 0);
  }
  if (type === 0x86dd && view.getBigUint64(IP + 16) === (GATEWAY_IPV6 & 0xffff_ffff_ffff_ffffn)) view.setUint32(IP, 0x6000_0000);
  return `${port} ${hexOf(frame)}`;
}

/** Neighbour discovery and listener reports that the kernel sends by itself. */
function isChatter({ bytes }: SentFrame): boolean {
  const view = viewOf(bytes);
  if (view.getUint16(12) !== 0x86dd) return view.getUint16(12) === 0x0806;
  const next = view.getUint8(IP + 6);
  const type = view.getUint8(IP + 40);
  const isReport = next === 0 && view.getUint8(IP + 24) === 0xff;
  return isReport || (next === 58 && type >= 130 && type <= 143 && view.getUint8(IP + 7) === 255);
}

function explains(each: Difference, frame: Uint8Array, ours: readonly SentFrame[], kernels: readonly SentFrame[]): boolean {
  const [what, theirs] = [ours, kernels].map(({ length }) => (length === 0 ? "nothing" : "something"));
  if (each.ours !== what || each.kernels !== theirs) return false;
  if (each.family !== undefined && viewOf(frame).getUint16(12) !== (each.family === 4 ? 0x0800 : 0x86dd)) return false;
  if (each.nextHeader !== undefined && frame[IP + 6] !== each.nextHeader) return false;
  return each.options === undefined || each.options === frame[IP] > 0x45;
}

test(`${FRAMES} random frames through the kernel and through the forwarder`, needs(root, tap), async (t) => {
  const kernel = await KernelRouter.make();
  t.after(() => kernel.close());
  const lab = new ForwardLab({ services: false, host: false, errors: { burst: 1e9, perSecond: 1e9 } });
  const frames = new RandomFrames(seededRandom(SEED));
  const reasons = new Map<string, number>();
  const seen = new Map<string, number>();
  const unexplained: string[] = [];
  let same = 0;
  for (let index = 0; index < FRAMES; index++) {
    const frame = frames.next();
    const kernels = kernel.in(A.slot, frame).filter((each) => !isChatter(each));
    const { sent, counted } = lab.in(A.slot, frame);
    const [reason] = Object.keys(counted);
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    const [ours, theirs] = [sent, kernels].map((list) => list.map(textOf).sort().join("\n"));
    if (ours === theirs) {
      same++;
      continue;
    }
    const known = DIFFERENCES.find((each) => each.reasons.includes(reason) && explains(each, frame, sent, kernels));
    if (known === undefined) unexplained.push(`${index} ${reason}: ${hexOf(frame)}\n  ours\n${ours}\n  the kernel's\n${theirs}`);
    else seen.set(known.name, (seen.get(known.name) ?? 0) + 1);
  }
  t.diagnostic(`${same} the same; ${[...seen].map(([name, count]) => `${name}: ${count}`).join("; ")}`);
  t.diagnostic(`became: ${[...reasons].map(([reason, count]) => `${reason} ${count}`).join(", ")}`);
  assert.equal(unexplained.length, 0, `${unexplained.length} unexplained, the first:\n${unexplained.slice(0, 3).join("\n")}`);
  assert.ok(same > FRAMES * 0.85);
  if (FRAMES >= 50_000) for (const { name } of DIFFERENCES) assert.ok(seen.has(name), `${name} was not seen: is it still so?`);
});
