import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { serverTimesMs } from "../support/dhcp-times.js";
import type { Guest } from "../support/guest.js";
import { Lab } from "../support/lab.js";
import { needs, nft, qemu, root, tap } from "../support/needs.js";
import type { RunningProcess } from "../support/process.js";
import { bootHelperGuest, bootScriptGuest, makeSite, type Site, WORLD_IPV4 } from "../support/site.js";
import { pause } from "../support/wait.js";

/** `nobody` on Debian: QEMU of the second guest runs as this user. */
const NOBODY = 65534;

const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24 }
access:
  - { user: nobody, networks: [default] }
`;
const GATEWAY = "10.77.0.1";

describe("two real guests, by script= and by helper= of a user without rights", needs(root, tap, nft, qemu), () => {
  const lab = new Lab({ after });
  let site: Site;
  let watch: RunningProcess;
  let web: Guest;
  let db: Guest;

  before(async () => {
    site = await makeSite(lab, CONFIGURATION);
    watch = site.host.start(["tcpdump", "-n", "-l", "-tt", "-v", "-i", "any", "udp port 67 or udp port 68"]);
    await watch.waitFor(/listening on/);
    [web, db] = await Promise.all([
      bootScriptGuest(site.host, "web1", "52:54:00:00:00:01"),
      bootHelperGuest(site.host, "db1", "52:54:00:00:00:02", NOBODY),
    ]);
  });

  test("each gets address, gateway, DNS and host name", async () => {
    for (const guest of [web, db]) {
      const lease = await guest.lease();
      assert.match(lease["ip"], /^10\.77\.0\.\d+$/);
      assert.equal(lease["mask"], "24");
      assert.equal(lease["router"], GATEWAY);
      assert.equal(lease["dns"], GATEWAY);
      assert.equal(lease["domain"], "tapnet.internal");
      assert.equal((await guest.must("hostname")).trim(), guest.name);
    }
    assert.notEqual((await web.lease())["ip"], (await db.lease())["ip"]);
  });

  // How long it takes is told and not asserted: the guests, under emulation, want the same cores as the server.
  test("every exchange from DISCOVER to ACK is answered, and its server time is told", async (t) => {
    for (let again = 0; again < 12; again++) await web.must("udhcpc -f -q -n -i eth0 -s /etc/dhcp-event");
    await pause(200);
    const times = [...serverTimesMs(watch.stdout).values()].sort((a, b) => a - b);
    assert.ok(times.length >= 14, `${times.length} exchanges in\n${watch.stdout}`);
    t.diagnostic(`server time of each exchange: ${times.map((ms) => `${ms.toFixed(2)} ms`).join(", ")}`);
  });

  test("each resolves the other by name, forward and reverse", async () => {
    for (const [asks, other] of [
      [web, db],
      [db, web],
    ]) {
      const { ip } = await other.lease();
      assert.match(await asks.must(`nslookup -type=a ${other.name}.tapnet.internal`), new RegExp(`^Address:\\s+${ip}$`, "m"));
      assert.match(await asks.must(`nslookup ${ip}`), new RegExp(`name = ${other.name}\\.tapnet\\.internal`));
    }
  });

  test("each resolves a name of the world", async () => {
    for (const guest of [web, db]) {
      assert.match(await guest.must("nslookup -type=a world.example"), new RegExp(`^Address:\\s+${WORLD_IPV4}$`, "m"));
    }
  });

  test("each pings the other by name, the gateway, and a host beyond the uplink", async () => {
    for (const [guest, other] of [
      [web, db],
      [db, web],
    ]) {
      for (const target of [other.name, GATEWAY, WORLD_IPV4, "world.example"]) {
        assert.match(await guest.must(`ping -c 3 -i 0.2 -W 2 ${target}`), / 3 packets received/);
      }
    }
  });

  test("a guest that reboots has the same address", async () => {
    const earlier = (await web.lease())["ip"];
    await web.reboot();
    assert.equal((await web.lease())["ip"], earlier);
  });

  test("the daemon is killed with -9 and started again: no ping is lost, leases stay", async () => {
    const [webLease, dbLease] = [await web.lease(), await db.lease()];
    const pinging = web.run(`ping -c 40 -i 0.2 -W 1 ${dbLease["ip"]}`);
    await pause(2_000);
    await site.daemon.kill();
    await pause(1_500);
    await site.daemon.start();
    const { stdout } = await pinging;
    assert.match(stdout, /40 packets transmitted, 40 packets received/, `${stdout}\n${site.daemon.log}`);

    // The client asks again for what it has, of a server that was not there when it got it.
    for (const [guest, lease] of [
      [web, webLease],
      [db, dbLease],
    ] as const) {
      await guest.must("rm -f /run/dhcp/eth0.renew; kill -USR1 $(pidof udhcpc); wait-for /run/dhcp/eth0.renew 5");
      assert.equal((await guest.lease())["ip"], lease["ip"]);
    }
    assert.match(await web.must("ping -c 3 -i 0.2 -W 2 db1"), / 3 packets received/);
  });

  test("a guest that is stopped leaves nothing on the host", async () => {
    await web.stop();
    await db.stop();
    await pause(500);
    const links = await site.host.ip("-o link show");
    assert.doesNotMatch(links, /tn-/, links);
    assert.doesNotMatch(await site.host.ip("route show table all"), /tn-/);
  });
});
