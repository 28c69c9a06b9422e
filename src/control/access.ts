import type { Account, Accounts } from "./accounts.js";

/** Who may take TAPs of which networks; an `access:` entry of the configuration. */
export interface AccessEntry {
  readonly account: Account;
  readonly networks: readonly string[] | "all";
}

/** Whether a caller may use a network through `qemu-helper`. Names are looked up at each question: accounts come and go. */
export class AccessList {
  readonly #entries: readonly AccessEntry[];
  readonly #accounts: Accounts;

  constructor(entries: readonly AccessEntry[], accounts: Accounts) {
    this.#entries = entries;
    this.#accounts = accounts;
  }

  /** `uid` and `gid` are the caller's own, from SO_PEERCRED; further groups are those that the host's files name. */
  allows(uid: number, gid: number, network: string): boolean {
    const entries = this.#entries.filter((entry) => entry.networks === "all" || entry.networks.includes(network));
    if (entries.length === 0) return false;
    const groups = new Set([gid, ...this.#accounts.groupsOf(uid)]);
    return entries.some(({ account }) => {
      if (account.kind === "user") return this.#accounts.userId(account.name) === uid;
      const id = this.#accounts.groupId(account.name);
      return id !== undefined && groups.has(id);
    });
  }
}
