import { isLinkLocalIpv6 } from "../base/ipv6-address.js";
import type { IpAddress } from "../base/kernel-objects.js";
import { formatMac, type Mac } from "../base/mac.js";
import type { Binding, Network, Port } from "../network/model.js";

/** A port as this process knows it; bindings come and go with leases. */
export class AttachedPort implements Port {
  readonly ifindex: number;
  readonly guest: string;
  network: Network;
  ifname: string;
  /** On a bridge: the only MAC address of the guest, where it is known otherwise than by its bindings. */
  station: Mac | undefined;
  readonly #macs = new Map<IpAddress, Mac>();

  constructor(port: Omit<Port, "bindings">) {
    this.ifindex = port.ifindex;
    this.ifname = port.ifname;
    this.guest = port.guest;
    this.network = port.network;
    this.station = port.station;
  }

  get bindings(): readonly Binding[] {
    return [...this.#macs].map(([address, mac]) => ({ address, mac }));
  }

  /** The MAC address that may use this address; undefined where it is not bound here. */
  macOf(address: IpAddress): Mac | undefined {
    return this.#macs.get(address);
  }

  /** Whether any of its addresses is used with this MAC address. */
  uses(mac: Mac): boolean {
    return this.station === mac || [...this.#macs.values()].includes(mac);
  }

  set(address: IpAddress, mac: Mac): void {
    this.#macs.set(address, mac);
  }

  delete(address: IpAddress): void {
    this.#macs.delete(address);
  }
}

/** All ports, found by link, by guest and by address; each in one look-up. */
export class PortTable {
  readonly #byIfindex = new Map<number, AttachedPort>();
  readonly #byGuest = new Map<string, AttachedPort>();
  readonly #byAddress = new Map<IpAddress, AttachedPort>();
  /** Ports on bridges. */
  readonly #byStation = new Map<string, AttachedPort>();

  get(ifindex: number): AttachedPort | undefined {
    return this.#byIfindex.get(ifindex);
  }

  /** A guest has at most one port on a network. */
  ofGuest(guest: string, network: string): AttachedPort | undefined {
    return this.#byGuest.get(guestKey(guest, network));
  }

  /** The port on a network's bridge whose guest has this MAC address. */
  ofStation(mac: Mac, network: string): AttachedPort | undefined {
    return this.#byStation.get(stationKey(mac, network));
  }

  /** Nobody else on the network may have this MAC address from now on. */
  noteStation(port: AttachedPort, mac: Mac): void {
    if (port.network.bridge !== undefined) this.#byStation.set(stationKey(mac, port.network.name), port);
  }

  /** The port that has this address. Link-local addresses are everywhere: none has them. */
  ofAddress(address: IpAddress): AttachedPort | undefined {
    return this.#byAddress.get(address);
  }

  list(): readonly AttachedPort[] {
    return [...this.#byIfindex.values()];
  }

  add(port: AttachedPort): void {
    this.#byIfindex.set(port.ifindex, port);
    this.#byGuest.set(guestKey(port.guest, port.network.name), port);
    if (port.station !== undefined) this.noteStation(port, port.station);
  }

  remove(port: AttachedPort): void {
    for (const { address } of port.bindings) this.unbind(port, address);
    if (port.station !== undefined) this.#forgetStation(port, port.station);
    this.#byIfindex.delete(port.ifindex);
    this.#byGuest.delete(guestKey(port.guest, port.network.name));
  }

  bind(port: AttachedPort, address: IpAddress, mac: Mac): void {
    port.set(address, mac);
    this.noteStation(port, mac);
    if (!isLinkLocal(address)) this.#byAddress.set(address, port);
  }

  unbind(port: AttachedPort, address: IpAddress): void {
    const mac = port.macOf(address);
    port.delete(address);
    if (this.#byAddress.get(address) === port) this.#byAddress.delete(address);
    if (mac !== undefined && !port.uses(mac)) this.#forgetStation(port, mac);
  }

  #forgetStation(port: AttachedPort, mac: Mac): void {
    const key = stationKey(mac, port.network.name);
    if (this.#byStation.get(key) === port) this.#byStation.delete(key);
  }
}

function isLinkLocal(address: IpAddress): boolean {
  return typeof address === "bigint" && isLinkLocalIpv6(address);
}

function stationKey(mac: Mac, network: string): string {
  return `${network} ${formatMac(mac)}`;
}

function guestKey(guest: string, network: string): string {
  return `${network} ${guest}`;
}
