/**
 * A laboratory: hosts that are network namespaces, joined by veth pairs, with programs running in them.
 *
 * Theory of operation. Everything that a lab makes is named `tnt-<run>-<pid>-<n>-…`: namespaces under /run/netns and one folder
 * under the system's temporary folder, where `run` is the test run (its runner's pid) and `pid` the process that made the lab.
 * Links live inside the namespaces and die with them. `dispose` ends the programs, then removes namespaces and folder. It runs
 * after the test, whatever its outcome; the same is done without waiting when the process exits or, where the lab is a test's,
 * is told to (SIGTERM, SIGINT, SIGHUP). Only SIGKILL leaves namespaces behind, which the runner finds by name (`leaks.ts`);
 * programs die with us even then. Nothing is ever changed in the namespace that the tests were started in.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { must, type ProcessOptions, type Result, RunningProcess, run } from "./process.js";

/** The part of every name that says which test run made it. */
export const RUN_ID = process.env["TAPNET_TEST_RUN"] ?? String(process.pid);

const open = new Set<Lab>();
let labsMade = 0;

/** What a lab hangs its clean-up on: the context of a node:test test or suite. */
export interface Scope {
  after(run: () => Promise<void>): void;
}

/** One end of a veth pair. Addresses carry their prefix length: `198.51.100.1/24`. */
export interface LinkEnd {
  readonly host: Host;
  readonly ifname: string;
  readonly addresses?: readonly string[];
  readonly mac?: string;
}

export class Lab {
  readonly id: string;
  /** A folder of the lab's own; other users may read it. */
  readonly folder: string;
  readonly #namespaces: string[] = [];
  readonly #processes: RunningProcess[] = [];

  /** A lab with a scope goes with it. One without is its maker's to dispose of, and signals are its maker's to handle. */
  constructor(scope?: Scope) {
    removeAtExit();
    if (scope !== undefined) exitWhenTold();
    this.id = `tnt-${RUN_ID}-${process.pid}-${++labsMade}`;
    this.folder = mkdtempSync(join(tmpdir(), `${this.id}-`));
    chmodSync(this.folder, 0o755);
    open.add(this);
    scope?.after(() => this.dispose());
  }

  /** A new host: a namespace with only its loopback, up; IPv6 duplicate detection off, so that addresses serve at once. */
  async host(name: string, options: { readonly forwarding?: boolean } = {}): Promise<Host> {
    const namespace = `${this.id}-${name}`;
    const host = new Host(this, name, namespace);
    this.#namespaces.push(namespace);
    await must(["ip", "netns", "add", namespace]);
    await host.ip("link set lo up");
    await host.sysctl({ "ipv6/conf/all/accept_dad": 0, "ipv6/conf/default/accept_dad": 0 });
    if (options.forwarding === true) await host.sysctl({ "ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1 });
    return host;
  }

  /** The namespace that this process is in, as a host: for a program that has been given one of its own. */
  here(name: string): Host {
    return new Host(this, name, undefined);
  }

  /** Joins two hosts with a veth pair, both ends up and addressed. */
  async link(one: LinkEnd, other: LinkEnd): Promise<void> {
    await one.host.ip(`link add ${one.ifname} type veth peer name ${other.ifname} netns ${other.host.namespace ?? process.pid}`);
    for (const end of [one, other]) {
      if (end.mac !== undefined) await end.host.ip(`link set ${end.ifname} address ${end.mac}`);
      await end.host.ip(`link set ${end.ifname} up`);
      for (const address of end.addresses ?? []) await end.host.ip(`address add ${address} dev ${end.ifname}`);
    }
  }

  /** A folder inside the lab's own. */
  subfolder(name: string): string {
    const path = join(this.folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** A copy of a file in the lab's folder: for programs of other users, to whom the checkout may be closed. */
  share(path: string): string {
    const copy = join(this.folder, basename(path));
    if (!existsSync(copy)) copyFileSync(path, copy);
    return copy;
  }

  /** Adds a program to those that the lab ends. */
  adopt(started: RunningProcess): RunningProcess {
    this.#processes.push(started);
    return started;
  }

  /** Ends the programs, youngest first, then removes everything that the lab has made. Doing it twice does nothing. */
  async dispose(): Promise<void> {
    if (!open.has(this)) return;
    for (const started of this.#processes.reverse()) await started.stop();
    this.removeNow();
  }

  /** The same without waiting for anything: for the moment when the process ends. */
  removeNow(): void {
    open.delete(this);
    for (const started of this.#processes) started.killGroup();
    for (const namespace of this.#namespaces) spawnSync("ip", ["netns", "delete", namespace], { stdio: "ignore" });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A host of a lab: a network namespace that commands can be run in. */
export class Host {
  readonly lab: Lab;
  readonly name: string;
  /** Undefined where the host is the namespace that we are in. */
  readonly namespace: string | undefined;
  /** Added to the environment of everything that runs here. */
  readonly env: Record<string, string> = {};

  constructor(lab: Lab, name: string, namespace: string | undefined) {
    this.lab = lab;
    this.name = name;
    this.namespace = namespace;
  }

  /** The words that put a command into this host. */
  argv(...command: readonly string[]): string[] {
    return this.namespace === undefined ? [...command] : ["ip", "netns", "exec", this.namespace, ...command];
  }

  async run(command: readonly string[], options: ProcessOptions = {}): Promise<Result> {
    return run(this.argv(...command), { ...options, env: { ...this.env, ...options.env } });
  }

  /** Runs a command that must succeed; hands back its standard output. */
  async must(...command: readonly string[]): Promise<string> {
    return must(this.argv(...command), { env: this.env });
  }

  /** `host.ip("link set lo up")`: iproute2 here, its words separated by blanks. */
  async ip(words: string): Promise<string> {
    const where = this.namespace === undefined ? [] : ["-n", this.namespace];
    return must(["ip", ...where, ...words.split(" ")]);
  }

  /** Writes settings below /proc/sys/net of this host. */
  async sysctl(settings: Readonly<Record<string, number | string>>): Promise<void> {
    const lines = Object.entries(settings).map(([path, value]) => `echo '${value}' >'/proc/sys/net/${path}'`);
    await this.must("sh", "-e", "-c", lines.join("\n"));
  }

  /** Starts a program that the lab ends at last. */
  start(command: readonly string[], options: Pick<ProcessOptions, "env"> = {}): RunningProcess {
    return this.lab.adopt(new RunningProcess(this.argv(...command), { env: { ...this.env, ...options.env } }));
  }

  /**
   * The words that run a command with files and folders of its own, unseen by all others: an empty folder for each path in
   * `empty`, a file of ours in place of each path in `replaced`. `ip netns exec` has made the mount namespace that this needs.
   */
  static withOwnFiles(
    command: readonly string[],
    own: { readonly empty?: readonly string[]; readonly replaced?: Readonly<Record<string, string>> },
  ): string[] {
    const mounts = [
      ...Object.entries(own.replaced ?? {}).map(([path, file]) => `mount --bind '${file}' '${path}'`),
      ...(own.empty ?? []).map((path) => `mount -t tmpfs tmpfs '${path}'`),
    ];
    return ["sh", "-e", "-c", [...mounts, 'exec "$@"'].join("\n"), "sh", ...command];
  }
}

const removeAtExit = once(() => {
  process.once("exit", () => {
    for (const lab of [...open]) lab.removeNow();
  });
});

const exitWhenTold = once(() => {
  for (const [signal, number] of [
    ["SIGHUP", 1],
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const) {
    process.once(signal, () => process.exit(128 + number));
  }
});

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}
