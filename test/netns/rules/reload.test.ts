/** What a reload of changed lists does to connections that are there: where the host forwards they go on, on a bridge they end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../support/lab.js";
import { command, needs, nft, root } from "../../support/needs.js";
import type { RunningProcess } from "../../support/process.js";
import { ask, listening } from "../../support/reach.js";
import { until } from "../../support/wait.js";
import { RuleSite, WORLD } from "./site.js";

const ECHO_PORT = 7000;
/** As the log says it. */
const RELOADED = "is in effect";
const B1 = "10.79.0.11";

/** A guest of each kind of link with a list of its own: the echo's port, or another. */
function configuration(port: number): string {
  return `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24 }
  office: { kind: bridge, ipv4: 10.79.0.0/24 }
guests:
  n1: { mac: "52:54:00:00:00:1a", ipv4: 10.77.0.10, egress: ["${WORLD.ipv4} ${port}"] }
  free1: { mac: "52:54:00:00:00:1b", ipv4: 10.77.0.11 }
  a1: { network: office, mac: "52:54:00:00:00:0a", ipv4: 10.79.0.10, egress: ["guest b1 ${port}"] }
  b1: { network: office, mac: "52:54:00:00:00:0b", ipv4: ${B1} }
`;
}

/** A connection that says what it is told, and is heard where the other end answers. */
class Echo {
  readonly #process: RunningProcess;
  #said = 0;

  constructor(from: Host, to: string) {
    this.#process = from.start(["socat", "-", `TCP4:${to}:${ECHO_PORT}`]);
  }

  say(): string {
    const line = `line ${++this.#said}.`;
    this.#process.child.stdin?.write(`${line}\n`);
    return line;
  }

  async hear(line: string): Promise<void> {
    await until(`${line} to come back`, () => this.#process.stdout.includes(line));
  }

  heard(line: string): boolean {
    return this.#process.stdout.includes(line);
  }
}

test("lists that change under connections", needs(root, nft, command("socat")), async (t) => {
  const site = await RuleSite.start(t, configuration(ECHO_PORT));
  const join = (name: string, mac: string, ipv4: string): Promise<Host> =>
    site.guest({ name, mac, ipv4, gateway: ipv4.replace(/\d+$/, "1") });
  const n1 = await join("n1", "52:54:00:00:00:1a", "10.77.0.10");
  const free1 = await join("free1", "52:54:00:00:00:1b", "10.77.0.11");
  const a1 = await join("a1", "52:54:00:00:00:0a", "10.79.0.10");
  const b1 = await join("b1", "52:54:00:00:00:0b", B1);
  for (const server of [site.world, b1]) {
    server.start(["socat", `TCP4-LISTEN:${ECHO_PORT},fork,reuseaddr`, "EXEC:cat"]);
    await listening(server, "tcp", ECHO_PORT);
  }
  const [routed, bridged, free] = [new Echo(n1, WORLD.ipv4), new Echo(a1, B1), new Echo(free1, WORLD.ipv4)];
  for (const echo of [routed, bridged, free]) await echo.hear(echo.say());
  const reload = async (port: number): Promise<void> => {
    const reloads = (): number => site.daemon.log.split(RELOADED).length;
    const before = reloads();
    site.daemon.configure(configuration(port));
    site.daemon.process.signal("SIGHUP");
    await until("the configuration to be in force", () => reloads() > before);
  };

  await reload(ECHO_PORT);
  for (const echo of [routed, bridged, free]) await echo.hear(echo.say());

  await reload(ECHO_PORT + 1);
  const lost = bridged.say();
  for (const echo of [routed, free]) await echo.hear(echo.say());
  assert.deepEqual(await ask(n1, [`open ${WORLD.ipv4} ${ECHO_PORT}`]), [null], "nothing new");
  assert.deepEqual(await ask(a1, [`open ${B1} ${ECHO_PORT}`]), [null], "nothing new");
  assert.equal(bridged.heard(lost), false, "each packet meets the list");

  await reload(ECHO_PORT);
  for (const echo of [routed, free]) await echo.hear(echo.say());
  await bridged.hear(lost);
});
