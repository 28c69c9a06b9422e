/**
 * Theory of operation
 *
 * The first frames would wait for the compiler, for tens of milliseconds while its threads take the processors that guests need,
 * too. So before there are any, packets of guests that do not exist cross an engine of their own, until the way through it is
 * compiled. Nothing of it leaves.
 */
import type { IpAddress } from "../../base/kernel-objects.js";
import * as ethernet from "../../wire/ethernet.js";
import * as ipv4 from "../../wire/ipv4.js";
import * as ipv6 from "../../wire/ipv6.js";
import { ForwardBatch } from "./batch.js";
import { ForwardEngine } from "./engine.js";
import type { OutgoingFrames } from "./output.js";

const GATEWAY_MAC = 0x0200_0000_0001;
const GUEST_MAC = 0x0200_0000_0002;
const GUESTS = [
  [0x0a00_0002, (0xfd00n << 112n) | 2n],
  [0x0a00_0003, (0xfd00n << 112n) | 3n],
] as const;
const PAYLOAD_BYTES = 8;
const HOPS = 64;
const NO_FRAGMENT = { trafficClass: 0, identification: 0, flags: 0, fragmentOffsetBytes: 0, options: new Uint8Array(0) } as const;

const BATCHES = 40;
const FRAMES_A_BATCH = 128;

/** Forwards thousands of packets of each family in memory, 10 to 20 ms; returns how many would have left. */
export function rehearseForwarding(): number {
  let left = 0;
  const transmit = ({ count }: OutgoingFrames): number => {
    left += count;
    return count;
  };
  const engine = new ForwardEngine({ transmitter: { transmit, transmitLast: transmit } });
  for (const [slot, addresses] of GUESTS.entries()) {
    engine.addPort({ slot, name: `guest ${slot}`, kind: "guest", mac: GATEWAY_MAC });
    for (const address of addresses) engine.bind(slot, address, GUEST_MAC + slot);
  }
  const batch = new ForwardBatch();
  const frames = ([0, 1] as const).flatMap((from) => ([0, 1] as const).map((family) => frameOf(from, family)));
  for (let round = 0; round < BATCHES; round++) {
    batch.count = 0;
    for (let row = 0; row < FRAMES_A_BATCH; row++) {
      const [from, frame] = frames[row % frames.length];
      batch.append(from, frame);
    }
    engine.process(batch);
  }
  engine.close();
  return left;
}

/** From one guest to the other. */
function frameOf(from: 0 | 1, family: 0 | 1): readonly [from: number, frame: Uint8Array] {
  const [source, destination]: readonly IpAddress[] = [GUESTS[from][family], GUESTS[1 - from][family]];
  const view = new DataView(new ArrayBuffer(ethernet.HEADER_BYTES + ipv6.HEADER_BYTES + PAYLOAD_BYTES));
  const type = family === 0 ? ethernet.ETHERTYPE.ipv4 : ethernet.ETHERTYPE.ipv6;
  const at = ethernet.emit({ destination: GATEWAY_MAC, source: GUEST_MAC + from, tag: undefined, type }, view, 0);
  if (typeof source === "number" && typeof destination === "number") {
    const header = { ...NO_FRAGMENT, ttl: HOPS, protocol: ipv4.PROTOCOL.udp, source, destination };
    ipv4.emit({ ...header, totalBytes: ipv4.HEADER_BYTES + PAYLOAD_BYTES }, view, at);
  } else if (typeof source === "bigint" && typeof destination === "bigint") {
    const header = { trafficClass: 0, flowLabel: 0, nextHeader: ipv6.NEXT_HEADER.udp, hopLimit: HOPS, source, destination };
    ipv6.emit({ ...header, payloadBytes: PAYLOAD_BYTES }, view, at);
  }
  return [from, new Uint8Array(view.buffer)];
}
