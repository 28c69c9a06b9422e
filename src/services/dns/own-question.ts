import { TapnetError } from "../../base/errors.js";
import { emit, type Message, makeMessage, parse } from "../../wire/dns/message.js";
import { parseName } from "../../wire/dns/name.js";
import { CLASS, MESSAGE_BYTES_MOST, RCODE } from "../../wire/dns/numbers.js";
import { type Answerer, PENDING } from "./answer.js";
import { Asker } from "./asker.js";
import type { AskerLimits } from "./limits.js";
import type { AnswerSource } from "./query-log.js";
import type { View } from "./views.js";

/** A stream that is never idle, so that nothing is truncated. */
const KEEPALIVE_MS = 1000;

/** A reply, and who knew it. */
export interface OwnReply {
  readonly reply: Message;
  readonly source: AnswerSource;
}

/** Asks the answering function as a client would, and reads the reply: for `tapnet dns query`. */
export async function askLocally(
  answerer: Answerer,
  view: View | undefined,
  limits: AskerLimits,
  name: string,
  type: number,
): Promise<OwnReply> {
  if (view === undefined) throw new TapnetError("DNS_NETWORK", "DNS does not know this network");
  if (parseName(name) === undefined) throw new TapnetError("DNS_NAME", `${name} is not a domain name`);
  const edns = { udpPayloadBytes: 4096, version: 0, dnssecOk: false, reservedFlags: 0, options: [] };
  const question = emit(makeMessage({ recursionDesired: true, questions: [{ name, type, class: CLASS.IN }], edns }));
  const out = new Uint8Array(MESSAGE_BYTES_MOST);
  return new Promise((resolve) => {
    const take = (bytes: Uint8Array) => {
      const message = parse(bytes);
      const reply = typeof message === "string" ? makeMessage({ response: true, rcode: RCODE.SERVFAIL }) : message;
      resolve({ reply, source: answerer.lastSource });
    };
    const asker = new Asker(view, limits, () => ({ deliver: take }), KEEPALIVE_MS);
    const length = answerer.answer(question, 0, question.length, out, 0, out.length, asker);
    if (length !== PENDING) take(out.subarray(0, length));
  });
}
