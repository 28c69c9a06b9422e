import { readFileSync, statSync } from "node:fs";

/** A user or a group, by its name or its number. */
export interface Account {
  readonly kind: "user" | "group";
  readonly name: string;
}

/** The users and groups of a host. */
export interface Accounts {
  /** Undefined where there is none of this name. */
  userId(name: string): number | undefined;
  groupId(name: string): number | undefined;
}

/** One of the files, as its lines' fields, read again when it has changed. */
class AccountFile {
  readonly #path: string;
  #stamp = "";
  #rows: readonly (readonly string[])[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  rows(): readonly (readonly string[])[] {
    const found = statSync(this.#path, { throwIfNoEntry: false });
    const stamp = found === undefined ? "absent" : `${found.ino} ${found.mtimeMs} ${found.size}`;
    if (stamp !== this.#stamp) {
      this.#rows =
        found === undefined
          ? []
          : readFileSync(this.#path, "utf8")
              .split("\n")
              .map((line) => line.split(":"));
      this.#stamp = stamp;
    }
    return this.#rows;
  }
}

/**
 * The host's own accounts, from /etc/passwd and /etc/group. Accounts of a directory service are not in these files: they are
 * named by number in the configuration.
 */
export function hostAccounts(passwdPath = "/etc/passwd", groupPath = "/etc/group"): Accounts {
  const passwd = new AccountFile(passwdPath);
  const group = new AccountFile(groupPath);
  const idOf = (file: AccountFile, name: string): number | undefined => {
    if (/^\d+$/.test(name)) return Number(name);
    const row = file.rows().find((fields) => fields[0] === name);
    return row === undefined ? undefined : Number(row[2]);
  };
  return {
    userId: (name) => idOf(passwd, name),
    groupId: (name) => idOf(group, name),
  };
}
