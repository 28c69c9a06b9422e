/**
 * TAP devices (Documentation/networking/tuntap.rst).
 *
 * A TAP lives as long as somebody holds a descriptor of it, or for good when it is persistent. Letting go of the last
 * descriptor of one that is not persistent takes the kernel 20 ms and more, in which the calling thread stands still:
 * where guests are waiting use `closeLater`, or `closeTaps` for many.
 */
import { TapnetError } from "../base/errors.js";
import type { Mac } from "../base/mac.js";
import { addon } from "./addon.js";
import { interfaceIndex, isInterfaceName, setLinkAttributes } from "./interface.js";
import type { NativeTap } from "./native.js";

export interface TapOptions {
  /** Up to 15 bytes; `%d` stands for a number that the kernel chooses. Without a name it takes `tap0`, `tap1`, … */
  readonly name?: string | undefined;
  /** Whether the TAP stays when nobody has it open. Default false. */
  readonly persist?: boolean | undefined;
  /** User and group (ids) who may open the persistent TAP without privilege. */
  readonly owner?: number | undefined;
  readonly group?: number | undefined;
  /** Whether each frame is preceded by a `struct virtio_net_hdr`: needed for offloads. Default false. */
  readonly vnetHdr?: boolean | undefined;
  /** Whether it may be opened more than once, one queue each. Default false. */
  readonly multiQueue?: boolean | undefined;
  /** The host's side of the link. Default: the kernel makes one up. */
  readonly mac?: Mac | undefined;
  readonly mtu?: number | undefined;
  /** The index that the link shall have, as long as no other has it. Default: the kernel's next. */
  readonly index?: number | undefined;
}

/** What the reader of a TAP is ready to get unfinished (TUNSETOFFLOAD): checksums to compute, segments to cut. */
export interface TapOffloads {
  readonly checksum?: boolean;
  readonly tso4?: boolean;
  readonly tso6?: boolean;
  readonly ecn?: boolean;
  /** UDP segmentation, Linux 6.2 and later; older kernels answer EINVAL. */
  readonly uso4?: boolean;
  readonly uso6?: boolean;
}

/** What every reader of frames with the header can take; newer kernels know more. */
export const ALL_OFFLOADS: TapOffloads = { checksum: true, tso4: true, tso6: true, ecn: true };

const OFFLOAD_BIT = { checksum: 0x01, tso4: 0x02, tso6: 0x04, ecn: 0x08, uso4: 0x20, uso6: 0x40 } as const;

/**
 * Makes a TAP.
 *
 * SystemError: EBUSY when an interface of that name exists, EPERM without privilege, ENOENT or EACCES for `/dev/net/tun`.
 * What fails half-way leaves nothing behind. caps: NET_ADMIN
 */
export function createTap(options: TapOptions = {}): Tap {
  const name = options.name ?? "";
  if (name !== "" && !isInterfaceName(name.replace("%d", "0"))) throw invalidName(name);
  const tap = new Tap(name, true, options);
  try {
    tap.configure(options);
  } catch (error) {
    tap.close();
    throw error;
  }
  return tap;
}

/**
 * Opens a TAP that exists. `vnetHdr` and `multiQueue` must be what it was made with; the others are changed where given.
 *
 * SystemError: EBUSY when another process has it open and it has one queue, ENODEV when there is none of that name, EINVAL
 * when that is no TAP or was made otherwise. caps: none for the owner, else NET_ADMIN
 */
export function openTap(name: string, options: Omit<TapOptions, "name" | "index"> = {}): Tap {
  if (!isInterfaceName(name)) throw invalidName(name);
  // Attaching to a name that does not exist would make it: ask first.
  interfaceIndex(name);
  const tap = new Tap(name, false, options);
  try {
    tap.configure(options);
  } catch (error) {
    tap.close();
    throw error;
  }
  return tap;
}

/** An open TAP; made by `createTap` and `openTap`. Not closed by anyone, it goes with the garbage. */
export class Tap {
  /** The name that the kernel gave it. */
  readonly name: string;
  readonly ifindex: number;
  readonly #native: NativeTap;

  /** @internal */
  constructor(name: string, mustBeNew: boolean, options: Pick<TapOptions, "vnetHdr" | "multiQueue" | "index">) {
    const { vnetHdr = false, multiQueue = false, index = 0 } = options;
    this.#native = new (addon().Tap)(name, mustBeNew, vnetHdr, multiQueue, index);
    this.name = this.#native.name();
    this.ifindex = this.#native.ifindex();
  }

  /** The descriptor, non-blocking: one read or write is one frame. It stays this object's to close. */
  get fd(): number {
    return this.#native.fd();
  }

  /** @internal */
  configure(options: TapOptions): void {
    if (options.owner !== undefined) this.#native.setOwner(options.owner);
    if (options.group !== undefined) this.#native.setGroup(options.group);
    if (options.mac !== undefined || options.mtu !== undefined) {
      setLinkAttributes(this.ifindex, this.name, { mac: options.mac, mtu: options.mtu });
    }
    if (options.persist !== undefined) this.#native.setPersist(options.persist);
  }

  setPersist(persist: boolean): void {
    this.#native.setPersist(persist);
  }

  /** What is left out is off. It needs `vnetHdr`, and belongs to the device: QEMU sets it anew when its guest's driver starts. */
  setOffloads(offloads: TapOffloads): void {
    let bits = 0;
    for (const [name, bit] of Object.entries(OFFLOAD_BIT)) {
      if (offloads[name as keyof TapOffloads] === true) bits |= bit;
    }
    this.#native.setOffloads(bits);
  }

  /** May be called again. Blocks for about 20 ms where this removes the device. */
  close(): void {
    this.#native.close();
  }

  /** As `close`, on a pool thread; resolves when the device is gone. The TAP counts as closed at once. */
  closeLater(): Promise<void> {
    return addon().closeTapsLater([this.#native]);
  }

  /** @internal */
  static natives(taps: readonly Tap[]): NativeTap[] {
    return taps.map((tap) => tap.#native);
  }
}

/**
 * Closes many TAPs on one pool thread, one after another: 20 ms each where this removes the device. A thousand of them are
 * gone much faster when they are first deleted by link group (`rtnetlink.ts`); closing is then free.
 */
export function closeTaps(taps: readonly Tap[]): Promise<void> {
  return addon().closeTapsLater(Tap.natives(taps));
}

function invalidName(name: string): TapnetError {
  return new TapnetError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(name)} is no interface name: 1 to 15 bytes without "/", ":" or space`,
  );
}
