import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../../support/paths.js";

test("the README's forwarder takes a frame from one guest to the other, late", () => {
  const programs = [...readFileSync(join(packageRoot, "README.md"), "utf8").matchAll(/```js\n([\s\S]*?)```/g)];
  const program = programs.map(([, text]) => text).find((text) => text.includes("ForwardEngine"));
  assert.ok(program !== undefined, "the README has no such program");
  const lossless = program.replace("share: 0.01", "share: 0");
  const told = "const say = () => links.take().map(({ port, bytes }) => [port, bytes[22], bytes.length]);";
  const check = `${told} console.log(JSON.stringify(say())); setTimeout(() => console.log(JSON.stringify(say())), 200);`;
  const words = ["--input-type=module", "--eval", `${lossless}\n${check}`];
  const { stdout, stderr } = spawnSync(process.execPath, words, { cwd: packageRoot, encoding: "utf8" });
  assert.equal(stdout, "[]\n[[1,63,42]]\n", stderr);
});
