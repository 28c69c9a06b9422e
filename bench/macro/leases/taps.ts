import type { Host, Lab } from "../../../test/support/lab.js";
import { loadProgram } from "../../frame/load-program.js";
import { cpuMicroseconds } from "../../frame/process-cost.js";
import type { Measured, System } from "../../frame/rounds.js";
import type { DhcpServer } from "../../peers/dhcp-server.js";
import { GATEWAY, PREFIX_LENGTH } from "../../peers/dhcp-site.js";
import { describeLoad, type LoadResult } from "./load-result.js";

/** The TAPs' names begin so: tapnetd reads the guest's name from the rest. */
export const TAP_PREFIX = "tn-q";
const GROUP = 77;
const PATIENCE_MS = 300_000;
const RETRY_MS = 200;

export interface TapsWorkload {
  readonly taps: number;
  readonly window: number;
  readonly seconds: number;
}

/**
 * One client on each of many TAPs behind one gateway address. Each round is a host of its own, as TAPs come and go with the
 * load.
 */
export class Taps implements System<TapsWorkload> {
  readonly name: string;
  readonly isRival: boolean;
  readonly #lab: Lab;
  readonly #make: (host: Host) => DhcpServer;
  #rounds = 0;

  constructor(lab: Lab, name: string, make: (host: Host) => DhcpServer) {
    this.name = name;
    this.isRival = name !== "tapnet";
    this.#lab = lab;
    this.#make = make;
  }

  async measure({ taps, window, seconds }: TapsWorkload): Promise<readonly Measured[]> {
    const host = await this.#lab.host(`taps-${this.name.replaceAll(/\W/g, "")}-${++this.#rounds}`);
    const server = this.#make(host);
    // Our hook needs the daemon; the others' servers look for interfaces when they start.
    const early = server.name === "tapnet" ? await server.start() : undefined;
    const counts = [
      "--clients",
      String(taps),
      "--window",
      String(window),
      "--seconds",
      String(seconds),
      "--retry",
      String(RETRY_MS),
    ];
    const words = ["--taps", TAP_PREFIX, "--hook", server.hook, "--warm-up", ...counts];
    const load = host.start([await loadProgram("dhcp-load"), ...words], { env: { GATEWAY: `${GATEWAY}/${PREFIX_LENGTH}` } });
    await load.waitFor(/^ready$/m, PATIENCE_MS);
    const startedMs = performance.now();
    const pid = early ?? (await server.start());
    load.child.stdin?.write("\n");
    await load.waitFor(/^serving$/m, PATIENCE_MS);
    const firstAckMs = performance.now() - startedMs;
    const before = cpuMicroseconds(pid);
    const [line] = await load.waitFor(/^\{.*\}$/m, PATIENCE_MS);
    const rows = describeLoad("exchanges", JSON.parse(line) as LoadResult, cpuMicroseconds(pid) - before);
    await server.stop("SIGTERM");
    await removeTaps(host, taps);
    load.child.stdin?.end();
    await load.exited;
    return [{ metric: "TAPs there to first ACK", unit: "ms", value: firstAckMs }, ...rows];
  }
}

/** All at once: closing their descriptors one by one takes the kernel 20 ms each. */
async function removeTaps(host: Host, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, number) => `link set ${TAP_PREFIX}${number} group ${GROUP}`);
  const input = `${lines.join("\n")}\nlink delete group ${GROUP}\n`;
  const { status, stderr } = await host.run(["ip", "-batch", "-"], { input, timeoutMs: 60_000 });
  if (status !== 0) throw new Error(`ip -batch: ${stderr}`);
}
