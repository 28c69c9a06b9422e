/** Guests that start while the daemon is just being started again. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { Lab } from "../../support/lab.js";
import { needs, nft, root, tap } from "../../support/needs.js";
import { hook } from "../../support/paths.js";

describe("a guest that starts while the daemon is away", needs(root, tap, nft), () => {
  for (const [how, leave] of [
    ["after kill -9", (daemon: Daemon) => daemon.kill()],
    ["after a clean stop, as an upgrade has it", (daemon: Daemon) => daemon.stop()],
  ] as const) {
    test(`is attached when it is back: ${how}`, async (t) => {
      const lab = new Lab(t);
      const host = await lab.host("host");
      const daemon = await new Daemon(host).start();
      await host.ip("link add tn-web1 type veth peer name other");
      await leave(daemon);
      const ifup = host.start([hook("qemu-ifup"), "tn-web1"]);
      await daemon.start();
      assert.equal(await ifup.exited, 0, ifup.output);
      const guests = (await daemon.tapnet("guest", "list")) as { name: string; state: string }[];
      assert.deepEqual(
        guests.map(({ name, state }) => [name, state]),
        [["web1", "attached"]],
      );
    });
  }
});
