import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DHCLIENT_SCRIPT, dhclient } from "../netns/ipv6/dhcp6-clients.js";
import { bootGuest, type Guest } from "../support/guest.js";
import { guestPrograms } from "../support/guest-programs.js";
import { Lab } from "../support/lab.js";
import { needs, nft, qemu, root, tap } from "../support/needs.js";
import { hook } from "../support/paths.js";
import { bootScriptGuest, makeSite, type Site } from "../support/site.js";
import { until } from "../support/wait.js";

const CONFIGURATION = `
networks:
  default:
    kind: nat
    ipv6: "fd00:77::/64"
    delegate: { pool: "fd00:80::/40", length: 56 }
`;
const WORLD = "2001:db8:5::1";
const DHCLIENT = "dhclient -6 -N -P -lf /tmp/leases6 -pf /tmp/pid6 -cf /dev/null -sf /etc/dhclient-script";

interface ListedLease {
  readonly address: string;
  readonly guest: string | null;
  readonly state: string;
}

describe("a real guest that asks for its IPv6 address by DHCPv6", needs(root, tap, nft, qemu, dhclient.requirement), () => {
  const lab = new Lab({ after });
  let site: Site;
  let web: Guest;
  let db: Guest;
  let leased: string;
  /** An address of the prefix that was delegated to the guest. */
  let behind: string;

  const ping = async (from: Guest, target: string, ...options: string[]) =>
    assert.match(await from.must(`ping -6 -c 3 -i 0.2 -W 2 ${options.join(" ")} ${target}`), / 3 packets received/);
  const leases = async (): Promise<string[]> =>
    ((await site.daemon.tapnet("lease", "list")) as readonly ListedLease[])
      .filter(({ state }) => state === "bound")
      .map(({ address }) => address);

  before(async () => {
    site = await makeSite(lab, CONFIGURATION);
    await site.host.ip("-6 address add 2001:db8:5::2/64 dev up0");
    await site.world.ip(`-6 address add ${WORLD}/64 dev eth0`);
    const initrd = await guestPrograms(lab, {
      programs: { "bin/dhclient": "/usr/sbin/dhclient" },
      files: { "etc/dhclient-script": DHCLIENT_SCRIPT },
    });
    const netdev = `tap,ifname=tn-web1,script=${hook("qemu-ifup")},downscript=${hook("qemu-ifdown")}`;
    [web, db] = await Promise.all([
      bootGuest(site.host, { name: "web1", nics: [{ netdev, mac: "52:54:00:00:00:01" }], initrd, memoryMb: 256 }),
      bootScriptGuest(site.host, "db1", "52:54:00:00:00:02"),
    ]);
    for (const guest of [web, db]) {
      await guest.must(
        "n=0; until ip -6 address show eth0 | grep fd00:77: | grep -vq tentative; do [ $((n+=1)) -lt 100 ]; usleep 100000; done",
      );
    }
  });

  test("has it, and a prefix, and keeps both when it asks again", async () => {
    await web.must(`chmod 755 /etc/dhclient-script; ${DHCLIENT} eth0`);
    await until("a lease of either kind", async () => (await leases()).length === 2);
    const given = await leases();
    leased = given.find((address) => address.startsWith("fd00:77:")) ?? "";
    behind = (given.find((address) => address.startsWith("fd00:80:")) ?? "").replace(/::\/56$/, "::7");
    assert.match(await web.must("ip -6 address show dev eth0"), new RegExp(`inet6 ${leased}/128`));
    await web.must(`kill $(cat /tmp/pid6); rm /tmp/leases6; ip -6 address delete ${leased}/128 dev eth0; ${DHCLIENT} eth0`);
    assert.match(await web.must("ip -6 address show dev eth0"), new RegExp(`inet6 ${leased}/128`));
    assert.deepEqual(await leases(), given);
  });

  test("reaches the gateway, the other guest and the world from it, and is reached", async () => {
    await web.must(
      `n=0; while ip -6 address show eth0 | grep ${leased}/ | grep -q tentative; do [ $((n+=1)) -lt 100 ]; usleep 100000; done`,
    );
    for (const target of ["fd00:77::1", "fd00:77::5054:ff:fe00:2", WORLD]) await ping(web, target, "-I", leased);
    await ping(db, leased);
    await web.must(`ip -6 address add ${behind}/128 dev lo`);
    await ping(db, behind);
  });

  test("has them still when the daemon was killed with -9, and gives them back", async () => {
    await site.daemon.process.stop("SIGKILL");
    await ping(db, leased);
    await site.daemon.start();
    for (const target of [leased, behind]) await ping(db, target);
    await web.must(`${DHCLIENT} -r eth0`);
    await until("the leases to end", async () => (await leases()).length === 0);
    assert.doesNotMatch(await site.host.ip("-6 route show proto 157"), new RegExp(`${leased}|fd00:80:.*tn-web1`));
  });
});
