import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readSync, writeSync } from "node:fs";
import { before, describe, type TestContext, test } from "node:test";
import { Ethtool } from "../../../src/os/ethtool.js";
import { unshareNetworkNamespace } from "../../../src/os/netns.js";
import { Rtnetlink } from "../../../src/os/rtnetlink.js";
import { ALL_OFFLOADS, closeTaps, createTap, openTap, type Tap, type TapOptions } from "../../../src/os/tap.js";
import { command, needs, root, tap } from "../../support/needs.js";
import { RunningProcess } from "../../support/process.js";

/** What `ip -d -j link show` says, as far as it is looked at here. */
interface LinkInfo {
  readonly ifindex: number;
  readonly mtu: number;
  readonly address: string;
  readonly linkinfo: { readonly info_data: { readonly type: string; readonly [key: string]: unknown } };
}

function ip(...words: string[]): string {
  return execFileSync("ip", words, { encoding: "utf8" });
}

function linkInfo(name: string): LinkInfo {
  return (JSON.parse(ip("-d", "-j", "link", "show", name)) as LinkInfo[])[0];
}

function exists(name: string): boolean {
  return readdirSync("/sys/class/net").includes(name) || ip("-o", "link").includes(` ${name}:`);
}

function create(t: TestContext, options: TapOptions): Tap {
  const made = createTap(options);
  t.after(() => made.close());
  return made;
}

describe("TAP devices", needs(root, tap, command("ip", "iproute2")), () => {
  before(() => unshareNetworkNamespace());

  test("one that is made is as it was asked for", (t) => {
    const made = create(t, {
      name: "tn-web1",
      owner: 1234,
      group: 99,
      vnetHdr: true,
      multiQueue: true,
      mac: 0x5254_0012_3456,
      mtu: 9000,
    });
    const info = linkInfo("tn-web1");
    assert.equal(made.name, "tn-web1");
    assert.equal(made.ifindex, info.ifindex);
    assert.equal(info.mtu, 9000);
    assert.equal(info.address, "52:54:00:12:34:56");
    const { type, pi, vnet_hdr, multi_queue, persist, user, group } = info.linkinfo.info_data;
    assert.deepEqual([type, pi, vnet_hdr, multi_queue, persist], ["tap", false, true, true, false]);
    assert.deepEqual([String(user), String(group)], ["1234", "99"]);
  });

  test("the kernel chooses the name where it is asked to", (t) => {
    assert.match(create(t, {}).name, /^tap\d+$/);
    assert.equal(create(t, { name: "tn-%d" }).name, "tn-0");
    assert.equal(create(t, { name: "tn-%d" }).name, "tn-1");
  });

  test("it goes with its descriptor, unless it is persistent", async () => {
    const brief = createTap({ name: "tn-brief" });
    brief.close();
    brief.close();
    assert.ok(!exists("tn-brief"));
    const lasting = createTap({ name: "tn-lasting", persist: true });
    await lasting.closeLater();
    assert.ok(exists("tn-lasting"));
    openTap("tn-lasting", { persist: false }).close();
    assert.ok(!exists("tn-lasting"));
  });

  test("many are closed off the event loop", async () => {
    const many = Array.from({ length: 50 }, () => createTap({ name: "tn-many%d" }));
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await closeTaps(many);
    clearInterval(timer);
    assert.ok(turns > 5, `the event loop stood still: ${turns} turns`);
    assert.ok(!exists("tn-many0") && !exists("tn-many49"));
    assert.throws(() => many[0].fd, { name: "TapnetError", code: "CLOSED" });
    await closeTaps(many);
    await closeTaps([]);
  });

  test("a second process is told that it is taken, at once", async (t) => {
    create(t, { name: "tn-taken", persist: true });
    t.after(() => ip("link", "delete", "tn-taken"));
    const module = JSON.stringify(new URL("../../../src/os/tap.js", import.meta.url).href);
    const program = `import(${module}).then(({ openTap }) => openTap("tn-taken"))
      .catch((error) => console.log(error.code, error.message))`;
    const other = new RunningProcess([process.execPath, "-e", program]);
    await other.waitFor(/^EBUSY TUNSETIFF tn-taken: EBUSY \(another process has this TAP open, and it has only one queue\)$/m);
    await other.stop();
    assert.throws(() => createTap({ name: "tn-taken" }), { code: "EBUSY", message: /exists already/ });
  });

  test("one with many queues can be opened again, each a queue", (t) => {
    const first = create(t, { name: "tn-queues", multiQueue: true });
    const second = openTap("tn-queues", { multiQueue: true });
    assert.notEqual(first.fd, second.fd);
    assert.equal(first.ifindex, second.ifindex);
    second.close();
    assert.ok(exists("tn-queues"));
    assert.throws(() => openTap("tn-queues"), { name: "SystemError", code: "EINVAL", message: /chosen differently/ });
  });

  test("frames leave one at once where its queue is taken away, before it is up and after", (t) => {
    const route = new Rtnetlink();
    t.after(() => route.close());
    const queueOf = (ifindex: number): string | undefined => route.link(ifindex)?.queue;
    const fresh = create(t, { name: "tn-fresh", multiQueue: true });
    const used = create(t, { name: "tn-used" });
    const chosen = create(t, { name: "tn-chosen" });
    execFileSync("tc", ["qdisc", "add", "dev", "tn-chosen", "root", "pfifo"]);
    ip("link", "set", "tn-used", "up");
    assert.deepEqual(
      [fresh, chosen].map(({ ifindex }) => queueOf(ifindex)),
      ["noop", "pfifo"],
    );
    const batch = route.batch();
    for (const { ifindex } of [fresh, used]) {
      batch.setNoQueue(ifindex);
      batch.setLink(ifindex, { up: true });
      batch.setNoQueue(ifindex);
    }
    assert.deepEqual(batch.send(), []);
    assert.deepEqual(
      [fresh, used].map(({ ifindex }) => queueOf(ifindex)),
      ["noqueue", "noqueue"],
    );
    batch.setNoQueue(0x7fff_ffff);
    assert.deepEqual(
      batch.send().map(({ error }) => error.code),
      ["ENODEV"],
    );
  });

  test("offloads are taken with the header that they need", (t) => {
    const made = create(t, { vnetHdr: true });
    made.setOffloads({ checksum: true, tso4: true, tso6: true, ecn: true });
    made.setOffloads({});
  });

  test("what it was made with, and what its reader takes, can be read back", (t) => {
    const made = create(t, { name: "tn-seen", vnetHdr: true, multiQueue: true, persist: true });
    t.after(() => openTap("tn-seen", { vnetHdr: true, multiQueue: true, persist: false }).close());
    const route = new Rtnetlink();
    const ethtool = new Ethtool();
    t.after(() => route.close());
    t.after(() => ethtool.close());
    assert.deepEqual(route.tun("tn-seen"), { vnetHeader: true, persistent: true, multiQueue: true, queues: 1 });
    const second = openTap("tn-seen", { vnetHdr: true, multiQueue: true });
    assert.equal(route.tun(made.ifindex)?.queues, 2);
    second.close();
    assert.deepEqual([route.tun("lo"), route.tun("tn-nobody")], [undefined, undefined]);

    made.setOffloads(ALL_OFFLOADS);
    const names = ["tx-checksum-ip-generic", "tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation"];
    const active = (): string[] => names.filter((name) => ethtool.activeFeatures(made.ifindex).has(name));
    assert.deepEqual(active(), names);
    made.setOffloads({ checksum: true, tso6: true });
    assert.deepEqual(active(), [names[0], names[2]]);
    made.setOffloads({});
    assert.deepEqual(active(), []);
    assert.equal(ethtool.activeFeatures(0x7fff_ffff).size, 0);
  });

  test("frames go both ways, one for each read and write", (t) => {
    const made = create(t, { name: "tn-frames" });
    ip("link", "set", "tn-frames", "up");
    const frame = Buffer.alloc(60, 0xff);
    assert.equal(writeSync(made.fd, frame), 60);
    assert.match(readFileSync("/proc/thread-self/net/dev", "utf8"), /tn-frames: +60 +1 /);
    ip("address", "add", "192.0.2.1/24", "dev", "tn-frames");
    ip("neigh", "add", "192.0.2.2", "lladdr", "52:54:00:00:00:02", "dev", "tn-frames");
    execFileSync("sh", ["-c", "ping -c 1 -W 0.1 192.0.2.2 || true"], { stdio: "ignore" });
    const received: Buffer[] = [];
    const buffer = Buffer.alloc(2000);
    for (;;) {
      try {
        received.push(Buffer.from(buffer.subarray(0, readSync(made.fd, buffer))));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
        break;
      }
    }
    assert.ok(received.some((bytes) => bytes.readUInt16BE(12) === 0x0800 && bytes.length === 98));
  });

  test("what cannot be is said, and leaves nothing behind", () => {
    assert.throws(() => openTap("tn-nobody"), { name: "SystemError", code: "ENODEV", object: "tn-nobody" });
    assert.ok(!exists("tn-nobody"));
    assert.throws(() => openTap("lo"), { code: "EINVAL", message: /no TAP/ });
    for (const name of ["", "..", "a/b", "x".repeat(16), "tn %d"]) {
      assert.throws(() => openTap(name), { name: "TapnetError", code: "INVALID_ARGUMENT" }, name);
    }
    assert.throws(() => createTap({ name: "a:b" }), { code: "INVALID_ARGUMENT" });
    for (const mtu of [67, 65_536, 1.5, Number.NaN]) {
      assert.throws(() => createTap({ name: "tn-half", mtu }), { code: "INVALID_ARGUMENT", message: /MTU/ });
    }
    assert.throws(() => createTap({ name: "tn-half", mac: 0xffff_ffff_ffff }), { name: "NetlinkError", code: "EADDRNOTAVAIL" });
    assert.ok(!exists("tn-half"));
  });

  test("without the device file, or without the right to it, the message says what to do", async () => {
    const module = JSON.stringify(new URL("../../../src/os/tap.js", import.meta.url).href);
    const program = `import(${module}).then(({ createTap }) => createTap())
      .catch((error) => console.log(error.code, error.message))`;
    const attempt = async (preparation: string, dropped: string, expected: RegExp): Promise<void> => {
      const start = `${preparation} && exec setpriv --bounding-set=-${dropped} -- "$0" -e "$1"`;
      const alone = new RunningProcess(["unshare", "--mount", "sh", "-c", start, process.execPath, program]);
      await alone.waitFor(expected);
      await alone.stop();
    };
    await attempt("true", "net_admin", /^EPERM TUNSETIFF : EPERM \(needs CAP_NET_ADMIN/m);
    await attempt("mount -t tmpfs none /dev/net", "chown", /^ENOENT open \/dev\/net\/tun: ENOENT \(.*modprobe tun/m);
    const closed = "mount -t tmpfs none /dev/net && touch /dev/net/tun && chmod 0 /dev/net/tun";
    await attempt(closed, "dac_override", /^EACCES open \/dev\/net\/tun: EACCES \(not allowed: run as root/m);
  });
});
