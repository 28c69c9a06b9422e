/** The package `dns-packet` as an oracle: its idea of a message, in our words. */
import dnsPacket from "dns-packet";
import { parseIpv4 } from "../../../src/base/ipv4-address.js";
import { parseIpv6 } from "../../../src/base/ipv6-address.js";
import type { Message, ResourceRecord } from "../../../src/wire/dns/message.js";
import { CLASS, parseType } from "../../../src/wire/dns/numbers.js";

type Fields = Record<string, unknown>;

/** One record as both sides can say it. */
export interface PlainRecord {
  readonly name: string;
  readonly type: number;
  readonly ttlSeconds: number;
  readonly data: string;
}

export interface PlainMessage {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly rcode: number;
  readonly flags: string;
  readonly questions: readonly string[];
  readonly answers: readonly PlainRecord[];
  readonly authorities: readonly PlainRecord[];
  readonly additionals: readonly PlainRecord[];
  readonly edns: string;
}

const OPCODES = ["QUERY", "IQUERY", "STATUS", "OPCODE_3", "NOTIFY", "UPDATE"];
const FLAGS = ["flag_aa", "flag_tc", "flag_rd", "flag_ra", "flag_ad", "flag_cd"] as const;

/** What the oracle reads in bytes; an Error where it refuses them. */
export function decode(bytes: Uint8Array): PlainMessage | Error {
  try {
    return toPlain(dnsPacket.decode(Buffer.from(bytes)) as unknown as Fields);
  } catch (thrown) {
    return thrown as Error;
  }
}

function toPlain(packet: Fields): PlainMessage {
  const additionals = packet["additionals"] as Fields[];
  const opt = additionals.find((record) => record["type"] === "OPT");
  const rcode = rcodeNumber(packet["rcode"] as string) | (((opt?.["extendedRcode"] as number | undefined) ?? 0) << 4);
  return {
    id: packet["id"] as number,
    response: packet["type"] === "response",
    opcode: opcodeNumber(packet["opcode"] as string),
    rcode,
    flags: FLAGS.map((flag) => (packet[flag] === true ? "1" : "0")).join(""),
    questions: (packet["questions"] as Fields[]).map((question) => `${String(question["name"])} ${typeNumber(question["type"])}`),
    answers: (packet["answers"] as Fields[]).map(plainRecord),
    authorities: (packet["authorities"] as Fields[]).map(plainRecord),
    additionals: additionals.filter((record) => record["type"] !== "OPT").map(plainRecord),
    edns: opt === undefined ? "none" : plainOpt(opt),
  };
}

function plainOpt(opt: Fields): string {
  const options = (opt["options"] as { code: number; data: Uint8Array }[]).map(
    ({ code, data }) => `${code}=${Buffer.from(data).toString("hex")}`,
  );
  return [opt["udpPayloadSize"], opt["ednsVersion"], opt["flag_do"], ...options].join(" ");
}

function rcodeNumber(text: string): number {
  const known = [
    "NOERROR",
    "FORMERR",
    "SERVFAIL",
    "NXDOMAIN",
    "NOTIMP",
    "REFUSED",
    "YXDOMAIN",
    "YXRRSET",
    "NXRRSET",
    "NOTAUTH",
    "NOTZONE",
  ];
  return known.includes(text) ? known.indexOf(text) : Number(text.replace("RCODE_", ""));
}

function opcodeNumber(text: string): number {
  return OPCODES.includes(text) ? OPCODES.indexOf(text) : Number(text.replace("OPCODE_", ""));
}

function typeNumber(type: unknown): number {
  return parseType(String(type)) ?? Number(String(type).replace("UNKNOWN_", ""));
}

function plainRecord(record: Fields): PlainRecord {
  const type = typeNumber(record["type"]);
  return {
    name: String(record["name"]),
    type,
    ttlSeconds: record["ttl"] as number,
    data: plainData(String(record["type"]), record["data"]),
  };
}

const hex = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString("hex");

function words(fields: Fields, ...names: readonly string[]): string {
  return names.map((name) => (fields[name] instanceof Uint8Array ? hex(fields[name]) : String(fields[name]))).join(" ");
}

/** The oracle's data of a record as words. */
function plainData(type: string, data: unknown): string {
  const fields = data as Fields;
  switch (type) {
    case "A":
      return String(parseIpv4(data as string));
    case "AAAA":
      return String(parseIpv6(data as string));
    case "TXT":
      return (Array.isArray(data) ? data : [data]).map(hex).join(" ");
    case "MX":
      return words(fields, "preference", "exchange");
    case "SRV":
      return words(fields, "priority", "weight", "port", "target");
    case "SOA":
      return words(fields, "mname", "rname", "serial", "refresh", "retry", "expire", "minimum");
    case "HINFO":
      return words(fields, "cpu", "os");
    case "RP":
      return words(fields, "mbox", "txt");
    case "CAA":
      return words(fields, "flags", "tag", "value");
    case "NAPTR":
      return words(fields, "order", "preference", "flags", "services", "regexp", "replacement");
    case "DS":
      return words(fields, "keyTag", "algorithm", "digestType", "digest");
    case "DNSKEY":
      return words(fields, "flags", "algorithm", "key");
    case "TLSA":
      return words(fields, "usage", "selector", "matchingType", "certificate");
    case "NS":
    case "CNAME":
    case "PTR":
    case "DNAME":
      return String(data);
    default:
      return data instanceof Uint8Array ? hex(data) : data === undefined ? "nothing" : JSON.stringify(data);
  }
}

/** The same of ours. */
export function plainOf(message: Message): PlainMessage {
  const { edns } = message;
  const flags = [
    message.authoritative,
    message.truncated,
    message.recursionDesired,
    message.recursionAvailable,
    message.authenticData,
    message.checkingDisabled,
  ];
  const options = edns?.options.map(({ code, value }) => `${code}=${hex(value)}`) ?? [];
  return {
    id: message.id,
    response: message.response,
    opcode: message.opcode,
    rcode: message.rcode,
    flags: flags.map((flag) => (flag ? "1" : "0")).join(""),
    questions: message.questions.map(({ name, type }) => `${name} ${type}`),
    answers: message.answers.map(plainOurs),
    authorities: message.authorities.map(plainOurs),
    additionals: message.additionals.map(plainOurs),
    edns: edns === undefined ? "none" : [edns.udpPayloadBytes, edns.version, edns.dnssecOk, ...options].join(" "),
  };
}

function plainOurs({ name, type, ttlSeconds, data }: ResourceRecord): PlainRecord {
  return { name, type, ttlSeconds, data: data instanceof Uint8Array ? hex(data) : plainFields(type, data) };
}

/** Fields that the oracle does not show. */
const UNSHOWN = new Set(["protocol"]);

function plainFields(type: number, data: Fields): string {
  const isText = new Set([parseType("HINFO"), parseType("NAPTR"), parseType("CAA")]).has(type);
  return Object.entries(data)
    .filter(([field]) => !UNSHOWN.has(field))
    .map(([, value]) => {
      if (Array.isArray(value)) return value.map(hex).join(" ");
      if (value instanceof Uint8Array) return isText ? Buffer.from(value).toString("utf8") : hex(value);
      return String(value);
    })
    .join(" ");
}

/** The class that all records of the comparison have: the oracle says classes in words, and only knows some. */
export const COMPARED_CLASS = CLASS.IN;
