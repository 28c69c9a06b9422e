/**
 * QEMU's own access list for `-netdev bridge` (qemu-bridge-helper): who may put guests on which bridge.
 *
 *     allow br0           deny br1           allow all           include /etc/qemu/alice.conf
 *
 * A bridge is allowed where a rule allows it and none denies it. QEMU's helper reads the files with the caller's own rights:
 * one that the caller may not read says nothing, and that is how rules are made for single users. The daemon may read all of
 * them, so it looks at mode and owner instead.
 */
import { readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";

/** As the kernel knows a caller (SO_PEERCRED, SO_PEERGROUPS). */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

const MOST_FILES = 64;
const MOST_BYTES = 1024 * 1024;
const READABLE = { owner: 0o400, group: 0o040, others: 0o004 } as const;
/** To go through a folder. */
const PASSABLE = { owner: 0o100, group: 0o010, others: 0o001 } as const;

/** Whether the list at `path` lets a caller use a bridge. A list that is not there lets nobody. */
export function bridgeConfAllows(path: string, bridge: string, caller: Caller): boolean {
  const files = [path];
  let allowed = false;
  // Files that are included join the list while it is walked; one that includes itself ends at the limit.
  for (let index = 0; index < files.length && index < MOST_FILES; index++) {
    for (const line of linesFor(files[index], caller)) {
      const [verb, argument, ...rest] = line.split(/[ \t]+/);
      // QEMU's helper refuses all where a line makes no sense.
      if (argument === undefined || rest.length > 0) return false;
      if (verb === "include") files.push(argument);
      else if (verb !== "allow" && verb !== "deny") return false;
      else if (argument === bridge || argument === "all") {
        if (verb === "deny") return false;
        allowed = true;
      }
    }
  }
  return allowed;
}

/** Rules of a file, without comments and empty lines; none where the caller may not read it. */
function linesFor(path: string, caller: Caller): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || found.size > MOST_BYTES || !mayRead(path, found, caller)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** Whether the caller could open a file: it, and every folder on the way to it as the links lead. */
function mayRead(path: string, found: Stats, caller: Caller): boolean {
  if (caller.uid === 0) return true;
  for (let folder = dirname(realpathSync(path)); ; folder = dirname(folder)) {
    if (!mayDo(PASSABLE, statSync(folder), caller)) return false;
    if (folder === dirname(folder)) return mayDo(READABLE, found, caller);
  }
}

function mayDo(bits: typeof READABLE | typeof PASSABLE, { mode, uid, gid }: Stats, caller: Caller): boolean {
  if (caller.uid === uid) return (mode & bits.owner) !== 0;
  if (caller.gid === gid || caller.groups.includes(gid)) return (mode & bits.group) !== 0;
  return (mode & bits.others) !== 0;
}
