import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { bootGuest, type Guest } from "../support/guest.js";
import { Lab } from "../support/lab.js";
import { needs, nft, qemu, root, tap } from "../support/needs.js";
import { hook } from "../support/paths.js";
import { bootScriptGuest, makeSite, type Site } from "../support/site.js";
import { pause } from "../support/wait.js";

const CONFIGURATION = `
networks:
  default: { kind: nat, ipv6: "fd00:77::/64" }
`;
const GATEWAY = "fd00:77::1";
const WORLD = "2001:db8:5::1";
const WEB = { mac: "52:54:00:00:00:01", slaac: "fd00:77::5054:ff:fe00:1" };
/** Behind a TAP whose name says nothing: called after its MAC address, which its first frame tells. */
const NAMELESS = { mac: "52:54:00:00:00:02", slaac: "fd00:77::5054:ff:fe00:2", name: "vm-525400000002" };

describe("two real guests on a network with IPv6 alone", needs(root, tap, nft, qemu), () => {
  const lab = new Lab({ after });
  let site: Site;
  let web: Guest;
  let nameless: Guest;

  const ping = async (from: Guest, target: string) =>
    assert.match(await from.must(`ping -6 -c 3 -i 0.2 -W 2 ${target}`), / 3 packets received/);

  before(async () => {
    site = await makeSite(lab, CONFIGURATION);
    await site.host.ip("-6 address add 2001:db8:5::2/64 dev up0");
    await site.host.ip(`-6 route add default via ${WORLD}`);
    await site.world.ip(`-6 address add ${WORLD}/64 dev eth0`);
    const scripts = `script=${hook("qemu-ifup")},downscript=${hook("qemu-ifdown")}`;
    [web, nameless] = await Promise.all([
      bootScriptGuest(site.host, "web1", WEB.mac),
      bootGuest(site.host, {
        name: NAMELESS.name,
        nics: [{ netdev: `tap,ifname=tap0,${scripts}`, mac: NAMELESS.mac }],
      }),
    ]);
  });

  test("each makes an address of what the router says", async () => {
    for (const [guest, { slaac }] of [
      [web, WEB],
      [nameless, NAMELESS],
    ] as const) {
      await guest.must(
        `n=0; until ip -6 address show eth0 | grep ${slaac} | grep -vq tentative; do [ $((n+=1)) -lt 100 ]; usleep 100000; done`,
      );
      assert.match(await guest.must("ip -6 route show"), /default via fe80::1 dev eth0/);
    }
  });

  test("each pings the gateway, the other, and a host beyond the uplink", async () => {
    for (const [guest, other] of [
      [web, NAMELESS],
      [nameless, WEB],
    ] as const) {
      for (const target of [GATEWAY, other.slaac, WORLD]) await ping(guest, target);
    }
  });

  test("each finds the other by name, and its name by its address", async () => {
    for (const [guest, name, { slaac }] of [
      [web, NAMELESS.name, NAMELESS],
      [nameless, "web1", WEB],
    ] as const) {
      assert.match(
        await guest.must(`nslookup -type=aaaa ${name}.tapnet.internal ${GATEWAY}`),
        new RegExp(`Address: ${slaac}$`, "m"),
      );
      assert.match(await guest.must(`nslookup ${slaac} ${GATEWAY}`), new RegExp(`name = ${name}\\.tapnet\\.internal`));
    }
  });

  test("the daemon is killed with -9 and started again: no ping is lost", async () => {
    const pinging = web.run(`ping -6 -c 25 -i 0.2 -W 1 ${NAMELESS.slaac}`);
    await pause(1_000);
    await site.daemon.kill();
    await pause(1_000);
    await site.daemon.start();
    const { stdout } = await pinging;
    assert.match(stdout, /25 packets transmitted, 25 packets received/, `${stdout}\n${site.daemon.log}`);
  });
});
