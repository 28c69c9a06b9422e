import type { Link } from "../../frame/link.js";
import { AskerLimits, type LimitSettings, UNLIMITED } from "./limits.js";

/** Guests remembered; those that have not been met for longest are forgotten, and start with a full allowance again. */
const GUESTS_MOST = 65_536;
/** Clients of one shared link that are told apart; more of them share. */
const CLIENTS_PER_LINK = 256;

/** The allowance of everyone who asks. */
export class LimitTable {
  /** For this host itself. */
  readonly host = new AskerLimits("host", UNLIMITED);
  readonly #settings: { -readonly [Name in keyof LimitSettings]: LimitSettings[Name] };
  readonly #guests = new Map<string, AskerLimits>();
  /** By link name; never more than there are links. */
  readonly #clients = new Map<string, AskerLimits[]>();
  /** Whose questions are logged, by `network/guest`, or `network/` for all of it. */
  readonly #logged = new Set<string>();
  readonly #configuredLogs = new Map<string, boolean>();

  constructor(settings: LimitSettings) {
    this.#settings = { ...settings };
  }

  /** Other settings, for everyone from now on. */
  configure(settings: LimitSettings): void {
    Object.assign(this.#settings, settings);
  }

  forGuest(network: string, guest: string): AskerLimits {
    const name = `${network}/${guest}`;
    const known = this.#guests.get(name);
    if (known !== undefined) return known;
    if (this.#guests.size >= GUESTS_MOST) this.#forgetOldest();
    const limits = new AskerLimits(name, this.#settings);
    limits.logsQueries = this.#logged.has(name) || this.#logged.has(`${network}/`);
    this.#guests.set(name, limits);
    return limits;
  }

  /** For a client of a shared link, by a number that is its own (a MAC address, an IPv4 address). */
  forClient(link: Link, client: number): AskerLimits {
    let clients = this.#clients.get(link.ifname);
    if (clients === undefined) {
      clients = Array.from({ length: CLIENTS_PER_LINK }, () => new AskerLimits(link.ifname, this.#settings));
      for (const limits of clients) limits.logsQueries = this.#logged.has(`${link.network}/`);
      this.#clients.set(link.ifname, clients);
    }
    return clients[(client ^ (client / 0x1_0000)) & (CLIENTS_PER_LINK - 1)];
  }

  /** Switches the query log of one guest, or of a whole network where `guest` is empty. */
  setQueryLog(network: string, guest: string, on: boolean): void {
    const name = `${network}/${guest}`;
    if (on) this.#logged.add(name);
    else this.#logged.delete(name);
    for (const limits of this.#guests.values()) {
      if (limits.name.startsWith(name)) limits.logsQueries = this.#logged.has(limits.name) || this.#logged.has(`${network}/`);
    }
    if (guest === "") this.#clients.clear();
  }

  /**
   * The same as the configuration has it: only what it says otherwise than before is switched, so that what was switched by hand
   * outlives a reload.
   */
  configureQueryLog(network: string, guest: string, on: boolean): void {
    const name = `${network}/${guest}`;
    const before = this.#configuredLogs.get(name) ?? false;
    this.#configuredLogs.set(name, on);
    if (on !== before) this.setQueryLog(network, guest, on);
  }

  /** Those whose questions are logged; `guest` is empty where it is a whole network. */
  logged(): { readonly network: string; readonly guest: string }[] {
    return [...this.#logged].sort().map((name) => {
      const end = name.indexOf("/");
      return { network: name.slice(0, end), guest: name.slice(end + 1) };
    });
  }

  #forgetOldest(): void {
    for (const name of this.#guests.keys()) {
      this.#guests.delete(name);
      return;
    }
  }
}
