/** A packet in pieces that fit the next link (RFC 791 §3.2, RFC 1812 §4.2.2.7). */
import * as checksum from "../../wire/checksum.js";
import * as ethernet from "../../wire/ethernet.js";
import { FIELD } from "../../wire/ipv4.js";
import { keepCopiedOptions } from "./ipv4-options.js";
import type { ForwardState } from "./state.js";

const MORE = 0x2000;
const OFFSET = 0x1fff;

/**
 * Cuts the packet of a frame that is ready to leave and adds the pieces to the output. The packet is not larger than its frame,
 * and may be fragmented; it may be a fragment itself.
 */
export function addFragments(state: ForwardState, view: DataView, frame: number, from: number, to: number): void {
  const { output, ports } = state;
  const packet = frame + ethernet.HEADER_BYTES;
  const header = (view.getUint8(packet) & 15) * 4;
  const payload = view.getUint16(packet + FIELD.totalLength) - header;
  const most = (ports.mtu[to] - header) & ~7;
  const flags = view.getUint16(packet + FIELD.flagsAndOffset);
  const bytes = output.bytes;
  for (let at = 0; at < payload; at += most) {
    const piece = Math.min(most, payload - at);
    const start = output.room(ethernet.HEADER_BYTES + header + piece);
    if (start === 0) return;
    const ip = start + ethernet.HEADER_BYTES;
    bytes.copyWithin(start, frame, packet + header);
    bytes.copyWithin(ip + header, packet + header + at, packet + header + at + piece);
    const more = at + piece < payload || (flags & MORE) !== 0 ? MORE : 0;
    view.setUint16(ip + FIELD.totalLength, header + piece);
    view.setUint16(ip + FIELD.flagsAndOffset, more | ((flags & OFFSET) + at / 8));
    // Of a later fragment they were chosen by whoever cut it off.
    if (at > 0 && (flags & OFFSET) === 0) keepCopiedOptions(view, ip, header);
    view.setUint16(ip + FIELD.checksum, 0);
    view.setUint16(ip + FIELD.checksum, checksum.checksum(view, ip, header));
    state.leave(from, to, start, ethernet.HEADER_BYTES + header + piece);
  }
}
