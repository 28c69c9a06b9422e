/** tapnetd killed with −9 while clients get leases: every lease that a client was told of is known after the next start. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { Lab } from "../../support/lab.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";
import { pause } from "../../support/wait.js";

const CLIENTS = 12;

const CONFIGURATION = `
networks:
  default:
    kind: nat
    ipv4: 10.77.0.0/24
    serve: [lan0]
`;

test("kill −9 under load loses no lease", needs(root, tap, nft, command("udhcpc")), async (t) => {
  const lab = new Lab(t);
  const server = await lab.host("server", { forwarding: true });
  const client = await lab.host("client");
  await lab.link({ host: server, ifname: "lan0" }, { host: client, ifname: "eth0" });
  const daemon = await new Daemon(server, CONFIGURATION).start();
  const told = new Map<number, string>();
  const ask = async (number: number): Promise<string | undefined> => {
    const id = `01aabbccdd${number.toString(16).padStart(4, "0")}`;
    const options = ["-f", "-q", "-n", "-t", "8", "-T", "1", "-C", "-x", `61:${id}`, "-s", "/bin/true"];
    const { stdout, stderr } = await client.run(["udhcpc", "-i", "eth0", ...options]);
    return /lease of (\S+) obtained/.exec(stdout + stderr)?.[1];
  };
  const dieAndRise = async (afterMs: number): Promise<void> => {
    await pause(afterMs);
    await daemon.kill();
    await daemon.start();
  };
  for (let number = 0; number < CLIENTS; number++) {
    const dying = number % 3 === 2 ? dieAndRise(20 + 7 * number) : undefined;
    const address = await ask(number);
    if (address !== undefined) told.set(number, address);
    await dying;
  }
  await daemon.kill();
  await daemon.start();
  assert.ok(told.size >= CLIENTS - 2, `${told.size} leases of ${CLIENTS}`);
  assert.equal(new Set(told.values()).size, told.size);
  for (const [number, address] of told) assert.equal(await ask(number), address);
});
