/**
 * Theory of operation
 *
 * So many bits in a second, each way, by queueing what is too much, which TCP takes for a slow link and not for a broken one. To
 * the guest: a token bucket (tbf) at the way out of its link. From the guest there is no queue on the way in: everything is sent
 * through an `ifb` of the link's own, whose way out has a bucket, and comes back where it was. The `ifb` is called after the
 * link's index, so that it is found again after a restart, and removed when the link is gone.
 *
 * A rate is that of IP packets of full size. The kernel counts Ethernet's header too, and makes up for it here.
 */
import { eachMessage, messageError, NetlinkSocket } from "./netlink.js";
import { parseLink, writeDeleteLink, writeLinkDump, writeLinkGet, writeNewLink, writeSetLink } from "./rtnetlink/links.js";
import { MessageWriter } from "./rtnetlink/message.js";
import {
  type BucketRate,
  writeDeleteIngress,
  writeDeleteRootQueue,
  writeIngress,
  writeRedirect,
  writeTokenBucket,
} from "./rtnetlink/queueing.js";

export interface ShapedRate {
  readonly bitsPerSecond: number;
  /** Undefined: what the rate needs. */
  readonly burstBytes: number | undefined;
}

const IFB_PREFIX = "tnq";
const ETHERNET_SHARE = 1514 / 1500;
const BITS = 8;
/** What a timer that comes late costs at this rate, and what a frame takes. */
const BURST_SECONDS = 0.02;
const LEAST_BURST_BYTES = 16 * 1024;
/** How long a packet waits at most before it is dropped; a segment that is not cut up yet must find room. */
const QUEUE_SECONDS = 0.05;
const LEAST_QUEUE_BYTES = 64 * 1024;
const MOST_BYTES = 0x7fff_ffff;
const ABSENT: ReadonlySet<string> = new Set(["ENOENT", "ENODEV", "EINVAL"]);

/** Limits how fast links are. caps: NET_ADMIN for everything */
export class Shaper {
  readonly #socket = new NetlinkSocket("route");

  /** NetlinkError where the kernel lacks what it takes (tbf, ifb, u32, mirred). */
  shape(ifindex: number, fromGuest: ShapedRate | undefined, toGuest: ShapedRate | undefined): void {
    if (toGuest === undefined) this.#try((writer) => writeDeleteRootQueue(writer, ifindex));
    else this.#must("limit the rate to a guest", (writer) => writeTokenBucket(writer, ifindex, bucketOf(toGuest)));
    this.#try((writer) => writeDeleteIngress(writer, ifindex));
    if (fromGuest === undefined) {
      this.#removeIfb(ifindex);
      return;
    }
    const ifb = this.#ifb(ifindex);
    this.#must("limit the rate from a guest", (writer) => writeTokenBucket(writer, ifb, bucketOf(fromGuest)));
    this.#must("bring up a queue for a guest", (writer) => writeSetLink(writer, ifb, { up: true }));
    this.#must("look at what comes from a guest", (writer) => writeIngress(writer, ifindex));
    this.#must("queue what comes from a guest", (writer) => writeRedirect(writer, ifindex, ifb));
  }

  /** Takes the limits of a link away; it may be gone. */
  release(ifindex: number): void {
    this.#try((writer) => writeDeleteRootQueue(writer, ifindex));
    this.#try((writer) => writeDeleteIngress(writer, ifindex));
    this.#removeIfb(ifindex);
  }

  /** Removes queues of links that are not among these: those went while nobody looked. */
  removeOthers(ifindexes: ReadonlySet<number>): void {
    const writer = new MessageWriter();
    writeLinkDump(writer);
    const messages = this.#socket.dump(writer.bytes);
    const names: string[] = [];
    eachMessage(messages, (_type, offset, end) => {
      const name = parseLink(messages, offset, end)?.name;
      if (name?.startsWith(IFB_PREFIX) === true) names.push(name);
    });
    for (const name of names) {
      const ifindex = Number(name.slice(IFB_PREFIX.length));
      if (Number.isInteger(ifindex) && !ifindexes.has(ifindex)) this.release(ifindex);
    }
  }

  /** May be called again. */
  close(): void {
    this.#socket.close();
  }

  /** The index of a link's `ifb`, made where it is not there. */
  #ifb(ifindex: number): number {
    const name = IFB_PREFIX + String(ifindex);
    const present = this.#find(name);
    if (present !== undefined) return present;
    this.#must("make a queue for a guest", (writer) => writeNewLink(writer, "ifb", { name }));
    return this.#find(name) ?? 0;
  }

  #find(name: string): number | undefined {
    const writer = new MessageWriter();
    writeLinkGet(writer, name);
    const { results, answers } = this.#socket.transact(writer.bytes, 1);
    if (results[0].errno !== 0) return undefined;
    let ifindex: number | undefined;
    eachMessage(answers, (_type, offset, end) => {
      ifindex = parseLink(answers, offset, end)?.ifindex;
    });
    return ifindex;
  }

  /** Deleting a link waits for all processors: a pool thread does that. */
  #removeIfb(ifindex: number): void {
    const ifb = this.#find(IFB_PREFIX + String(ifindex));
    if (ifb === undefined) return;
    const writer = new MessageWriter();
    writeDeleteLink(writer, ifb);
    void this.#socket.transactLater(writer.bytes, 1).catch(() => undefined);
  }

  #must(what: string, write: (writer: MessageWriter) => void): void {
    const writer = new MessageWriter();
    write(writer);
    const [result] = this.#socket.transact(writer.bytes, 1).results;
    if (result.errno !== 0) throw messageError(result, what);
  }

  /** What is not there need not be taken away. */
  #try(write: (writer: MessageWriter) => void): void {
    const writer = new MessageWriter();
    write(writer);
    const [result] = this.#socket.transact(writer.bytes, 1).results;
    if (result.errno !== 0 && !ABSENT.has(result.code)) throw messageError(result, "take a guest's limit away");
  }
}

function bucketOf({ bitsPerSecond, burstBytes }: ShapedRate): BucketRate {
  const bytesPerSecond = Math.max(1, Math.round((bitsPerSecond / BITS) * ETHERNET_SHARE));
  const burst = burstBytes ?? Math.max(LEAST_BURST_BYTES, Math.round(bytesPerSecond * BURST_SECONDS));
  const queueBytes = burst + Math.max(LEAST_QUEUE_BYTES, Math.round(bytesPerSecond * QUEUE_SECONDS));
  return { bytesPerSecond, burstBytes: Math.min(burst, MOST_BYTES), queueBytes: Math.min(queueBytes, MOST_BYTES) };
}
