/**
 * What a rule asks of a packet besides who is at its other end, as parts of elements: nothing, a protocol, or a protocol and
 * a port. A range of ports is cut into blocks whose sizes are powers of 16, each one element: a packet of it is found by as
 * many look-ups as there are sizes, and a set of intervals, which the kernel copies with each change, is not needed.
 */
import type { ElementPart } from "../../base/set-element.js";
import type { PortRange, TrafficRule } from "../policy.js";
import { masked, meta, payload, type Word } from "./words.js";

/** What of a packet is compared. */
export type ServiceShape = "all" | "protocol" | `ports${BlockSize}`;

/** A shape, and what the packet has to have there. */
export interface Service {
  readonly shape: ServiceShape;
  readonly parts: readonly ElementPart[];
}

const BLOCK_SIZES = [4096, 256, 16, 1] as const;
type BlockSize = (typeof BLOCK_SIZES)[number];

const PROTOCOL_NUMBERS = { tcp: [6], udp: [17], icmp: [1, 58] } as const;
const PORTS_END = 0x1_0000;
const EVERY_PORT: PortRange = { first: 1, last: PORTS_END - 1 };

/** All that the rule lets; one of them has to fit. */
export function servicesOf({ protocol, ports }: Pick<TrafficRule, "protocol" | "ports">): Service[] {
  if (protocol === undefined) return [{ shape: "all", parts: [] }];
  const ofProtocol = PROTOCOL_NUMBERS[protocol].map((value): Service => {
    return { shape: "protocol", parts: [{ kind: "protocol", value }] };
  });
  const every = ports.some(({ first, last }) => first <= EVERY_PORT.first && last >= EVERY_PORT.last);
  if (ports.length === 0 || every) return ofProtocol;
  const [{ parts }] = ofProtocol;
  return ports.flatMap(blocksOf).map(({ size, first }): Service => {
    return { shape: `ports${size}`, parts: [...parts, { kind: "port", value: first }] };
  });
}

function blocksOf({ first, last }: PortRange): { readonly size: BlockSize; readonly first: number }[] {
  const blocks: { size: BlockSize; first: number }[] = [];
  for (let port = first; port <= last; ) {
    const from = port;
    const size = BLOCK_SIZES.find((each) => from % each === 0 && from + each - 1 <= last) ?? 1;
    blocks.push({ size, first: from });
    port += size;
  }
  return blocks;
}

export function serviceTypes(shape: ServiceShape): string[] {
  if (shape === "all") return [];
  return shape === "protocol" ? ["inet_proto"] : ["inet_proto", "inet_service"];
}

export function serviceWords(shape: ServiceShape): Word[] {
  if (shape === "all") return [];
  if (shape === "protocol") return [meta("l4proto")];
  const port = payload("th", "dport");
  const size = Number(shape.slice("ports".length));
  return [meta("l4proto"), size === 1 ? port : masked(port, PORTS_END - size)];
}
