/** Ways through a forwarder in user space behind QEMU's unix sockets: the least that one can do, in C, ours, and the naive one. */
import { join } from "node:path";
import type { Host, Lab } from "../../../test/support/lab.js";
import { packageRoot, script } from "../../../test/support/paths.js";
import { addressOf, macOf, tapOf } from "../../frame/guests.js";
import { loadProgram } from "../../frame/load-program.js";
import { type Ends, type Fits, GUEST, Way, type Workload } from "./way.js";

const GATEWAY_MAC = "02:00:00:00:00:01";
const ETHERNET_FRAME_BYTES = 1514;

/** The two ports of a way over one kind of socket: as the forwarder opens them, and as the load does. */
export interface SocketPorts {
  readonly forwarder: readonly [a: string, b: string];
  readonly load: readonly [a: string, b: string];
}

/** QEMU's `-netdev dgram`: both sides bind, and send to the other's path. */
export function dgramPorts(folder: string): SocketPorts {
  const path = (name: string): string => join(folder, name);
  const pair = (near: string, far: string): string => `dgram:${path(near)}+${path(far)}`;
  return {
    forwarder: [pair("fa", "la"), pair("fb", "lb")],
    load: [pair("la", "fa"), pair("lb", "fb")],
  };
}

/** QEMU's `-netdev stream`: the forwarder listens. */
export function streamPorts(folder: string): SocketPorts {
  const ports = [`stream:${join(folder, "sa")}`, `stream:${join(folder, "sb")}`] as const;
  return { forwarder: ports, load: ports };
}

/** TAPs whose VMM is the load; the forwarder waits until they are there. */
export function tapPorts(): SocketPorts {
  const ports = [`tap:${tapOf(GUEST.a)}`, `tap:${tapOf(GUEST.b)}`] as const;
  return { forwarder: ports, load: ports };
}

/** Frames over unix sockets have no segments that are left to be cut. */
const plainFrames: Fits = ({ bytes }) => bytes <= ETHERNET_FRAME_BYTES;
/** For forwarders that know two ports. */
const betweenTwo: Fits = (workload) => plainFrames(workload) && workload.attached === 2;

/**
 * A way whose forwarder is a program that is started for each measurement with two words, `PORT,MAC,ADDRESS`, and where it
 * knows more ports than two with their number.
 */
export function programWay(
  lab: Lab,
  name: string,
  ports: (folder: string) => SocketPorts,
  command: () => Promise<readonly string[]>,
  { fits = betweenTwo, hook }: { readonly fits?: Fits; readonly hook?: string } = {},
): Way {
  let host: Promise<Host> | undefined;
  const open = async ({ attached }: Workload): Promise<Ends> => {
    const key = name.replaceAll(/\W/g, "");
    host ??= lab.host(key);
    const { forwarder, load } = ports(lab.subfolder(key));
    const words = forwarder.map((port, index) => `${port},${macOf(index + 1)},${addressOf(index + 1)}`);
    if (attached > GUEST.b) words.push(String(attached));
    const program = (await host).start([...(await command()), ...words]);
    if (attached > GUEST.b) await program.waitFor(/all ports are open/);
    const close = async (): Promise<void> => void (await program.stop());
    const [a, b] = load;
    return { host: await host, a, b, hopOfA: GATEWAY_MAC, hopOfB: GATEWAY_MAC, close, ...(hook === undefined ? {} : { hook }) };
  };
  return new Way(name, open, fits);
}

export function socketWays(lab: Lab): Way[] {
  const reference = async (): Promise<string[]> => [await loadProgram("forward-reference")];
  const ours = async (): Promise<string[]> => script("bench/peers/user-forwarder");
  const naive = async (): Promise<string[]> => script("bench/peers/naive-forwarder");
  return [
    programWay(lab, "C forwarder, dgram", dgramPorts, reference),
    programWay(lab, "C forwarder, stream", streamPorts, reference),
    programWay(lab, "tapnet user, dgram", dgramPorts, ours, { fits: plainFrames }),
    programWay(lab, "tapnet user, stream", streamPorts, ours, { fits: plainFrames }),
    programWay(lab, "tapnet user, TAP", tapPorts, ours, { hook: join(packageRoot, "bench", "peers", "forward-await.sh") }),
    programWay(lab, "naive Node, stream", streamPorts, naive),
  ];
}
