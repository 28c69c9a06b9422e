import { z } from "zod";
import { parseIpv4 } from "../../base/ipv4-address.js";
import { parseIpv6 } from "../../base/ipv6-address.js";
import type { DnsRecord } from "../configuration.js";
import { boundedDuration, readDomain, recordName } from "./names.js";
import { choice, quote, Refusal, section } from "./scalars.js";

/** A record of `dns.records`: `{ name, type, value, ttl }`, the value as a zone file would have it (RFC 1035 §5). */

export const RECORD_TYPES = ["A", "AAAA", "CNAME", "TXT", "SRV", "MX", "PTR"] as const;
type RecordType = (typeof RECORD_TYPES)[number];
type RecordData = DnsRecord extends infer Record
  ? Record extends DnsRecord
    ? Omit<Record, "name" | "ttlSeconds">
    : never
  : never;

const form = section({
  name: recordName,
  type: choice("the type of the record", RECORD_TYPES),
  value: z.unknown().meta({ type: ["string", "array"], description: "the value, as a zone file has it" }),
  ttl: boundedDuration("how long others may keep the answer", 0, 604_800, "7d is the most").default(60),
});

export const dnsRecord: z.ZodType<DnsRecord, unknown> = form.transform((record, context): DnsRecord => {
  const data = readData(record.type, record.value);
  if (data instanceof Refusal) {
    context.addIssue({ code: "custom", message: data.message, path: ["value"], input: record.value });
    return z.NEVER;
  }
  return { name: record.name, ttlSeconds: record.ttl, ...data };
});

function readData(type: RecordType, value: unknown): RecordData | Refusal {
  if (type === "TXT") return readStrings(Array.isArray(value) ? value : [value]);
  if (typeof value !== "string")
    return new Refusal(
      value === undefined ? `is missing; a ${type} record needs one` : `${quote(value)} is not a text; put it in quotes`,
    );
  const words = value.trim().split(/\s+/);
  switch (type) {
    case "A": {
      const address = parseIpv4(value);
      return address === undefined
        ? new Refusal(`${quote(value)} is not an IPv4 address; an A record needs one`)
        : { type, address };
    }
    case "AAAA": {
      const address = parseIpv6(value);
      return address === undefined
        ? new Refusal(`${quote(value)} is not an IPv6 address; an AAAA record needs one`)
        : { type, address };
    }
    case "CNAME":
    case "PTR": {
      const target = readDomain(value);
      return target instanceof Refusal ? target : { type, target };
    }
    case "MX":
      return readMx(words, value);
    case "SRV":
      return readSrv(words, value);
  }
}

/** Character strings of 255 octets at most (RFC 1035 §3.3.14). */
function readStrings(values: readonly unknown[]): RecordData | Refusal {
  for (const value of values) {
    if (typeof value !== "string") return new Refusal(`${quote(value)} is not a text; put it in quotes`);
    const octets = new TextEncoder().encode(value).length;
    if (octets > 255) return new Refusal(`has a text of ${octets} octets; write it as a list of texts of 255 at most`);
  }
  return { type: "TXT", strings: values as string[] };
}

function readMx(words: readonly string[], value: string): RecordData | Refusal {
  const [preference, ...others] = words;
  if (others.length !== 1 || !isUint16(preference))
    return new Refusal(`${quote(value)} is not an MX value; write one like "10 mail.example"`);
  const target = readDomain(others[0]);
  return target instanceof Refusal ? target : { type: "MX", preference: Number(preference), target };
}

/** RFC 2782. */
function readSrv(words: readonly string[], value: string): RecordData | Refusal {
  const [priority, weight, port, ...others] = words;
  if (others.length !== 1 || ![priority, weight, port].every(isUint16)) {
    return new Refusal(`${quote(value)} is not an SRV value; write one like "0 5 5060 sip.example"`);
  }
  const target = readDomain(others[0]);
  if (target instanceof Refusal) return target;
  return { type: "SRV", priority: Number(priority), weight: Number(weight), port: Number(port), target };
}

function isUint16(word: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(word) && Number(word) <= 0xffff;
}
