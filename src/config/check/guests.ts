import { formatIpv4 } from "../../base/ipv4-address.js";
import { formatIpv6, type Ipv6Address } from "../../base/ipv6-address.js";
import { formatAddress } from "../../base/kernel-objects.js";
import { formatMac } from "../../base/mac.js";
import { formatPrefix, ipv6InPrefix } from "../../base/prefix.js";
import type { GuestConfiguration, NetworkConfiguration, PortForward } from "../configuration.js";
import type { ConfigDocument } from "../document.js";
import type { KeyPath } from "../problems.js";
import type { GuestInput } from "../schema/guest.js";
import { checkReservedAddress } from "./dhcp.js";
import { checkForwards, checkPublics } from "./forwards.js";
import { checkDelegated } from "./ipv6.js";
import { type Completed, completeGuest, giveMacs, type KnownNetworks } from "./nics.js";

/** All guests, against their networks and against each other. */
export function checkGuests(
  inputs: ReadonlyMap<string, GuestInput>,
  networks: KnownNetworks,
  rootless: boolean,
  document: ConfigDocument,
): GuestConfiguration[] {
  const taken = new Taken(document);
  for (const network of networks.sound.values()) noteReservations(network, taken);
  const completed: Completed[] = [];
  for (const [name, input] of inputs) completed.push(...completeGuest(name, input, networks, document));
  const guests = giveMacs(completed);
  for (const [index, guest] of guests.entries()) {
    const network = networks.sound.get(guest.network);
    checkAddresses(guest, network, completed[index].path, document);
    checkForwards(guest, network, rootless, document);
    noteGuest(guest, completed[index].path, taken);
  }
  checkPublics(guests, networks, rootless, document);
  return guests;
}

function checkAddresses(
  guest: GuestConfiguration,
  network: NetworkConfiguration | undefined,
  path: KeyPath,
  document: ConfigDocument,
): void {
  if (network === undefined) return;
  if (guest.ipv4 !== undefined) {
    if (network.ipv4 === undefined) {
      document.problem([...path, "ipv4"], `network ${network.name} has no IPv4; give it ipv4:, or remove this line`);
    } else {
      const place = { document, prefix: network.ipv4, gateway: network.gatewayIpv4 ?? 0 };
      for (const address of [guest.ipv4, ...guest.furtherIpv4]) checkReservedAddress(address, [...path, "ipv4"], place);
    }
  }
  if (guest.prefix !== undefined) checkDelegated(guest.prefix, network.delegation, [...path, "prefix"], document);
  if (guest.ipv6 !== undefined) checkIpv6Address(guest.ipv6, network, [...path, "ipv6"], document);
}

function checkIpv6Address(address: Ipv6Address, network: NetworkConfiguration, path: KeyPath, document: ConfigDocument): void {
  const { ipv6, ipv6Source, name, dhcp6 } = network;
  if (ipv6Source !== "own") {
    if (dhcp6?.givesAddresses !== true) {
      document.problem(path, `needs DHCPv6, by which the guest hears of it; give network ${name} dhcp6: { addresses: true }`);
    }
    if (address >> 64n === 0n && address !== 0n) return;
    document.problem(path, `${formatIpv6(address)} names a prefix, which is the uplink's to say here; write the rest, like ::10`);
  } else if (ipv6 === undefined) {
    document.problem(path, `network ${name} has no IPv6; give it ipv6:, or remove this line`);
  } else if (!ipv6InPrefix(address, ipv6)) {
    document.problem(path, `${formatIpv6(address)} is outside the network's ${formatPrefix(ipv6)}; take one inside it`);
  }
}

/** What can have one owner only, and who that is. */
class Taken {
  readonly #owners = new Map<string, string>();
  readonly #document: ConfigDocument;

  constructor(document: ConfigDocument) {
    this.#document = document;
  }

  /** Notes the owner of a thing, or that it has another one already. */
  take(what: string, thing: string, owner: string, path: KeyPath): void {
    const other = this.#owners.get(`${what} ${thing}`);
    if (other === undefined) this.#owners.set(`${what} ${thing}`, owner);
    else this.#document.problem(path, `${thing} is ${what} of ${other} already; each needs its own`);
  }
}

function noteReservations(network: NetworkConfiguration, taken: Taken): void {
  const addresses = new Set<number>();
  for (const [index, reservation] of (network.dhcp?.reservations ?? []).entries()) {
    if (addresses.has(reservation.ipv4)) continue;
    addresses.add(reservation.ipv4);
    const path = ["networks", network.name, "dhcp", "reservations", index, "ipv4"];
    taken.take("the address", formatIpv4(reservation.ipv4), `reservation ${index + 1} of network ${network.name}`, path);
  }
  for (const [index, { ipv6, prefix }] of (network.dhcp6?.reservations ?? []).entries()) {
    const owner = `DHCPv6 reservation ${index + 1} of network ${network.name}`;
    const path = ["networks", network.name, "dhcp6", "reservations", index];
    if (ipv6 !== undefined) taken.take("the address", formatIpv6(ipv6), owner, [...path, "ipv6"]);
    if (prefix !== undefined) taken.take("the prefix", formatPrefix(prefix), owner, [...path, "prefix"]);
  }
}

function noteGuest(guest: GuestConfiguration, path: KeyPath, taken: Taken): void {
  const owner = `guest ${guest.name}`;
  const whole = ["guests", guest.name];
  taken.take("a name", `${guest.name.toLowerCase()} in network ${guest.network}`, owner, path);
  for (const [index, alias] of guest.names.entries()) {
    taken.take("a name", `${alias.toLowerCase()} in network ${guest.network}`, owner, [...whole, "names", index]);
  }
  if (guest.mac !== undefined) taken.take("the MAC address", formatMac(guest.mac), owner, [...path, "mac"]);
  for (const address of guest.ipv4 === undefined ? [] : [guest.ipv4, ...guest.furtherIpv4])
    taken.take("the address", formatIpv4(address), owner, [...path, "ipv4"]);
  if (guest.ipv6 !== undefined) {
    const place = guest.ipv6 >> 64n === 0n ? ` in network ${guest.network}` : "";
    taken.take(`the address${place}`, formatIpv6(guest.ipv6), owner, [...path, "ipv6"]);
  }
  if (guest.prefix !== undefined) taken.take("the prefix", formatPrefix(guest.prefix), owner, [...path, "prefix"]);
  if (guest.ifname !== undefined) taken.take("the interface", guest.ifname, owner, [...path, "ifname"]);
  if (guest.clientId !== undefined)
    taken.take(`the client-id in network ${guest.network}`, guest.clientId, owner, [...path, "client-id"]);
  for (const [index, forward] of guest.forwards.entries()) noteForward(forward, owner, [...whole, "forwards", index], taken);
}

function noteForward(forward: PortForward, owner: string, path: KeyPath, taken: Taken): void {
  const address = forward.address === undefined ? "" : `${formatAddress(forward.address)} `;
  for (let port = forward.firstPort; port <= forward.lastPort; port++) {
    taken.take("the forwarded port", `${address}${port}/${forward.protocol}`, owner, path);
  }
}
