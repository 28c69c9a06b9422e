import type { Counters } from "../../base/counters.js";
import {
  type Datagram,
  type DatagramSender,
  type DatagramService,
  type Reply,
  type ReturnPath,
  VERDICT,
  type Verdict,
} from "../../frame/datagram.js";
import type { Link } from "../../frame/link.js";
import { writeUint32 } from "../../wire/dns/bytes.js";
import { type Answerer, PENDING, SILENT } from "./answer.js";
import { Asker, type Delivery } from "./asker.js";
import type { DnsCounter } from "./dns-counters.js";
import { COUNTER } from "./dns-counters.js";
import type { LimitTable } from "./limit-table.js";
import type { AskerLimits } from "./limits.js";
import type { View, Views } from "./views.js";

/** What is known of a link, so that a question costs one array read. */
interface KnownLink {
  readonly link: Link;
  readonly epoch: number;
  readonly view: View;
  /** Undefined on a shared link, where each client has its own. */
  readonly limits: AskerLimits | undefined;
}

const IPV6_BYTES = 16;

/**
 * DNS for guests: questions in frames, answers composed where the frame leaves from. The dispatcher has checked that the
 * question was meant for the gateway. Answers that come later leave through the sender.
 */
export class DnsFrameService implements DatagramService {
  readonly #answerer: Answerer;
  readonly #views: Views;
  readonly #limits: LimitTable;
  readonly #counters: Counters<DnsCounter>;
  readonly #sender: DatagramSender;
  readonly #known: (KnownLink | undefined)[] = [];
  readonly #ipv4 = new Uint8Array(4);
  readonly #asker: Asker;
  #request: Datagram | undefined = undefined;

  constructor(answerer: Answerer, views: Views, limits: LimitTable, counters: Counters<DnsCounter>, sender: DatagramSender) {
    this.#answerer = answerer;
    this.#views = views;
    this.#limits = limits;
    this.#counters = counters;
    this.#sender = sender;
    this.#asker = new Asker(views.host, limits.host, () => this.#retain());
  }

  handle(request: Datagram, reply: Reply): Verdict {
    const known = this.#knownLink(request.link);
    // A question from port 0 can have no answer.
    if (known === undefined || request.udpSource === 0) {
      this.#counters.count(COUNTER["no-view"]);
      return VERDICT.silent;
    }
    this.#request = request;
    const asker = this.#asker;
    asker.view = known.view;
    asker.limits = known.limits ?? this.#limits.forClient(known.link, request.etherSource);
    if (request.ipVersion === 4) {
      writeUint32(this.#ipv4, 0, request.ipSource);
      asker.address = this.#ipv4;
      asker.addressOffset = 0;
      asker.addressBytes = 4;
    } else {
      asker.address = request.bytes;
      asker.addressOffset = request.ipv6SourceOffset;
      asker.addressBytes = IPV6_BYTES;
    }
    const { bytes, payloadOffset, payloadLength } = request;
    const length = this.#answerer.answer(
      bytes,
      payloadOffset,
      payloadLength,
      reply.bytes,
      reply.payloadOffset,
      reply.payloadLimit,
      asker,
    );
    if (length === SILENT || length === PENDING) return VERDICT.silent;
    reply.payloadLength = length;
    return VERDICT.reply;
  }

  #knownLink(link: Link): KnownLink | undefined {
    const known = this.#known[link.slot];
    return known !== undefined && known.link === link && known.epoch === this.#views.epoch ? known : this.#learnLink(link);
  }

  #learnLink(link: Link): KnownLink | undefined {
    const view = this.#views.get(link.network);
    const limits = link.guest === undefined ? undefined : this.#limits.forGuest(link.network, link.guest);
    const known = view === undefined ? undefined : { link, epoch: this.#views.epoch, view, limits };
    this.#known[link.slot] = known;
    return known;
  }

  #retain(): Delivery {
    const path = returnPath(this.#request as Datagram);
    return { deliver: (message, atOnce) => this.#sender.send(path, message, atOnce) };
  }
}

/** Where the answer to a datagram goes when its batch is gone. */
function returnPath(request: Datagram): ReturnPath {
  const { bytes, ipVersion, ipv6SourceOffset, ipv6DestinationOffset } = request;
  const isIpv6 = ipVersion === 6;
  return {
    link: request.link,
    ipVersion,
    etherDestination: request.etherSource,
    ipSource: request.ipDestination,
    ipDestination: request.ipSource,
    ipv6Source: isIpv6 ? bytes.slice(ipv6DestinationOffset, ipv6DestinationOffset + IPV6_BYTES) : undefined,
    ipv6Destination: isIpv6 ? bytes.slice(ipv6SourceOffset, ipv6SourceOffset + IPV6_BYTES) : undefined,
    udpSource: request.udpDestination,
    udpDestination: request.udpSource,
  };
}
