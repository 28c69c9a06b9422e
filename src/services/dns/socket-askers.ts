import { formatIpv4, type Ipv4Address, isLoopbackIpv4 } from "../../base/ipv4-address.js";
import { formatIpv6, type Ipv6Address, readIpv6 } from "../../base/ipv6-address.js";
import { readUint32 } from "../../wire/dns/bytes.js";
import type { GuestNames } from "./guest-names.js";
import type { LimitTable } from "./limit-table.js";
import type { AskerLimits } from "./limits.js";
import type { SocketAskers } from "./udp.js";
import type { View, Views } from "./views.js";

/** Who stands at the other end of a socket. */
export interface Identity {
  readonly view: View;
  readonly limits: AskerLimits;
}

/**
 * Tells askers over sockets apart: this host itself, who sees all networks, by its own addresses; guests by the gateway address
 * that they asked, which belongs to one network. Others are nobody, so no stranger is served by mistake.
 */
export class KnownAskers implements SocketAskers {
  readonly #views: Views;
  readonly #guests: GuestNames;
  readonly #limits: LimitTable;
  /** The last asker, since it is mostly the next one, too. */
  readonly #lastLocal = new Uint8Array(16);
  readonly #lastRemote = new Uint8Array(16);
  #lastBytes = 0;
  #lastEpoch = -1;
  #last: Identity | undefined = undefined;

  constructor(views: Views, guests: GuestNames, limits: LimitTable) {
    this.#views = views;
    this.#guests = guests;
    this.#limits = limits;
  }

  get epoch(): number {
    return this.#views.epoch;
  }

  identify(local: Uint8Array, remote: Uint8Array): Identity | undefined {
    if (!this.#isLast(local, remote)) {
      this.#last = this.#find(addressOf(local), addressOf(remote));
      this.#lastLocal.set(local);
      this.#lastRemote.set(remote);
      this.#lastBytes = remote.length;
      this.#lastEpoch = this.#views.epoch;
    }
    return this.#last;
  }

  #isLast(local: Uint8Array, remote: Uint8Array): boolean {
    if (remote.length !== this.#lastBytes || this.#lastEpoch !== this.#views.epoch) return false;
    for (let index = 0; index < remote.length; index++) {
      if (remote[index] !== this.#lastRemote[index] || local[index] !== this.#lastLocal[index]) return false;
    }
    return true;
  }

  #find(local: Ipv4Address | Ipv6Address, remote: Ipv4Address | Ipv6Address): Identity | undefined {
    const isHost = typeof remote === "bigint" ? remote === 1n : isLoopbackIpv4(remote);
    if (isHost || this.#views.ofGateway(remote) !== undefined) return { view: this.#views.host, limits: this.#limits.host };
    const view = this.#views.ofGateway(local);
    if (view === undefined) return undefined;
    const text = typeof remote === "bigint" ? formatIpv6(remote) : formatIpv4(remote);
    return { view, limits: this.#limits.forGuest(view.network, this.#guests.guestAt(view.network, remote) ?? text) };
  }
}

function addressOf(bytes: Uint8Array): Ipv4Address | Ipv6Address {
  return bytes.length === 4 ? readUint32(bytes, 0) : readIpv6(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
}
