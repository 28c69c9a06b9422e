import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as ethernet from "../../../src/wire/ethernet.js";
import { Daemon } from "../../support/daemon.js";
import { type Host, Lab } from "../../support/lab.js";
import { command, needs, nft, root } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import type { RunningProcess } from "../../support/process.js";
import { until } from "../../support/wait.js";
import { honestFrames, hostileFrames, type Station } from "../bridge/hostile-frames.js";
import { udhcpc } from "../interop/clients.js";

/** A provider that takes frames from one MAC address alone; guests of three kinds, one with an address of the uplink's own subnet. */
const CONFIGURATION = `
networks:
  public: { kind: routed, ipv4: 198.51.100.128/26, ipv6: "2001:db8:5:0:77::/80", uplink: up0, answer-on-uplink: true }
  default: { kind: nat, ipv4: 10.77.0.0/24, ipv6: "fd00:77::/64", uplink: up0 }
  shared: { kind: bridge, ipv4: 10.80.0.0/24, ipv6: "fd00:80::/64", way-out: nat, uplink: up0 }
`;
const HOST_MAC = "52:54:00:00:0a:01";
const WORLD = { mac: "52:54:00:00:0a:fe", ipv4: "198.51.100.1", ipv6: "2001:db8:5::1" };
const FRAMES = 10_000;
const GUESTS = [
  ["pub1", "52:54:00:00:01:01"],
  ["nat1", "52:54:00:00:02:01"],
  ["bridged1", "52:54:00:00:03:01"],
] as const;
const NETWORK_OF = { pub1: "public", nat1: "default", bridged1: "shared" } as const;

describe("the provider's side of the uplink", needs(root, nft, command("tcpdump"), udhcpc.requirement), () => {
  const lab = new Lab({ after });
  let host: Host;
  let world: Host;
  const guests: { host: Host; station: Station; gatewayMac: string }[] = [];

  before(async () => {
    [host, world] = [await lab.host("host"), await lab.host("world")];
    await lab.link(
      { host, ifname: "up0", addresses: ["198.51.100.2/24", "2001:db8:5::2/64"], mac: HOST_MAC },
      { host: world, ifname: "eth0", addresses: [`${WORLD.ipv4}/24`, `${WORLD.ipv6}/64`], mac: WORLD.mac },
    );
    await host.ip(`route add default via ${WORLD.ipv4}`);
    const daemon = await new Daemon(host, CONFIGURATION).start();
    for (const [name, mac] of GUESTS) {
      const guest = await lab.host(name);
      await host.ip(`link add tn-${name} type veth peer name eth0 netns ${guest.namespace}`);
      await guest.ip(`link set eth0 address ${mac} up`);
      await daemon.tapnet("guest", "attach", `tn-${name}`, "--network", NETWORK_OF[name]);
      await udhcpc.start(guest).process.waitFor(/lease of|obtained/i);
      const ipv4 = await until("its address", async () => /inet ([\d.]+)/.exec(await guest.ip("-4 address show dev eth0"))?.[1]);
      const link = name === "bridged1" ? "br-shared" : `tn-${name}`;
      const gatewayMac = (await host.must("cat", `/sys/class/net/${link}/address`)).trim();
      guests.push({ host: guest, gatewayMac, station: { mac, ipv4, ipv6: `2001:db8:5:0:77::${guests.length + 5}` } });
    }
  });

  test(`sees ${FRAMES} frames of every sort as the host's own, or not at all`, async () => {
    const foreign = await watch(world, `not ether src ${HOST_MAC} and not ether src ${WORLD.mac}`);
    const ours = await watch(world, `ether src ${HOST_MAC} and icmp[icmptype] == icmp-echo`);
    await Promise.all(guests.map(({ host: guest, station, gatewayMac }, index) => flood(guest, station, gatewayMac, index)));
    // Honest traffic of each goes on behind it, so all that was to come has come.
    for (const { host: guest } of guests) await guest.must("ping", "-n", "-c", "2", "-i", "0.2", "-W", "2", WORLD.ipv4);
    await until("the pings", () => ours.stdout.split("echo request").length > guests.length);
    // A stranger's frame would have been seen.
    const canary = Buffer.from(
      framesOf({ mac: "52:54:00:de:ad:99", ipv4: WORLD.ipv4, ipv6: WORLD.ipv6 }, WORLD.mac, 1, 0)[0],
    ).toString("hex");
    await host.run([...script("test/support/send-frames"), "up0"], { input: canary });
    await until("the canary", () => foreign.stdout.includes("52:54:00:de:ad:99"));
    const seen = foreign.stdout.split("\n").filter((line) => line.includes(" > ") && !line.includes("52:54:00:de:ad:99"));
    assert.deepEqual(seen, []);
  });
});

async function watch(on: Host, filter: string): Promise<RunningProcess> {
  const started = on.start(["tcpdump", "-n", "-e", "-l", "-Q", "in", "-i", "eth0", filter]);
  await started.waitFor(/listening on/);
  return started;
}

async function flood(guest: Host, station: Station, gatewayMac: string, index: number): Promise<void> {
  const count = Math.ceil(FRAMES / GUESTS.length);
  const lines = framesOf(station, gatewayMac, count, index * count).map((frame) => Buffer.from(frame).toString("hex"));
  const sent = await guest.run([...script("test/support/send-frames"), "eth0"], { input: lines.join("\n") });
  assert.equal(sent.stdout.trim(), String(count), sent.stderr);
}

/** Each sort in turn, with source and destination changed: its own, a stranger's, the gateway's, the host's, the world's, a group's. */
function framesOf(me: Station, gatewayMac: string, count: number, seed: number): Uint8Array[] {
  const sorts = [...Object.values(hostileFrames(me, WORLD)), ...Object.values(honestFrames(me, WORLD))];
  return Array.from({ length: count }, (_, index) => {
    const frame = Uint8Array.from(sorts[index % sorts.length]);
    const random = seed + index;
    if (random % 3 !== 0)
      setMac(frame, ethernet.FIELD.source, [me.mac, WORLD.mac, `52:54:00:00:0c:${hexOf(random)}`][random % 3]);
    const destinations = [gatewayMac, me.mac, HOST_MAC, WORLD.mac, "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01", "01:80:c2:00:00:00"];
    setMac(frame, ethernet.FIELD.destination, random % 2 === 0 ? gatewayMac : destinations[random % destinations.length]);
    // Fragments of IPv4: what is behind the first has no ports.
    if (random % 7 === 0 && frame[12] === 8 && frame[13] === 0) frame[20] = 0x20;
    return frame;
  });
}

function hexOf(value: number): string {
  return (value & 0xff).toString(16).padStart(2, "0");
}

function setMac(frame: Uint8Array, offset: number, mac: string): void {
  frame.set(Buffer.from(mac.replaceAll(":", ""), "hex"), offset);
}
