import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { UnixListener, unixRequest } from "../../../src/os/unix-socket.js";
import { needs, root } from "../../support/needs.js";
import { RunningProcess } from "../../support/process.js";

const PACKET_SOCKETS = 100;

/** A daemon's likeness: it listens, and has a packet socket for each of many links. */
const PROGRAM = `
const [osFolder, path] = process.argv.slice(1);
const { UnixListener } = await import(osFolder + "unix-socket.js");
const { FrameSocket } = await import(osFolder + "frame-socket.js");
const { unshareNetworkNamespace } = await import(osFolder + "netns.js");
unshareNetworkNamespace();
// Opened first, as a daemon does before guests attach: the kernel buries what was opened last first.
new UnixListener({ path }, () => {});
const columns = { bytes: new Uint8Array(64), count: 0 };
for (const name of ["slot", "offset", "length"]) columns[name] = new Uint32Array(1);
const frames = new FrameSocket({ ...columns, flags: new Uint8Array(1) }, { onReadable() {}, onLinkGone() {} });
for (let slot = 0; slot < ${PACKET_SOCKETS}; slot++) frames.add(slot, 1, [{ code: 6, jt: 0, jf: 0, k: 0 }]);
console.log("listening");
`;

test(
  "a daemon that was killed with many links is succeeded at once, while the kernel still buries it",
  needs(root),
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "tnt-dying-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "hook.sock");
    const osFolder = new URL("../../../src/os/", import.meta.url).href;
    const first = new RunningProcess([process.execPath, "--input-type=module", "-e", PROGRAM, osFolder, path]);
    t.after(() => first.stop("SIGKILL"));
    await first.waitFor(/listening/);
    first.signal("SIGKILL");
    // It dies on another core, or when we give ours up.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const second = new UnixListener({ path }, (request) => request.reply("ok"));
    t.after(() => second.close());
    assert.equal(Buffer.from((await unixRequest(path, "x")).message).toString(), "ok");
  },
);
