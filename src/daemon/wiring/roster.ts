import { TapnetError } from "../../base/errors.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import { formatMac, type Mac } from "../../base/mac.js";
import type { Configuration, GuestConfiguration, NetworkConfiguration } from "../../config/configuration.js";
import { explainLabel } from "../../config/index.js";

/** What a TAP's name begins with when it says whose it is. */
export const PORT_PREFIX = "tn-";
/** What the name of a TAP that we make for nobody in particular begins with. */
export const ANONYMOUS_PREFIX = "tnp";
/** RFC 1035 §2.3.4. */
const MOST_LABEL = 63;

/** Who is behind a port, and on which network. */
export interface Placement {
  readonly guest: string;
  readonly network: string;
  /** Undefined where the configuration does not name the guest. */
  readonly configured: GuestConfiguration | undefined;
  /** The MAC address that told it. */
  readonly mac?: Mac | undefined;
}

/** What a caller knows of a TAP. */
export interface Claim {
  readonly ifname: string;
  readonly guest?: string | undefined;
  readonly network?: string | undefined;
}

/**
 * Who may be attached, and where: the configuration's guests, and whoever comes to an open network.
 *
 * A guest is known by what the caller says, by its TAP's configured name, by a TAP called `tn-<guest>`, or by its MAC address.
 */
export class Roster {
  readonly #networks: ReadonlyMap<string, NetworkConfiguration>;
  /** All interfaces of each guest. */
  readonly #byName = new Map<string, GuestConfiguration[]>();
  readonly #byIfname = new Map<string, GuestConfiguration>();
  readonly #byMac = new Map<Mac, GuestConfiguration>();
  readonly #byIpv6 = new Map<Ipv6Address, GuestConfiguration>();

  constructor(configuration: Configuration) {
    this.#networks = new Map(configuration.networks.map((network) => [network.name, network]));
    for (const guest of configuration.guests) {
      const nics = this.#byName.get(guest.name);
      if (nics === undefined) this.#byName.set(guest.name, [guest]);
      else nics.push(guest);
      if (guest.ifname !== undefined) this.#byIfname.set(guest.ifname, guest);
      if (guest.mac !== undefined) this.#byMac.set(guest.mac, guest);
      if (guest.ipv6 !== undefined) this.#byIpv6.set(guest.ipv6, guest);
    }
  }

  network(name: string): NetworkConfiguration | undefined {
    return this.#networks.get(name);
  }

  /** A guest's interface on a network; without one, the interface that its default route leads to. */
  guest(name: string, network?: string): GuestConfiguration | undefined {
    const nics = this.#byName.get(name) ?? [];
    if (network !== undefined) return nics.find((nic) => nic.network === network);
    return nics.find(({ defaultRoute }) => defaultRoute) ?? nics[0];
  }

  /** Which of a guest's interfaces is the one on this network, from 0; 0 where it is the only one, or nobody has configured it. */
  nicNumber(name: string, network: string): number {
    const nics = this.#byName.get(name) ?? [];
    return Math.max(
      0,
      nics.findIndex((nic) => nic.network === network),
    );
  }

  /** The guest that is configured with this address. */
  guestWithIpv6(address: Ipv6Address): GuestConfiguration | undefined {
    return this.#byIpv6.get(address);
  }

  /**
   * The place of whoever has this TAP; undefined when only its first frame can tell. Throws TapnetError when it may not
   * attach.
   */
  place(claim: Claim): Placement | undefined {
    const byIfname = this.#byIfname.get(claim.ifname);
    if (claim.guest === undefined && byIfname !== undefined)
      return this.#placeGuest(byIfname.name, claim.network ?? byIfname.network);
    if (claim.guest !== undefined) checkName(claim.guest);
    const named = claim.guest ?? guestInName(claim.ifname);
    return named === undefined ? undefined : this.#placeGuest(named, claim.network);
  }

  /** The place of whoever sends from this MAC address: the guest that is configured with it, else a new one named after it. */
  placeByMac(mac: Mac, network: string | undefined): Placement {
    const known = this.#byMac.get(mac);
    const name = known?.name ?? `vm-${formatMac(mac).replaceAll(":", "")}`;
    return { ...this.#placeGuest(name, network ?? known?.network), mac };
  }

  /** A guest that nobody configured goes to the network `default`, or to the only one there is. */
  defaultNetwork(guest: string): string {
    if (this.#networks.has("default")) return "default";
    const names = [...this.#networks.keys()];
    if (names.length === 1) return names[0];
    throw new TapnetError(
      "NOT_FOUND",
      `guest ${guest} is not configured, and of several networks (${names.join(", ")}) none is called default: ` +
        `add it to guests: with its network`,
    );
  }

  #placeGuest(guest: string, wanted: string | undefined): Placement {
    const nics = this.#byName.get(guest) ?? [];
    const network = wanted ?? nics[0]?.network ?? this.defaultNetwork(guest);
    const found = this.#networks.get(network);
    if (found === undefined) {
      throw new TapnetError("NOT_FOUND", `guest ${guest}: there is no network ${network}; see: tapnet net list`);
    }
    const configured = nics.find((nic) => nic.network === network);
    if (configured === undefined && nics.length > 0) {
      const networks = nics.map((nic) => nic.network).join(" and ");
      throw new TapnetError("NOT_ALLOWED", `guest ${guest} belongs to network ${networks}, not ${network}`);
    }
    if (configured === undefined && found.guests === "listed") {
      throw new TapnetError(
        "NOT_ALLOWED",
        `network ${network} takes listed guests only: add ${guest} to guests: in the configuration`,
      );
    }
    return { guest, network, configured };
  }
}

/** As in the configuration: a guest's name is its host name. */
function checkName(guest: string): void {
  const problem = explainLabel(guest, MOST_LABEL);
  if (problem !== undefined) throw new TapnetError("BAD_REQUEST", `guest ${problem}`);
}

/** `tn-web1` → `web1`. `tn-web1.2` is the second interface of a guest that is configured with one: it is looked up by its name. */
function guestInName(ifname: string): string | undefined {
  const guest = ifname.startsWith(PORT_PREFIX) ? ifname.slice(PORT_PREFIX.length) : "";
  if (/^[^.]+\.\d+$/.test(guest)) {
    const [name, number] = guest.split(".");
    throw new TapnetError("NOT_FOUND", `guest ${name} has no interface ${number}: add it to its nics: in the configuration`);
  }
  return guest === "" ? undefined : guest;
}
