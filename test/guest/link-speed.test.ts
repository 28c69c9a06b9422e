import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { LinkView, MadeTapView } from "../../src/control/index.js";
import { bootGuest, type Guest } from "../support/guest.js";
import { Lab } from "../support/lab.js";
import { command, needs, nft, qemu, root, tap } from "../support/needs.js";
import { script } from "../support/paths.js";
import { bootHelperGuest, makeSite, type Site } from "../support/site.js";
import { until } from "../support/wait.js";

/** `nobody` on Debian. The QEMU that opens a TAP itself runs as root: /dev/net/tun may be closed to others here. */
const NOBODY = 65534;
const MTU = 65_521;
const WEB_MAC = "52:54:00:00:00:01";

const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24, ipv6: "fd77::/64", mtu: 65535 }
guests:
  web1: { mac: "${WEB_MAC}", queues: 2 }
  db1: { queues: 4 }
access:
  - { user: nobody, networks: [default] }
`;

/** Bits of a virtio-net device (virtio 1.2 §5.1.3) that its driver has taken, as /sys shows them. */
const FEATURE = {
  checksum: 0,
  guestChecksum: 1,
  guestTso4: 7,
  guestTso6: 8,
  hostTso4: 11,
  hostTso6: 12,
  multiQueue: 22,
} as const;

type Seen = LinkView & { readonly vmm: { readonly program: string; readonly vhost: boolean } | null };

describe("TAPs at full speed, with real guests", needs(root, tap, nft, qemu, command("setpriv", "util-linux")), () => {
  const lab = new Lab({ after });
  let site: Site;
  let web: Guest;
  let db: Guest;

  async function linkOf(guest: string): Promise<Seen> {
    const { links } = (await site.daemon.tapnet("guest", "show", guest)) as { links: Seen[] };
    return links[0];
  }

  async function tapnet(...words: string[]): Promise<{ status: number; output: string }> {
    const { status, stdout, stderr } = await site.host.run([...script("src/cli/main"), ...words]);
    return { status, output: stdout + stderr };
  }

  before(async () => {
    site = await makeSite(lab, CONFIGURATION);
    const made = (await site.daemon.tapnet("guest", "add", "web1", "--owner", "nobody")) as MadeTapView;
    const [, netdev, , device] = made.qemu;
    assert.match(netdev, /^tap,id=net0,ifname=tn-web1,script=no,downscript=no,queues=2/);
    const words = device.split(",").filter((word) => /^(mq|vectors|host_mtu)=/.test(word));
    assert.deepEqual(words, ["mq=on", "vectors=6", `host_mtu=${MTU}`]);
    const nic = { netdev: netdev.replace("id=net0,", ""), mac: WEB_MAC, device: words.join(",") };
    [web, db] = await Promise.all([
      bootGuest(site.host, { name: "web1", processors: 2, nics: [nic] }),
      bootHelperGuest(site.host, "db1", "52:54:00:00:00:02", NOBODY),
    ]);
    await Promise.all([web.lease(), db.lease()]);
  });

  test("a guest of the TAP that was made for it has its queues and offloads both ways", async () => {
    const queues = (await web.must("ls /sys/class/net/eth0/queues")).trim().split(/\s+/).sort();
    assert.deepEqual(queues, ["rx-0", "rx-1", "tx-0", "tx-1"]);
    const features = (await web.must("cat /sys/class/net/eth0/device/features")).trim();
    for (const [name, bit] of Object.entries(FEATURE)) assert.equal(features[bit], "1", `${name} of ${features}`);
  });

  test("guest show says what the kernel has", async () => {
    assert.match(await site.host.ip("-d link show tn-web1"), / vnet_hdr on .*user nobody/);
    const { queues, queuesWanted, multiQueue, vnetHeader, offloads, persistent, mtu, vmm } = await linkOf("web1");
    assert.deepEqual([queues, queuesWanted, multiQueue, vnetHeader, persistent, mtu], [2, 2, true, true, true, MTU]);
    for (const offload of ["checksum", "tso4", "tso6"]) assert.ok(offloads.includes(offload), offloads.join(" "));
    assert.match(vmm?.program ?? "", /^qemu-system/);
    const { output } = await tapnet("guest", "show", "web1");
    assert.match(output, /^queues\s+2$/m);
    assert.match(output, /^to guest\s+offloads: checksum, TSO, TSO for IPv6/m);
    assert.match(output, /^VMM\s+qemu-system-x86\S*, process \d+, with(?:out)? vhost$/m);
  });

  test("one that came by helper= has offloads and one queue, and doctor says what to do", async () => {
    const { queues, queuesWanted, vnetHeader, offloads, persistent } = await linkOf("db1");
    assert.deepEqual([queues, queuesWanted, vnetHeader, persistent], [1, 4, true, false]);
    assert.ok(offloads.includes("tso4"));
    const { findings } = (await site.daemon.tapnet("doctor")) as {
      findings: { check: string; message: string; advice: string | null }[];
    };
    const queueFinding = findings.find(({ check }) => check === "queues");
    assert.match(queueFinding?.message ?? "", /^db1 \(\S+\): fewer queues/);
    assert.match(queueFinding?.advice ?? "", /tapnet guest add/);
    assert.ok(findings.some(({ check }) => check === "vhost"));
    assert.ok(!findings.some(({ check }) => check === "vnet-header" || check === "offloads"));
  });

  test("DHCP, router advertisements, link and route agree on the largest MTU there is", async () => {
    for (const guest of [web, db]) {
      const lease = await guest.lease();
      assert.equal(lease["mtu"], String(MTU));
      assert.equal((await guest.must("cat /sys/class/net/eth0/mtu")).trim(), String(MTU));
      await guest.must(`for i in $(seq 50); do grep -q ${MTU} /proc/sys/net/ipv6/conf/eth0/mtu && exit; sleep 0.1; done; exit 1`);
    }
    const { ip } = await web.lease();
    // 28 bytes of headers: the largest packet passes unfragmented, one more byte is refused by the route.
    assert.match(await site.host.must("ping", "-c", "2", "-i", "0.2", "-M", "do", "-s", String(MTU - 28), ip), / 2 received/);
    const more = await site.host.run(["ping", "-c", "1", "-W", "1", "-M", "do", "-s", String(MTU - 27), ip]);
    assert.match(more.stdout + more.stderr, new RegExp(`mtu[ =]${MTU}`));
    assert.match(await web.must(`ping -c 2 -W 2 -s ${MTU - 28} ${(await db.lease())["ip"]}`), / 2 packets received/);
  });

  test("segments cross from guest to guest whole, and what arrives is what was sent", async () => {
    const { ip } = await web.lease();
    const made = await web.must(
      "dd if=/dev/urandom of=/tmp/made bs=64k count=200 2>/dev/null; httpd -p 5000 -h /tmp; md5sum </tmp/made",
    );
    assert.equal(await db.must(`wget -q -O - http://${ip}:5000/made | md5sum`, 60_000), made);
  });

  test("the daemon is killed and started again: the TAP and what it has stay", async () => {
    await site.daemon.kill();
    await site.daemon.start();
    assert.deepEqual([(await linkOf("web1")).queues, (await linkOf("web1")).mtu], [2, MTU]);
  });

  test("a TAP in use is not removed; one that is not, is", async () => {
    const refused = await tapnet("guest", "remove", "web1");
    assert.equal(refused.status, 1);
    assert.match(refused.output, /a VMM has tn-web1 open: stop the guest web1 first/);
    assert.match((await tapnet("guest", "remove", "db1")).output, /goes when the VMM of db1 ends/);
    await web.stop();
    await until("nobody to have tn-web1 open", async () => (await linkOf("web1")).queues === 0);
    const again = await tapnet("guest", "add", "web1");
    assert.match(again.output, /there is an interface tn-web1 already/);
    assert.equal((await tapnet("guest", "remove", "web1")).status, 0);
    assert.doesNotMatch(await site.host.ip("-o link show"), /tn-web1/);
  });
});
