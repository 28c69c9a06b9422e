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

  /** Whether a caller is one of these users. */
  isOneOf({ uid }: { readonly uid: number }, users: readonly string[]): boolean {
    return users.some((user) => this.#accounts.userId(user) === uid);
  }

  /** `caller` as the kernel knows it (SO_PEERCRED, SO_PEERGROUPS): what counts is what the process has, not the files. */
  allows(caller: { uid: number; gid: number; groups: readonly number[] }, network: string): boolean {
    return this.#entries.some(({ account, networks }) => {
      if (networks !== "all" && !networks.includes(network)) return false;
      if (account.kind === "user") return this.#accounts.userId(account.name) === caller.uid;
      const gid = this.#accounts.groupId(account.name);
      return gid !== undefined && (gid === caller.gid || caller.groups.includes(gid));
    });
  }
}
