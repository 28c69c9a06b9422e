/**
 * Theory of operation. Goal: find the client's message inside a Relay-forward and answer along the same relays, whatever they
 * nested (RFC 8415 §19). `read` peels one level after another, each checked before it is entered, and remembers where the
 * levels lie; nothing is copied. `open` and `close` write the Relay-reply around a message of a length not known yet:
 * outermost header first, each Relay Message option last in its level, lengths patched from the inside out.
 * Limits: `HOP_COUNT_LIMIT` levels. Why a loop and not recursion: what nests how deep is the sender's choice.
 */

import * as codeList from "./code-list.js";
import { type Dhcp6Fault, HOP_COUNT_LIMIT, MESSAGE, OPTION } from "./codes.js";
import * as message from "./message.js";
import * as option from "./option.js";
import * as relay from "./relay.js";

/** Codes that an Echo Request is read for: a relay of anybody's may fill a whole message with them. */
const ECHOED_CODES_MOST = 64;

/** The relays that a received message came through, outermost first. One object serves all messages. */
export class RelayPath {
  /** Levels; zero for a message that came straight from its client. */
  depth = 0;
  /** Where the client's own message lies. */
  messageOffset = 0;
  messageLength = 0;
  #received: DataView = new DataView(new ArrayBuffer(0));
  readonly #header = new Uint32Array(HOP_COUNT_LIMIT);
  readonly #end = new Uint32Array(HOP_COUNT_LIMIT);
  /** While a reply is open: where each level's Relay Message option starts. */
  readonly #replyMark = new Uint32Array(HOP_COUNT_LIMIT);

  /** Finds the client's message. Relay levels are checked here, the message itself is not. */
  read(view: DataView, offset: number, length: number): Dhcp6Fault | undefined {
    this.#received = view;
    this.depth = 0;
    this.messageOffset = offset;
    this.messageLength = length;
    while (this.messageLength > 0 && message.type(view, this.messageOffset) === MESSAGE.relayForward) {
      const fault = this.#enter(view);
      if (fault !== undefined) return fault;
    }
    return this.messageLength === 0 ? "dhcp6-truncated" : undefined;
  }

  #enter(view: DataView): Dhcp6Fault | undefined {
    if (this.depth === HOP_COUNT_LIMIT) return "dhcp6-relay-too-deep";
    const header = this.messageOffset;
    const end = header + this.messageLength;
    const fault = message.checkRelay(view, header, this.messageLength);
    if (fault !== undefined) return fault;
    const inner = option.find(view, header + relay.HEADER_BYTES, end, OPTION.relayMessage);
    if (inner < 0 || option.dataBytes(view, inner) === 0) return "dhcp6-relay-empty";
    this.#header[this.depth] = header;
    this.#end[this.depth] = end;
    this.depth++;
    this.messageOffset = inner + option.HEADER_BYTES;
    this.messageLength = option.dataBytes(view, inner);
    return undefined;
  }

  /** Header of level `level`; 0 is the outermost relay, `depth - 1` the one next to the client. */
  header(level: number): number {
    return this.#header[level];
  }

  /** The level's first option of that code, -1 for none. */
  findOption(level: number, wanted: number): number {
    return option.find(this.#received, this.#header[level] + relay.HEADER_BYTES, this.#end[level], wanted);
  }

  /** Bytes that the reply needs around the message. */
  replyBytes(): number {
    const view = this.#received;
    let total = 0;
    for (let level = 0; level < this.depth; level++) {
      total += relay.HEADER_BYTES + option.HEADER_BYTES;
      const asked = this.findOption(level, OPTION.echoRequest);
      for (let at = this.header(level) + relay.HEADER_BYTES; at < this.#end[level]; at = option.next(view, at))
        if (this.#isEchoed(at, asked)) total += option.next(view, at) - at;
    }
    return total;
  }

  /** Writes the headers of every level; returns where the message goes. The caller made room for `replyBytes`. */
  open(view: DataView, offset: number): number {
    let at = offset;
    for (let level = 0; level < this.depth; level++) {
      copy(this.#received, this.#header[level], relay.HEADER_BYTES, view, at);
      view.setUint8(at, MESSAGE.relayReply);
      at = this.#echo(level, view, at + relay.HEADER_BYTES);
      this.#replyMark[level] = at;
      at += option.emitHeader(OPTION.relayMessage, 0, view, at);
    }
    return at;
  }

  /** Copies what goes back to this level's relay; returns where it ends. */
  #echo(level: number, view: DataView, offset: number): number {
    const received = this.#received;
    const asked = this.findOption(level, OPTION.echoRequest);
    let to = offset;
    for (let at = this.#header[level] + relay.HEADER_BYTES; at < this.#end[level]; at = option.next(received, at)) {
      if (!this.#isEchoed(at, asked)) continue;
      const bytes = option.next(received, at) - at;
      copy(received, at, bytes, view, to);
      to += bytes;
    }
    return to;
  }

  /**
   * Whether an option goes back to the relay that sent it: its own marks always (RFC 8415 §21.18, RFC 8357 §5.2), others where it
   * asks for them (RFC 4994 §5), in the Echo Request option at `asked`.
   */
  #isEchoed(at: number, asked: number): boolean {
    const view = this.#received;
    const code = option.code(view, at);
    if (code === OPTION.interfaceId || code === OPTION.relaySourcePort) return true;
    if (asked < 0 || code === OPTION.relayMessage || code === OPTION.echoRequest) return false;
    const bytes = Math.min(option.dataBytes(view, asked), ECHOED_CODES_MOST * 2);
    return codeList.includes(view, asked + option.HEADER_BYTES, bytes, code);
  }

  /** The message ends at `end`: the lengths of all levels are set. */
  close(view: DataView, end: number): void {
    for (let level = this.depth - 1; level >= 0; level--) {
      const mark = this.#replyMark[level];
      option.emitHeader(OPTION.relayMessage, end - mark - option.HEADER_BYTES, view, mark);
    }
  }
}

function copy(from: DataView, fromOffset: number, length: number, to: DataView, toOffset: number): void {
  for (let index = 0; index < length; index++) to.setUint8(toOffset + index, from.getUint8(fromOffset + index));
}
