/**
 * Theory of operation
 *
 * IPv6 on ports, besides DHCPv6: routers are advertised, and the addresses that guests make for themselves are learnt and bound
 * like leases. Of link-local addresses a guest may have two: without one its questions for the router would be taken for spoofed.
 *
 * An address belongs to whoever has a lease for it, or is configured with it; what is merely taken gives way. So what the learner
 * forgets stays bound where a lease has come for the same guest in the meantime.
 *
 * A guest that its first frame has told is still being attached when that frame teaches its first address: what is learnt waits
 * for the attach, in order. Shared links are advertised on only where the configuration says so: there may be a router of
 * somebody else's.
 */
import type { Clock } from "../../base/clock.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import { formatAddress } from "../../base/kernel-objects.js";
import type { Logger } from "../../base/log.js";
import type { Ipv6Prefix } from "../../base/prefix.js";
import { systemRandom } from "../../base/random.js";
import type { Configuration } from "../../config/configuration.js";
import type { Link } from "../../frame/link.js";
import type { PacketSender } from "../../frame/packet.js";
import type { Ports } from "../../guest/ports.js";
import type { Binding, Network } from "../../network/model.js";
import { AddressLearner, type GuestAddress } from "../../services/nd/address-learner.js";
import { RouterAdvertiser } from "../../services/ra/advertiser.js";
import type { AdvertisedMemory } from "./advertised-memory.js";
import type { AddressFollowers } from "./followers.js";
import type { LinkFollower } from "./guest-services.js";
import { advertisedNetworks, servedName } from "./ipv6-networks.js";

export interface Ipv6Parts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly sender: PacketSender;
  readonly ports: () => Ports;
  readonly names: AddressFollowers;
  /** Whose an address is by lease or configuration, `""` for no guest's; undefined: whoever takes it. */
  readonly owner: (network: string, address: Ipv6Address) => string | undefined;
  /** The attach that a first frame has begun, by guest; undefined where none is under way. */
  readonly attaching: (guest: string, network: string) => Promise<unknown> | undefined;
  /** What was advertised in an earlier life. */
  readonly advertised: AdvertisedMemory;
}

/** One that serves; one more for a guest that boots another system, or has both kinds (RFC 4862, RFC 7217). */
const MOST_LINK_LOCAL = 2;

export class Ipv6 implements LinkFollower {
  readonly advertiser: RouterAdvertiser;
  readonly learner: AddressLearner;
  readonly #parts: Ipv6Parts;
  #networks: ReadonlyMap<string, Network> = new Map();
  #advertised: ReadonlySet<string> = new Set();

  constructor(parts: Ipv6Parts) {
    this.#parts = parts;
    const { clock, sender, owner } = parts;
    this.advertiser = new RouterAdvertiser({ clock, random: systemRandom(), sender });
    this.learner = new AddressLearner({
      clock,
      sender,
      owner,
      mostLinkLocal: MOST_LINK_LOCAL,
      events: {
        learned: (taken) => this.#inTurn(taken, () => this.#bind(taken)),
        forgotten: (taken) => this.#inTurn(taken, () => this.#unbind(taken)),
      },
    });
  }

  /** The networks from now on. Ports that stay are to be told again (`changed`). */
  configure(configuration: Configuration, networks: readonly Network[]): void {
    const advertised = advertisedNetworks(configuration, networks);
    const names = new Set(advertised.map(({ name }) => name));
    for (const name of this.#advertised) if (!names.has(name)) this.advertiser.removeNetwork(name);
    this.#networks = new Map(networks.map((network) => [network.name, network]));
    // Before guests hear of them: who takes an address of a prefix that is not known yet is not listened to, and says it once.
    for (const { name } of networks) this.learner.setNetworkPrefixes(name, this.#prefixesOf(name));
    const { advertised: memory } = this.#parts;
    for (const network of advertised) this.advertiser.setNetwork(network, memory.earlier(network.name));
    this.#advertised = names;
    memory.save(advertised);
  }

  /** Tells these links that nobody advertises there any more: for a clean-up, when nothing else runs. */
  bidFarewell(configuration: Configuration, networks: readonly Network[], links: readonly Link[]): void {
    for (const { name, ...network } of advertisedNetworks(configuration, networks)) {
      this.advertiser.setNetwork({ ...network, name });
      for (const link of links) if (link.network === name) this.advertiser.addLink(link, [], name, true);
      this.advertiser.removeNetwork(name);
    }
  }

  /** An interface with many clients; advertised on where the configuration says so. */
  openedShared(link: Link): void {
    // Without an address of the interface's own it would be another router that speaks.
    if (link.linkLocalIpv6 !== undefined) this.advertiser.addLink(link, [], servedName(link.network));
  }

  closedShared(slot: number): void {
    this.advertiser.removeLink(slot);
  }

  opened(link: Link, bindings: readonly Binding[]): void {
    this.changed(link);
    for (const { address, mac } of bindings) {
      if (typeof address === "bigint") this.learner.adopt(link.slot, address, mac);
    }
    // A guest that was there before us may have taken more while nobody listened.
    if (bindings.length > 0) this.learner.poll(link.slot);
  }

  changed(link: Link): void {
    this.learner.updateLink(link, this.#prefixesOf(link.network));
    this.advertiser.addLink(link);
  }

  closed(slot: number): void {
    this.learner.removeLink(slot);
    this.advertiser.removeLink(slot);
  }

  /** Ends all timers. Guests keep their router: it is the kernel. */
  close(): void {
    this.learner.close();
    this.advertiser.close();
  }

  #prefixesOf(network: string): Ipv6Prefix[] {
    const prefix = this.#networks.get(network)?.ipv6;
    return prefix === undefined ? [] : [prefix];
  }

  #inTurn({ link }: GuestAddress, act: () => void): void {
    const attaching = link.guest === undefined ? undefined : this.#parts.attaching(link.guest, link.network);
    if (attaching === undefined) act();
    else void attaching.then(act, () => undefined);
  }

  #bind({ link: { ifindex }, address, mac }: GuestAddress): void {
    const ports = this.#parts.ports();
    const port = ports.get(ifindex);
    if (port === undefined) return;
    const [outcome] = ports.bind([{ ifindex, address, mac }]);
    if (outcome !== undefined) {
      this.#parts.log.error(
        { guest: port.guest, address: formatAddress(address), error: outcome.message },
        "an address that a guest has taken could not be bound",
      );
    }
    this.#parts.names.add(port);
  }

  #unbind({ link, address }: GuestAddress): void {
    const { ports, names, owner } = this.#parts;
    const port = ports().get(link.ifindex);
    if (port === undefined || owner(link.network, address) === port.guest) return;
    ports().unbind([{ ifindex: link.ifindex, address }]);
    names.add(port);
  }
}
