/**
 * Theory of operation
 *
 * A namespace lives as long as a process is in it (or a descriptor of a TAP is open that was made in it; but then nobody can
 * enter it any more). Guests must not notice that the daemon ends, so the namespace is kept by a process of its own, the
 * *keeper*: `sleep`, started by unshare(1) as root of new user and network namespaces. Its number stands in the run directory,
 * together with when it started and which namespace that is, so that another process of the same number is never taken for it.
 */
import { spawn } from "node:child_process";
import { linkSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TapnetError } from "../../base/errors.js";
import { explainRefusal } from "./obstacles.js";

const FILE = "namespace.json";
const MADE_WITHIN_MS = 5_000;

interface Keeper {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat. */
  readonly started: string;
  /** `net:[4026532000]` */
  readonly network: string;
}

export class Namespace {
  readonly #runDirectory: string;
  readonly #keeper: Keeper;
  /** Whether it was there before us. */
  readonly found: boolean;

  private constructor(runDirectory: string, keeper: Keeper, found: boolean) {
    this.#runDirectory = runDirectory;
    this.#keeper = keeper;
    this.found = found;
  }

  /** The namespace of this run directory, if there is one. */
  static find(runDirectory: string): Namespace | undefined {
    const keeper = readKeeper(join(runDirectory, FILE));
    return keeper !== undefined && isAlive(keeper) ? new Namespace(runDirectory, keeper, true) : undefined;
  }

  /** The same, made where there is none. Throws TapnetError NOT_PERMITTED with what keeps this machine from making one. */
  static async open(runDirectory: string): Promise<Namespace> {
    const found = Namespace.find(runDirectory);
    if (found !== undefined) return found;
    const path = join(runDirectory, FILE);
    rmSync(path, { force: true });
    const keeper = await startKeeper();
    const own = `${path}.${keeper.pid}`;
    try {
      writeFileSync(own, `${JSON.stringify(keeper)}\n`, { mode: 0o600 });
      linkSync(own, path);
      return new Namespace(runDirectory, keeper, false);
    } catch (thrown) {
      process.kill(keeper.pid, "SIGKILL");
      const faster = Namespace.find(runDirectory);
      if (faster === undefined) throw thrown;
      return faster;
    } finally {
      rmSync(own, { force: true });
    }
  }

  get pid(): number {
    return this.#keeper.pid;
  }

  /** The words that run a command in there, as its root. It dies with us. */
  command(words: readonly string[]): string[] {
    const enter = ["nsenter", "--target", String(this.pid), "--user", "--net", "--preserve-credentials", "--"];
    return [...enter, "setpriv", "--pdeathsig", "KILL", "--", ...words];
  }

  /** Ends the keeper. The kernel takes everything that is in there, as soon as no guest's TAP is open any more. */
  end(): void {
    rmSync(join(this.#runDirectory, FILE), { force: true });
    if (isAlive(this.#keeper)) process.kill(this.pid, "SIGKILL");
  }
}

async function startKeeper(): Promise<Keeper> {
  const words = ["--user", "--map-root-user", "--net", "--", "sh", "-c", "echo ready; exec sleep infinity"];
  const child = spawn("unshare", words, { detached: true, stdio: ["ignore", "pipe", "pipe"], cwd: "/" });
  const said = { out: "", error: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.error += text));
  const ready = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), MADE_WITHIN_MS);
    const settle = (outcome: boolean): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    child.once("error", (error) => {
      said.error = error.message;
      settle(false);
    });
    child.once("close", () => settle(false));
    child.stdout.on("data", () => settle(said.out.includes("ready")));
  });
  if (!ready || child.pid === undefined) {
    child.kill("SIGKILL");
    throw new TapnetError("NOT_PERMITTED", explainRefusal(said.error.trim() || "unshare does not answer"));
  }
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  return { pid: child.pid, started: startOf(child.pid) ?? "", network: networkOf(child.pid) ?? "" };
}

function readKeeper(path: string): Keeper | undefined {
  try {
    const { pid, started, network } = JSON.parse(readFileSync(path, "utf8")) as Partial<Keeper>;
    if (typeof pid !== "number" || typeof started !== "string" || typeof network !== "string") return undefined;
    return { pid, started, network };
  } catch {
    // No file, or one that was cut short: then nobody keeps a namespace for us that we could find.
    return undefined;
  }
}

function isAlive({ pid, started, network }: Keeper): boolean {
  return startOf(pid) === started && networkOf(pid) === network;
}

/** When a process started, in ticks since boot; undefined where there is none. Its name, in brackets, may hold anything. */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function networkOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}
