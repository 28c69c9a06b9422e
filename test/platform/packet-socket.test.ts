import assert from "node:assert/strict";
import { test } from "node:test";
import { Lab } from "../support/lab.js";
import { command, needs, nft, root } from "../support/needs.js";

test("a packet socket sees a frame that netfilter drops at prerouting", needs(root, nft, command("tcpdump")), async (t) => {
  const lab = new Lab(t);
  const gateway = await lab.host("gateway");
  const guest = await lab.host("guest");
  await lab.link(
    { host: gateway, ifname: "tap1", addresses: ["10.77.0.1/24"] },
    { host: guest, ifname: "eth0", addresses: ["10.77.0.11/24"] },
  );
  await gateway.must("nft", "add table inet t; add chain inet t pre { type filter hook prerouting priority raw; policy drop; }");
  const watch = gateway.start(["tcpdump", "-n", "-l", "-Q", "in", "-i", "tap1", "icmp"]);
  await watch.waitFor(/listening on/);
  assert.notEqual((await guest.run(["ping", "-c", "1", "-W", "1", "10.77.0.1"])).status, 0);
  await watch.waitFor(/ICMP echo request/, 2_000);
});
