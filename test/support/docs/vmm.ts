/**
 * Stands in a page's site for the programs that run guests: `node vmm.js qemu|firecracker|cloud-hypervisor ARGUMENT…`.
 *
 * A guest that boots takes seconds, and what a page shows of it is its network. So only what the command line says about the
 * network is done, and done by the real QEMU: it gets each `-netdev` to the letter, runs its `script=` or `helper=`, holds the TAP
 * as long as the guest lives, and copies frames between the TAP and a socket. Behind that socket the site puts a namespace, which
 * is the guest. The wires are told in /run/lab/wires/NAME.json.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LAB_FOLDER } from "./machine.js";

/** What the site is told about a guest that was started. */
export interface Wires {
  readonly name: string;
  /** Of the QEMU that holds the TAPs, as its machine counts. */
  readonly pid: number;
  readonly nics: readonly { readonly mac: string; readonly near: string; readonly far: string }[];
}

interface Nic {
  /** QEMU's `-netdev` argument. */
  readonly netdev: string;
  readonly mac: string;
}

export const WIRES_FOLDER = join(LAB_FOLDER, "wires");

/** Not `stream`: QEMU 7.2 crashes on a frame that comes before the other end is there. */
export function datagrams(local: string, remote: string): string {
  return `dgram,local.type=unix,local.path=${local},remote.type=unix,remote.path=${remote}`;
}

/** A QEMU without a machine that joins pairs of netdevs. */
export function copyingQemu(pairs: readonly (readonly [string, string])[]): string[] {
  const netdevs = pairs.flatMap(([one, other], index) => [
    ...["-netdev", withId(one, `one${index}`), "-netdev", withId(other, `other${index}`)],
    ...["-netdev", `hubport,id=port-one${index},hubid=${index},netdev=one${index}`],
    ...["-netdev", `hubport,id=port-other${index},hubid=${index},netdev=other${index}`],
  ]);
  return ["-machine", "none", "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none", ...netdevs];
}

function withId(netdev: string, id: string): string {
  const [type, ...options] = netdev.split(",");
  return [type, `id=${id}`, ...options.filter((option) => !option.startsWith("id="))].join(",");
}

/** `a=1,b=2` as pairs; a word without `=` is its own value. */
function fields(text: string): Map<string, string> {
  return new Map(
    text.split(",").map((part) => {
      const at = part.indexOf("=");
      return at < 0 ? [part, part] : [part.slice(0, at), part.slice(at + 1)];
    }),
  );
}

/** Values that follow an option, each time it is given. */
function valuesOf(args: readonly string[], option: string): string[] {
  return args.flatMap((word, index) => (word === option && args[index + 1] !== undefined ? [args[index + 1]] : []));
}

function qemuGuest(args: readonly string[]): { name: string | undefined; nics: Nic[] } {
  const devices = valuesOf(args, "-device").map(fields);
  const nics = valuesOf(args, "-netdev").map((netdev, index) => {
    const id = fields(netdev).get("id") ?? "";
    const device = devices.find((candidate) => candidate.get("netdev") === id);
    if (device === undefined) throw new Error(`-netdev ${id}: no -device has netdev=${id}`);
    return { netdev, mac: device.get("mac") ?? `52:54:00:12:34:${56 + index}` };
  });
  const name = valuesOf(args, "-name").map((text) => fields(text).get("guest") ?? text.split(",")[0]);
  return { name: name[0], nics };
}

function readyTap(ifname: string, mac: string): Nic {
  return { netdev: `tap,ifname=${ifname},script=no,downscript=no`, mac };
}

function firecrackerGuest(args: readonly string[]): { name: string | undefined; nics: Nic[] } {
  const [path] = valuesOf(args, "--config-file");
  const file = JSON.parse(readFileSync(path, "utf8")) as {
    "network-interfaces": { host_dev_name: string; guest_mac: string }[];
  };
  const nics = file["network-interfaces"].map(({ host_dev_name, guest_mac }) => readyTap(host_dev_name, guest_mac));
  return { name: valuesOf(args, "--id")[0], nics };
}

function cloudHypervisorGuest(args: readonly string[]): { name: string | undefined; nics: Nic[] } {
  const nics = valuesOf(args, "--net").map(fields);
  return { name: undefined, nics: nics.map((nic) => readyTap(nic.get("tap") ?? "", nic.get("mac") ?? "")) };
}

function main([program, ...args]: readonly string[]): void {
  const read = { qemu: qemuGuest, firecracker: firecrackerGuest, "cloud-hypervisor": cloudHypervisorGuest }[program];
  if (read === undefined) throw new Error(`no such program: ${program}`);
  const { name: given, nics } = read(args);
  const name = given ?? /ifname=tn-([\w-]+)|--guest=([\w-]+)/.exec(nics[0].netdev)?.slice(1).find(Boolean);
  if (name === undefined) throw new Error("the guest has no name: give -name");
  const nicWires = nics.map(({ mac }, index) => ({
    mac,
    near: join(WIRES_FOLDER, `${name}.${index}.near`),
    far: join(WIRES_FOLDER, `${name}.${index}.far`),
  }));
  mkdirSync(WIRES_FOLDER, { recursive: true });
  const pairs = nics.map(({ netdev }, index) => [netdev, datagrams(nicWires[index].near, nicWires[index].far)] as const);
  const command = ["--pdeathsig=KILL", "--", "/usr/bin/qemu-system-x86_64", ...copyingQemu(pairs)];
  const qemu = spawn("setpriv", command, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => qemu.kill(signal));
  qemu.once("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 0)));
  const wires: Wires = { name, pid: qemu.pid ?? 0, nics: nicWires };
  const told = join(WIRES_FOLDER, `${name}.json`);
  writeFileSync(`${told}.new`, JSON.stringify(wires));
  renameSync(`${told}.new`, told);
}

if (process.argv[1]?.endsWith("vmm.js")) main(process.argv.slice(2));
