import { INFINITE_SECONDS, MESSAGE, OPTION, STATUS } from "../../wire/dhcp6/codes.js";
import type { ClientServerMessage } from "../../wire/dhcp6/message.js";
import type { Option } from "../../wire/dhcp6/option-repr.js";
import type { DelegatedPrefix } from "./delegated-prefix.js";
import { SOL_MAX_RT_SECONDS } from "./retransmission.js";

/** The one association that we have: prefixes of one uplink (RFC 8415 §21.21). */
export const IAID = 1;

/** What a server says in an Advertise or a Reply, as far as it concerns us. */
export interface Offer {
  readonly serverDuid: Uint8Array;
  readonly preference: number;
  readonly rapidCommit: boolean;
  /** Of the message; and of the association, undefined where the association is missing. */
  readonly status: number;
  readonly iaStatus: number | undefined;
  /** Zero leaves the choice to us. */
  readonly t1Seconds: number;
  readonly t2Seconds: number;
  /** With lifetimes of zero: to be given up. */
  readonly prefixes: readonly DelegatedPrefix[];
  /** What the server wants SOL_MAX_RT to be, where that is a sane value. */
  readonly solMaxRtSeconds: number | undefined;
}

export type OfferFault = "message-type" | "client-id-other" | "server-id-missing" | "ia-malformed";

/** Reads an answer to a client with this DUID (RFC 8415 §16.3, §16.10). */
export function readOffer(answer: ClientServerMessage, duid: Uint8Array, nowMs: number): Offer | OfferFault {
  if (answer.type !== MESSAGE.advertise && answer.type !== MESSAGE.reply) return "message-type";
  const { options } = answer;
  const client = duidOf(options, OPTION.clientId);
  if (client === undefined || Buffer.compare(client, duid) !== 0) return "client-id-other";
  const serverDuid = duidOf(options, OPTION.serverId);
  if (serverDuid === undefined) return "server-id-missing";
  const ia = options.find((one) => one.kind === "ia" && one.code === OPTION.iaPd && one.iaid === IAID);
  const { t1Seconds, t2Seconds, options: leaves } = ia?.kind === "ia" ? ia : { t1Seconds: 0, t2Seconds: 0, options: [] };
  // Times that are the wrong way round make the whole association worthless (§21.21).
  if (t1Seconds > t2Seconds && t2Seconds > 0) return "ia-malformed";
  return {
    serverDuid,
    preference: numberOf(options, OPTION.preference) ?? 0,
    rapidCommit: options.some(({ code }) => code === OPTION.rapidCommit),
    status: statusOf(options),
    iaStatus: ia === undefined ? undefined : statusOf(leaves),
    t1Seconds,
    t2Seconds,
    prefixes: leaves.flatMap((leaf) => prefixOf(leaf, nowMs)),
    solMaxRtSeconds: saneSolMaxRt(numberOf(options, OPTION.solMaxRt)),
  };
}

function duidOf(options: readonly Option[], code: number): Uint8Array | undefined {
  const found = options.find((one) => one.kind === "duid" && one.code === code);
  return found?.kind === "duid" ? found.duid : undefined;
}

function numberOf(options: readonly Option[], code: number): number | undefined {
  const found = options.find((one) => one.code === code);
  return found?.kind === "uint8" || found?.kind === "uint32" ? found.value : undefined;
}

function statusOf(options: readonly Option[]): number {
  const found = options.find(({ kind }) => kind === "status");
  return found?.kind === "status" ? found.status : STATUS.success;
}

/** A prefix as it was given; none where its lifetimes contradict each other (§21.22), its status is bad or it is no host's. */
function prefixOf(leaf: Option, nowMs: number): DelegatedPrefix[] {
  if (leaf.kind !== "ia-prefix" || leaf.preferredSeconds > leaf.validSeconds) return [];
  if (statusOf(leaf.options) !== STATUS.success || leaf.prefixLength < 8 || leaf.prefixLength > 64) return [];
  const hostBits = BigInt(128 - leaf.prefixLength);
  const address = (leaf.prefix >> hostBits) << hostBits;
  const top = address >> 112n;
  if (top === 0n || top >= 0xfe80n) return [];
  const end = (seconds: number): number => (seconds === INFINITE_SECONDS ? Number.POSITIVE_INFINITY : nowMs + seconds * 1000);
  return [
    {
      prefix: { family: 6, address, prefixLength: leaf.prefixLength },
      preferredUntilMs: end(leaf.preferredSeconds),
      validUntilMs: end(leaf.validSeconds),
    },
  ];
}

function saneSolMaxRt(seconds: number | undefined): number | undefined {
  const { least, most } = SOL_MAX_RT_SECONDS;
  return seconds !== undefined && seconds >= least && seconds <= most ? seconds : undefined;
}
