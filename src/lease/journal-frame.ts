import { crc32 } from "node:zlib";

/**
 * Frames of the journal: what one save writes, with a checksum over all of it, so that a frame is either whole or not there.
 *
 * ```
 * 0 magic · 4 payload bytes · 8 sequence (double) · 16 segment · 20 flags · 24 zero · 28 CRC-32 of 0–27 and the payload · 32
 * payload
 * ```
 * Big-endian. Each frame begins on a sector of its own, so writing one never rewrites a sector that holds acknowledged leases.
 */

const MAGIC = 0x7461_706a;
export const FRAME_HEADER_BYTES = 32;
export const SECTOR_BYTES = 512;
const CRC_OFFSET = 28;
/** Written at an orderly end: everything before it is meant. */
export const FRAME_FLAG_CLOSED = 1;

/** Rounds up to whole sectors. */
export function sectorBytes(bytes: number): number {
  return Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES;
}

/** Completes a frame whose payload lies behind room for the header. */
export function sealFrame(frame: Buffer, sequence: number, segment: number, flags: number): void {
  frame.writeUInt32BE(MAGIC, 0);
  frame.writeUInt32BE(frame.length - FRAME_HEADER_BYTES, 4);
  frame.writeDoubleBE(sequence, 8);
  frame.writeUInt32BE(segment, 16);
  frame.writeUInt32BE(flags, 20);
  frame.writeUInt32BE(0, 24);
  frame.writeUInt32BE(frameChecksum(frame, 0, frame.length), CRC_OFFSET);
}

/** A whole frame found in a segment. */
export interface Frame {
  readonly sequence: number;
  readonly flags: number;
  readonly payload: Buffer;
  /** Where the next frame begins. */
  readonly nextOffset: number;
}

/** The frame at `offset` if a whole one of this segment is there. */
export function readFrame(bytes: Buffer, offset: number, segment: number): Frame | undefined {
  if (offset + FRAME_HEADER_BYTES > bytes.length || bytes.readUInt32BE(offset) !== MAGIC) return undefined;
  const end = offset + FRAME_HEADER_BYTES + bytes.readUInt32BE(offset + 4);
  if (end > bytes.length || bytes.readUInt32BE(offset + 16) !== segment) return undefined;
  if (bytes.readUInt32BE(offset + CRC_OFFSET) !== frameChecksum(bytes, offset, end)) return undefined;
  return {
    sequence: bytes.readDoubleBE(offset + 8),
    flags: bytes.readUInt32BE(offset + 20),
    payload: bytes.subarray(offset + FRAME_HEADER_BYTES, end),
    nextOffset: offset + sectorBytes(end - offset),
  };
}

function frameChecksum(bytes: Buffer, start: number, end: number): number {
  const header = crc32(bytes.subarray(start, start + CRC_OFFSET));
  return crc32(bytes.subarray(start + FRAME_HEADER_BYTES, end), header);
}
