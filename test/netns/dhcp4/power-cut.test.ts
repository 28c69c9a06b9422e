/** tapnetd killed with −9 under load, at any moment: every lease that a client was told of is known after the next start. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadProgram } from "../../../bench/frame/load-program.js";
import { Daemon } from "../../support/daemon.js";
import { Lab } from "../../support/lab.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";
import { pause, until } from "../../support/wait.js";

const CRASHES = 6;
/** Each load has clients of its own, so that every ACK is a lease that the store did not hold. */
const CLIENTS = 8000;
const FIRST_ACKS_MS = 20_000;

const CONFIGURATION = `
networks:
  default:
    kind: isolated
    ipv4: 10.64.0.0/14
    serve: [lan0]
    dhcp: { ranges: [10.64.16.0-10.65.255.255] }
`;

test("kill −9 under load loses no lease", needs(root, tap, nft, command("cc", "gcc")), async (t) => {
  const lab = new Lab(t);
  const server = await lab.host("server");
  const clients = await lab.host("clients");
  await lab.link({ host: server, ifname: "lan0" }, { host: clients, ifname: "load" });
  const daemon = await new Daemon(server, CONFIGURATION).start();
  const program = await loadProgram("dhcp-load");
  const told = new Map<string, string>();
  for (let crash = 0; crash < CRASHES; crash++) {
    const words = [
      "--first",
      String(crash * CLIENTS),
      "--clients",
      String(CLIENTS),
      "--window",
      "64",
      "--seconds",
      "60",
      "--leases",
    ];
    const load = clients.start([program, "--interface", "load", ...words]);
    await until("the first ACKs", () => load.stdout.includes("\n"), FIRST_ACKS_MS);
    const momentMs = Math.random() * 150;
    await pause(momentMs);
    await daemon.kill();
    await load.stop();
    const before = told.size;
    for (const [, mac, address] of load.stdout.matchAll(/^([0-9a-f:]{17}) ([\d.]+)\n/gm)) {
      assert.equal(told.get(address) ?? mac, mac, `${address} was given to two clients`);
      told.set(address, mac);
    }
    assert.ok(told.size > before);
    await daemon.start();
    const known = new Map(
      ((await daemon.tapnet("lease", "list")) as { address: string; mac: string }[]).map(({ address, mac }) => [address, mac]),
    );
    const lost = [...told].filter(([address, mac]) => known.get(address) !== mac);
    assert.deepEqual(lost, [], `killed ${momentMs} ms after the first ACK of load ${crash + 1}\n${daemon.log}`);
  }
  t.diagnostic(`${told.size} leases were acknowledged before ${CRASHES} crashes, and all are known`);
});
