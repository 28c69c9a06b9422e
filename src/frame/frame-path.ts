/**
 * Theory of operation
 *
 * The frame socket, the dispatcher and the table of links, tied together: what is readable is received, dispatched and answered
 * in one turn. A link is added when its port is attached (or its interface served) and goes when the port goes or when the
 * interface vanishes, whichever is noticed first; both ways end in `removeLink`, which may be called twice.
 *
 * A link whose guest (or whose guest's MAC address) is not known yet lets every frame up, because the first one tells its MAC
 * address; as soon as the guest is known its filter is replaced by the one for control frames.
 */
import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/log.js";
import type { Mac } from "../base/mac.js";
import { type FrameListener, FrameSocket } from "../os/frame-socket.js";
import { ReceiveBatch, SendBatch, type Transmitter } from "./batch.js";
import type { BpfProgram } from "./bpf.js";
import { type DatagramBinding, Dispatcher, type PacketBinding } from "./dispatch.js";
import { controlFilter, firstFrameFilter } from "./filter.js";
import type { Commit } from "./held-replies.js";
import type { Link } from "./link.js";
import { LinkTable } from "./link-table.js";
import { FrameSender } from "./sender.js";

/** A shared link has many clients behind it, and so many frames may wait at once. */
const SHARED_LINK_RECEIVE_BYTES = 4 * 1024 * 1024;

/** Filters that are kept: one a network, and one for those of its links where addresses are probed. */
const MOST_FILTERS = 256;

/** What the frame path tells: who came, who went. */
export interface FramePathListener {
  /** The first frame of a link whose guest was not known, or whose guest's MAC address was not. */
  onFirstFrame(link: Link, etherSource: Mac): void;
  /** The link's interface is gone; the link has been removed. */
  onLinkGone(link: Link): void;
}

export interface FramePathOptions {
  readonly commit: Commit;
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined: ports all have guests that are known, and interfaces come and go unnoticed. */
  readonly listener?: FramePathListener;
}

/** Everything that is bound to frames, by the service that wants it. */
export interface FrameBindings {
  readonly datagrams: readonly DatagramBinding[];
  readonly packets?: readonly PacketBinding[];
}

export class FramePath implements Transmitter {
  readonly links = new LinkTable();
  readonly sender = new FrameSender(this);
  readonly #options: FramePathOptions;
  readonly #batch = new ReceiveBatch();
  readonly #fromSocket: FrameListener = {
    onReadable: () => this.#pump(),
    onLinkGone: (slot) => this.#linkGone(slot),
  };
  readonly #filters = new Map<string, BpfProgram>();
  #bindings: FrameBindings = { datagrams: [] };
  #socket: FrameSocket | undefined;
  #dispatcher: Dispatcher | undefined;

  constructor(options: FramePathOptions) {
    this.#options = options;
  }

  /** Opens the socket and begins to serve. Links are added afterwards. caps: NET_RAW */
  open(bindings: FrameBindings): void {
    const { commit, clock, log, listener } = this.#options;
    this.#bindings = bindings;
    this.#filters.clear();
    this.#dispatcher = new Dispatcher({
      links: this.links,
      transmitter: this,
      commit,
      clock,
      log,
      datagrams: bindings.datagrams,
      packets: bindings.packets ?? [],
      onFirstFrame: (link, etherSource) => listener?.onFirstFrame(link, etherSource),
    });
    this.#socket = new FrameSocket(this.#batch, this.#fromSocket);
  }

  /** Goes the way of frames that come and of replies that leave, with none: who does it before the first spares him the compiler. */
  rehearse(): void {
    this.#fromSocket.onReadable();
    this.send(new SendBatch(1));
  }

  /**
   * Begins to serve a port (with or without a guest that is known), a shared link, or an uplink, on which we are a client. Throws
   * SystemError ENODEV where the interface is gone already. `stranger`: the guest is known, but not its MAC address, which its
   * first frame is to tell.
   */
  addLink(link: Link, kind: "port" | "shared" | "uplink", stranger = false): void {
    const shared = kind === "shared";
    const known = kind !== "port" || (link.guest !== undefined && !stranger);
    this.#opened().add(link.slot, link.ifindex, known ? this.#filterOf(link) : firstFrameFilter(), {
      receiveBytes: shared ? SHARED_LINK_RECEIVE_BYTES : undefined,
      allMulticast: shared,
    });
    this.links.set(link);
    this.#dispatcher?.resetLink(link.slot);
    if (!known) this.#dispatcher?.awaitFirstFrame(link.slot);
  }

  /** Replaces what is known of a link (its guest was recognised, its network changed). */
  updateLink(link: Link): void {
    this.links.set(link);
    this.#opened().setFilter(link.slot, this.#filterOf(link));
  }

  /** Ends serving a link. May be called again. */
  removeLink(slot: number): void {
    this.#socket?.remove(slot);
    this.links.delete(slot);
  }

  /** Sends a batch; what the kernel refuses is lost, as on any wire. */
  send(batch: SendBatch): number {
    return this.#socket?.send(batch) ?? 0;
  }

  /** Frames that have come, on all links. */
  get received(): number {
    return this.#dispatcher?.counters.get("received") ?? 0;
  }

  /** What was counted on the way, by room: for `tapnet status`. */
  counts(): Record<string, Record<string, number>> {
    const dispatcher = this.#dispatcher;
    if (dispatcher === undefined || this.#socket === undefined) return {};
    return {
      socket: { ...this.#socket.counts() },
      classify: dispatcher.classifier.drops.toJSON(),
      dispatch: dispatcher.counters.toJSON(),
      held: dispatcher.held.counters.toJSON(),
      sender: this.sender.counters.toJSON(),
    };
  }

  /** Waits for the replies that wait for a commit, then closes the socket. */
  async close(): Promise<void> {
    await this.#dispatcher?.drain();
    this.sender.flush();
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.closeLater();
  }

  /** The ports of a network all have the same. */
  #filterOf(link: Link): BpfProgram {
    const { datagrams, packets = [] } = this.#bindings;
    const wanted = packets.filter(({ wants }) => wants?.(link) ?? true);
    const { gatewayMac, gatewayIpv4, gatewayIpv6 } = link;
    const key = `${gatewayMac} ${gatewayIpv4} ${gatewayIpv6} ${wanted.map(({ message }) => message).join(" ")}`;
    let filter = this.#filters.get(key);
    if (filter === undefined) {
      filter = controlFilter(link, { datagrams, packets: wanted });
      if (this.#filters.size >= MOST_FILTERS) this.#filters.clear();
      this.#filters.set(key, filter);
    }
    return filter;
  }

  #pump(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    if (socket.receive() > 0) this.#dispatcher?.dispatch(this.#batch);
  }

  #linkGone(slot: number): void {
    const link = this.links.at(slot);
    if (link === undefined) return;
    this.removeLink(slot);
    this.#options.listener?.onLinkGone(link);
  }

  #opened(): FrameSocket {
    if (this.#socket === undefined) throw new RangeError("the frame path is not open");
    return this.#socket;
  }
}
