import { z } from "zod";
import type { DhcpOption } from "../configuration.js";
import { suggestion } from "../spelling.js";
import { readIpv4 } from "./addresses.js";
import {
  explainOwnOption,
  OPTION_TYPES,
  type OptionDefinition,
  type OptionType,
  optionByCode,
  optionByName,
  optionNames,
} from "./dhcp-option-table.js";
import { readDomain } from "./names.js";
import { quote, Refusal } from "./scalars.js";

/**
 * `options:` of a network, class, reservation or guest: by name (`ntp: 192.0.2.1`) or number (`42: …`), the value as its type
 * wants it; numbers that we do not know, and texts for known ones, as `{ type, value, always }`.
 */

/** RFC 3396 lets an option be split; more than this no client keeps. */
const MOST_BYTES = 1024;

const INTEGERS: Readonly<Partial<Record<OptionType, readonly [bytes: number, least: number, most: number]>>> = {
  uint8: [1, 0, 0xff],
  uint8s: [1, 0, 0xff],
  uint16: [2, 0, 0xffff],
  uint16s: [2, 0, 0xffff],
  uint32: [4, 0, 0xffff_ffff],
  int32: [4, -0x8000_0000, 0x7fff_ffff],
};

const LISTS: ReadonlySet<OptionType> = new Set<OptionType>(["ipv4s", "uint8s", "uint16s", "names"]);

export const dhcpOptions: z.ZodType<DhcpOption[], unknown> = z
  .unknown()
  .transform((value, context): DhcpOption[] => {
    if (value === null) return [];
    if (typeof value !== "object" || Array.isArray(value)) {
      context.addIssue({ code: "custom", message: 'is not a section; write options as "name: value" lines', input: value });
      return z.NEVER;
    }
    const options: DhcpOption[] = [];
    for (const [name, written] of Object.entries(value ?? {})) {
      const option = readOption(name, written);
      if (option instanceof Refusal) context.addIssue({ code: "custom", message: option.message, path: [name], input: written });
      else if (options.some((other) => other.code === option.code)) {
        context.addIssue({
          code: "custom",
          message: `option ${option.code} is given twice, by name and by number`,
          path: [name],
          input: written,
        });
      } else options.push(option);
    }
    return options;
  })
  .meta({
    type: "object",
    description: "DHCPv4 options by name or number",
    properties: Object.fromEntries(optionNames().map((name) => [name, { description: `option ${optionByName(name)?.code}` }])),
    patternProperties: { "^[0-9]+$": {} },
    additionalProperties: false,
  });

interface WrittenOption {
  readonly type: OptionType | undefined;
  readonly value: unknown;
  readonly always: boolean;
}

function readOption(name: string, written: unknown): DhcpOption | Refusal {
  const definition = /^\d+$/.test(name) ? numbered(name) : optionByName(name);
  if (definition instanceof Refusal) return definition;
  if (definition === undefined)
    return new Refusal(`is not a DHCP option that is known by name; ${suggestion(name, optionNames())}`);
  const own = explainOwnOption(definition.code);
  if (own !== undefined) return new Refusal(own);
  const form = readForm(written);
  if (form instanceof Refusal) return form;
  const type = form.type ?? definition.type;
  if (type === undefined) {
    return new Refusal(`option ${definition.code} has no known type; write { type: ${OPTION_TYPES.join(" | ")}, value: … }`);
  }
  const bytes = encode(type, form.value);
  if (bytes instanceof Refusal) return bytes;
  if (bytes.length > MOST_BYTES) return new Refusal(`is ${bytes.length} octets long; ${MOST_BYTES} is the most`);
  return { code: definition.code, name, bytes, always: form.always };
}

function numbered(name: string): (Omit<OptionDefinition, "type"> & { type: OptionType | undefined }) | Refusal {
  const code = Number(name);
  if (code > 255 || String(code) !== name)
    return new Refusal("is not the number of a DHCP option; write 1 to 254 without leading zeros");
  return optionByCode(code) ?? { code, name, type: undefined };
}

function readForm(written: unknown): WrittenOption | Refusal {
  if (typeof written !== "object" || written === null || Array.isArray(written))
    return { type: undefined, value: written, always: false };
  const { type, value, always = false, ...others } = written as Record<string, unknown>;
  const [unknownKey] = Object.keys(others);
  if (unknownKey !== undefined)
    return new Refusal(`has a key ${quote(unknownKey)}; ${suggestion(unknownKey, ["type", "value", "always"])}`);
  if (type !== undefined && !OPTION_TYPES.some((known) => known === type)) {
    return new Refusal(`type ${quote(type)} is not known; ${suggestion(quote(type), OPTION_TYPES)}`);
  }
  if (typeof always !== "boolean") return new Refusal(`always is ${quote(always)}; write true or false`);
  return { type: type as OptionType | undefined, value, always };
}

/** The value in wire form. */
function encode(type: OptionType, value: unknown): Uint8Array | Refusal {
  if (value === undefined || value === null) return new Refusal(`has no value; write one of type ${type}`);
  const items = LISTS.has(type) && Array.isArray(value) ? value : [value];
  if (items.length === 0) return new Refusal("is an empty list; remove the line, or write a value");
  const parts: Uint8Array[] = [];
  for (const item of items) {
    const part = encodeItem(type, item);
    if (part instanceof Refusal) return part;
    parts.push(part);
  }
  return concatenate(parts);
}

function encodeItem(type: OptionType, item: unknown): Uint8Array | Refusal {
  const integer = INTEGERS[type];
  if (integer !== undefined) return encodeInteger(item, ...integer);
  if (type === "boolean") {
    return typeof item === "boolean" ? Uint8Array.of(item ? 1 : 0) : new Refusal(`${quote(item)} is not true or false`);
  }
  if (typeof item !== "string") return new Refusal(`${quote(item)} is not a text; put it in quotes`);
  if (type === "ipv4" || type === "ipv4s") {
    const address = readIpv4(item);
    return address instanceof Refusal ? address : bigEndian(address, 4);
  }
  if (type === "octets") return encodeOctets(item);
  if (type === "names") return encodeName(item);
  return item === "" ? new Refusal("is an empty text; remove the line, or write a value") : new TextEncoder().encode(item);
}

function encodeInteger(item: unknown, bytes: number, least: number, most: number): Uint8Array | Refusal {
  if (typeof item !== "number" || !Number.isInteger(item)) return new Refusal(`${quote(item)} is not a whole number`);
  if (item < least || item > most) return new Refusal(`${item} is out of bounds; ${least} to ${most} fits`);
  return bigEndian(item, bytes);
}

function bigEndian(value: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => (value >>> (8 * (bytes - 1 - index))) & 255);
}

function encodeOctets(written: string): Uint8Array | Refusal {
  const digits = written.replaceAll(/[:\s-]/g, "");
  if (digits.length === 0 || digits.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(digits)) {
    return new Refusal(`${quote(written)} is not a row of octets; write hex like 01:0a:ff`);
  }
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
    Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16),
  );
}

/** A domain name as labels with lengths, not compressed (RFC 1035 §3.1, RFC 3397). */
function encodeName(written: string): Uint8Array | Refusal {
  const name = readDomain(written);
  if (name instanceof Refusal) return name;
  const labels = name.split(".").map((part) => new TextEncoder().encode(part));
  return concatenate([...labels.flatMap((part) => [Uint8Array.of(part.length), part]), Uint8Array.of(0)]);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
