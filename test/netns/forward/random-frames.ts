import type { Random } from "../../../src/base/random.js";
import {
  A,
  B,
  GATEWAY_IPV4,
  GATEWAY_IPV6,
  GATEWAY_MAC,
  icmpPayload,
  ipv4Frame,
  ipv6Frame,
  LINK_LOCAL_GATEWAY,
  NARROW,
  NOBODY_IPV4,
  NOBODY_IPV6,
  sealIcmpv6,
  udpPayload,
  WORLD_IPV4,
  WORLD_IPV6,
} from "../../support/forward-lab.js";

/** Of every kind of value the usual ones come most often, so that most frames get far. */
const IPV4_DESTINATIONS = [
  ...Array<number>(8).fill(B.ipv4),
  ...Array<number>(6).fill(NARROW.ipv4),
  A.ipv4,
  NOBODY_IPV4,
  GATEWAY_IPV4,
  WORLD_IPV4,
  0x7f00_0001,
  0x0000_0001,
  0,
  0xe000_0001,
  0xeffa_0101,
  0xf000_0001,
  0xffff_ffff,
  0x0a4d_00ff,
] as const;
const IPV4_SOURCES = [
  ...Array<number>(30).fill(A.ipv4),
  B.ipv4,
  NOBODY_IPV4,
  GATEWAY_IPV4,
  WORLD_IPV4,
  0,
  0x7f00_0001,
  0xe000_0001,
  0xf000_0001,
  0xffff_ffff,
] as const;
const OPTIONS = [
  ...Array.from({ length: 12 }, () => new Uint8Array(0)),
  Uint8Array.of(1, 1, 1, 1),
  Uint8Array.of(0, 0, 0, 0),
  Uint8Array.of(148, 4, 0, 0),
  Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0),
  Uint8Array.of(7, 11, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0),
  Uint8Array.of(7, 7, 8, 1, 2, 3, 4, 0),
  Uint8Array.of(68, 8, 9, 0x10, 0, 0, 0, 1),
  Uint8Array.of(131, 7, 4, 10, 77, 0, 17, 0),
  Uint8Array.of(137, 7, 8, 10, 77, 0, 17, 0),
  Uint8Array.of(148, 5, 0, 0),
  Uint8Array.of(7, 2, 4, 0),
  Uint8Array.of(7, 7, 3, 0, 0, 0, 0, 0),
  Uint8Array.of(1, 1, 1, 7),
  Uint8Array.of(136, 4, 1, 2),
  Uint8Array.of(130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
] as const;
const IPV6_DESTINATIONS = [
  ...Array<bigint>(10).fill(B.ipv6),
  A.ipv6,
  NOBODY_IPV6,
  GATEWAY_IPV6,
  LINK_LOCAL_GATEWAY,
  WORLD_IPV6,
  (0xfe80n << 112n) | 99n,
  (0xff02n << 112n) | 99n,
  (0xff0en << 112n) | 99n,
  1n,
  0n,
] as const;
const IPV6_SOURCES = [...Array<bigint>(20).fill(A.ipv6), B.ipv6, NOBODY_IPV6, WORLD_IPV6, (0xff02n << 112n) | 1n, 1n] as const;
/** Extension headers; the first byte becomes what follows. */
const EXTENSIONS = [
  ...Array.from({ length: 16 }, () => ({ type: 0, extension: new Uint8Array(0) })),
  // Hop-by-hop: padding, router alert, options of which an unknowing node skips, drops or complains about the packet, a jumbo.
  { type: 0, extension: Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0) },
  { type: 0, extension: Uint8Array.of(0, 0, 5, 2, 0, 0, 1, 0) },
  { type: 0, extension: Uint8Array.of(0, 0, 0x1e, 4, 0, 0, 0, 0) },
  { type: 0, extension: Uint8Array.of(0, 0, 0x5e, 4, 0, 0, 0, 0) },
  { type: 0, extension: Uint8Array.of(0, 0, 0xde, 4, 0, 0, 0, 0) },
  { type: 0, extension: Uint8Array.of(0, 0, 0xc2, 4, 0, 1, 0, 0) },
  { type: 0, extension: Uint8Array.of(0, 9, 1, 4, 0, 0, 0, 0) },
  { type: 60, extension: Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0) },
  { type: 60, extension: Uint8Array.of(0, 0, 0x9e, 4, 0, 0, 0, 0) },
  { type: 43, extension: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0) },
  { type: 43, extension: Uint8Array.of(0, 2, 0, 1, 0, 0, 0, 0, ...Array<number>(16).fill(0)) },
  { type: 44, extension: Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 7) },
  { type: 44, extension: Uint8Array.of(0, 0, 0x05, 0xa8, 0, 0, 0, 7) },
  { type: 51, extension: Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1) },
] as const;
const IPV6_UPPER = 54;
const TTLS = [64, 64, 64, 255, 2, 1, 1, 0] as const;
const STATIONS = [...Array<number>(24).fill(GATEWAY_MAC), 0x5254_0000_0099, 0xffff_ffff_ffff, 0x0100_5e00_0001] as const;

/** Frames that guest A might send, from one seed: most of them honest, all of them different. */
export class RandomFrames {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): Uint8Array {
    const frame = this.#below(4) === 0 ? this.#ipv6() : this.#ipv4();
    const length = this.#below(40) === 0 ? 14 + this.#below(frame.length - 14) : frame.length + (this.#below(8) === 0 ? 20 : 0);
    const cut = new Uint8Array(length);
    cut.set(frame.subarray(0, length));
    return cut;
  }

  #ipv4(): Uint8Array {
    const protocol = this.#pick([17, 17, 17, 6, 1, 1, 47, 132]);
    const fragment = this.#below(8) === 0;
    const frame = ipv4Frame(
      {
        to: this.#pick(IPV4_DESTINATIONS),
        source: this.#pick(IPV4_SOURCES),
        etherDestination: this.#pick(STATIONS),
        ttl: this.#pick(TTLS),
        trafficClass: this.#below(4) === 0 ? this.#below(256) : 0,
        identification: this.#below(0x1_0000),
        flags: fragment ? 1 : this.#pick([0, 0, 2, 2, 4]),
        fragmentOffsetBytes: fragment ? this.#below(180) * 8 : 0,
        protocol,
        options: this.#pick(OPTIONS),
        payload: this.#payload(protocol),
      },
      (view) => this.#spoil(view),
    );
    return frame;
  }

  #payload(protocol: number): Uint8Array {
    const bytes = this.#pick([0, 8, 36, 200, 540, 552, 560, 572, 573, 700, 1200, 1440]);
    if (protocol === 17) return udpPayload(bytes, 33_434 + this.#below(100));
    if (protocol === 1) return icmpPayload(this.#pick([8, 8, 8, 0, 3, 4, 5, 11, 12, 13, 200]), 0, this.#noise(4 + bytes));
    return this.#noise(bytes);
  }

  /** Now and then a field that cannot be, or one bit of the header that is not what its checksum says. */
  #spoil(view: DataView): void {
    switch (this.#below(120)) {
      case 0:
        view.setUint8(14, this.#below(256));
        break;
      case 1:
        view.setUint16(16, this.#below(0x1_0000));
        break;
      case 2:
        view.setUint16(24, view.getUint16(24) ^ (1 << this.#below(16)));
        break;
      case 3:
        view.setUint8(22 + this.#below(12), this.#below(256));
        break;
      default:
    }
  }

  #ipv6(): Uint8Array {
    const protocol = this.#pick([17, 17, 6, 58, 58, 59]);
    const bytes = this.#pick([0, 8, 36, 500, 1200, 1444, 1452]);
    const upper = protocol === 17 ? udpPayload(bytes) : new Uint8Array(8 + bytes);
    if (protocol === 58) upper[0] = this.#pick([128, 128, 129, 1, 2, 3, 4, 137, 200]);
    const { extension, type } = this.#pick(EXTENSIONS);
    const payload = Uint8Array.from([...extension, ...upper]);
    if (extension.length > 0) payload[0] = protocol;
    const frame = ipv6Frame(
      {
        to: this.#pick(IPV6_DESTINATIONS),
        source: this.#pick(IPV6_SOURCES),
        etherDestination: this.#pick(STATIONS),
        hopLimit: this.#pick(TTLS),
        nextHeader: extension.length > 0 ? type : protocol,
        payload,
      },
      (view) => {
        if (this.#below(80) === 0) view.setUint8(14, this.#below(256));
        if (this.#below(80) === 0) view.setUint16(18, this.#below(0x800));
      },
    );
    return protocol === 58 ? sealIcmpv6(frame, IPV6_UPPER + extension.length) : frame;
  }

  #noise(bytes: number): Uint8Array {
    return Uint8Array.from({ length: bytes }, () => this.#below(256));
  }

  #below(limit: number): number {
    return this.#random.uint32() % limit;
  }

  #pick<Value>(values: readonly Value[]): Value {
    return values[this.#below(values.length)];
  }
}
