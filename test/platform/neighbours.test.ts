import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Host, Lab } from "../support/lab.js";
import { command, needs, root } from "../support/needs.js";

/** A gateway with two guests, each behind a link of its own: veth pairs stand for TAPs. */
async function makeGround(t: TestContext): Promise<{ gateway: Host; one: Host; two: Host }> {
  const lab = new Lab(t);
  const gateway = await lab.host("gateway", { forwarding: true });
  const [one, two] = [await lab.host("one"), await lab.host("two")];
  await lab.link({ host: gateway, ifname: "tap1" }, { host: one, ifname: "eth0", addresses: ["10.77.0.11/24"] });
  await lab.link({ host: gateway, ifname: "tap2" }, { host: two, ifname: "eth0", addresses: ["10.77.0.12/24"] });
  await gateway.ip("route add 10.77.0.11/32 dev tap1");
  await gateway.ip("route add 10.77.0.12/32 dev tap2");
  return { gateway, one, two };
}

async function arping(host: Host, address: string): Promise<number> {
  const { stdout } = await host.run(["busybox", "arping", "-c", "1", "-w", "2", "-I", "eth0", address]);
  return Number(/Received (\d+) response/.exec(stdout)?.[1]);
}

const ready = needs(root, command("busybox"));

test("an address on lo is answered for on every link (arp_ignore 0)", ready, async (t) => {
  const { gateway, one, two } = await makeGround(t);
  await gateway.ip("address add 10.77.0.1/32 dev lo");
  assert.ok((await arping(one, "10.77.0.1")) > 0);
  assert.ok((await arping(two, "10.77.0.1")) > 0);
});

test("proxy ARP answers for what is routed elsewhere, and for nothing else", ready, async (t) => {
  const { gateway, one } = await makeGround(t);
  await gateway.sysctl({ "ipv4/conf/tap1/proxy_arp": 1, "ipv4/neigh/tap1/proxy_delay": 0 });
  assert.ok((await arping(one, "10.77.0.12")) > 0, "a guest behind another link");
  assert.equal(await arping(one, "10.77.0.11"), 0, "its own address: duplicate address detection must hear nothing");
  assert.equal(await arping(one, "10.77.0.99"), 0, "an address that has no route");
  await gateway.ip("route add unreachable 10.77.0.0/24");
  assert.equal(await arping(one, "10.77.0.99"), 0, "an address of the pool that no guest has");
});

test("permanent neighbours do not count against the table's limit", ready, async (t) => {
  const { gateway } = await makeGround(t);
  const lines = Array.from(
    { length: 1500 },
    (_, index) => `neighbour add 10.78.${index >> 8}.${index & 255} lladdr 52:54:00:00:00:01 nud permanent dev tap1`,
  );
  const { status, stderr } = await gateway.run(["ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
  assert.equal(status, 0, stderr);
  assert.equal((await gateway.ip("neighbour show nud permanent")).trimEnd().split("\n").length, 1500);
});
