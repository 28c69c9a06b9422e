import { writeIpv6 } from "../../base/ipv6-address.js";
import { formatAddress } from "../../base/kernel-objects.js";
import { formatMac, writeMac } from "../../base/mac.js";
import type { ElementLimit, ElementPart, SetElement } from "../../base/set-element.js";
import { HOST_LITTLE_ENDIAN } from "../netlink.js";

/** An element as the kernel keeps it. */
export interface ElementBytes {
  readonly key: Uint8Array;
  /** Undefined in a set. */
  readonly data: Uint8Array | undefined;
  /** Undefined where the element counts nothing, or not what we know. */
  readonly limit: ElementLimit | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Each part of a concatenation starts on a multiple of this (`NFT_REG32_SIZE`). */
const REGISTER_BYTES = 4;

export function elementBytes({ key, data, limit, timeoutMs }: SetElement): ElementBytes {
  return { key: concatenated(key), data: data === undefined ? undefined : concatenated([data]), limit, timeoutMs };
}

/** A key of one part has that part's own length, a concatenation is made of whole registers. */
function concatenated(parts: readonly ElementPart[]): Uint8Array {
  const lengths = parts.map(lengthOf);
  const places = parts.length === 1 ? lengths : lengths.map((length) => Math.ceil(length / REGISTER_BYTES) * REGISTER_BYTES);
  const bytes = new Uint8Array(places.reduce((total, place) => total + place, 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const [index, part] of parts.entries()) {
    writePart(view, offset, part);
    offset += places[index];
  }
  return bytes;
}

function lengthOf(part: ElementPart): number {
  switch (part.kind) {
    case "ifindex":
    case "group":
    case "class":
      return 4;
    case "mac":
      return 6;
    case "address":
      return typeof part.value === "number" ? 4 : 16;
    case "protocol":
      return 1;
    case "port":
      return 2;
  }
}

function writePart(view: DataView, offset: number, part: ElementPart): void {
  switch (part.kind) {
    case "ifindex":
    case "group":
    case "class":
      view.setUint32(offset, part.value, HOST_LITTLE_ENDIAN);
      break;
    case "mac":
      writeMac(view, offset, part.value);
      break;
    case "address":
      if (typeof part.value === "number") view.setUint32(offset, part.value);
      else writeIpv6(view, offset, part.value);
      break;
    case "protocol":
      view.setUint8(offset, part.value);
      break;
    case "port":
      view.setUint16(offset, part.value);
      break;
  }
}

/** `10.77.0.5 . 6 . 8080 : 80`. */
export function describeElement({ key, data }: SetElement): string {
  const words = key.map(describePart).join(" . ");
  return data === undefined ? words : `${words} : ${describePart(data)}`;
}

function describePart(part: ElementPart): string {
  if (part.kind === "address") return formatAddress(part.value);
  return part.kind === "mac" ? formatMac(part.value) : String(part.value);
}
