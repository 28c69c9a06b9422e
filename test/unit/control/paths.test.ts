import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findRunDirectory, ownRunDirectories } from "../../../src/control/index.js";

const UID = process.getuid?.() ?? 0;
/** Nobody's: the places of a user who is not there. */
const STRANGER = 4_000_000_000;

describe("which daemon is asked", () => {
  let runtime = "";
  before(() => {
    runtime = mkdtempSync(join(tmpdir(), "tapnet-paths-"));
  });
  after(() => rmSync(runtime, { recursive: true }));

  it("the one that is said, before all others", () => {
    assert.equal(findRunDirectory({ TAPNET_RUN: "/else", XDG_RUNTIME_DIR: runtime }, UID), "/else");
  });

  it("the machine's, where the user has none", () => {
    assert.equal(findRunDirectory({ XDG_RUNTIME_DIR: runtime }, STRANGER), "/run/tapnet");
  });

  it("the user's own, where it has made its sockets, and nobody else's", () => {
    mkdirSync(join(runtime, "tapnet"));
    assert.equal(findRunDirectory({ XDG_RUNTIME_DIR: runtime }, UID), "/run/tapnet");
    writeFileSync(join(runtime, "tapnet", "control.sock"), "");
    assert.equal(findRunDirectory({ XDG_RUNTIME_DIR: runtime }, UID), join(runtime, "tapnet"));
    assert.equal(findRunDirectory({ XDG_RUNTIME_DIR: runtime }, STRANGER), "/run/tapnet");
  });

  it("without XDG_RUNTIME_DIR the folder of a login, then one in the temporary folder", () => {
    assert.deepEqual(ownRunDirectories({}, 7), ["/run/user/7/tapnet", join("/tmp", "tapnet-7")]);
    assert.deepEqual(ownRunDirectories({ XDG_RUNTIME_DIR: "relative" }, 7), ["/run/user/7/tapnet", join("/tmp", "tapnet-7")]);
    assert.deepEqual(ownRunDirectories({ XDG_RUNTIME_DIR: "/run/user/7" }, 7), ["/run/user/7/tapnet", join("/tmp", "tapnet-7")]);
  });
});
