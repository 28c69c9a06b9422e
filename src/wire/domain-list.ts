/**
 * Domain names as DHCPv6 and router advertisements carry them: a row of uncompressed DNS names (RFC 1035 §3.1, RFC 8415 §10).
 *
 * A name is text without the trailing dot. Octets that are not printable ASCII, and dots and backslashes inside a label, are
 * written as `\DDD` (RFC 1035 §5.1), so every name survives a round trip.
 */

const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
const DOT = 0x2e;
const BACKSLASH = 0x5c;

export type DomainFault = "domain-truncated" | "domain-label" | "domain-length";

/**
 * Where the name that starts at `offset` ends (behind its root label), or the fault. A label over 63 bytes is a compression
 * pointer or nonsense; both are refused.
 */
export function nameEnd(view: DataView, offset: number, end: number): number | DomainFault {
  let at = offset;
  while (at < end) {
    const labelBytes = view.getUint8(at);
    if (labelBytes === 0) return at + 1 - offset > MAX_NAME_BYTES ? "domain-length" : at + 1;
    if (labelBytes > MAX_LABEL_BYTES) return "domain-label";
    at += 1 + labelBytes;
  }
  return "domain-truncated";
}

/** Whether the region is a row of whole names. An empty region is an empty row. */
export function check(view: DataView, offset: number, length: number): DomainFault | undefined {
  const end = offset + length;
  let at = offset;
  while (at < end) {
    const next = nameEnd(view, at, end);
    if (typeof next === "string") return next;
    at = next;
  }
  return undefined;
}

export function parse(view: DataView, offset: number, length: number): string[] | DomainFault {
  const fault = check(view, offset, length);
  if (fault !== undefined) return fault;
  const names: string[] = [];
  for (let at = offset; at < offset + length; ) {
    const labels: string[] = [];
    at = readLabels(view, at, offset + length, labels);
    names.push(labels.join("."));
  }
  return names;
}

/**
 * Appends the labels from `offset` to `labels` and returns where they end: behind a root label, or at `end` for a partial
 * name. The caller has checked that no label passes `end`.
 */
export function readLabels(view: DataView, offset: number, end: number, labels: string[]): number {
  let at = offset;
  while (at < end) {
    const labelBytes = view.getUint8(at++);
    if (labelBytes === 0) return at;
    let label = "";
    for (let index = 0; index < labelBytes; index++) label += escapeOctet(view.getUint8(at++));
    labels.push(label);
  }
  return at;
}

function escapeOctet(octet: number): string {
  if (octet > 0x20 && octet < 0x7f && octet !== DOT && octet !== BACKSLASH) return String.fromCharCode(octet);
  return `\\${octet.toString().padStart(3, "0")}`;
}

/** The labels of a name as octets; undefined when a label is empty, over 63 bytes, or the whole name over 255. */
export function labelsOf(name: string): Uint8Array[] | undefined {
  if (name === "") return [];
  const labels: Uint8Array[] = [];
  let totalBytes = 1;
  for (const part of name.split(".")) {
    const label = Buffer.from(
      part.replaceAll(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number(code) & 0xff)),
      "latin1",
    );
    if (label.length === 0 || label.length > MAX_LABEL_BYTES) return undefined;
    totalBytes += 1 + label.length;
    labels.push(label);
  }
  return totalBytes > MAX_NAME_BYTES ? undefined : labels;
}

/** Bytes of the row; throws a RangeError for a name that DNS cannot carry (our own configuration, never guest input). */
export function emittedBytes(names: readonly string[]): number {
  let total = 0;
  for (const name of names) total += nameBytes(name);
  return total;
}

/** Bytes of one name with its root label. */
export function nameBytes(name: string): number {
  let total = 1;
  for (const label of mustSplit(name)) total += 1 + label.length;
  return total;
}

/** Writes the row; returns the bytes written. */
export function emit(names: readonly string[], view: DataView, offset: number): number {
  let at = offset;
  for (const name of names) {
    at += emitLabels(name, view, at);
    view.setUint8(at++, 0);
  }
  return at - offset;
}

/** Writes one name without its root label. */
export function emitLabels(name: string, view: DataView, offset: number): number {
  let at = offset;
  for (const label of mustSplit(name)) {
    view.setUint8(at++, label.length);
    for (const octet of label) view.setUint8(at++, octet);
  }
  return at - offset;
}

function mustSplit(name: string): Uint8Array[] {
  const labels = labelsOf(name);
  if (labels === undefined) throw new RangeError(`${name} is not a domain name: labels are 1 to 63 bytes, names at most 255`);
  return labels;
}
