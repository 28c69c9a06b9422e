import type { OwnReply } from "../../services/dns/own-question.js";
import type { DnsStats } from "../../services/dns/service.js";
import { parseExtendedError } from "../../wire/dns/edns.js";
import { EXTENDED_ERROR, RCODE } from "../../wire/dns/numbers.js";

/** Why there is no answer, and what to do, for people; undefined where the response code says all. */
export function explainReply({ reply, source }: OwnReply, upstreams: DnsStats["upstreams"]): string | undefined {
  if (reply.rcode === RCODE.NOERROR || reply.rcode === RCODE.NXDOMAIN) return undefined;
  switch (reply.edns === undefined ? undefined : parseExtendedError(reply.edns)) {
    case EXTENDED_ERROR.notReady:
      return "no upstream server is known: set dns.upstreams, or look at /etc/resolv.conf";
    case EXTENDED_ERROR.noReachableAuthority:
      return `no upstream server answers: ${upstreams.map(describeUpstream).join(", ")}`;
    case EXTENDED_ERROR.invalidData:
      return "what upstream servers answered is malformed";
    case EXTENDED_ERROR.blocked:
      return "a private address under a public name: if it is meant so, add the domain to dns.allow-private";
    case EXTENDED_ERROR.prohibited:
      return "not forwarded: the network has no forward, its guest asks too much, or it is a zone transfer";
    case EXTENDED_ERROR.notSupported:
    case EXTENDED_ERROR.invalidQueryType:
      return "nobody has records of this type";
    default:
      return source === "refused" && upstreams.length > 0
        ? `that is what upstream servers said: ${upstreams.map(({ upstream }) => upstream).join(", ")}`
        : undefined;
  }
}

function describeUpstream({ upstream, questions, answers }: DnsStats["upstreams"][number]): string {
  return `${upstream} (${answers} of ${questions} questions answered)`;
}
