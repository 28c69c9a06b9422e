/** Record types by their names (the registry "Domain Name System Parameters"; the RFC of each stands in `rdata.ts`). */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  MB: 7,
  MG: 8,
  MR: 9,
  NULL: 10,
  PTR: 12,
  HINFO: 13,
  MINFO: 14,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  RT: 21,
  SIG: 24,
  KEY: 25,
  PX: 26,
  AAAA: 28,
  LOC: 29,
  NXT: 30,
  SRV: 33,
  NAPTR: 35,
  KX: 36,
  CERT: 37,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  DHCID: 49,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  SMIMEA: 53,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  CSYNC: 62,
  ZONEMD: 63,
  SVCB: 64,
  HTTPS: 65,
  SPF: 99,
  NXNAME: 128,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
  URI: 256,
  CAA: 257,
} as const;
export type TypeName = keyof typeof TYPE;

export const CLASS = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

export const OPCODE = { QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5 } as const;

/** Response codes; those over 15 need an OPT record for their upper bits (RFC 6891 §6.1.3). */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  BADVERS: 16,
  BADCOOKIE: 23,
} as const;

/** Masks of the header's second 16-bit word (RFC 1035 §4.1.1, RFC 4035 §3.1.6 for AD and CD). */
export const FLAG = {
  response: 0x8000,
  opcode: 0x7800,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  reserved: 0x0040,
  authenticData: 0x0020,
  checkingDisabled: 0x0010,
  rcode: 0x000f,
} as const;
export const OPCODE_SHIFT = 11;

/** Where each field of the header starts. */
export const FIELD = { id: 0, flags: 2, questions: 4, answers: 6, authorities: 8, additionals: 10 } as const;
export const HEADER_BYTES = 12;
/** Type, class, TTL and RDLENGTH: what stands between a record's owner name and its data. */
export const RECORD_FIXED_BYTES = 10;
/** What an asker without EDNS can take over UDP (RFC 1035 §4.2.1). */
export const PLAIN_UDP_BYTES = 512;
/** The payload that crosses every usual path unfragmented (DNS flag day 2020, RFC 9715 §3). */
export const SAFE_UDP_BYTES = 1232;
export const MESSAGE_BYTES_MOST = 65535;

/** Codes of EDNS options. */
export const EDNS_OPTION = {
  nsid: 3,
  clientSubnet: 8,
  expire: 9,
  cookie: 10,
  keepalive: 11,
  padding: 12,
  extendedError: 15,
} as const;

/** The DO bit in the flags of an OPT record (RFC 3225 §3). */
export const DNSSEC_OK = 0x8000;

/** Info codes of extended errors (RFC 8914 §5.2), as far as we say them. */
export const EXTENDED_ERROR = {
  other: 0,
  staleAnswer: 3,
  notReady: 14,
  blocked: 15,
  prohibited: 18,
  staleNxdomainAnswer: 19,
  notAuthoritative: 20,
  notSupported: 21,
  noReachableAuthority: 22,
  networkError: 23,
  invalidData: 24,
  invalidQueryType: 30,
} as const;

const nameOfType = namesByNumber(TYPE);
const nameOfClass = namesByNumber(CLASS);
const nameOfRcode = namesByNumber(RCODE);
const nameOfOpcode = namesByNumber(OPCODE);

function namesByNumber(numbers: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
}

/** `A`, or `TYPE65280` for a type without a name here (RFC 3597 §5). */
export function formatType(type: number): string {
  return nameOfType.get(type) ?? `TYPE${type}`;
}

/** Accepts `aaaa`, `AAAA` and `TYPE28`; undefined for anything else. */
export function parseType(text: string): number | undefined {
  return parseNumbered(text.toUpperCase(), TYPE, "TYPE");
}

/** `IN`, or `CLASS32` for a class without a name here (RFC 3597 §5). */
export function formatClass(classNumber: number): string {
  return nameOfClass.get(classNumber) ?? `CLASS${classNumber}`;
}

export function parseClass(text: string): number | undefined {
  return parseNumbered(text.toUpperCase(), CLASS, "CLASS");
}

export function formatRcode(rcode: number): string {
  return nameOfRcode.get(rcode) ?? `RCODE${rcode}`;
}

export function formatOpcode(opcode: number): string {
  return nameOfOpcode.get(opcode) ?? `OPCODE${opcode}`;
}

function parseNumbered(text: string, numbers: Readonly<Record<string, number>>, generic: string): number | undefined {
  if (Object.hasOwn(numbers, text)) return numbers[text];
  const digits = text.startsWith(generic) ? text.slice(generic.length) : "";
  if (!/^(?:0|[1-9]\d{0,4})$/.test(digits)) return undefined;
  const number = Number(digits);
  return number <= 0xffff ? number : undefined;
}
