/** What a guest's first exchange finds compiled: V8 tells of each function that runs for the first time. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { Lab } from "../../support/lab.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";
import { packageRoot } from "../../support/paths.js";
import { attachVeth } from "../../support/port.js";
import { pause } from "../../support/wait.js";

/** What a frame goes through, and what a lease does. */
const ROOMS = new Set(["frame", "os", "wire", "services", "lease", "guest", "network"]);
/** Neighbour discovery and the like, which guests send as well. */
const SETTLED_MS = 500;
const BUNDLE = join(packageRoot, "dist/src/daemon/command.bundle.js");
const MAC = "52:54:00:00:00:01";

/** Where each module begins in the daemon's one file. */
function placesIn(path: string): [number, string][] {
  const found = readFileSync(path, "utf8").matchAll(/^\/\/ dist\/src\/(.+)$/gm);
  return [...found].map(({ index, 1: module }): [number, string] => [index, module]).reverse();
}

/** Functions of ours in V8's log (`--log-function-events`): kind, script, start, end, duration, time, name. */
function firstExecutions(log: string, all: string): string[] {
  const id = /^script-details,(\d+),.*\/command\.bundle\.js,/m.exec(all)?.[1];
  assert.ok(id !== undefined, "the daemon runs from one file");
  const places = placesIn(BUNDLE);
  const found: string[] = [];
  for (const [, script, start, name] of log.matchAll(/^function,first-execution,(\d+),(\d+),\d+,[^,]*,\d+,(.*)$/gm)) {
    if (script !== id) continue;
    const module = places.find(([place]) => place < Number(start))?.[1] ?? "";
    if (ROOMS.has(module.split("/")[0])) found.push(`${module} ${name}`);
  }
  return found;
}

describe("the first exchange after a start", needs(root, tap, nft, command("udhcpc")), () => {
  const lab = new Lab({ after });

  test("runs nothing for the first time, from the frame to the ACK", async () => {
    const host = await lab.host("host");
    const web = await lab.host("web1");
    const file = join(lab.folder, "v8.log");
    const daemon = new Daemon(host, "networks:\n  default: { kind: nat, ipv4: 10.77.0.0/24 }\n");
    const flags = `--log-function-events --no-logfile-per-isolate --logfile=${file}`;
    daemon.wrapper = ["sh", "-c", `node=$1; shift; exec "$node" ${flags} "$@"`, "sh"];
    await daemon.start();
    await web.must("sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
    await attachVeth(host, web, MAC);
    await pause(SETTLED_MS);
    const before = readFileSync(file, "utf8").length;
    await web.must(..."udhcpc -f -q -n -i eth0 -s /bin/true -x hostname:web1".split(" "));
    const log = readFileSync(file, "utf8");
    assert.match(log.slice(0, before), /^function,first-execution,.*,rehearse$/m);
    assert.deepEqual(firstExecutions(log.slice(before), log), []);
    assert.notDeepEqual(firstExecutions(log.slice(0, before), log), []);
  });
});
