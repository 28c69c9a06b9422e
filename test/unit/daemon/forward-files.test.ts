import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import { TapnetError } from "../../../src/base/errors.js";
import { silentLogger } from "../../../src/base/log.js";
import { parseForward } from "../../../src/config/index.js";
import { type AddedForward, ForwardFile } from "../../../src/daemon/wiring/forward-files.js";

function added(guest: string, text: string): AddedForward {
  const forward = parseForward(text);
  assert.ok(!("message" in forward), text);
  return { guest, forward };
}

suite("forwards that were added", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tnt-forwards-"));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  test("are read as they were written, and none where there is no file", () => {
    const file = new ForwardFile(folder);
    assert.deepEqual(file.load(silentLogger), []);
    const forwards = [added("web1", "8080:80"), added("web2", "[2001:db8::1]:1000-1010:2000/udp")];
    file.save(forwards);
    assert.deepEqual(new ForwardFile(folder).load(silentLogger), forwards);
  });

  for (const text of [
    "",
    "{",
    "null",
    "[]",
    '{"version":2,"forwards":[]}',
    '{"version":1,"forwards":{}}',
    '{"version":1,"forwards":[null]}',
    '{"version":1,"forwards":[{"guest":"web1"}]}',
    '{"version":1,"forwards":[{"guest":"web1","forward":"0:80"}]}',
  ]) {
    test(`a damaged file is put aside: ${text}`, () => {
      writeFileSync(join(folder, "forwards.json"), text);
      assert.deepEqual(new ForwardFile(folder).load(silentLogger), []);
      assert.equal(readFileSync(join(folder, "forwards.json.broken"), "utf8"), text);
      assert.ok(!existsSync(join(folder, "forwards.json")));
    });
  }

  test("that cannot be kept are refused", () => {
    const file = new ForwardFile(join(folder, "nowhere"));
    assert.throws(
      () => file.save([]),
      (error) => error instanceof TapnetError && error.code === "FORWARDS",
    );
  });
});
