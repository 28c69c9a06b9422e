import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Guest } from "../support/guest.js";
import { Lab } from "../support/lab.js";
import { needs, nft, qemu, root, tap } from "../support/needs.js";
import { bootScriptGuest, makeSite, type Site } from "../support/site.js";
import { pause } from "../support/wait.js";

/** One network for each way to the world: a prefix that is routed to the host, the uplink's own (proxy NDP), and NAT66. */
const CONFIGURATION = `
networks:
  routed: { kind: routed, uplink: up0, ipv6: "2001:db8:77::/64" }
  shared: { kind: routed, uplink: up0, ipv6: uplink }
  natted: { kind: nat, uplink: up0, ipv6: "fd00:77::/64" }
guests:
  r1: { network: routed, mac: "52:54:00:00:00:01" }
  s1: { network: shared, mac: "52:54:00:00:00:02" }
  n1: { network: natted, mac: "52:54:00:00:00:03" }
`;
const WORLD = "2001:db8:5::1";
const CASES = [
  { name: "r1", mac: "52:54:00:00:00:01", slaac: "2001:db8:77:0:5054:ff:fe00:1", reachable: true },
  { name: "s1", mac: "52:54:00:00:00:02", slaac: "2001:db8:5:0:5054:ff:fe00:2", reachable: true },
  { name: "n1", mac: "52:54:00:00:00:03", slaac: "fd00:77::5054:ff:fe00:3", reachable: false },
] as const;

describe("real guests by each way to the world in IPv6", needs(root, tap, nft, qemu), () => {
  const lab = new Lab({ after });
  let site: Site;
  let guests: Guest[];

  const ping = async (from: Guest, target: string) =>
    assert.match(await from.must(`ping -6 -c 3 -i 0.2 -W 2 ${target}`), / 3 packets received/);
  const hasAddress = async (guest: Guest, address: string) =>
    guest.must(
      `n=0; until ip -6 address show eth0 | grep ${address} | grep -vq tentative; do [ $((n+=1)) -lt 100 ]; usleep 100000; done`,
    );
  const pingFromWorld = async (target: string) => site.world.run(["ping", "-6", "-n", "-c", "2", "-i", "0.2", "-W", "1", target]);

  before(async () => {
    site = await makeSite(lab, CONFIGURATION);
    await site.host.ip("-6 address add 2001:db8:5::2/64 dev up0");
    await site.host.ip(`-6 route add default via ${WORLD}`);
    await site.world.ip(`-6 address add ${WORLD}/64 dev eth0`);
    await site.world.ip("-6 route add 2001:db8:77::/64 via 2001:db8:5::2");
    guests = await Promise.all(CASES.map(({ name, mac }) => bootScriptGuest(site.host, name, mac)));
  });

  test("each makes an address and reaches the world; from there begins who may", async () => {
    for (const [index, { slaac, reachable }] of CASES.entries()) {
      await hasAddress(guests[index], slaac);
      await ping(guests[index], WORLD);
      assert.equal((await pingFromWorld(slaac)).status === 0, reachable, slaac);
    }
    await ping(guests[0], CASES[1].slaac);
  });

  test("a reboot, and the same addresses are there again", async () => {
    await guests[1].reboot();
    await hasAddress(guests[1], CASES[1].slaac);
    await ping(guests[1], WORLD);
  });

  test("killed with -9 and started again, the daemon loses no ping by any way", async () => {
    const pings = guests.map((guest) => guest.run(`ping -6 -c 20 -i 0.2 -W 1 ${WORLD}`));
    await pause(1_000);
    await site.daemon.kill();
    await pause(1_000);
    await site.daemon.start();
    for (const { stdout } of await Promise.all(pings))
      assert.match(stdout, /20 packets transmitted, 20 packets received/, `${stdout}\n${site.daemon.log}`);
  });
});
