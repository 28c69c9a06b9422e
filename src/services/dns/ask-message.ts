import { readUint16 } from "../../wire/dns/bytes.js";
import { beginOpt, writeOption } from "../../wire/dns/edns.js";
import { FOLD } from "../../wire/dns/name.js";
import { CLASS, DNSSEC_OK, EDNS_OPTION, FIELD, FLAG, HEADER_BYTES, SAFE_UDP_BYTES } from "../../wire/dns/numbers.js";
import { MessageWriter } from "../../wire/dns/writer.js";
import type { Ask } from "./open-question.js";
import { KEY_FLAG } from "./stored-reply.js";

/** Questions over TLS are all as long as this or a multiple, so that their length tells nothing (RFC 8467 §4.1). */
const PADDING_BLOCK_BYTES = 128;
const OPTION_HEADER_BYTES = 4;
const ZEROS = new Uint8Array(PADDING_BLOCK_BYTES);

const writer = new MessageWriter(false);

/**
 * Writes the question as it goes to its server: recursion and AD asked for (RFC 6840 §5.7), DO and CD as the asker set them, and
 * nothing else of what he sent. Returns the length; `out` has room for 512 bytes.
 */
export function composeAsk(ask: Ask, out: Uint8Array): number {
  const { keyFlags, type } = ask.question;
  writer.begin(out, 0, out.length);
  const checkingDisabled = (keyFlags & KEY_FLAG.checkingDisabled) === 0 ? 0 : FLAG.checkingDisabled;
  writer.writeHeader(ask.id, FLAG.recursionDesired | FLAG.authenticData | checkingDisabled);
  writer.setCount(FIELD.questions, 1);
  writer.setCount(FIELD.answers, 0);
  writer.setCount(FIELD.authorities, 0);
  writer.setCount(FIELD.additionals, ask.withEdns ? 1 : 0);
  writer.writePlainName(ask.name);
  writer.writeUint16(type);
  writer.writeUint16(CLASS.IN);
  if (ask.withEdns) writeOpt(ask);
  return writer.position;
}

function writeOpt(ask: Ask): void {
  const { upstream, question } = ask;
  const flags = (question.keyFlags & KEY_FLAG.dnssecOk) === 0 ? 0 : DNSSEC_OK;
  const start = beginOpt(writer, SAFE_UDP_BYTES, 0, 0, flags);
  if (upstream.isStream) {
    const bare = writer.position + OPTION_HEADER_BYTES;
    writeOption(
      writer,
      EDNS_OPTION.padding,
      ZEROS,
      0,
      (PADDING_BLOCK_BYTES - (bare % PADDING_BLOCK_BYTES)) % PADDING_BLOCK_BYTES,
    );
  } else {
    const { clientCookie, serverCookie } = upstream;
    writer.writeUint16(EDNS_OPTION.cookie);
    writer.writeUint16(clientCookie.length + (serverCookie?.length ?? 0));
    writer.writeBytes(clientCookie, 0, clientCookie.length);
    if (serverCookie !== undefined) writer.writeBytes(serverCookie, 0, serverCookie.length);
  }
  writer.closeData(start);
}

/** How the question in an answer relates to the one that was asked. */
export type Echo = "exact" | "other-case" | "missing" | "other";

/** Compares the question of the answer of `length` bytes at `offset` with what was sent (RFC 5452 §9.1). */
export function compareEcho(ask: Ask, bytes: Uint8Array, offset: number, length: number): Echo {
  const flags = readUint16(bytes, offset + FIELD.flags);
  if ((flags & FLAG.response) === 0 || (flags & FLAG.opcode) !== 0) return "other";
  const questions = readUint16(bytes, offset + FIELD.questions);
  if (questions === 0) return "missing";
  const { name } = ask;
  const at = offset + HEADER_BYTES;
  if (questions !== 1 || HEADER_BYTES + name.length + 4 > length) return "other";
  let exact = true;
  for (let index = 0; index < name.length; index++) {
    const byte = bytes[at + index];
    if (byte === name[index]) continue;
    if (FOLD[byte] !== FOLD[name[index]]) return "other";
    exact = false;
  }
  const afterName = at + name.length;
  if (readUint16(bytes, afterName) !== ask.question.type || readUint16(bytes, afterName + 2) !== CLASS.IN) return "other";
  return exact ? "exact" : "other-case";
}
