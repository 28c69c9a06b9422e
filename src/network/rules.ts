import { formatAddress } from "../base/kernel-objects.js";
import type { Logger } from "../base/log.js";
import { formatMac } from "../base/mac.js";
import type { Firewall } from "./kernel.js";
import type { KernelState } from "./plan.js";
import { BRIDGE_TABLE, NO_BRIDGE_RULESET, STATION_SETS, setsOf, TABLES, trafficElements, trafficSets } from "./ruleset.js";
import type { Station } from "./state.js";
import { setText } from "./traffic.js";

/** Our tables in the packet filter: loaded, and known again as what was loaded. */
export class Rules {
  readonly #firewall: Firewall;
  readonly #log: Logger;
  /** Of the tables, in their order, after the last load. */
  #fingerprint = "";
  /** Loads go one after another. */
  #loaded: Promise<void> = Promise.resolve();

  constructor(firewall: Firewall, log: Logger) {
    this.#firewall = firewall;
    this.#log = log;
  }

  /** Replaces the tables by the plan as it is when its turn has come. */
  load(state: () => KernelState): Promise<void> {
    const turn = this.#loaded.then(() => this.#loadNow(state));
    this.#loaded = turn.catch(() => undefined);
    return turn;
  }

  /** Puts right what somebody else has done to the tables. */
  async check(state: () => KernelState): Promise<void> {
    await this.#loaded;
    if (this.#present() === this.#fingerprint) {
      const changed = this.#fillSets(state());
      if (changed > 0) this.#log.warn({ elements: changed }, "something changed our nftables sets: put back");
      return;
    }
    this.#log.warn({}, "something changed our nftables tables: loading them again");
    await this.load(state);
  }

  /** The table of bridges; nothing where there is none. */
  async removeBridgeTable(): Promise<void> {
    if (this.#firewall.fingerprint(BRIDGE_TABLE) !== "") await this.#firewall.load(NO_BRIDGE_RULESET);
  }

  async #loadNow(state: () => KernelState): Promise<void> {
    const { ruleset, networks } = state();
    await this.#firewall.load(ruleset);
    if (!networks.some(({ bridge }) => bridge !== undefined)) await this.removeBridgeTable();
    this.#fingerprint = this.#present();
    this.#fillSets(state());
  }

  #present(): string {
    return TABLES.map((table) => this.#firewall.fingerprint(table)).join(" ");
  }

  /** Makes the sets hold what is planned and nothing else; returns how many elements that changed. */
  #fillSets({ networks, stations, traffic }: KernelState): number {
    const batch = this.#firewall.batch();
    for (const set of STATION_SETS) {
      const wanted = new Map(
        stations.filter((station) => setsOf(station).includes(set)).map((station) => [stationKey(station), station]),
      );
      for (const station of this.#firewall.stations(set)) {
        if (!wanted.delete(stationKey(station))) batch.delete(set, station);
      }
      for (const station of wanted.values()) batch.add(set, station);
    }
    const placed = trafficElements(networks, traffic);
    for (const set of trafficSets(traffic)) batch.fill(set, placed.get(setText(set))?.map(({ element }) => element) ?? []);
    const changes = batch.count;
    const error = batch.send();
    if (error !== undefined) throw error;
    return changes;
  }
}

function stationKey({ ifindex, mac, address }: Station): string {
  return `${ifindex} ${formatMac(mac)} ${address === undefined ? "" : formatAddress(address)}`;
}
