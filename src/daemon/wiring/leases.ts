import type { Clock } from "../../base/clock.js";
import type { Logger } from "../../base/log.js";
import type { Configuration } from "../../config/configuration.js";
import type { DatagramSender } from "../../frame/datagram.js";
import type { PacketSender } from "../../frame/packet.js";
import type { LeaseBook } from "../../lease/book.js";
import type { LeaseEvents } from "../../lease/events.js";
import { GroupCommit } from "../../lease/group-commit.js";
import { openStore } from "../../lease/open-store.js";
import type { LeaseStore } from "../../lease/store.js";
import type { Network } from "../../network/model.js";
import { ArpProbe } from "../../services/dhcp4/arp-probe.js";
import { Dhcp4Service } from "../../services/dhcp4/service.js";
import { Dhcp6Service } from "../../services/dhcp6/service.js";
import { dhcp4Networks } from "./dhcp4-networks.js";
import { loadIdentity } from "./identity.js";
import { dhcp6Networks } from "./ipv6-networks.js";

export interface LeasesParts {
  readonly configuration: Configuration;
  readonly networks: readonly Network[];
  readonly events: LeaseEvents;
  readonly sender: DatagramSender & PacketSender;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The lease store, the commits into it, and the DHCP services that make the leases. */
export class Leases {
  readonly store: LeaseStore;
  readonly commit: GroupCommit;
  /** Asks links who uses an address, for networks that want it asked before an offer. */
  readonly probe: ArpProbe;
  readonly dhcp4: Dhcp4Service;
  readonly dhcp6: Dhcp6Service;
  #networks: readonly string[] = [];

  private constructor(store: LeaseStore, { configuration, events, sender, clock, log }: LeasesParts) {
    this.store = store;
    this.commit = new GroupCommit({ store, events, clock, log });
    const { commit } = this;
    const { duid, secret } = loadIdentity(configuration.stateDirectory);
    this.probe = new ArpProbe(sender, clock);
    this.dhcp4 = new Dhcp4Service({ commit, clock, log, sender, probe: this.probe });
    this.dhcp6 = new Dhcp6Service({ serverDuid: duid, secret, commit, clock, log });
  }

  /** Opens the store and takes over what it holds. Throws a LeaseStoreError, or TapnetError IDENTITY, when it cannot be used. */
  static async open(parts: LeasesParts): Promise<Leases> {
    const { configuration, networks, clock, log } = parts;
    const { stateDirectory, historySeconds } = configuration;
    const store = await openStore({ stateDirectory, historySeconds, clock, log });
    try {
      const leases = new Leases(store, parts);
      leases.configure(configuration, networks);
      const records = await store.load();
      leases.dhcp4.load(records);
      leases.dhcp6.load(records);
      return leases;
    } catch (thrown) {
      await store.close();
      throw thrown;
    }
  }

  /** The networks from now on; leases of those that stay are kept. */
  configure(configuration: Configuration, networks: readonly Network[]): void {
    const before = this.#networks;
    this.#networks = configuration.networks.map(({ name }) => name);
    this.dhcp4.configure(dhcp4Networks(configuration));
    const served = dhcp6Networks(configuration, networks);
    for (const name of before) if (!served.some((network) => network.name === name)) this.dhcp6.removeNetwork(name);
    for (const network of served) this.dhcp6.setNetwork(network);
  }

  booksOf(network: string): LeaseBook[] {
    const books = [this.dhcp4.book(network), this.dhcp6.book(network, "address"), this.dhcp6.book(network, "prefix")];
    return books.filter((book) => book !== undefined);
  }

  books(): LeaseBook[] {
    return this.#networks.flatMap((network) => this.booksOf(network));
  }

  /** Saves what waits and closes the files. */
  async close(): Promise<void> {
    this.dhcp4.close();
    for (const name of this.#networks) this.dhcp6.removeNetwork(name);
    await this.commit.drain();
    await this.store.close();
  }
}
