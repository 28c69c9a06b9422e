import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { needs, nft, root } from "../../support/needs.js";
import { ask, respond } from "../../support/reach.js";
import { RuleSite, UPLINK, WORLD } from "./site.js";

const PUBLIC = "198.51.100.7";
const CONFIGURATION = `
networks:
  office: { kind: bridge, ipv4: 10.79.0.0/24, way-out: nat, uplink: up0 }
guests:
  b1: { mac: "52:54:00:00:00:0a", ipv4: 10.79.0.10, forwards: ["8080:80"], public: ${PUBLIC} }
  b2: { mac: "52:54:00:00:00:0b", ipv4: 10.79.0.11 }
`;

suite("forwards and public addresses of guests on a bridge", needs(root, nft), () => {
  test("lead there from the world, the guest's neighbours and the host", async (context) => {
    const site = await RuleSite.start(context, CONFIGURATION);
    const gateway = "10.79.0.1";
    const b1 = await site.guest({ name: "b1", mac: "52:54:00:00:00:0a", ipv4: "10.79.0.10", gateway });
    const b2 = await site.guest({ name: "b2", mac: "52:54:00:00:00:0b", ipv4: "10.79.0.11", gateway });
    await respond(b1, 80);
    await respond(site.world, 80);
    const questions = [`tcp ${UPLINK.ipv4} 8080`, `tcp ${PUBLIC} 80`, `udp ${PUBLIC} 80`];
    // Whether the host's packet filter sees what crosses a bridge is as the host has it: Docker turns it on.
    for (const seen of [0, 1]) {
      await site.host.must("sh", "-c", `f=/proc/sys/net/bridge/bridge-nf-call-iptables; [ ! -e $f ] || echo ${seen} > $f`);
      const from = (address: string): string[] => questions.map(() => `b1 ${address}`);
      assert.deepEqual(await ask(site.world, questions), from(WORLD.ipv4), `world ${seen}`);
      assert.deepEqual(await ask(b2, questions), from(gateway), `neighbour ${seen}`);
      // Then the frame would leave by the port that it came from, which a bridge does not do.
      const itself = seen === 0 ? from(gateway) : questions.map(() => null);
      assert.deepEqual(await ask(b1, questions), itself, `itself ${seen}`);
      assert.deepEqual((await ask(site.host, questions)).slice(1), from(gateway).slice(1), `host ${seen}`);
    }
    assert.deepEqual(await ask(b1, [`tcp ${WORLD.ipv4} 80`]), [`world ${PUBLIC}`]);
  });
});
