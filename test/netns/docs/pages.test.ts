/** Each page of `docs/` is done as it stands: files are written, commands typed, and what they print is held against the page. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parsePage } from "../../support/docs/page.js";
import { Site } from "../../support/docs/site.js";
import { Lab } from "../../support/lab.js";
import { command, needs, nft, qemu, type Requirement, root, tap } from "../../support/needs.js";
import { packageRoot } from "../../support/paths.js";

const FOLDER = join(packageRoot, "docs");
const FRONT_PAGE = "README.md";
/** What a page needs besides what all do. */
const NEEDS: Readonly<Record<string, readonly Requirement[]>> = {
  "libvirt.md": [
    command("/usr/sbin/libvirtd", "libvirt-daemon"),
    command("virsh", "libvirt-clients"),
    command("virt-install", "virtinst"),
    command("dig", "bind9-dnsutils"),
  ],
};
const pages = readdirSync(FOLDER).filter((name) => name.endsWith(".md") && name !== FRONT_PAGE);

describe("docs", needs(root, tap, nft, qemu, command("udhcpc")), () => {
  const wanted = process.env["TAPNET_PAGE"];
  for (const name of pages.filter((page) => wanted === undefined || page === `${wanted}.md`)) {
    test(name, needs(...(NEEDS[name] ?? [])), async (t) => {
      const steps = parsePage(readFileSync(join(FOLDER, name), "utf8"));
      const site = await Site.make(new Lab(t));
      for (const step of steps) {
        await site.play(step).catch((thrown: unknown) => {
          throw new Error(`docs/${name}:${step.line}: ${(thrown as Error).message}`, { cause: thrown });
        });
      }
    });
  }
});

test("the front page of docs lists every page", () => {
  const front = readFileSync(join(FOLDER, FRONT_PAGE), "utf8");
  for (const name of pages) assert.ok(front.includes(`](${name})`), `docs/README.md does not list ${name}`);
});
