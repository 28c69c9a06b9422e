/**
 * A host with so many guests attached, each with a forward, and with lists of what it may begin and what others may begin with
 * it that are nobody else's, another guest among these. What a frame, an attach and a live forward cost there is to be the
 * same with ten and with ten thousand; besides, how long a daemon takes that starts among them.
 */
import { ControlClient } from "../../../src/control/client.js";
import { Daemon } from "../../../test/support/daemon.js";
import type { Lab } from "../../../test/support/lab.js";
import { hook } from "../../../test/support/paths.js";
import { Attacher } from "../../frame/attacher.js";
import { guestSection, tapOf } from "../../frame/guests.js";
import type { Measured, System } from "../../frame/rounds.js";
import { median } from "../../frame/statistics.js";
import { type Ends, GUEST, Way, type Workload as WayWorkload } from "../forwarding/way.js";

export interface Workload {
  readonly what: "frame" | "attach" | "forward" | "start";
  /** A frame: to the guest's own address, or by a forward of the host's address. */
  readonly by?: "address" | "forward";
  readonly fresh?: boolean;
  readonly seconds?: number;
}

const GATEWAY_MAC = "02:00:00:00:00:01";
/** An address of the host's that no guest's gateway is. */
const HOST_ADDRESS = "198.51.100.1";
/** Where the load sends to; by the forward it comes to another port of the guest, so that both kinds of connection stay apart. */
const PORT = 5002;
const FORWARDED_PORT = 5003;
const FRAME_BYTES = 64;
const START_MS = 60_000;
/** Beside those that are there: what one round attaches, and how often it adds a forward. */
const MORE = 20;
const FIRST_FORWARD = 10_000;
const FIRST_LISTED = 20_000;
const LIVE_FORWARD = 9000;

/** For guest 2, the load's other end, the forward is the one that the load sends to. */
function settingsOf(number: number): string {
  const forward = number === GUEST.b ? `${PORT}:${FORWARDED_PORT}/udp` : `${FIRST_FORWARD + number}:80`;
  const own = `10.77.0.0/16 ${FIRST_LISTED + number}`;
  const load = `${PORT}-${FORWARDED_PORT}/udp`;
  const friend = `guest b${number === GUEST.a ? GUEST.b : number - 1} ${FIRST_LISTED + number}`;
  return `, forwards: ["${forward}"], egress: ["${own}/tcp", "any ${load}", "${friend}"], ingress: ["${own}/udp", "network default ${load}"]`;
}

export class Crowd implements System<Workload> {
  readonly name: string;
  readonly #most: number;
  readonly #attacher: Attacher;
  readonly #daemon: Daemon;
  readonly #client: ControlClient;
  readonly #ways: Readonly<Record<"address" | "forward", Way>>;

  private constructor(most: number, attacher: Attacher, daemon: Daemon) {
    this.name = `${most.toLocaleString("en")} of each`;
    this.#most = most;
    this.#attacher = attacher;
    this.#daemon = daemon;
    this.#client = new ControlClient(daemon.runFolder);
    const ends: Ends = {
      host: attacher.host,
      hook: hook("qemu-ifup"),
      a: `vnet:${tapOf(GUEST.a)}`,
      b: `vnet:${tapOf(GUEST.b)}`,
      hopOfA: GATEWAY_MAC,
      hopOfB: GATEWAY_MAC,
      close: async () => undefined,
    };
    this.#ways = {
      address: new Way(this.name, async () => ends),
      forward: new Way(this.name, async () => ({ ...ends, addressOfB: HOST_ADDRESS })),
    };
  }

  /** All but the first two guests, whom each load brings itself. */
  static async make(lab: Lab, most: number): Promise<Crowd> {
    const host = await lab.host(`crowd${most}`);
    await host.ip(`address add ${HOST_ADDRESS}/32 dev lo`);
    const network = `networks:\n  default: { kind: routed, ipv4: 10.77.0.0/16, gateway-mac: "${GATEWAY_MAC}" }\n`;
    const daemon = await new Daemon(host, network + guestSection(most + MORE, settingsOf)).start(START_MS);
    // What a round has begun is over before the next one.
    await host.sysctl({ "netfilter/nf_conntrack_udp_timeout": 1 });
    const attacher = await Attacher.start(host, hook("qemu-ifup"));
    for (let number = GUEST.b + 1; number <= most; number++) await attacher.attach(number);
    return new Crowd(most, attacher, daemon);
  }

  async measure({ what, by = "address", fresh = false, seconds = 0 }: Workload): Promise<readonly Measured[]> {
    switch (what) {
      case "frame": {
        const load: WayWorkload = { attached: this.#most, mode: "one-core", bytes: FRAME_BYTES, fresh, seconds };
        return this.#ways[by].measure(load);
      }
      case "attach":
        return [{ metric: "qemu-ifup", unit: "ms", value: await this.#attachMore() }];
      case "forward":
        return this.#forwardMore();
      case "start":
        return [{ metric: "until ready", unit: "ms", value: await this.#restart() }];
    }
  }

  async end(): Promise<void> {
    await this.#attacher.end();
  }

  async #attachMore(): Promise<number> {
    const numbers = Array.from({ length: MORE }, (_, index) => this.#most + 1 + index);
    const times: number[] = [];
    for (const number of numbers) times.push(await this.#attacher.attach(number));
    await this.#attacher.detach(numbers);
    return median(times);
  }

  async #restart(): Promise<number> {
    await this.#daemon.stop();
    const begun = performance.now();
    await this.#daemon.start(START_MS);
    return performance.now() - begun;
  }

  async #forwardMore(): Promise<Measured[]> {
    const guest = `b${GUEST.b + 1}`;
    const [adds, removals]: [number[], number[]] = [[], []];
    for (let index = 0; index < MORE; index++) {
      const forward = `${LIVE_FORWARD + index}:80`;
      const begun = performance.now();
      await this.#client.addForward({ guest, forward });
      const there = performance.now();
      await this.#client.removeForward(guest, `${forward}/tcp`);
      adds.push(there - begun);
      removals.push(performance.now() - there);
    }
    return [
      { metric: "forward add", unit: "ms", value: median(adds) },
      { metric: "forward remove", unit: "ms", value: median(removals) },
    ];
  }
}
