import type { AddressPool } from "../../lease/pool.js";
import { OPTION, RELAY_SUBOPTION } from "../../wire/dhcp4/codes.js";
import * as header from "../../wire/dhcp4/header.js";
import { OptionSet } from "../../wire/dhcp4/option-set.js";
import * as relayAgent from "../../wire/dhcp4/relay-agent.js";
import type { Dhcp4Request } from "../../wire/dhcp4/request.js";
import { type BootFields, bootFields } from "./boot-fields.js";
import type { Dhcp4Class } from "./network.js";

/** A text with `*` at either end, compared octet by octet. */
class Pattern {
  readonly #octets: Uint8Array;
  readonly #isOpenAtStart: boolean;
  readonly #isOpenAtEnd: boolean;

  constructor(text: string) {
    this.#isOpenAtStart = text.startsWith("*");
    this.#isOpenAtEnd = text.length > 1 && text.endsWith("*");
    this.#octets = Buffer.from(text.slice(this.#isOpenAtStart ? 1 : 0, this.#isOpenAtEnd ? -1 : undefined));
  }

  matches(bytes: Uint8Array, offset: number, length: number): boolean {
    const slack = length - this.#octets.length;
    if (slack < 0) return false;
    if (!this.#isOpenAtStart) return (slack === 0 || this.#isOpenAtEnd) && this.#isAt(bytes, offset);
    if (!this.#isOpenAtEnd) return this.#isAt(bytes, offset + slack);
    for (let start = offset; start <= offset + slack; start++) if (this.#isAt(bytes, start)) return true;
    return false;
  }

  #isAt(bytes: Uint8Array, offset: number): boolean {
    for (let index = 0; index < this.#octets.length; index++) if (bytes[offset + index] !== this.#octets[index]) return false;
    return true;
  }
}

/** A class, ready to be compared with messages. */
export class ClientClass {
  readonly name: string;
  readonly leaseSeconds: number | undefined;
  readonly options: OptionSet;
  readonly boot: BootFields | undefined;
  /** Where its clients get their addresses; undefined: from the network's own ranges. */
  readonly pool: AddressPool | undefined;
  readonly #vendor: Pattern | undefined;
  readonly #user: Pattern | undefined;
  readonly #architectures: readonly number[] | undefined;
  readonly #macPrefix: Uint8Array | undefined;
  readonly #circuitId: Uint8Array | undefined;
  readonly #remoteId: Uint8Array | undefined;

  constructor(configured: Dhcp4Class, pool: AddressPool | undefined) {
    const { match } = configured;
    this.name = configured.name;
    this.leaseSeconds = configured.leaseSeconds;
    this.options = new OptionSet(configured.options);
    this.boot = configured.boot === undefined ? undefined : bootFields(configured.boot);
    this.pool = pool;
    this.#vendor = match.vendor === undefined ? undefined : new Pattern(match.vendor);
    this.#user = match.user === undefined ? undefined : new Pattern(match.user);
    this.#architectures = match.architectures;
    this.#macPrefix = octetsOf(match.macPrefix);
    this.#circuitId = octetsOf(match.circuitId);
    this.#remoteId = octetsOf(match.remoteId);
  }

  /** `isRelayTrusted`: whether option 82 counts; false where the client itself may have written it. */
  matches(request: Dhcp4Request, isRelayTrusted: boolean): boolean {
    return (
      (this.#vendor === undefined || matchesOption(request, OPTION.vendorClass, this.#vendor)) &&
      (this.#user === undefined || matchesUserClass(request, this.#user)) &&
      (this.#architectures === undefined || hasArchitecture(request, this.#architectures)) &&
      (this.#macPrefix === undefined || startsWith(request, this.#macPrefix)) &&
      (this.#circuitId === undefined ||
        (isRelayTrusted && hasRelaySuboption(request, RELAY_SUBOPTION.circuitId, this.#circuitId))) &&
      (this.#remoteId === undefined || (isRelayTrusted && hasRelaySuboption(request, RELAY_SUBOPTION.remoteId, this.#remoteId)))
    );
  }
}

function octetsOf(hex: string | undefined): Uint8Array | undefined {
  return hex === undefined ? undefined : Buffer.from(hex, "hex");
}

function matchesOption(request: Dhcp4Request, code: number, pattern: Pattern): boolean {
  return request.has(code) && pattern.matches(request.bytesOf(code), request.offsetOf(code), request.lengthOf(code));
}

/** One class of the row (RFC 3004 §4), or the whole option for clients that send plain text. */
function matchesUserClass(request: Dhcp4Request, pattern: Pattern): boolean {
  if (matchesOption(request, OPTION.userClass, pattern)) return true;
  const bytes = request.bytesOf(OPTION.userClass);
  const end = request.offsetOf(OPTION.userClass) + request.lengthOf(OPTION.userClass);
  for (let at = request.offsetOf(OPTION.userClass); at + 1 < end && at + 1 + bytes[at] <= end; at += 1 + bytes[at]) {
    if (pattern.matches(bytes, at + 1, bytes[at])) return true;
  }
  return false;
}

function hasArchitecture(request: Dhcp4Request, wanted: readonly number[]): boolean {
  const bytes = request.bytesOf(OPTION.clientArchitecture);
  const offset = request.offsetOf(OPTION.clientArchitecture);
  for (let at = 0; at + 1 < request.lengthOf(OPTION.clientArchitecture); at += 2) {
    if (wanted.includes((bytes[offset + at] << 8) | bytes[offset + at + 1])) return true;
  }
  return false;
}

function startsWith(request: Dhcp4Request, prefix: Uint8Array): boolean {
  const offset = request.offset + header.FIELD.chaddr;
  return request.isEthernet && prefix.every((octet, index) => request.bytes[offset + index] === octet);
}

/** Whether option 82 has exactly this suboption. */
export function hasRelaySuboption(request: Dhcp4Request, code: number, wanted: Uint8Array): boolean {
  const length = request.lengthOf(OPTION.relayAgent);
  if (length === 0) return false;
  const bytes = request.bytesOf(OPTION.relayAgent);
  const at = relayAgent.find(bytes, request.offsetOf(OPTION.relayAgent), length, code);
  return at >= 0 && bytes[at - 1] === wanted.length && wanted.every((octet, index) => bytes[at + index] === octet);
}
