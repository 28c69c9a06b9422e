import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { type Host, Lab } from "../../support/lab.js";
import { command, needs, nft, root } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { attachVeth } from "../../support/port.js";
import { until } from "../../support/wait.js";
import { udhcpc } from "../interop/clients.js";
import { hostileFrames, type Station } from "./hostile-frames.js";

/** The host's own bridge into a LAN that has its own router and DHCP server. */
const CONFIGURATION = `
networks:
  office: { kind: bridge, bridge: { name: br0, existing: true } }
`;
const ROUTER = "192.168.9.1";
const WEB_MAC = "52:54:00:00:00:01";
const DB_MAC = "52:54:00:00:00:02";

describe("guests on a bridge that exists", needs(root, nft, udhcpc.requirement, command("busybox"), command("tcpdump")), () => {
  const lab = new Lab({ after });
  let host: Host;
  let daemon: Daemon;
  let web: Host;
  let db: Host;
  let router: Host;
  const bridge = async (): Promise<unknown> => {
    const [{ address, mtu, group, ifalias, linkinfo }] = JSON.parse(await host.ip("-j -d link show br0")) as Record<
      string,
      unknown
    >[];
    const {
      stp_state: stp,
      forward_delay: delay,
      vlan_filtering: vlans,
    } = (linkinfo as { info_data: Record<string, unknown> }).info_data;
    return [address, mtu, group, ifalias, stp, delay, vlans, await host.ip("address show br0 to 192.168.9.0/24")];
  };

  before(async () => {
    [host, web, db, router] = [await lab.host("host"), await lab.host("web1"), await lab.host("db1"), await lab.host("router")];
    await lab.link(
      { host, ifname: "eth0" },
      { host: router, ifname: "eth0", addresses: [`${ROUTER}/24`], mac: "52:54:00:00:00:fa" },
    );
    daemon = await new Daemon(host, CONFIGURATION).start();
    for (const words of [
      "link add br0 type bridge forward_delay 0",
      "link set br0 address 52:54:00:00:00:b0 up",
      "link set eth0 master br0",
      "address add 192.168.9.2/24 dev br0",
    ]) {
      await host.ip(words);
    }
    await serveDhcp(router);
  });

  test("come as soon as it is there, and have leases of the LAN's own server", async () => {
    const untouched = await bridge();
    await until(
      "the bridge to be found",
      async () => (await host.run(["nft", "list", "table", "bridge", "tapnet"])).status === 0,
    );
    await attachWhenPossible(host, web, WEB_MAC);
    await attachWhenPossible(host, db, DB_MAC);
    for (const guest of [web, db]) await udhcpc.start(guest).process.waitFor(/lease of|obtained/i);
    for (const target of [ROUTER, "192.168.9.2"]) await web.must("ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", target);
    assert.deepEqual(await bridge(), untouched);
  });

  test("are known by the MAC address that they came with, and may send from that alone", async () => {
    assert.match(await host.must("bridge", "fdb", "show"), new RegExp(`${WEB_MAC} dev tn-web1 .*sticky`));
    const watch = web.start(["tcpdump", "-n", "-e", "-l", "-Q", "in", "-i", "eth0", "ether src 52:54:00:de:ad:01"]);
    await watch.waitFor(/listening on/);
    const me: Station = { mac: DB_MAC, ipv4: "192.168.9.50", ipv6: "fd00::2" };
    const frames = hostileFrames(me, { mac: WEB_MAC, ipv4: "192.168.9.51", ipv6: "fd00::1" });
    const lines = Object.values(frames).map((frame) => Buffer.from(frame).toString("hex"));
    await db.run([...script("test/support/send-frames"), "eth0"], { input: lines.join("\n") });
    await web.must("ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", ROUTER);
    await watch.stop();
    assert.doesNotMatch(watch.stdout, /52:54:00:de:ad:01/);
    const counters = await host.must("nft", "list", "counters", "table", "bridge", "tapnet");
    assert.match(counters, /counter rogue \{\s+packets [1-9]/);
  });

  test("keep that over a crash of the daemon, and the bridge outlives tapnet", async () => {
    await daemon.kill();
    await web.must("ping", "-n", "-c", "3", "-i", "0.2", "-W", "1", ROUTER);
    await daemon.start();
    await web.must("ping", "-n", "-c", "3", "-i", "0.2", "-W", "1", ROUTER);
    assert.match(await host.must("nft", "list", "set", "bridge", "tapnet", "macs"), new RegExp(WEB_MAC));
    await daemon.stop();
    await host.must(
      ...script("src/daemon/main"),
      "--config",
      `${lab.folder}/host/tapnet.yaml`,
      "--run",
      daemon.runFolder,
      "--cleanup",
    );
    assert.match(await host.ip("-d link show br0"), /bridge/);
    assert.match(await host.ip("link show eth0"), /master br0/);
    assert.doesNotMatch(await host.ip("-d link"), /tapnet/);
  });
});

/** The bridge has just been made: the daemon may not have seen it. */
async function attachWhenPossible(host: Host, guest: Host, mac: string): Promise<void> {
  await until(`${guest.name} to be attached`, async () => {
    try {
      await attachVeth(host, guest, mac);
      return true;
    } catch {
      await host.run(["ip", "link", "delete", `tn-${guest.name}`]);
      return false;
    }
  });
}

async function serveDhcp(router: Host): Promise<void> {
  const folder = router.lab.subfolder("udhcpd");
  const configuration = `start 192.168.9.50\nend 192.168.9.99\ninterface eth0\nlease_file ${folder}/leases\npidfile ${folder}/pid\noption router ${ROUTER}\noption subnet 255.255.255.0\n`;
  await router.must("sh", "-c", `printf '%s' "$1" >'${folder}/udhcpd.conf'; : >'${folder}/leases'`, "sh", configuration);
  router.start(["busybox", "udhcpd", "-f", `${folder}/udhcpd.conf`]);
}
