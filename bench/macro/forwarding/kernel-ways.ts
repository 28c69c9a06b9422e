/** Ways through the kernel, each on hosts of its own: one for every number of guests that is attached. */
import { join } from "node:path";
import { Daemon } from "../../../test/support/daemon.js";
import type { Host, Lab } from "../../../test/support/lab.js";
import { hook, packageRoot } from "../../../test/support/paths.js";
import { Attacher } from "../../frame/attacher.js";
import { guestSection, macOf, tapOf } from "../../frame/guests.js";
import { type Ends, GUEST, Way, type Workload } from "./way.js";

const GATEWAY_MAC = "02:00:00:00:00:01";
const UPLINK = { address: "198.51.100.1", neighbour: "198.51.100.2" } as const;

/** A host on which guests are attached by one hook. */
class Ground {
  readonly host: Host;
  readonly hook: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #others: Attacher | undefined;

  private constructor(host: Host, hookPath: string, env: Readonly<Record<string, string>>, others: Attacher | undefined) {
    this.host = host;
    this.hook = hookPath;
    this.env = env;
    this.#others = others;
  }

  /** Attaches guests 3 to `attached`; the load brings the first two itself. */
  static async make(host: Host, hookPath: string, env: Readonly<Record<string, string>>, attached: number): Promise<Ground> {
    if (attached <= GUEST.b) return new Ground(host, hookPath, env, undefined);
    const others = await Attacher.start(host, hookPath, env);
    for (let number = GUEST.b + 1; number <= attached; number++) await others.attach(number);
    return new Ground(host, hookPath, env, others);
  }

  async end(): Promise<void> {
    await this.#others?.end();
  }
}

/** How one kind of ground comes to be, and what the ends of a way on it are. */
interface Kind {
  readonly name: string;
  readonly makeHost: (host: Host, attached: number) => Promise<void>;
  readonly hook: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly ends: Omit<Ends, "host" | "hook" | "env" | "close">;
}

const GUEST_PORTS = { a: `vnet:${tapOf(GUEST.a)}`, b: `vnet:${tapOf(GUEST.b)}` } as const;
const ROUTED_ENDS = { ...GUEST_PORTS, hopOfA: GATEWAY_MAC, hopOfB: GATEWAY_MAC } as const;

function script(name: string): string {
  return join(packageRoot, "bench", "peers", name);
}

async function tapnetd(host: Host, kind: string, attached: number): Promise<void> {
  const network = `networks:\n  default: { kind: ${kind}, ipv4: 10.77.0.0/16, gateway-mac: "${GATEWAY_MAC}" }\n`;
  await new Daemon(host, network + guestSection(attached)).start();
}

const KINDS: readonly Kind[] = [
  {
    name: "Linux bridge",
    makeHost: async (host) => {
      await host.ip("link add br0 type bridge forward_delay 0");
      await host.ip("link set br0 up");
    },
    hook: script("forward-bridge.sh"),
    ends: { ...GUEST_PORTS, hopOfA: macOf(GUEST.b), hopOfB: macOf(GUEST.a) },
  },
  {
    name: "kernel route",
    makeHost: (host) => host.sysctl({ "ipv4/ip_forward": 1 }),
    hook: script("forward-route.sh"),
    env: { GATEWAY_MAC },
    ends: ROUTED_ENDS,
  },
  { name: "tapnet", makeHost: (host, attached) => tapnetd(host, "routed", attached), hook: hook("qemu-ifup"), ends: ROUTED_ENDS },
  {
    name: "tapnet, network with NAT",
    makeHost: (host, attached) => tapnetd(host, "nat", attached),
    hook: hook("qemu-ifup"),
    ends: ROUTED_ENDS,
  },
  {
    name: "tapnet, through NAT",
    makeHost: (host, attached) => tapnetd(host, "nat", attached),
    hook: script("forward-uplink.sh"),
    env: {
      GATEWAY_MAC,
      HOOK: hook("qemu-ifup"),
      UPLINK: UPLINK.address,
      NEIGHBOUR: UPLINK.neighbour,
      NEIGHBOUR_MAC: macOf(GUEST.b),
    },
    ends: { ...ROUTED_ENDS, b: "vnet:up0", addressOfB: UPLINK.neighbour, back: UPLINK.address },
  },
];

/** The ways through the kernel; `end` removes what they stand on. */
export class KernelWays {
  readonly ways: readonly Way[];
  readonly #lab: Lab;
  readonly #grounds = new Map<string, Promise<Ground>>();

  constructor(lab: Lab) {
    this.#lab = lab;
    this.ways = KINDS.map((kind) => new Way(kind.name, (workload) => this.#open(kind, workload)));
  }

  async end(): Promise<void> {
    for (const ground of this.#grounds.values()) await (await ground).end();
  }

  async #open(kind: Kind, { attached }: Workload): Promise<Ends> {
    const key = `${kind.name} ${attached}`;
    const made = this.#grounds.get(key) ?? this.#make(kind, attached);
    this.#grounds.set(key, made);
    const { host, hook: hookPath, env } = await made;
    return { ...kind.ends, host, hook: hookPath, env, close: async () => undefined };
  }

  async #make(kind: Kind, attached: number): Promise<Ground> {
    const host = await this.#lab.host(`${kind.name.replaceAll(/\W/g, "")}${attached}`);
    await kind.makeHost(host, attached);
    return Ground.make(host, kind.hook, kind.env ?? {}, attached);
  }
}
