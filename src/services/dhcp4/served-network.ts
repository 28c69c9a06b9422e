import type { Ipv4Address } from "../../base/ipv4-address.js";
import { ipv4InPrefix, ipv4Netmask, lastIpv4 } from "../../base/prefix.js";
import type { LeaseBook } from "../../lease/book.js";
import type { AddressPool } from "../../lease/pool.js";
import { type Ipv4Range, RangePool } from "../../lease/range-pool.js";
import * as addresses from "../../wire/dhcp4/addresses.js";
import * as classlessRoutes from "../../wire/dhcp4/classless-routes.js";
import { OPTION } from "../../wire/dhcp4/codes.js";
import * as domainSearch from "../../wire/dhcp4/domain-search.js";
import { type EncodedOption, OptionSet } from "../../wire/dhcp4/option-set.js";
import type { Dhcp4Request } from "../../wire/dhcp4/request.js";
import { type BootFields, bootFields } from "./boot-fields.js";
import { classlessRoutesOf } from "./classless-routes.js";
import { ClientClass } from "./client-class.js";
import type { Dhcp4Network } from "./network.js";
import { Reservations } from "./reservations.js";

const NETMASK_HOST = 0xffff_ffff;

/** A network's configuration, compiled for the hot path. A change of configuration makes a new one. */
export class ServedNetwork {
  readonly config: Dhcp4Network;
  readonly options: OptionSet;
  /** The same for clients whose default route leads elsewhere. */
  readonly optionsWithoutRouter: OptionSet;
  readonly boot: BootFields | undefined;
  readonly reservations: Reservations;
  readonly pool: AddressPool;
  readonly domainLabels: Uint8Array;
  readonly #classes: readonly ClientClass[];

  constructor(config: Dhcp4Network) {
    this.config = config;
    this.options = new OptionSet([...ownOptions(config, true), ...config.options]);
    const unrouted = config.options.filter(({ code }) => code !== OPTION.router);
    this.optionsWithoutRouter = new OptionSet([...ownOptions(config, false), ...unrouted]);
    this.boot = config.boot === undefined ? undefined : bootFields(config.boot);
    this.reservations = new Reservations(config.reservations, config.guests);
    this.pool = this.#makePool(config.ranges);
    this.domainLabels = config.domain === "" ? Uint8Array.of(0) : domainSearch.emit([config.domain]);
    this.#classes = config.classes.map((each) => {
      return new ClientClass(each, each.ranges === undefined ? undefined : this.#makePool(each.ranges));
    });
  }

  /** Every pool, the network's own first. */
  get pools(): AddressPool[] {
    return [this.pool, ...this.#classes.flatMap((each) => each.pool ?? [])];
  }

  /** The class of whoever sent this message; undefined for none. `isRelayTrusted` as in `ClientClass`. */
  classOf(request: Dhcp4Request, isRelayTrusted: boolean): ClientClass | undefined {
    for (const each of this.#classes) if (each.matches(request, isRelayTrusted)) return each;
    return undefined;
  }

  /** Whether an address belongs to the network at all. */
  contains(address: Ipv4Address): boolean {
    return ipv4InPrefix(address, this.config.subnet);
  }

  #makePool(ranges: readonly Ipv4Range[]): AddressPool {
    const { subnet, gateway } = this.config;
    const own = subnet.prefixLength < 31 ? [subnet.address, lastIpv4(subnet)] : [];
    return new RangePool(ranges, [...own, gateway, ...this.reservations.addresses]);
  }
}

/** A network and its leases: the leases outlive the configuration. */
export interface NetworkState {
  served: ServedNetwork;
  readonly book: LeaseBook;
  /** When it was last said that the pool is used up, that an address is in use, that a relay may not ask: once per while. */
  saidFullMs: number;
  saidConflictMs: number;
  saidRelayMs: number;
}

/** What a network's own fields put into options; configured options come after and win. */
function ownOptions(config: Dhcp4Network, defaultRoute: boolean): EncodedOption[] {
  const isHost = config.netmask === "host";
  const mask = isHost ? NETMASK_HOST : ipv4Netmask(config.subnet.prefixLength);
  const routes = classlessRoutesOf(config, defaultRoute);
  const routeBytes = routes.length === 0 ? new Uint8Array(0) : classlessRoutes.emit(routes);
  const option = (code: number, bytes: Uint8Array): EncodedOption => ({ code, bytes, always: code === OPTION.subnetMask });
  return [
    option(OPTION.subnetMask, addresses.emit([mask])),
    option(OPTION.classlessRoutes, routeBytes),
    option(OPTION.microsoftRoutes, routeBytes),
    option(OPTION.router, config.gateway === 0 || !defaultRoute ? new Uint8Array(0) : addresses.emit([config.gateway])),
    option(OPTION.dnsServer, addresses.emit(config.dnsServers)),
    option(OPTION.domainName, Buffer.from(config.domain)),
    option(OPTION.domainSearch, config.domain === "" ? new Uint8Array(0) : domainSearch.emit([config.domain])),
    option(OPTION.mtu, Uint8Array.of(config.mtu >>> 8, config.mtu)),
    option(OPTION.broadcast, isHost ? new Uint8Array(0) : addresses.emit([lastIpv4(config.subnet)])),
  ];
}
