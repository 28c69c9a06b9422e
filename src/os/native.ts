/**
 * The addon as it looks from TypeScript. Only types: `addon.ts` loads it, and one file per concern wraps each class.
 *
 * Every call checks its arguments and throws a TapnetError (`INVALID_ARGUMENT`, `CLOSED`, `INVALID_STATE`) or a SystemError;
 * no misuse ends the process. Memory that is handed in is only touched until the call returns.
 */
export interface Native {
  setErrorFactories(
    stateError: (code: string, message: string) => Error,
    systemError: (errno: number, syscall: string, object: string, hint: string) => Error,
  ): void;

  readonly NetlinkSocket: new (protocol: number) => NativeNetlinkSocket;
  transactLater(protocol: number, messages: Uint8Array, count: number): Promise<NativeNetlinkResults>;
  dumpLater(protocol: number, message: Uint8Array): Promise<Uint8Array>;

  readonly Tap: new (name: string, mustBeNew: boolean, vnetHeader: boolean, multiQueue: boolean, index: number) => NativeTap;
  closeTapsLater(taps: readonly NativeTap[]): Promise<void>;
  interfaceIndex(name: string): number;

  readonly FrameSocket: new () => NativeFrameSocket;
  readonly PortSocket: new () => NativePortSocket;

  readonly CaptureSocket: new (fd: number, ifindex: number, receiveBytes: number) => NativeCaptureSocket;

  readonly UdpSocket: new (
    ipv6: boolean,
    address: Uint8Array,
    port: number,
    options: number,
    device: string,
    receiveBytes: number,
  ) => NativeUdpSocket;

  readonly UnixListener: new (path: string, mode: number, backlog: number) => NativeUnixListener;
  readonly UnixConnection: new () => NativeUnixConnection;
  peerCredentials(fd: number): { pid: number; uid: number; gid: number; groups: number[] };
  sendUnixDatagram(path: string, bytes: Uint8Array): void;

  enterNetworkNamespace(fd: number): void;
  unshareNetworkNamespace(): void;
  setScheduling(niceness: number, sliceNs: number): void;
}

/** What can be watched by the event loop. Every `close` may be called again. */
export interface NativeWatched {
  /** Whether waiting keeps the process alive; it does until told otherwise. */
  setReferenced(referenced: boolean): void;
  close(): void;
}

export interface NativeNetlinkResults {
  errnos: Int32Array;
  offsets: Uint32Array;
  texts: (string | undefined)[];
  answers: Uint8Array;
}

export interface NativeNetlinkSocket extends NativeWatched {
  transact(messages: Uint8Array, count: number): NativeNetlinkResults;
  dump(message: Uint8Array): Uint8Array;
  subscribe(groups: Uint32Array, onMessages: (messages: Uint8Array, overrun: boolean) => void): void;
}

export interface NativeTap {
  fd(): number;
  name(): string;
  ifindex(): number;
  setPersist(persist: boolean): void;
  setOffloads(offloads: number): void;
  setOwner(uid: number): void;
  setGroup(gid: number): void;
  close(): void;
}

export interface NativeFrameSocket extends Omit<NativeWatched, "close"> {
  /** `filter` has two words for each instruction: code | jt << 16 | jf << 24, and k. */
  add(slot: number, ifindex: number, filter: Uint32Array, receiveBytes: number, allMulticast: boolean): void;
  setFilter(slot: number, filter: Uint32Array): void;
  remove(slot: number): boolean;
  receive(
    bytes: Uint8Array,
    slot: Uint32Array,
    offset: Uint32Array,
    length: Uint32Array,
    flags: Uint8Array,
    budget: number,
  ): number;
  down(): number;
  removeVanished(): Uint32Array;
  send(bytes: Uint8Array, ifindex: Uint32Array, offset: Uint32Array, length: Uint32Array, count: number): number;
  drops(slot: number): number;
  counts(): { received: number; receiveDrops: number; tagged: number; sent: number; sendErrors: number };
  watch(onReadable: () => void): void;
  /** Resolves when the kernel has let go of the sockets. */
  close(): Promise<void>;
}

export interface NativePortSocket extends Omit<NativeWatched, "close"> {
  addStream(slot: number, path: string, mode: number): void;
  addDgram(slot: number, local: string, remote: string, mode: number): void;
  addPacket(slot: number, ifindex: number, receiveBytes: number): void;
  addTap(slot: number, fd: number): void;
  addFeed(slot: number): number;
  remove(slot: number): boolean;
  /** Of the memory that `receive` is given from now on; frames are written below `receiveBytes` of its slab. */
  shape(rows: number, receiveBytes: number, rowBytes: number): void;
  /**
   * The first `count` rows of `columns` leave the slab before. To the rows received 0x1000000 is added where events wait, 0x2000000
   * where the event loop does, and 0x4000000 for each frame that could not be sent.
   */
  receive(memory: Uint8Array, waitMs: number, columns: Uint8Array, count: number): number;
  /** Waiting is done in `receive`, and not in the event loop. */
  stay(on: boolean): void;
  send(bytes: Uint8Array, columns: Uint8Array, count: number): number;
  /** Pairs of slot and what happened there. */
  events(): Uint32Array;
  checkPeers(): void;
  counts(slot: number): { received: number; sent: number; lost: number; runts: number; waitingBytes: number };
  watch(onReadable: () => void): void;
  /** Resolves when the kernel has let go of everything. */
  close(): Promise<void>;
}

export interface NativeCaptureSocket extends NativeWatched {
  fd(): number;
  /** As in `NativeFrameSocket`. */
  setFilter(filter: Uint32Array): void;
  receive(
    bytes: Uint8Array,
    offset: Uint32Array,
    length: Uint32Array,
    original: Uint32Array,
    flags: Uint8Array,
    seconds: Uint32Array,
    nanoseconds: Uint32Array,
  ): number;
  counts(): { received: number; dropped: number };
  vanished(): boolean;
  fed(): boolean;
  watch(onReadable: () => void): void;
}

export interface NativeUdpSocket extends NativeWatched {
  port(): number;
  send(memory: Uint8Array, rows: number, count: number): number;
  serve(
    received: Uint8Array,
    receivedRows: number,
    answers: Uint8Array,
    answersRows: number,
    onDatagrams: (count: number) => number,
  ): void;
}

export interface NativeUnixListener extends NativeWatched {
  /** False when nobody waits. */
  accept(connection: NativeUnixConnection): boolean;
  watch(onReadable: () => void): void;
  unwatch(): void;
}

export interface NativeUnixConnection extends NativeWatched {
  connect(path: string): void;
  peer(): { pid: number; uid: number; gid: number; groups: number[] };
  /** The message's real length, 0 at the end, -1 when nothing waits; unused elements of `descriptors` become -1. */
  receive(bytes: Uint8Array, descriptors: Int32Array): number;
  /** -1 for no descriptor. */
  send(bytes: Uint8Array, descriptor: number): void;
  watch(onReadable: () => void): void;
  unwatch(): void;
}
