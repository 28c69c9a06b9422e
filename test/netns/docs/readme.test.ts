import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Lab } from "../../support/lab.js";
import { needs, qemu, root, tap } from "../../support/needs.js";
import { packageRoot } from "../../support/paths.js";
import { wireNamespace } from "../../support/port.js";
import { until } from "../../support/wait.js";
import { udhcpc } from "../interop/clients.js";

/** The program of the README, as it stands there. */
function libraryProgram(): string {
  const program = /```js\n([\s\S]*?)```/.exec(readFileSync(join(packageRoot, "README.md"), "utf8"))?.[1];
  assert.ok(program !== undefined, "the README has no program");
  return program;
}

test("the README's program makes a TAP and serves DHCP on it", needs(root, tap, qemu, udhcpc.requirement), async (t) => {
  const lab = new Lab(t);
  const server = await lab.host("server");
  const guest = await lab.host("vm1");
  await server.ip("link set lo up");
  // The package imports itself by name: node looks for that from the folder it is started in.
  const program = server.start(["env", "-C", packageRoot, process.execPath, "--input-type=module", "--eval", libraryProgram()]);
  const hasTap = async (): Promise<boolean> =>
    (await server.run(["ip", "link", "show", "up", "dev", "tap0"])).stdout.includes("tap0");
  await until("tap0", hasTap);
  await wireNamespace(server, guest, "52:54:00:00:00:09", "tap0", "script=no,downscript=no");
  udhcpc.start(guest);
  const hasAddress = async (): Promise<boolean> => {
    assert.ok(program.running, program.output);
    return (await guest.run(["ip", "-4", "address", "show", "dev", "eth0"])).stdout.includes("10.1.0.");
  };
  await until("an address for vm1", hasAddress);
});
