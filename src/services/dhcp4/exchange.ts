import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Mac } from "../../base/mac.js";
import type { Datagram, Reply } from "../../frame/datagram.js";
import type { LeaseBook } from "../../lease/book.js";
import type { LeaseAddress } from "../../lease/lease.js";
import type { Lease } from "../../lease/lease-entry.js";
import type { AddressPool } from "../../lease/pool.js";
import * as addresses from "../../wire/dhcp4/addresses.js";
import { OPTION, RELAY_SUBOPTION } from "../../wire/dhcp4/codes.js";
import type { OptionSet } from "../../wire/dhcp4/option-set.js";
import * as relayAgent from "../../wire/dhcp4/relay-agent.js";
import { Dhcp4Request } from "../../wire/dhcp4/request.js";
import type { ClientClass } from "./client-class.js";
import { hostNameOf } from "./host-name.js";
import type { Reservation } from "./reservations.js";
import type { NetworkState, ServedNetwork } from "./served-network.js";

/** The message at hand and everything that was found out about it. One object, filled anew for each message. */
export class Exchange {
  readonly request = new Dhcp4Request();
  datagram!: Datagram;
  reply!: Reply;
  state!: NetworkState;
  identity = "";
  clientClass: ClientClass | undefined;
  reservation: Reservation | undefined;

  get served(): ServedNetwork {
    return this.state.served;
  }

  /** What the network says to this client, where nothing more specific is said. */
  get networkOptions(): OptionSet {
    return this.reservation?.defaultRoute === false ? this.served.optionsWithoutRouter : this.served.options;
  }

  get book(): LeaseBook {
    return this.state.book;
  }

  /** Where the client's address comes from when none is reserved for it. */
  get pool(): AddressPool {
    return this.clientClass?.pool ?? this.state.served.pool;
  }

  /** Interface that leads to the client; zero when a relay does. Behind a port there is only the guest, whatever it claims. */
  get ifindex(): number {
    const { link } = this.datagram;
    return link.guest !== undefined || this.request.giaddr === 0 ? link.ifindex : 0;
  }

  /**
   * The client's MAC address; 0 when its hardware address is none. Behind a port it is then the one that sends its frames, as
   * that is who the address is bound to.
   */
  get mac(): Mac {
    const { request, datagram } = this;
    if (request.isEthernet) return request.mac;
    return datagram.link.guest === undefined ? 0 : datagram.etherSource;
  }

  /** Whether option 82 is a relay's: on a port the guest itself wrote it. */
  get isRelayTrusted(): boolean {
    return this.datagram.link.guest === undefined;
  }

  /**
   * Lease time that the client gets for this address when it asks for none. What a reservation says counts only for the address
   * that it keeps: it may be for ever, and others of the pool are not meant.
   */
  usualLeaseSeconds(address: LeaseAddress): number {
    const { reservation } = this;
    const isReserved = reservation?.address === undefined || reservation.address === address;
    const reserved = isReserved ? reservation?.leaseSeconds : undefined;
    return reserved ?? this.clientClass?.leaseSeconds ?? this.served.config.leaseSeconds;
  }

  /** Option 54: our address on the link, or the relay's where it wants to stand between (RFC 5107 §4). */
  get serverId(): Ipv4Address {
    return this.relaySuboptionAddress(RELAY_SUBOPTION.serverIdOverride) || this.datagram.link.gatewayIpv4;
  }

  /** The name that we have for the client (option 12); empty for none. */
  get hostName(): string {
    return this.reservation?.hostName || this.datagram.link.guest || "";
  }

  /** The name under which the client is known to us, or will be: ours, else the one that it asks for, cleaned. */
  get nameForClient(): string {
    return this.hostName || this.#claimedName;
  }

  /**
   * The name that its lease is to have, in lower case: the one that is kept for a client on a shared link, else the one that it
   * asks for, or had. A guest's own name is known without its lease, which tells what it calls itself.
   */
  nameOf({ record }: Lease): string {
    const kept = this.datagram.link.guest === undefined ? (this.reservation?.hostName ?? "") : "";
    return kept.toLowerCase() || this.#claimedName || this.#unlessKept(record?.hostname ?? "");
  }

  /** The name that the client asks for, cleaned; empty where there is none, or where it is kept for another. */
  get #claimedName(): string {
    return this.#unlessKept(hostNameOf(this.request));
  }

  #unlessKept(name: string): string {
    return this.served.reservations.names.has(name) ? "" : name;
  }

  /** The address of option 50; 0 when absent or malformed. */
  get requestedAddress(): Ipv4Address {
    return this.addressOption(OPTION.requestedAddress);
  }

  /** An option that holds one address; 0 when absent or malformed. */
  addressOption(code: number): Ipv4Address {
    return this.request.lengthOf(code) === addresses.ADDRESS_BYTES ? this.request.uint32(code) : 0;
  }

  hasRelaySuboption(code: number): boolean {
    return this.#findRelaySuboption(code) >= 0;
  }

  /** A suboption of option 82 that holds one address; 0 when absent or malformed. */
  relaySuboptionAddress(code: number): Ipv4Address {
    const at = this.#findRelaySuboption(code);
    const bytes = this.request.bytesOf(OPTION.relayAgent);
    return at >= 0 && bytes[at - 1] === addresses.ADDRESS_BYTES ? addresses.read(bytes, at) : 0;
  }

  /** Whether the client's parameter request list names an option. */
  asksFor(code: number): boolean {
    const bytes = this.request.bytesOf(OPTION.parameterList);
    const start = this.request.offsetOf(OPTION.parameterList);
    const length = this.request.lengthOf(OPTION.parameterList);
    for (let at = start; at < start + length; at++) if (bytes[at] === code) return true;
    return false;
  }

  #findRelaySuboption(code: number): number {
    const length = this.request.lengthOf(OPTION.relayAgent);
    if (length === 0) return -1;
    const bytes = this.request.bytesOf(OPTION.relayAgent);
    return relayAgent.find(bytes, this.request.offsetOf(OPTION.relayAgent), length, code);
  }
}
