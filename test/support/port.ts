import { join } from "node:path";
import type { Host } from "./lab.js";
import { hook } from "./paths.js";
import type { RunningProcess } from "./process.js";
import { until } from "./wait.js";

/**
 * Makes a lab host the guest behind a port: its eth0 is wired to the TAP `tn-NAME` of the other host.
 *
 * Two QEMUs without a machine copy the frames, one on each host, joined by unix sockets. The one on the serving host attaches
 * as any QEMU does, by `script=`, so the port is a real one; but the guest is a namespace, where every DHCP client runs.
 */
export async function attachNamespace(server: Host, guest: Host, mac: string): Promise<void> {
  const scripts = `script=${hook("qemu-ifup")},downscript=${hook("qemu-ifdown")}`;
  await wireNamespace(server, guest, mac, `tn-${guest.name}`, scripts);
}

/** As `attachNamespace`, through a TAP of any name; `scripts` is what QEMU is to run for it. */
export async function wireNamespace(server: Host, guest: Host, mac: string, port: string, scripts: string): Promise<void> {
  const wire = [join(server.lab.folder, `${guest.name}.near`), join(server.lab.folder, `${guest.name}.far`)] as const;
  const qemus = [server.start(copyingQemu(`tap,id=near,ifname=${port},vnet_hdr=off,${scripts}`, datagrams(wire[0], wire[1])))];
  await until(port, async () => isThere(server, port, qemus));
  qemus.push(
    guest.start(copyingQemu("tap,id=near,ifname=eth0,vnet_hdr=off,script=no,downscript=no", datagrams(wire[1], wire[0]))),
  );
  await until(`eth0 of ${guest.name}`, async () => isThere(guest, "eth0", qemus));
  await guest.ip(`link set eth0 address ${mac} up`);
}

async function isThere(host: Host, ifname: string, qemus: readonly RunningProcess[]): Promise<boolean> {
  for (const qemu of qemus) {
    if (!qemu.running) throw new Error(`QEMU ended with status ${await qemu.exited}: ${qemu.output}`);
  }
  return (await host.run(["ip", "link", "show", ifname])).status === 0;
}

function copyingQemu(near: string, far: string): string[] {
  return [
    ...["qemu-system-x86_64", "-machine", "none", "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none"],
    ...["-netdev", near, "-netdev", far],
    ...["-netdev", "hubport,id=port1,hubid=0,netdev=near", "-netdev", "hubport,id=port2,hubid=0,netdev=far"],
  ];
}

/** Not `stream`: QEMU 7.2 crashes on a frame that comes before the other end is there. */
function datagrams(local: string, remote: string): string {
  return `dgram,id=far,local.type=unix,local.path=${local},remote.type=unix,remote.path=${remote}`;
}

/**
 * As `attachNamespace`, but by a veth pair instead of a TAP and two QEMUs: what is behind the port cannot tell, and a flood of frames
 * gets through. `hook` is called as QEMU would.
 */
export async function attachVeth(server: Host, guest: Host, mac: string, options: VethOptions = {}): Promise<void> {
  const { port = `tn-${guest.name}`, ifname = "eth0" } = options;
  await server.ip(`link add ${port} type veth peer name ${ifname} netns ${guest.namespace}`);
  await guest.ip(`link set ${ifname} address ${mac}`);
  await server.must(hook("qemu-ifup"), port);
  await guest.ip(`link set ${ifname} up`);
}

export interface VethOptions {
  readonly port?: string;
  /** The guest's side. */
  readonly ifname?: string;
}
