import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where this package is: `src/control` is three levels below it once compiled. */
const ROOT = new URL("../../../", import.meta.url);

/** The version of this package, from its package.json. */
export function packageVersion(): string {
  const text = readFileSync(new URL("package.json", ROOT), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** What QEMU is told for a guest on a TAP that it makes itself. */
export function qemuWords(guest: string): string {
  const hooks = `script=${hookPath("qemu-ifup")},downscript=${hookPath("qemu-ifdown")}`;
  return `-netdev tap,id=net0,ifname=tn-${guest},${hooks} -device virtio-net-pci,netdev=net0`;
}

/** The path of a program that QEMU runs, as `scripts/install`, a build or a package has put it; its name where none has. */
export function hookPath(name: "qemu-ifup" | "qemu-ifdown" | "qemu-helper"): string {
  const places = ["", "build/Release/", `prebuilds/linux-${process.arch}/`].map((folder) => new URL(folder + name, ROOT));
  const found = places.find((place) => existsSync(place));
  return found === undefined ? name : fileURLToPath(found);
}
