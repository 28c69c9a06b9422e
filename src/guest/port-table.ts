import { isLinkLocalIpv6 } from "../base/ipv6-address.js";
import type { IpAddress } from "../base/kernel-objects.js";
import type { Mac } from "../base/mac.js";
import type { Binding, Network, Port } from "../network/model.js";

/** A port as this process knows it; bindings come and go with leases. */
export class AttachedPort implements Port {
  readonly ifindex: number;
  readonly guest: string;
  network: Network;
  ifname: string;
  readonly #macs = new Map<IpAddress, Mac>();

  constructor(port: Omit<Port, "bindings">) {
    this.ifindex = port.ifindex;
    this.ifname = port.ifname;
    this.guest = port.guest;
    this.network = port.network;
  }

  get bindings(): readonly Binding[] {
    return [...this.#macs].map(([address, mac]) => ({ address, mac }));
  }

  /** The MAC address that may use this address; undefined where it is not bound here. */
  macOf(address: IpAddress): Mac | undefined {
    return this.#macs.get(address);
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

  get(ifindex: number): AttachedPort | undefined {
    return this.#byIfindex.get(ifindex);
  }

  /** A guest has at most one port on a network. */
  ofGuest(guest: string, network: string): AttachedPort | undefined {
    return this.#byGuest.get(guestKey(guest, network));
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
  }

  remove(port: AttachedPort): void {
    for (const { address } of port.bindings) this.unbind(port, address);
    this.#byIfindex.delete(port.ifindex);
    this.#byGuest.delete(guestKey(port.guest, port.network.name));
  }

  bind(port: AttachedPort, address: IpAddress, mac: Mac): void {
    port.set(address, mac);
    if (!isLinkLocal(address)) this.#byAddress.set(address, port);
  }

  unbind(port: AttachedPort, address: IpAddress): void {
    port.delete(address);
    if (this.#byAddress.get(address) === port) this.#byAddress.delete(address);
  }
}

function isLinkLocal(address: IpAddress): boolean {
  return typeof address === "bigint" && isLinkLocalIpv6(address);
}

function guestKey(guest: string, network: string): string {
  return `${network} ${guest}`;
}
