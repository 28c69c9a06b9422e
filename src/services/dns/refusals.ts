import { CLASS, EXTENDED_ERROR, RCODE, TYPE } from "../../wire/dns/numbers.js";
import type { Query, QueryFault } from "../../wire/dns/query.js";
import type { DnsCounter } from "./dns-counters.js";
import type { ForwardFailure } from "./open-question.js";
import { NO_EXTENDED_ERROR } from "./stored-reply.js";

/** A response code, and the extended error that explains it (RFC 8914). */
export interface Refusal {
  readonly rcode: number;
  readonly extendedError: number;
  /** Counted beside `refused`. */
  readonly counter: DnsCounter | undefined;
}

function refusal(rcode: number, extendedError: number = NO_EXTENDED_ERROR, counter?: DnsCounter): Refusal {
  return { rcode, extendedError, counter };
}

/**
 * What to say to a message that is no question; undefined: nothing (answers are never answered, or two servers would talk
 * forever).
 */
export function refuseFault(fault: QueryFault): Refusal | undefined {
  switch (fault) {
    case "dns-short":
    case "dns-response":
      return undefined;
    case "dns-opcode":
      return refusal(RCODE.NOTIMP, NO_EXTENDED_ERROR, "opcode");
    case "dns-edns-version":
      return refusal(RCODE.BADVERS, NO_EXTENDED_ERROR, "edns-version");
    default:
      return refusal(RCODE.FORMERR, NO_EXTENDED_ERROR, "malformed");
  }
}

const OTHER_CLASS = refusal(RCODE.REFUSED, EXTENDED_ERROR.notSupported);
const TRANSFER = refusal(RCODE.REFUSED, EXTENDED_ERROR.prohibited);
const META_TYPE = refusal(RCODE.NOTIMP, EXTENDED_ERROR.notSupported);
const NO_TYPE = refusal(RCODE.FORMERR, EXTENDED_ERROR.invalidQueryType);
const FIRST_META_TYPE = 128;

/** Questions that have no answer here or anywhere: other classes, zone transfers, types that are no record's (RFC 6895 §3.1, RFC 9824 §3.4). */
export function refuseKind(query: Query): Refusal | undefined {
  if (query.class !== CLASS.IN) return OTHER_CLASS;
  const { type } = query;
  if (type === TYPE.OPT || type === 0 || type === TYPE.NXNAME) return NO_TYPE;
  if (type < FIRST_META_TYPE || type >= TYPE.ANY) return undefined;
  return type === TYPE.AXFR || type === TYPE.IXFR ? TRANSFER : META_TYPE;
}

/** Nothing is forwarded for this asker. */
export const NOT_FORWARDED = refusal(RCODE.REFUSED, EXTENDED_ERROR.prohibited);
/** He wants no recursion, and we have nothing. */
export const NOT_KNOWN = refusal(RCODE.REFUSED, EXTENDED_ERROR.notAuthoritative);
export const RATE_LIMITED = refusal(RCODE.REFUSED, EXTENDED_ERROR.prohibited, "rate-limited");
export const TOO_MANY_OPEN = refusal(RCODE.REFUSED, EXTENDED_ERROR.prohibited, "too-many-open");
/** Aliases of ours that lead round in a circle. */
export const ENDLESS = refusal(RCODE.SERVFAIL, EXTENDED_ERROR.other);

const FAILURES: Readonly<Record<ForwardFailure, Refusal>> = {
  "no-upstream": refusal(RCODE.SERVFAIL, EXTENDED_ERROR.notReady),
  unreachable: refusal(RCODE.SERVFAIL, EXTENDED_ERROR.noReachableAuthority),
  servfail: refusal(RCODE.SERVFAIL),
  refused: refusal(RCODE.REFUSED),
  invalid: refusal(RCODE.SERVFAIL, EXTENDED_ERROR.invalidData),
  "private-address": refusal(RCODE.REFUSED, EXTENDED_ERROR.blocked),
  loop: refusal(RCODE.SERVFAIL, EXTENDED_ERROR.other),
  busy: refusal(RCODE.SERVFAIL, EXTENDED_ERROR.other),
};

export function refuseFailure(failure: ForwardFailure): Refusal {
  return FAILURES[failure];
}
