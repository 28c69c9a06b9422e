import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Mac } from "../../base/mac.js";
import type { LeaseAddress } from "../../lease/lease.js";
import { OPTION, RELAY_SUBOPTION } from "../../wire/dhcp4/codes.js";
import { OptionSet } from "../../wire/dhcp4/option-set.js";
import type { Dhcp4Request } from "../../wire/dhcp4/request.js";
import { hasRelaySuboption } from "./client-class.js";
import { clientIdOf } from "./identity.js";
import type { Dhcp4Guest, Dhcp4Reservation } from "./network.js";

/** What is kept for one client: an address, a name, options. */
export interface Reservation {
  /** Undefined: options only, any address. */
  readonly address: Ipv4Address | undefined;
  /** Option 12; empty for none. */
  readonly hostName: string;
  readonly leaseSeconds: number | undefined;
  readonly options: OptionSet;
  /** False: the client gets no router. */
  readonly defaultRoute: boolean;
}

/** A client of which a lease elsewhere tells. */
export interface KnownClient {
  readonly address: LeaseAddress;
  readonly guest: string | undefined;
  readonly mac: Mac | undefined;
  /** Lower-case hex. */
  readonly clientId: string | undefined;
}

interface Condition {
  readonly configured: Dhcp4Reservation;
  readonly circuitId: Uint8Array | undefined;
  readonly remoteId: Uint8Array | undefined;
  readonly reservation: Reservation;
}

/** Reservations of a network, found by what identifies the client: O(1) but for those that only name a relay's suboptions. */
export class Reservations {
  readonly #byGuest = new Map<string, Reservation>();
  readonly #byMac = new Map<Mac, Condition[]>();
  readonly #byClientId = new Map<string, Condition[]>();
  readonly #byRelay: Condition[] = [];
  /** Every address that is kept for somebody, and every name, in lower case. */
  readonly addresses = new Set<Ipv4Address>();
  readonly names = new Set<string>();

  constructor(reservations: readonly Dhcp4Reservation[], guests: readonly Dhcp4Guest[]) {
    for (const guest of guests) {
      const { name, ipv4, furtherIpv4 = [], leaseSeconds, defaultRoute = true } = guest;
      const options = new OptionSet(guest.options);
      this.#byGuest.set(name, { address: ipv4, hostName: name, leaseSeconds, options, defaultRoute });
      for (const address of ipv4 === undefined ? [] : [ipv4, ...furtherIpv4]) this.addresses.add(address);
    }
    for (const configured of reservations) this.#add(configured);
  }

  /** What is kept for the guest behind a port; undefined when it was not configured by name. */
  ofGuest(name: string): Reservation | undefined {
    return this.#byGuest.get(name);
  }

  /** Whether an address is kept for this client, as far as it is known without a message: relays' conditions are not met. */
  isKeptFor({ address, guest, mac, clientId }: KnownClient): boolean {
    if (guest !== undefined && this.#byGuest.get(guest)?.address === address) return true;
    const conditions = [...(this.#byMac.get(mac ?? 0) ?? []), ...(this.#byClientId.get(clientId ?? "") ?? [])];
    return conditions.some(({ configured }) => {
      const { circuitId, remoteId } = configured;
      return configured.ipv4 === address && circuitId === undefined && remoteId === undefined && isSameMac(configured.mac, mac);
    });
  }

  /** What is kept for whoever sent this message. `isRelayTrusted`: whether option 82 counts; the client may have written it. */
  of(request: Dhcp4Request, isRelayTrusted: boolean): Reservation | undefined {
    if (this.#byClientId.size > 0 && request.lengthOf(OPTION.clientIdentifier) > 0) {
      const found = firstMatch(this.#byClientId.get(clientIdOf(request)), request, isRelayTrusted);
      if (found !== undefined) return found;
    }
    if (this.#byMac.size > 0 && request.isEthernet) {
      const found = firstMatch(this.#byMac.get(request.mac), request, isRelayTrusted);
      if (found !== undefined) return found;
    }
    if (this.#byRelay.length === 0 || !request.has(OPTION.relayAgent)) return undefined;
    return firstMatch(this.#byRelay, request, isRelayTrusted);
  }

  #add(configured: Dhcp4Reservation): void {
    const condition: Condition = {
      configured,
      circuitId: configured.circuitId === undefined ? undefined : Buffer.from(configured.circuitId, "hex"),
      remoteId: configured.remoteId === undefined ? undefined : Buffer.from(configured.remoteId, "hex"),
      reservation: {
        address: configured.ipv4,
        hostName: configured.name ?? "",
        leaseSeconds: configured.leaseSeconds,
        options: new OptionSet(configured.options),
        defaultRoute: true,
      },
    };
    this.addresses.add(configured.ipv4);
    if (configured.name !== undefined) this.names.add(configured.name.toLowerCase());
    if (configured.clientId !== undefined) append(this.#byClientId, configured.clientId, condition);
    else if (configured.mac !== undefined) append(this.#byMac, configured.mac, condition);
    else this.#byRelay.push(condition);
  }
}

function isSameMac(configured: Mac | undefined, mac: Mac | undefined): boolean {
  return configured === undefined || configured === mac;
}

function append<Key>(index: Map<Key, Condition[]>, key: Key, condition: Condition): void {
  const list = index.get(key);
  if (list === undefined) index.set(key, [condition]);
  else list.push(condition);
}

function firstMatch(
  conditions: readonly Condition[] | undefined,
  request: Dhcp4Request,
  isRelayTrusted: boolean,
): Reservation | undefined {
  if (conditions === undefined) return undefined;
  for (const { configured, circuitId, remoteId, reservation } of conditions) {
    if (configured.mac !== undefined && !(request.isEthernet && request.mac === configured.mac)) continue;
    if (!isRelayTrusted && (circuitId !== undefined || remoteId !== undefined)) continue;
    if (circuitId !== undefined && !hasRelaySuboption(request, RELAY_SUBOPTION.circuitId, circuitId)) continue;
    if (remoteId !== undefined && !hasRelaySuboption(request, RELAY_SUBOPTION.remoteId, remoteId)) continue;
    return reservation;
  }
  return undefined;
}
