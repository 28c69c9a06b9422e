import { existsSync, readFileSync } from "node:fs";
import type { Host } from "../../test/support/lab.js";
import { pause } from "../../test/support/wait.js";
import { programVersion } from "../frame/machine.js";
import type { Report } from "../frame/report.js";
import type { HeldLease } from "./dhcp-site.js";

/**
 * A DHCP server in the benchmark, ours or a rival, on interfaces of its own host. It can be ended and started again on its
 * store.
 */
export interface DhcpServer {
  readonly name: string;
  /** The program that is called with the name of a client's TAP to bring it up. */
  readonly hook: string;
  /** What it has said since it was last started. */
  readonly output: string;
  /** Starts it; hands back its process id. It may not serve yet. */
  start(): Promise<number>;
  stop(signal: NodeJS.Signals): Promise<void>;
  /** Makes its store hold these leases and no others, while it is stopped. */
  hold(leases: readonly HeldLease[]): void | Promise<void>;
  /** The addresses that its store says are leased. Where it has to be asked, it runs. */
  stored(): Promise<ReadonlySet<string>>;
}

/** How a server takes part: where its program is, and how it is made on a host. */
export interface DhcpPeer {
  readonly name: string;
  readonly program: string;
  /** What to install where the program is missing. */
  readonly package: string;
  readonly versionWords: readonly string[];
  /** Why it cannot serve one client on each of many TAPs behind one gateway address; undefined where it can. */
  readonly noTaps?: string;
  /** `interfaces` ending in `*` stand for all that begin so. */
  make(host: Host, interfaces: string): DhcpServer;
}

/** Those that are on this machine; the others are named as missing. */
export function installedPeers(peers: readonly DhcpPeer[], report: Report): DhcpPeer[] {
  return peers.filter(({ name, program, package: from, versionWords }) => {
    const version = programVersion(program, ...versionWords);
    if (version === undefined) report.miss(name, `needs the Debian package ${from}`);
    else report.versions[program] = /\d+(?:\.\d+)+\S*/.exec(version)?.[0] ?? version;
    return version !== undefined;
  });
}

/** A file of leases that has not changed for so long is looked at; after so many tries as it is. */
const SETTLE_MS = 200;
const SETTLE_TRIES = 25;

/** A server's file of leases; empty where there is none. dnsmasq empties its own and writes it anew: what is read then is not all. */
export async function settledText(path: string): Promise<string> {
  const read = (): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
  let text = read();
  for (let tries = 0; tries < SETTLE_TRIES; tries++) {
    await pause(SETTLE_MS);
    const later = read();
    if (later === text) break;
    text = later;
  }
  return text;
}
