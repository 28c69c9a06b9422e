import { MAC_ZERO, type Mac, readMac } from "../../base/mac.js";
import type { Datagram } from "../../frame/datagram.js";
import type { Link } from "../../frame/link.js";
import { OPTION } from "../../wire/dhcp6/codes.js";
import * as option from "../../wire/dhcp6/option.js";
import { RelayPath } from "../../wire/dhcp6/relay-path.js";
import { Dhcp6Request, IAS_MOST } from "../../wire/dhcp6/request.js";
import { Dhcp6Writer } from "../../wire/dhcp6/writer.js";
import type { Lifetimes, NetworkState, ServedNetwork } from "./served-network.js";

const HARDWARE_ETHERNET = 1;
const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));

/** The message at hand and what is known about its client: one object for all messages. */
export class Exchange {
  readonly request = new Dhcp6Request();
  readonly path = new RelayPath();
  readonly writer = new Dhcp6Writer();
  link!: Link;
  state!: NetworkState;
  /** How long what is given now lasts. */
  lifetimes!: Lifetimes;
  /** The client's station; zero when a relay did not tell. */
  mac: Mac = MAC_ZERO;
  /** Where the client is; zero behind a relay. */
  ifindex = 0;
  /** The client's DUID in hex, empty when it sent none. */
  duid = "";
  /** Host name that the client asks for; empty for none. */
  hostname = "";
  /** Which of a guest's leases each IA is about; -1 until `assignSlots`. */
  readonly slot = new Int8Array(IAS_MOST);
  /** Something was staged that must be on disk before the reply leaves. */
  staged = false;
  /** Associations about which the reply says something, and those for which nothing was left. */
  answeredIas = 0;
  refusedIas = 0;

  get served(): ServedNetwork {
    return this.state.served;
  }

  /** Takes over who sent the message, after `path` and `request` were read. */
  begin(datagram: Datagram, state: NetworkState, nowMs: number): void {
    this.link = datagram.link;
    this.state = state;
    this.lifetimes = state.served.lifetimesAt(nowMs);
    const direct = this.path.depth === 0;
    this.mac = direct ? datagram.etherSource : this.#relayedMac();
    this.ifindex = direct || datagram.link.guest !== undefined ? datagram.link.ifindex : 0;
    this.duid = this.#duidHex();
    this.hostname = "";
    this.slot.fill(-1);
    this.staged = false;
    this.answeredIas = 0;
    this.refusedIas = 0;
  }

  /** What the relay next to the client says about it (RFC 6939). */
  #relayedMac(): Mac {
    const at = this.path.findOption(this.path.depth - 1, OPTION.clientLinkLayerAddress);
    if (at < 0) return MAC_ZERO;
    const { view } = this.request;
    const data = at + option.HEADER_BYTES;
    const ethernet = option.dataBytes(view, at) === 8 && view.getUint16(data) === HARDWARE_ETHERNET;
    return ethernet ? readMac(view, data + 2) : MAC_ZERO;
  }

  #duidHex(): string {
    const { view, clientIdOffset, clientIdLength } = this.request;
    if (clientIdOffset < 0) return "";
    let text = "";
    for (let index = 0; index < clientIdLength; index++) text += HEX[view.getUint8(clientIdOffset + index)];
    return text;
  }
}
