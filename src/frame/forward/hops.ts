import { TapnetError } from "../../base/errors.js";
import { isGroupMac, MAC_ZERO, type Mac } from "../../base/mac.js";

/** What a route leads to. */
export const HOP = {
  /** A station behind a port. */
  station: 0,
  /** Ourselves: one of our own addresses. */
  local: 1,
  /** Nowhere, and senders are told. */
  unreachable: 2,
} as const;
export type HopKind = (typeof HOP)[keyof typeof HOP];

const FIRST_ROOM = 64;

/** Where routes lead, in columns; a route holds the index. */
export class NextHops {
  kind = new Uint8Array(FIRST_ROOM);
  port = new Int32Array(FIRST_ROOM);
  macHigh = new Uint16Array(FIRST_ROOM);
  macLow = new Int32Array(FIRST_ROOM);
  readonly #free: number[] = [];
  #used = 0;

  add(kind: HopKind, port: number, mac: Mac): number {
    if (kind === HOP.station && (mac === MAC_ZERO || isGroupMac(mac))) {
      throw new TapnetError("INVALID_ARGUMENT", "a route's next hop needs the MAC address of one station");
    }
    const index = this.#free.pop() ?? this.#used++;
    if (index === this.kind.length) this.#grow();
    this.kind[index] = kind;
    this.port[index] = port;
    this.macHigh[index] = Math.floor(mac / 0x1_0000_0000);
    this.macLow[index] = mac | 0;
    return index;
  }

  /** Whatever leads to a port leads nowhere from now on; its routes stay until they are removed or replaced. */
  forget(port: number): void {
    for (let index = 0; index < this.#used; index++) {
      if (this.kind[index] !== HOP.station || this.port[index] !== port) continue;
      this.kind[index] = HOP.unreachable;
      this.port[index] = -1;
    }
  }

  remove(index: number): void {
    this.kind[index] = HOP.unreachable;
    this.port[index] = -1;
    this.#free.push(index);
  }

  #grow(): void {
    const room = this.kind.length * 2;
    this.kind = copied(this.kind, new Uint8Array(room));
    this.port = copied(this.port, new Int32Array(room));
    this.macHigh = copied(this.macHigh, new Uint16Array(room));
    this.macLow = copied(this.macLow, new Int32Array(room));
  }
}

function copied<Column extends Uint8Array | Uint16Array | Int32Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
