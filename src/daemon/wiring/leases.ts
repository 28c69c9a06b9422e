import type { Clock } from "../../base/clock.js";
import type { Logger } from "../../base/log.js";
import type { Configuration } from "../../config/configuration.js";
import type { DatagramSender } from "../../frame/datagram.js";
import type { LeaseBook } from "../../lease/book.js";
import type { LeaseEvents } from "../../lease/events.js";
import { GroupCommit } from "../../lease/group-commit.js";
import { openStore } from "../../lease/open-store.js";
import type { LeaseStore } from "../../lease/store.js";
import { Dhcp4Service } from "../../services/dhcp4/service.js";
import { dhcp4Networks } from "./dhcp4-networks.js";

export interface LeasesParts {
  readonly configuration: Configuration;
  readonly events: LeaseEvents;
  readonly sender: DatagramSender;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The lease store, the commits into it, and the DHCP services that make the leases. */
export class Leases {
  readonly store: LeaseStore;
  readonly commit: GroupCommit;
  readonly dhcp4: Dhcp4Service;
  #networks: readonly string[] = [];

  private constructor(store: LeaseStore, { events, sender, clock, log }: LeasesParts) {
    this.store = store;
    this.commit = new GroupCommit({ store, events, clock, log });
    this.dhcp4 = new Dhcp4Service({ commit: this.commit, clock, log, sender });
  }

  /** Opens the store and takes over what it holds. Throws a LeaseStoreError when it cannot be used. */
  static async open(parts: LeasesParts): Promise<Leases> {
    const { configuration, clock, log } = parts;
    const { stateDirectory, historySeconds } = configuration;
    const store = await openStore({ stateDirectory, historySeconds, clock, log });
    try {
      const leases = new Leases(store, parts);
      leases.configure(configuration);
      leases.dhcp4.load(await store.load());
      return leases;
    } catch (thrown) {
      await store.close();
      throw thrown;
    }
  }

  /** The networks from now on; leases of those that stay are kept. */
  configure(configuration: Configuration): void {
    this.#networks = configuration.networks.map(({ name }) => name);
    this.dhcp4.configure(dhcp4Networks(configuration));
  }

  booksOf(network: string): LeaseBook[] {
    const book = this.dhcp4.book(network);
    return book === undefined ? [] : [book];
  }

  books(): LeaseBook[] {
    return this.#networks.flatMap((network) => this.booksOf(network));
  }

  /** Saves what waits and closes the files. */
  async close(): Promise<void> {
    this.dhcp4.close();
    await this.commit.drain();
    await this.store.close();
  }
}
