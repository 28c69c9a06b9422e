import type { NetlinkError } from "../../base/errors.js";
import type { SetElement } from "../../base/set-element.js";
import { messageError, NETLINK_FLAG, type NetlinkSocket } from "../netlink.js";
import { MessageWriter } from "../rtnetlink/message.js";
import { describeElement, type ElementBytes, elementBytes } from "./element-bytes.js";
import { describeStationKey, type StationKey, stationKeyBytes } from "./element-key.js";
import { NFT_MESSAGE, type SetKey, writeBatchEdge, writeElement } from "./messages.js";

/**
 * Elements to be added to and deleted from sets, all of them or none.
 *
 * Adding what is there and deleting what is not there are success: a delete is composed as an add and a delete, because kernels
 * before 6.3 have no message that forgives.
 */
export class SetBatch {
  readonly #socket: NetlinkSocket;
  readonly #present: (set: SetKey) => readonly ElementBytes[];
  readonly #writer = new MessageWriter();
  /** For each message after the one that begins the batch. */
  #requests: Request[] = [];

  /** `present` dumps a set. */
  constructor(socket: NetlinkSocket, present: (set: SetKey) => readonly ElementBytes[]) {
    this.#socket = socket;
    this.#present = present;
  }

  /** Messages that were added since it was sent last. */
  get count(): number {
    return this.#requests.length;
  }

  /** The batch so far, without its end. */
  get bytes(): Uint8Array {
    return this.#writer.bytes;
  }

  add(set: SetKey, station: StationKey): void {
    const key = { key: stationKeyBytes(station), data: undefined, limit: undefined };
    this.#put(NFT_MESSAGE.newSetElement, key, { verb: "add", set, what: () => describeStationKey(station) });
  }

  delete(set: SetKey, station: StationKey): void {
    this.#delete({ key: stationKeyBytes(station), data: undefined, limit: undefined }, set, () => describeStationKey(station));
  }

  /** As `add`, for an element of any set or map. A key of a map that leads elsewhere already is refused with `EEXIST`. */
  put(set: SetKey, element: SetElement): void {
    const what = (): string => describeElement(element);
    this.#put(NFT_MESSAGE.newSetElement, elementBytes(element), { verb: "add", set, what });
  }

  /** As `put`; an element that is there already has its whole time again. */
  renew(set: SetKey, element: SetElement): void {
    this.remove(set, element);
    this.put(set, element);
  }

  remove(set: SetKey, element: SetElement): void {
    this.#delete(elementBytes(element), set, () => describeElement(element));
  }

  /** Makes the set hold these elements and no others, by the difference to what it holds now. */
  fill(set: SetKey, elements: readonly SetElement[]): void {
    const wanted = new Map(elements.map((element) => [bytesText(elementBytes(element)), element]));
    for (const bytes of this.#present(set)) {
      if (!wanted.delete(bytesText(bytes))) this.#delete(bytes, set, () => Buffer.from(bytes.key).toString("hex"));
    }
    for (const element of wanted.values()) this.put(set, element);
  }

  /**
   * Sends what was added and forgets it; undefined when it was carried out, else why nothing was. `ENOENT`: the set, and
   * probably its whole table, is gone. caps: NET_ADMIN
   */
  send(): NetlinkError | undefined {
    const requests = this.#requests;
    if (requests.length === 0) return undefined;
    writeBatchEdge(this.#writer, "end");
    try {
      const { results, failed } = this.#socket.transact(this.#writer.bytes, requests.length + 2);
      if (failed === 0) return undefined;
      const row = results.findIndex((result) => result.errno !== 0);
      return messageError(results[row], describe(requests[row - 1]));
    } finally {
      this.#writer.clear();
      this.#requests = [];
    }
  }

  #delete(bytes: ElementBytes, set: SetKey, what: () => string): void {
    this.#put(NFT_MESSAGE.newSetElement, bytes, { verb: "delete", set, what });
    this.#put(NFT_MESSAGE.deleteSetElement, { ...bytes, data: undefined, limit: undefined }, { verb: "delete", set, what });
  }

  #put(type: number, bytes: ElementBytes, request: Request): void {
    if (this.#requests.length === 0) writeBatchEdge(this.#writer, "begin");
    const flags = type === NFT_MESSAGE.newSetElement ? NETLINK_FLAG.create : 0;
    writeElement(this.#writer, type, flags | NETLINK_FLAG.ack, request.set, bytes);
    this.#requests.push(request);
  }
}

interface Request {
  readonly verb: "add" | "delete";
  readonly set: SetKey;
  /** The element in words; only asked for where the kernel refuses it. */
  readonly what: () => string;
}

/** The kernel answers for the whole batch where it refuses it unread. */
function describe(request: Request | undefined): string {
  if (request === undefined) return "change nftables sets";
  const { verb, set, what } = request;
  const where = `set ${set.table.family} ${set.table.name} ${set.name}`;
  return `${verb} element ${what()} ${verb === "add" ? "to" : "from"} ${where}`;
}

function bytesText({ key, data, limit }: ElementBytes): string {
  const counts = limit === undefined ? "" : JSON.stringify(limit);
  return `${counts} ${Buffer.from(key).toString("hex")} ${data === undefined ? "" : Buffer.from(data).toString("hex")}`;
}
