/**
 * The language of filters, after pcap-filter(7): what people type after `tcpdump` works here, as far as it goes.
 *
 *     expression = factor { ("and" | "or") factor }        from left to right, as there; "&&" and "||" are the same
 *     factor     = ("not" | "!") factor | "(" expression ")" | primitive
 *     primitive  = { proto | direction | type } value | proto | "broadcast" | "multicast" | "less" n | "greater" n | "vlan" [ n ]
 *
 * A value alone takes the words of the primitive before it: `port 80 or 443`. Names of hosts are not looked up.
 */
import { TapnetError } from "../../base/errors.js";
import { parseIpv4 } from "../../base/ipv4-address.js";
import { parseIpv6 } from "../../base/ipv6-address.js";
import { parseMac } from "../../base/mac.js";
import { parseIpv4Prefix, parseIpv6Prefix } from "../../base/prefix.js";
import { all, any, not, type Test } from "./frame-test.js";
import * as match from "./primitives.js";

interface Token {
  readonly text: string;
  /** Counts from 1. */
  readonly column: number;
}

type Protocol = "ether" | "ip" | "ip6" | "arp" | "tcp" | "udp" | "sctp" | "icmp" | "icmp6" | "igmp";
type ValueType = "host" | "net" | "port" | "portrange" | "proto";

/** The words before a value. */
interface Qualifiers {
  readonly protocol: Protocol | undefined;
  readonly direction: match.Direction;
  readonly type: ValueType | undefined;
}

const PROTOCOLS: readonly string[] = [
  "ether",
  "ip",
  "ip6",
  "arp",
  "tcp",
  "udp",
  "sctp",
  "icmp",
  "icmp6",
  "igmp",
] satisfies Protocol[];
const TYPES: readonly string[] = ["host", "net", "port", "portrange", "proto"] satisfies ValueType[];
const JOINTS = new Map([
  ["and", "and"],
  ["&&", "and"],
  ["or", "or"],
  ["||", "or"],
] as const);
/** Services that one filters for; others by their number. */
const SERVICES = new Map([
  ["ssh", 22],
  ["smtp", 25],
  ["domain", 53],
  ["dns", 53],
  ["bootps", 67],
  ["bootpc", 68],
  ["tftp", 69],
  ["http", 80],
  ["ntp", 123],
  ["https", 443],
]);
const MOST_PORT = 0xffff;
const MOST_WORDS = 500;
const MOST_VLAN = 4095;

/** Undefined for the empty expression, which matches everything. TapnetError BAD_REQUEST. */
export function parseFilter(expression: string): Test | undefined {
  const tokens = tokensOf(expression);
  if (tokens.length === 0) return undefined;
  if (tokens.length > MOST_WORDS) throw refuse(undefined, `has more than ${MOST_WORDS} words`);
  return new Parser(tokens).whole();
}

function tokensOf(expression: string): Token[] {
  const pattern = /&&|\|\||[()!]|[^\s()!&|]+|./g;
  const tokens: Token[] = [];
  for (const { 0: text, index } of expression.matchAll(pattern)) {
    if (text.trim() !== "") tokens.push({ text, column: index + 1 });
  }
  return tokens;
}

function refuse(token: Token | undefined, problem: string): TapnetError {
  const where = token === undefined ? "the filter" : `the filter, at ${JSON.stringify(token.text)} (character ${token.column}),`;
  return new TapnetError("BAD_REQUEST", `${where} ${problem}`);
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #last: Qualifiers | undefined;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Test {
    const test = this.#expression();
    const rest = this.#tokens.at(this.#at);
    if (rest !== undefined) {
      throw refuse(
        rest,
        rest.text === ")" ? 'closes what was not opened; remove it, or write "(" before' : 'needs "and" or "or" before it',
      );
    }
    return test;
  }

  #expression(): Test {
    let left = this.#factor();
    for (;;) {
      const joint = JOINTS.get(this.#peek() as "and");
      if (joint === undefined) return left;
      this.#at++;
      const right = this.#factor();
      left = joint === "and" ? all(left, right) : any(left, right);
    }
  }

  #factor(): Test {
    const word = this.#peek();
    if (word === "not" || word === "!") {
      this.#at++;
      return not(this.#factor());
    }
    if (word !== "(") return this.#primitive();
    const opening = this.#tokens[this.#at++];
    const inside = this.#expression();
    if (this.#peek() !== ")") throw refuse(opening, 'is not closed; write ")" after what it holds');
    this.#at++;
    return inside;
  }

  #primitive(): Test {
    const word = this.#peek();
    if (word === "less" || word === "greater") {
      this.#at++;
      const bytes = this.#number("a length in bytes", 0, 0x7fff_ffff);
      return word === "less" ? match.atMost(bytes) : match.atLeast(bytes);
    }
    if (word === "vlan") {
      this.#at++;
      return match.vlan(this.#isValue() ? this.#number("a VLAN's number, 0 to 4095", 0, MOST_VLAN) : undefined);
    }
    const first = this.#at;
    const protocol = this.#take(PROTOCOLS) as Protocol | undefined;
    const many = this.#castOf(protocol);
    if (many !== undefined) return many;
    const direction = this.#direction();
    const type = this.#take(TYPES) as ValueType | undefined;
    if (this.#at === first) return this.#value(this.#last ?? NO_QUALIFIERS);
    const qualifiers = { protocol, direction: direction ?? "either", type } as const;
    this.#last = qualifiers;
    if (protocol !== undefined && direction === undefined && type === undefined && !this.#isValue()) {
      return this.#protocolAlone(protocol);
    }
    return this.#value(qualifiers);
  }

  /** `broadcast`, `multicast`, and these with a protocol before them. */
  #castOf(protocol: Protocol | undefined): Test | undefined {
    const word = this.#peek();
    if (word !== "broadcast" && word !== "multicast") return undefined;
    const token = this.#tokens[this.#at++];
    if (protocol === undefined || protocol === "ether") return word === "broadcast" ? match.etherBroadcast : match.etherMulticast;
    if (word === "multicast" && protocol === "ip") return match.ipv4Multicast;
    if (word === "multicast" && protocol === "ip6") return match.ipv6Multicast;
    throw refuse(token, `does not go with ${protocol}; write ether ${word}`);
  }

  #direction(): match.Direction | undefined {
    const word = this.#peek();
    if (word !== "src" && word !== "dst") return undefined;
    this.#at++;
    const joint = this.#peek();
    const other = this.#tokens.at(this.#at + 1)?.text;
    const goesOn = (joint === "or" || joint === "and") && (other === "src" || other === "dst") && other !== word;
    if (!goesOn) return word;
    this.#at += 2;
    return joint === "or" ? "either" : "both";
  }

  #protocolAlone(protocol: Protocol): Test {
    switch (protocol) {
      case "ip":
        return match.isIpv4;
      case "ip6":
        return match.isIpv6;
      case "arp":
        return match.isArp;
      case "tcp":
      case "udp":
      case "sctp":
        return any(match.ipv6Protocol(match.PROTOCOL_NUMBER[protocol]), match.ipv4Protocol(match.PROTOCOL_NUMBER[protocol]));
      case "icmp":
      case "igmp":
        return match.ipv4Protocol(match.PROTOCOL_NUMBER[protocol]);
      case "icmp6":
        return match.ipv6Protocol(match.PROTOCOL_NUMBER.icmp6);
      case "ether":
        throw refuse(this.#tokens[this.#at - 1], "needs a MAC address behind it, like ether host 52:54:00:12:34:56");
    }
  }

  #value({ protocol, direction, type }: Qualifiers): Test {
    switch (type) {
      case "port":
      case "portrange":
        return this.#ports(protocol, direction, type);
      case "proto":
        return this.#protocolNumber(protocol);
      case "net":
      case "host":
      case undefined:
        return this.#address(protocol, direction, type ?? "host");
    }
  }

  #ports(protocol: Protocol | undefined, direction: match.Direction, type: "port" | "portrange"): Test {
    const token = this.#next(type === "port" ? "a port, like 53" : "a range of ports, like 8000-8010");
    const transports = transportsOf(protocol);
    if (transports === undefined) throw refuse(token, `a ${type} belongs to tcp, udp or sctp, not to ${protocol}`);
    const [first, last = first] = type === "port" ? [token.text] : token.text.split("-");
    const ends = [first, last].map(portOf);
    if (ends[0] === undefined || ends[1] === undefined || ends[0] > ends[1]) {
      const known = [...SERVICES.keys()].join(", ");
      throw refuse(
        token,
        `is no ${type}; write ${type === "port" ? `a number up to ${MOST_PORT}, or one of ${known}` : "8000-8010"}`,
      );
    }
    return match.ports(ends[0], ends[1], direction, transports);
  }

  #protocolNumber(protocol: Protocol | undefined): Test {
    const token = this.#next("a protocol's number or name");
    const named = (match.PROTOCOL_NUMBER as Readonly<Record<string, number>>)[token.text.replace(/^\\/, "")];
    const number = named ?? numberOf(token.text);
    const most = protocol === "ether" ? 0xffff : 0xff;
    if (number === undefined || number > most) {
      throw refuse(
        token,
        `is no protocol; write a number up to ${most}, or one of ${Object.keys(match.PROTOCOL_NUMBER).join(", ")}`,
      );
    }
    if (protocol === "ether") return match.etherType(number);
    if (protocol === "ip") return match.ipv4Protocol(number);
    if (protocol === "ip6") return match.ipv6Protocol(number);
    if (protocol === undefined) return any(match.ipv6Protocol(number), match.ipv4Protocol(number));
    throw refuse(token, `a protocol's number belongs to ether, ip or ip6, not to ${protocol}`);
  }

  #address(protocol: Protocol | undefined, direction: match.Direction, type: "host" | "net"): Test {
    const token = this.#next(type === "net" ? "a prefix, like 10.77.0.0/24" : "an address");
    const mac = parseMac(token.text);
    if (mac !== undefined && type === "host" && (protocol === undefined || protocol === "ether"))
      return match.etherHost(mac, direction);
    if (protocol !== undefined && !["ip", "ip6", "arp"].includes(protocol)) {
      const wanted = protocol === "ether" ? "a MAC address" : `"${protocol} and ${type} ${token.text}"`;
      throw refuse(token, `does not go with ${protocol}; write ${wanted}`);
    }
    const ipv4 = type === "net" ? parseIpv4Prefix(token.text) : hostOf(4, parseIpv4(token.text));
    if (ipv4 !== undefined && protocol !== "ip6") {
      if (protocol === "ip") return match.ipv4Net(ipv4, direction);
      if (protocol === "arp") return match.arpNet(ipv4, direction);
      return any(match.ipv4Net(ipv4, direction), match.arpNet(ipv4, direction));
    }
    const ipv6 = type === "net" ? parseIpv6Prefix(token.text) : hostOf(6, parseIpv6(token.text));
    if (ipv6 !== undefined && (protocol === undefined || protocol === "ip6")) return match.ipv6Net(ipv6, direction);
    throw refuse(token, explainAddress(token.text, type));
  }

  #number(what: string, least: number, most: number): number {
    const token = this.#next(what);
    const number = numberOf(token.text);
    if (number === undefined || number < least || number > most) throw refuse(token, `is no ${what.replace(/^an? /, "")}`);
    return number;
  }

  #peek(): string | undefined {
    return this.#tokens.at(this.#at)?.text;
  }

  #take(words: readonly string[]): string | undefined {
    const word = this.#peek();
    if (word === undefined || !words.includes(word)) return undefined;
    this.#at++;
    return word;
  }

  /** Whether a value could stand here: no word of the language, and not the end. */
  #isValue(): boolean {
    const word = this.#peek();
    return word !== undefined && word !== "(" && word !== ")" && word !== "!" && word !== "not" && !JOINTS.has(word as "and");
  }

  #next(what: string): Token {
    const before = this.#tokens.at(this.#at - 1);
    if (!this.#isValue()) throw refuse(this.#at === 0 ? undefined : before, `needs ${what} behind it`);
    return this.#tokens[this.#at++];
  }
}

const NO_QUALIFIERS: Qualifiers = { protocol: undefined, direction: "either", type: undefined };

function transportsOf(protocol: Protocol | undefined): readonly match.TransportName[] | undefined {
  if (protocol === undefined) return ["sctp", "tcp", "udp"];
  return protocol === "tcp" || protocol === "udp" || protocol === "sctp" ? [protocol] : undefined;
}

function portOf(text: string): number | undefined {
  const port = SERVICES.get(text) ?? numberOf(text);
  return port === undefined || port > MOST_PORT ? undefined : port;
}

/** Decimal, or hexadecimal with `0x`. */
function numberOf(text: string): number | undefined {
  return /^(?:\d{1,10}|0x[0-9a-fA-F]{1,8})$/.test(text) ? Number(text) : undefined;
}

function hostOf(family: 4, address: number | undefined): { family: 4; address: number; prefixLength: 32 } | undefined;
function hostOf(family: 6, address: bigint | undefined): { family: 6; address: bigint; prefixLength: 128 } | undefined;
function hostOf(family: 4 | 6, address: number | bigint | undefined): object | undefined {
  return address === undefined ? undefined : { family, address, prefixLength: family === 4 ? 32 : 128 };
}

function explainAddress(text: string, type: "host" | "net"): string {
  if (type === "net") return "is no prefix, or has bits behind its length; write it like 10.77.0.0/24";
  if (/^[a-z_][\w.-]*$/i.test(text)) {
    return "is no word of a filter, and names are not looked up; write one like host 10.77.0.10, tcp port 80, not arp";
  }
  return "is no address; write one like 10.77.0.10, 2001:db8::1 or 52:54:00:12:34:56";
}
