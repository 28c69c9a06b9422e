import { CLASS, TYPE } from "./numbers.js";
import { FIELD_CODEC, type FieldCodec, type FieldKind, type FieldValue, readHex, tokenize } from "./rdata-fields.js";
import type { MessageWriter } from "./writer.js";

type Fields = Readonly<Record<string, FieldKind>>;
export interface Layout {
  readonly fields: Fields;
  /** Names in the data may be compressed: only in the types of RFC 1035 (RFC 3597 §4). */
  readonly compress?: true;
  /** The layout holds in class IN only; elsewhere the data is opaque. */
  readonly internetOnly?: true;
}

/**
 * The record types that are taken apart; the data of all others is opaque bytes (RFC 3597). One row drives everything, also the
 * copying in `rdata-copy.ts`.
 */
export const LAYOUT = {
  A: { fields: { address: "ipv4" }, internetOnly: true },
  NS: { fields: { target: "name" }, compress: true },
  CNAME: { fields: { target: "name" }, compress: true },
  SOA: {
    fields: { mname: "name", rname: "name", serial: "u32", refresh: "u32", retry: "u32", expire: "u32", minimum: "u32" },
    compress: true,
  },
  PTR: { fields: { target: "name" }, compress: true },
  HINFO: { fields: { cpu: "string", os: "string" } },
  MINFO: { fields: { rmailbx: "name", emailbx: "name" }, compress: true },
  MX: { fields: { preference: "u16", exchange: "name" }, compress: true },
  TXT: { fields: { strings: "strings" } },
  /** RFC 1183. */
  RP: { fields: { mailbox: "name", text: "name" } },
  AFSDB: { fields: { subtype: "u16", host: "name" } },
  RT: { fields: { preference: "u16", host: "name" } },
  /** RFC 2163. */
  PX: { fields: { preference: "u16", map822: "name", mapx400: "name" }, internetOnly: true },
  /** RFC 3596. */
  AAAA: { fields: { address: "ipv6" }, internetOnly: true },
  /** RFC 2782: the target is never compressed when written. */
  SRV: { fields: { priority: "u16", weight: "u16", port: "u16", target: "name" }, internetOnly: true },
  /** RFC 3403 §4.1. */
  NAPTR: {
    fields: { order: "u16", preference: "u16", flags: "string", services: "string", regexp: "string", replacement: "name" },
    internetOnly: true,
  },
  /** RFC 2230. */
  KX: { fields: { preference: "u16", exchanger: "name" }, internetOnly: true },
  /** RFC 6672. */
  DNAME: { fields: { target: "name" } },
  /** RFC 4034 §5. */
  DS: { fields: { keyTag: "u16", algorithm: "u8", digestType: "u8", digest: "hex" } },
  CDS: { fields: { keyTag: "u16", algorithm: "u8", digestType: "u8", digest: "hex" } },
  /** RFC 4255. */
  SSHFP: { fields: { algorithm: "u8", fingerprintType: "u8", fingerprint: "hex" } },
  /** RFC 4034 §3. */
  RRSIG: {
    fields: {
      covered: "type",
      algorithm: "u8",
      labels: "u8",
      originalTtl: "u32",
      expiration: "time",
      inception: "time",
      keyTag: "u16",
      signer: "name",
      signature: "base64",
    },
  },
  /** RFC 4034 §4. */
  NSEC: { fields: { next: "name", types: "types" } },
  /** RFC 4034 §2. */
  DNSKEY: { fields: { flags: "u16", protocol: "u8", algorithm: "u8", key: "base64" } },
  CDNSKEY: { fields: { flags: "u16", protocol: "u8", algorithm: "u8", key: "base64" } },
  /** RFC 5155. */
  NSEC3: { fields: { algorithm: "u8", flags: "u8", iterations: "u16", salt: "salt", next: "hash", types: "types" } },
  NSEC3PARAM: { fields: { algorithm: "u8", flags: "u8", iterations: "u16", salt: "salt" } },
  /** RFC 6698. */
  TLSA: { fields: { usage: "u8", selector: "u8", matching: "u8", association: "hex" } },
  SMIMEA: { fields: { usage: "u8", selector: "u8", matching: "u8", association: "hex" } },
  /** RFC 9460 §2.2. */
  SVCB: { fields: { priority: "u16", target: "name", parameters: "parameters" }, internetOnly: true },
  HTTPS: { fields: { priority: "u16", target: "name", parameters: "parameters" }, internetOnly: true },
  SPF: { fields: { strings: "strings" } },
  /** RFC 7553. */
  URI: { fields: { priority: "u16", weight: "u16", target: "text" } },
  /** RFC 8659 §4.1. */
  CAA: { fields: { flags: "u8", tag: "tag", value: "text" } },
} as const satisfies Partial<Record<keyof typeof TYPE, Layout>>;

export type KnownType = keyof typeof LAYOUT;
/** The data of one known type, field by field. */
export type Rdata<Name extends KnownType> = {
  -readonly [Field in keyof (typeof LAYOUT)[Name]["fields"]]: (typeof LAYOUT)[Name]["fields"][Field] extends FieldKind
    ? FieldValue[(typeof LAYOUT)[Name]["fields"][Field]]
    : never;
};
/** Data of any type: fields where the type is known and well formed, else the bytes. */
export type AnyRdata = { readonly [field: string]: FieldValue[FieldKind] } | Uint8Array;

/** A layout with its fields in a list, as the functions below walk them. */
interface Compiled extends Layout {
  readonly steps: readonly { readonly field: string; readonly codec: FieldCodec<FieldValue[FieldKind]> }[];
}

const layoutOfType = new Map<number, Compiled>(
  Object.entries(LAYOUT).map(([name, layout]: [string, Layout]) => {
    const steps = Object.entries(layout.fields).map(([field, kind]) => ({ field, codec: FIELD_CODEC[kind] }));
    return [TYPE[name as KnownType], { ...layout, steps }];
  }),
);

function layoutOf(type: number, classNumber: number): Compiled | undefined {
  const layout = layoutOfType.get(type);
  return layout?.internetOnly === true && classNumber !== CLASS.IN ? undefined : layout;
}

/**
 * The data of a record of a message that starts at `start`: fields, or bytes where the type is unknown; undefined where the type
 * is known and the data is malformed.
 */
export function parseRdata(
  type: number,
  classNumber: number,
  bytes: Uint8Array,
  start: number,
  offset: number,
  length: number,
): AnyRdata | undefined {
  const layout = layoutOf(type, classNumber);
  if (layout === undefined) return bytes.slice(offset, offset + length);
  const input = { bytes, start, at: offset, end: offset + length };
  const fields: Record<string, FieldValue[FieldKind]> = {};
  for (const { field, codec } of layout.steps) {
    const value = codec.parse(input);
    if (value === undefined) return undefined;
    fields[field] = value;
  }
  return input.at === input.end ? fields : undefined;
}

/** Writes data; false where there is no room. Throws a RangeError for a name that is none: a mistake in the program. */
export function emitRdata(writer: MessageWriter, type: number, data: AnyRdata): boolean {
  if (data instanceof Uint8Array) return writer.writeBytes(data, 0, data.length);
  const layout = layoutOfType.get(type);
  if (layout === undefined) throw new RangeError(`no layout for the data of type ${type}: give bytes`);
  const compress = layout.compress === true;
  return layout.steps.every(({ field, codec }) => codec.emit(writer, data[field], compress));
}

/** As in a master file; unknown types in the form of RFC 3597 §5, `\# 2 ABCD`. */
export function formatRdata(type: number, data: AnyRdata): string {
  const layout = layoutOfType.get(type);
  if (layout === undefined || data instanceof Uint8Array) {
    const bytes = data instanceof Uint8Array ? data : new Uint8Array(0);
    return `\\# ${bytes.length}${bytes.length === 0 ? "" : ` ${Buffer.from(bytes).toString("hex").toUpperCase()}`}`;
  }
  return layout.steps
    .map(({ field, codec }) => codec.format(data[field]))
    .filter((text) => text !== "")
    .join(" ");
}

/** The reverse of `formatRdata`; undefined for what is not data of this type. Names are absolute, a final dot may be missing. */
export function readRdata(type: number, text: string): AnyRdata | undefined {
  const tokens = tokenize(text);
  if (tokens === undefined) return undefined;
  if (tokens[0]?.text === "\\#") return readOpaque(tokens.slice(1).map((token) => token.text));
  const layout = layoutOfType.get(type);
  if (layout === undefined) return undefined;
  const fields: Record<string, FieldValue[FieldKind]> = {};
  for (const { field, codec } of layout.steps) {
    const value = codec.read(tokens);
    if (value === undefined) return undefined;
    fields[field] = value;
  }
  return tokens.length === 0 ? fields : undefined;
}

function readOpaque(words: readonly string[]): Uint8Array | undefined {
  const bytes = readHex(words.slice(1).join(""));
  return bytes !== undefined && /^\d{1,5}$/.test(words[0] ?? "") && bytes.length === Number(words[0]) ? bytes : undefined;
}
