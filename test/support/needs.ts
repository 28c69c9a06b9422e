/**
 * What a test needs of the machine. A test whose needs are not met is skipped with the reason, and the runner lists it:
 * `test("a guest boots", needs(root, tap, qemu), async (t) => …)`.
 */

import { spawnSync } from "node:child_process";
import { accessSync, closeSync, constants, existsSync, openSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileReason } from "../../src/base/errors.js";
import { packageRoot } from "./paths.js";

const NEEDS_ROOT = "needs root";

/** One requirement: why it is not met, or undefined. */
export type Requirement = () => string | undefined;

/** Options for `test`: nothing when all needs are met, else a skip that says every reason. */
export function needs(...requirements: readonly Requirement[]): { skip?: string } {
  const reasons = new Set(requirements.map((requirement) => requirement()).filter((reason) => reason !== undefined));
  return reasons.size === 0 ? {} : { skip: [...reasons].join("; ") };
}

/** Root, and the right to make network namespaces: a container's root may lack it. */
export const root: Requirement = once(() => {
  if (process.getuid?.() !== 0) return NEEDS_ROOT;
  const probe = spawnSync("unshare", ["--net", "--mount", "true"], { encoding: "utf8" });
  return probe.status === 0 ? undefined : `needs the right to make namespaces: ${probe.stderr.trim()}`;
});

/** `/dev/net/tun`, openable. */
export const tap: Requirement = once(() => {
  try {
    closeSync(openSync("/dev/net/tun", "r+"));
    return undefined;
  } catch (thrown) {
    return `needs /dev/net/tun: ${fileReason(thrown)}`;
  }
});

/** QEMU, and the guest's kernel and initramfs that `scripts/guest-image` makes. */
export const qemu: Requirement = once(() => {
  const missing = command("qemu-system-x86_64")();
  if (missing !== undefined) return missing;
  return guestImage() === undefined ? "needs the guest image: run scripts/guest-image" : undefined;
});

/** nftables: the tool, and a kernel that has it. */
export const nft: Requirement = once(() => {
  const missing = command("nft")();
  if (missing !== undefined) return missing;
  if (process.getuid?.() !== 0) return NEEDS_ROOT;
  const probe = spawnSync("unshare", ["--net", "nft", "list", "ruleset"], { encoding: "utf8" });
  return probe.status === 0 ? undefined : `needs nftables: ${probe.stderr.trim()}`;
});

/** A program on the PATH, or by its full path. `from` names the Debian package where it is called otherwise. */
export function command(name: string, from = name): Requirement {
  return () => {
    const candidates = name.includes("/") ? [name] : searchPath().map((folder) => join(folder, name));
    return candidates.some(isExecutable) ? undefined : `needs ${name} (Debian package ${from})`;
  };
}

/** The folder with the guest's `vmlinuz` and `initrd`; undefined until it was made. */
export function guestImage(): string | undefined {
  const cache = join(packageRoot, ".cache", "guest");
  if (!existsSync(cache)) return undefined;
  const image = readdirSync(cache).find((name) => name.startsWith("image-"));
  return image === undefined ? undefined : join(cache, image);
}

function searchPath(): string[] {
  return [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function once(requirement: Requirement): Requirement {
  let answer: { readonly reason: string | undefined } | undefined;
  return () => {
    answer ??= { reason: requirement() };
    return answer.reason;
  };
}
