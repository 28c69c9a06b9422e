import type { NetlinkError } from "../../base/errors.js";
import { messageError, NETLINK_FLAG, type NetlinkSocket } from "../netlink.js";
import { MessageWriter } from "../rtnetlink/message.js";
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
  readonly #writer = new MessageWriter();
  /** For each message after the one that begins the batch. */
  #requests: Request[] = [];

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Messages that were added since it was sent last. */
  get count(): number {
    return this.#requests.length;
  }

  /** The batch so far, without its end. */
  get bytes(): Uint8Array {
    return this.#writer.bytes;
  }

  add(set: SetKey, key: StationKey): void {
    this.#put(NFT_MESSAGE.newSetElement, NETLINK_FLAG.create, { verb: "add", set, key });
  }

  delete(set: SetKey, key: StationKey): void {
    this.#put(NFT_MESSAGE.newSetElement, NETLINK_FLAG.create, { verb: "delete", set, key });
    this.#put(NFT_MESSAGE.deleteSetElement, 0, { verb: "delete", set, key });
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

  #put(type: number, flags: number, request: Request): void {
    if (this.#requests.length === 0) writeBatchEdge(this.#writer, "begin");
    writeElement(this.#writer, type, flags | NETLINK_FLAG.ack, request.set, stationKeyBytes(request.key));
    this.#requests.push(request);
  }
}

interface Request {
  readonly verb: "add" | "delete";
  readonly set: SetKey;
  readonly key: StationKey;
}

/** The kernel answers for the whole batch where it refuses it unread. */
function describe(request: Request | undefined): string {
  if (request === undefined) return "change nftables sets";
  const { verb, set, key } = request;
  const where = `set ${set.table.family} ${set.table.name} ${set.name}`;
  return `${verb} element ${describeStationKey(key)} ${verb === "add" ? "to" : "from"} ${where}`;
}
