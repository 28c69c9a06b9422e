/**
 * The ground that the demo stands on: namespaces of its own, so that nothing of the machine changes.
 *
 * Theory of operation. `scripts/run` has started us in a new network and a new mount namespace. Here /run becomes an empty folder
 * that only we see, /sys shows our network, and /etc gets a layer of our own on top, where resolv.conf names the world's DNS
 * server. (A file mounted over /etc/resolv.conf would be lost as soon as the machine's DHCP client replaces that one.) The
 * world is one more network namespace, behind a veth pair, with TEST-NET addresses (RFC 5737, RFC 3849). When the last of our
 * processes ends the kernel takes all of it away; no clean-up has to run, so SIGKILL leaves nothing either.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { Host, Lab } from "../../test/support/lab.js";
import { script } from "../../test/support/paths.js";
import { must } from "../../test/support/process.js";

export const WORLD = { ipv4: "198.51.100.1", ipv6: "2001:db8::1", name: "world.example" };
export const UPLINK = "eth0";

/** Turns the namespaces that we were started in into a host of our own. */
export async function makePrivate(): Promise<void> {
  await must(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"]);
  await must(["mount", "-t", "sysfs", "sysfs", "/sys"]);
  for (const folder of ["/run/netns", "/run/lock", "/run/tmp"]) mkdirSync(folder, { recursive: true });
  process.env["TMPDIR"] = "/run/tmp";
  for (const folder of ["/run/etc/upper", "/run/etc/work"]) mkdirSync(folder, { recursive: true });
  await must(["mount", "-t", "overlay", "-o", "lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work", "overlay", "/etc"]);
  // On many machines it is a link into /run, which is empty now.
  rmSync("/etc/resolv.conf", { force: true });
  writeFileSync("/etc/resolv.conf", `nameserver ${WORLD.ipv4}\n`);
}

/** Joins our host to a world that answers pings and DNS questions. */
export async function makeWorld(lab: Lab, host: Host): Promise<Host> {
  const world = await lab.host("world");
  await host.ip("link set lo up");
  await host.sysctl({ "ipv6/conf/default/accept_dad": 0 });
  await lab.link(
    { host, ifname: UPLINK, addresses: ["198.51.100.2/24", "2001:db8::2/64"] },
    { host: world, ifname: "eth0", addresses: [`${WORLD.ipv4}/24`, `${WORLD.ipv6}/64`] },
  );
  await host.ip(`route add default via ${WORLD.ipv4}`);
  await host.ip(`-6 route add default via ${WORLD.ipv6}`);
  await world.start(script("test/support/dns-upstream").concat(WORLD.ipv4)).waitFor(/serving/);
  return world;
}
