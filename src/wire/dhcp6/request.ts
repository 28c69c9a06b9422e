/** What a server needs of a client's message, found once and kept as offsets: nothing is allocated per message. */

import * as codeList from "./code-list.js";
import { type Dhcp6Fault, OPTION } from "./codes.js";
import * as ia from "./ia.js";
import * as message from "./message.js";
import * as option from "./option.js";

/** Identity associations that one message may carry. An honest client has one or two. */
export const IAS_MOST = 16;

/** A cursor over one message; `read` fills it, the next `read` overwrites it. Offsets point at option data; -1 for absent. */
export class Dhcp6Request {
  view: DataView = new DataView(new ArrayBuffer(0));
  type = 0;
  transactionId = 0;
  clientIdOffset = -1;
  clientIdLength = 0;
  serverIdOffset = -1;
  serverIdLength = 0;
  optionRequestOffset = -1;
  optionRequestLength = 0;
  fqdnOffset = -1;
  fqdnLength = 0;
  architectureOffset = -1;
  architectureLength = 0;
  rapidCommit = false;
  /** Identity associations in the order of the message. */
  iaCount = 0;
  readonly iaCode = new Uint16Array(IAS_MOST);
  readonly iaOffset = new Uint32Array(IAS_MOST);
  readonly iaEnd = new Uint32Array(IAS_MOST);

  /** Checks the whole message and finds the options. */
  read(view: DataView, offset: number, length: number): Dhcp6Fault | undefined {
    const fault = message.checkClientServer(view, offset, length);
    if (fault !== undefined) return fault;
    this.#reset(view, offset);
    const end = offset + length;
    for (let at = offset + message.HEADER_BYTES; at < end; at = option.next(view, at)) {
      const found = this.#note(option.code(view, at), at + option.HEADER_BYTES, option.dataBytes(view, at));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #reset(view: DataView, offset: number): void {
    this.view = view;
    this.type = message.type(view, offset);
    this.transactionId = message.transactionId(view, offset);
    this.clientIdOffset = -1;
    this.serverIdOffset = -1;
    this.optionRequestOffset = -1;
    this.fqdnOffset = -1;
    this.architectureOffset = -1;
    this.rapidCommit = false;
    this.iaCount = 0;
  }

  #note(code: number, data: number, length: number): Dhcp6Fault | undefined {
    switch (code) {
      case OPTION.clientId:
        if (this.clientIdOffset >= 0) return "dhcp6-option-repeated";
        this.clientIdOffset = data;
        this.clientIdLength = length;
        return undefined;
      case OPTION.serverId:
        if (this.serverIdOffset >= 0) return "dhcp6-option-repeated";
        this.serverIdOffset = data;
        this.serverIdLength = length;
        return undefined;
      case OPTION.optionRequest:
        if (this.optionRequestOffset >= 0) return undefined;
        this.optionRequestOffset = data;
        this.optionRequestLength = length;
        return undefined;
      case OPTION.clientFqdn:
        if (this.fqdnOffset >= 0) return undefined;
        this.fqdnOffset = data;
        this.fqdnLength = length;
        return undefined;
      case OPTION.clientArchitecture:
        if (this.architectureOffset >= 0) return undefined;
        this.architectureOffset = data;
        this.architectureLength = length;
        return undefined;
      case OPTION.rapidCommit:
        this.rapidCommit = true;
        return undefined;
      case OPTION.iaNa:
      case OPTION.iaTa:
      case OPTION.iaPd:
        return this.#noteIa(code, data, length);
      default:
        return undefined;
    }
  }

  #noteIa(code: number, data: number, length: number): Dhcp6Fault | undefined {
    if (this.iaCount === IAS_MOST) return "dhcp6-ia-count";
    this.iaCode[this.iaCount] = code;
    this.iaOffset[this.iaCount] = data;
    this.iaEnd[this.iaCount] = data + length;
    this.iaCount++;
    return undefined;
  }

  /** Whether the client asks for the option (RFC 8415 §21.7). */
  wants(code: number): boolean {
    if (this.optionRequestOffset < 0) return false;
    return codeList.includes(this.view, this.optionRequestOffset, this.optionRequestLength, code);
  }

  /** Whether the client can start a boot file for this architecture (RFC 5970 §3.3). */
  hasArchitecture(architecture: number): boolean {
    if (this.architectureOffset < 0) return false;
    return codeList.includes(this.view, this.architectureOffset, this.architectureLength, architecture);
  }

  iaid(index: number): number {
    return ia.iaid(this.view, this.iaOffset[index]);
  }

  /** First option inside an identity association. */
  iaOptions(index: number): number {
    const fixed = this.iaCode[index] === OPTION.iaTa ? ia.TEMPORARY_HEADER_BYTES : ia.HEADER_BYTES;
    return this.iaOffset[index] + fixed;
  }

  /** Offset of an association's first option of that code, -1 for none; `nextInIa` finds the one behind it. */
  firstInIa(index: number, code: number): number {
    return option.find(this.view, this.iaOptions(index), this.iaEnd[index], code);
  }

  nextInIa(index: number, at: number): number {
    return option.find(this.view, option.next(this.view, at), this.iaEnd[index], option.code(this.view, at));
  }
}
