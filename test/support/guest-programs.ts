/**
 * Programs of this machine for a guest: an initramfs of the guest image's own and, behind it, what they are and what they load.
 * The kernel unpacks both, one over the other.
 */
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Lab } from "./lab.js";
import { guestImage } from "./needs.js";
import { must } from "./process.js";

export interface GuestPrograms {
  /** Where each stands on this machine, by where it is to stand in the guest. */
  readonly programs: Readonly<Record<string, string>>;
  /** Files by their path, with what is in them. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Makes the initramfs in the lab's folder; hands back its path. */
export async function guestPrograms(lab: Lab, { programs, files = {} }: GuestPrograms): Promise<string> {
  const tree = lab.subfolder("guest-programs");
  const place = (path: string): string => {
    mkdirSync(join(tree, dirname(path)), { recursive: true });
    return join(tree, path);
  };
  for (const [path, from] of Object.entries(programs)) {
    copyFileSync(from, place(path));
    chmodSync(join(tree, path), 0o755);
    for (const library of librariesOf(from)) {
      if (!existsSync(join(tree, library))) copyFileSync(realpathSync(library), place(library));
    }
  }
  for (const [path, text] of Object.entries(files)) writeFileSync(place(path), text);
  const initrd = join(lab.folder, "programs.initrd");
  copyFileSync(join(guestImage() ?? "", "initrd"), initrd);
  const archive = join(lab.folder, "programs.cpio");
  await must(["sh", "-c", 'cd "$1" && find . | cpio --quiet -o -H newc --owner 0:0 >"$2"', "sh", tree, archive]);
  appendFileSync(initrd, readFileSync(archive));
  return initrd;
}

/** What the dynamic linker would load, itself included; nothing for a static program. */
function librariesOf(program: string): string[] {
  const { stdout } = spawnSync("ldd", [program], { encoding: "utf8" });
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1]);
}
