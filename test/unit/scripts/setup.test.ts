import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { packageRoot } from "../../support/paths.js";
import { run } from "../../support/process.js";

const LIB = join(packageRoot, "scripts", "lib");

/** A folder with these files, gone after the test. */
function makeFolder(t: TestContext, files: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(tmpdir(), "tapnet-setup-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

describe("packages-current", () => {
  const lock = {
    packages: { "": {}, "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "2.0.0", optional: true } },
  };
  const cases = [
    {
      name: "just what the lock asks for",
      installed: { "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "2.0.0" } },
    },
    { name: "without an optional package of another platform", installed: { "node_modules/a": { version: "1.0.0" } } },
    { name: "another version", installed: { "node_modules/a": { version: "1.0.1" } }, status: 1 },
    { name: "a package missing", installed: {}, status: 1 },
    { name: "a package too many", installed: { "node_modules/a": { version: "1.0.0" }, "node_modules/c": {} }, status: 1 },
    { name: "nothing installed yet", installed: undefined, status: 1 },
  ];
  for (const { name, installed, status = 0 } of cases) {
    test(name, async (t) => {
      const record = installed === undefined ? {} : { "node_modules/.package-lock.json": { packages: installed } };
      const folder = makeFolder(t, { "package-lock.json": lock, ...record });
      assert.equal((await run([process.execPath, join(LIB, "packages-current.mjs"), folder])).status, status);
    });
  }
});

test("prune-dist removes what has no source any more, and nothing else", async (t) => {
  const folder = makeFolder(t, {
    "src/kept.ts": "",
    "dist/src/kept.js": "",
    "dist/src/kept.d.ts": "",
    "dist/test/gone.test.js": "",
    "dist/test/gone.test.js.map": "",
    "dist/tsconfig.tsbuildinfo": "",
  });
  const { status } = await run(["sh", "-c", 'cd "$1" && "$2" "$3"', "sh", folder, process.execPath, join(LIB, "prune-dist.mjs")]);
  assert.equal(status, 0);
  for (const path of ["dist/src/kept.js", "dist/src/kept.d.ts", "dist/tsconfig.tsbuildinfo"])
    assert.ok(existsSync(join(folder, path)), path);
  for (const path of ["dist/test/gone.test.js", "dist/test/gone.test.js.map"]) assert.ok(!existsSync(join(folder, path)), path);
});

test("missing_packages names packages of programs and files that are not there", async () => {
  const wanted = ["sh", "no-such-program", "no-such-program:its-package", "/etc/passwd:present", "/no/such/*:file-package"];
  const { stdout } = await run([join(LIB, "setup.sh"), "missing_packages", ...wanted]);
  assert.deepEqual(stdout.trimEnd().split("\n"), ["file-package", "its-package", "no-such-program"]);
});
