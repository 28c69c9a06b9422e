/** `tapnetd --cleanup` leaves the host's settings as they were before tapnetd. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { type Host, Lab } from "../../support/lab.js";
import { needs, nft, root, tap } from "../../support/needs.js";

const CONFIGURATION = `
networks:
  inside: { kind: nat, ipv4: 10.77.0.0/24 }
  outside: { kind: routed, ipv4: 198.51.100.32/28, ipv6: "2001:db8:51:8::/64", uplink: up0, answer-on-uplink: true }
`;
const SETTINGS = [
  "ipv4/ip_forward",
  "ipv4/conf/up0/forwarding",
  "ipv4/neigh/up0/proxy_delay",
  "ipv6/conf/all/forwarding",
  "ipv6/conf/all/proxy_ndp",
  "ipv6/conf/up0/proxy_ndp",
  "ipv6/conf/up0/accept_ra",
  "ipv6/conf/up0/forwarding",
  "ipv6/neigh/up0/proxy_delay",
];

test(
  "cleanup puts back settings of the host, over kill -9, but not those that somebody has changed",
  needs(root, tap, nft),
  async (t) => {
    const lab = new Lab(t);
    const [host, world] = [await lab.host("host"), await lab.host("world")];
    await lab.link({ host, ifname: "up0", addresses: ["198.51.100.2/24"] }, { host: world, ifname: "eth0" });
    const settings = async (): Promise<string[]> => {
      const lines = (await host.must("cat", ...SETTINGS.map((name) => `/proc/sys/net/${name}`))).trim().split("\n");
      return SETTINGS.map((name, index) => `${name} ${lines[index]}`);
    };
    await set(host, { "ipv6/conf/up0/accept_ra": 1 });
    const before = await settings();

    const daemon = await new Daemon(host, CONFIGURATION).start();
    const during = await settings();
    for (const changed of [
      "ipv4/ip_forward 1",
      "ipv6/conf/all/forwarding 1",
      "ipv6/conf/all/proxy_ndp 1",
      "ipv6/conf/up0/accept_ra 2",
    ])
      assert.ok(
        during.includes(changed) && !before.includes(changed),
        `${changed}: ${during.join(", ")}; before: ${before.join(", ")}`,
      );
    await daemon.kill();
    await daemon.start();
    await daemon.stop();
    assert.deepEqual(await settings(), during, "a daemon that stops leaves its guests connected");
    await daemon.cleanup();
    assert.deepEqual(await settings(), before);

    await daemon.start();
    await set(host, { "ipv6/conf/up0/accept_ra": 0 });
    await daemon.stop();
    await daemon.cleanup();
    assert.deepEqual(
      await settings(),
      before.map((line) => line.replace(/(accept_ra) \d/, "$1 0")),
    );
  },
);

test("forwarding stays on where another bridge is up: who made it found it on, and relies on it", needs(root, nft), async (t) => {
  const lab = new Lab(t);
  const host = await lab.host("host");
  const forwarding = async (): Promise<string> => (await host.must("cat", "/proc/sys/net/ipv4/ip_forward")).trim();
  const daemon = await new Daemon(host, "networks: { default: { kind: nat, ipv4: 10.77.0.0/24 } }\n").start();
  await host.ip("link add docker0 type bridge");
  await host.ip("address add 172.17.0.1/16 dev docker0");
  await host.ip("link set docker0 up");
  await daemon.stop();
  await daemon.cleanup();
  assert.equal(await forwarding(), "1");
  await host.ip("link delete docker0");
  await daemon.start();
  await daemon.stop();
  await daemon.cleanup();
  assert.equal(await forwarding(), "1", "it was on before this start");
});

async function set(host: Host, values: Readonly<Record<string, number>>): Promise<void> {
  await host.sysctl(values);
}
