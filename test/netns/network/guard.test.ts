import assert from "node:assert/strict";
import { readSync, writeSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { parseIpv4 } from "../../../src/base/ipv4-address.js";
import type { Port } from "../../../src/network/model.js";
import { ARP_TABLE, TABLE } from "../../../src/network/ruleset.js";
import { createTap, type Tap } from "../../../src/os/tap.js";
import { udpv4Frame } from "../../support/frames.js";
import { needs, nft, root, tap } from "../../support/needs.js";
import { pause } from "../../support/wait.js";
import { addressOf, macOf, NETWORKS, TestHost } from "./host.js";

const ONE = { ip: "10.77.0.10", mac: "52:54:00:00:00:0a" } as const;
const OTHER = { ip: "10.77.0.11", mac: "52:54:00:00:00:0b" } as const;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;

suite("a guest that lies reaches nobody", needs(root, nft, tap), () => {
  const ends: (() => Promise<void>)[] = [];
  let host: TestHost;
  const taps: Tap[] = [];
  let one: Port;
  let other: Port;
  const gatewayMac = NETWORKS[0].gatewayMac;

  before(async () => {
    host = await TestHost.start({ after: (run) => void ends.push(run) });
    // A host whose reverse path filter is loose must be as safe: the guard alone has to hold.
    await host.here.sysctl({ "ipv4/conf/all/rp_filter": 2 });
    const ports: Port[] = [];
    for (const guest of ["one", "other"]) {
      taps.push(createTap({ name: `tn-${guest}` }));
      ports.push(await host.ports.attach({ ifname: `tn-${guest}`, guest, network: NETWORKS[0] }));
    }
    [one, other] = ports;
    const bound = [
      { ifindex: one.ifindex, address: addressOf(ONE.ip), mac: macOf(ONE.mac) },
      { ifindex: other.ifindex, address: addressOf(OTHER.ip), mac: macOf(OTHER.mac) },
    ];
    assert.deepEqual(host.ports.bind(bound), [undefined, undefined]);
  });

  after(async () => {
    for (const open of taps) await open.closeLater();
    for (const end of ends.reverse()) await end();
  });

  function datagram(from: { readonly ip: string; readonly mac: string }, to: string, port = 7777): Uint8Array {
    return udpv4Frame({
      etherSource: macOf(from.mac),
      etherDestination: gatewayMac,
      ipSource: ipv4(from.ip),
      ipDestination: ipv4(to),
      source: 5555,
      destination: port,
      payload: Buffer.from("hello"),
    });
  }

  function spoofed(): number {
    return host.firewall.counters(TABLE).get("spoofed")?.packets ?? 0;
  }

  test("the truth goes through", async () => {
    drain(taps[1]);
    writeSync(taps[0].fd, datagram(ONE, OTHER.ip));
    assert.equal(count(await received(taps[1]), "hello"), 1);
    assert.equal(spoofed(), 0);
  });

  const lies: readonly (readonly [what: string, from: { readonly ip: string; readonly mac: string }])[] = [
    ["a MAC address of nobody", { ip: ONE.ip, mac: "52:54:00:00:00:99" }],
    ["the neighbour's MAC address", { ip: ONE.ip, mac: OTHER.mac }],
    ["an address of nobody", { ip: "10.77.0.99", mac: ONE.mac }],
    ["the neighbour's address", { ip: OTHER.ip, mac: ONE.mac }],
    ["the neighbour's address and MAC address", OTHER],
    ["the gateway's address", { ip: "10.77.0.1", mac: ONE.mac }],
    ["an address of the world", { ip: "198.51.100.1", mac: ONE.mac }],
    ["a loopback address", { ip: "127.0.0.1", mac: ONE.mac }],
  ];
  for (const [what, from] of lies) {
    test(`${what} does not, and is counted`, async () => {
      const counted = spoofed();
      drain(taps[1]);
      writeSync(taps[0].fd, datagram(from, OTHER.ip));
      writeSync(taps[0].fd, datagram(from, "198.51.100.1"));
      assert.equal(count(await received(taps[1]), "hello"), 0);
      assert.ok(spoofed() - counted <= 2);
      assert.ok(spoofed() > counted || from.ip === "127.0.0.1");
    });
  }

  test("who lied is known by the link", () => {
    const links = host.firewall.elements({ table: TABLE, name: "spoofers" }).map(({ key, count: tally }) => ({
      ifindex: new Uint32Array(key.slice().buffer)[0],
      packets: tally?.packets ?? 0,
    }));
    assert.deepEqual(
      links.map(({ ifindex }) => ifindex),
      [one.ifindex],
    );
    assert.ok(links[0].packets >= 14);
  });

  test("DHCP and DNS end at the guard and are no lies", () => {
    const counted = spoofed();
    writeSync(taps[0].fd, datagram({ ip: "0.0.0.0", mac: ONE.mac }, "255.255.255.255", 67));
    writeSync(taps[0].fd, datagram(ONE, "10.77.0.1", 53));
    assert.equal(spoofed(), counted);
  });

  test("ARP for another is not believed, and the neighbour table cannot be filled", async () => {
    const known = await neighbours(host);
    for (let number = 0; number < 3000; number++) {
      const sender = { ip: `10.77.${number >> 8}.${number & 255}`, mac: ONE.mac };
      writeSync(taps[0].fd, arp(ARP_REQUEST, sender, "10.77.0.1"));
      writeSync(taps[0].fd, arp(ARP_REPLY, { ip: OTHER.ip, mac: ONE.mac }, OTHER.ip));
    }
    writeSync(taps[0].fd, arp(ARP_REQUEST, { ip: OTHER.ip, mac: ONE.mac }, "10.77.0.1"));
    assert.equal(await neighbours(host), known);
    assert.ok((host.firewall.counters(ARP_TABLE).get("spoofed")?.packets ?? 0) >= 3000);
  });

  test("honest ARP is answered: the gateway, a neighbour, and a probe for the gateway's address", async () => {
    for (const [sender, target] of [
      [ONE, "10.77.0.1"],
      [ONE, OTHER.ip],
      [{ ip: "0.0.0.0", mac: ONE.mac }, "10.77.0.1"],
    ] as const) {
      drain(taps[0]);
      writeSync(taps[0].fd, arp(ARP_REQUEST, sender, target));
      const replies = (await received(taps[0])).filter((frame) => frame.readUInt16BE(12) === 0x0806);
      assert.equal(replies.length, 1, `${sender.ip} asks for ${target}`);
      assert.equal(replies[0].readUIntBE(22, 6), gatewayMac);
    }
  });

  test("a probe for one's own address, and a question for nobody's, stay unanswered", async () => {
    for (const target of [ONE.ip, "10.77.0.99"]) {
      drain(taps[0]);
      writeSync(taps[0].fd, arp(ARP_REQUEST, { ip: "0.0.0.0", mac: ONE.mac }, target));
      writeSync(taps[0].fd, arp(ARP_REQUEST, ONE, target));
      const replies = (await received(taps[0])).filter((frame) => frame.readUInt16BE(12) === 0x0806);
      assert.deepEqual(replies, []);
    }
  });

  test("what is unbound goes through no more, also not under the neighbour's link", async () => {
    assert.deepEqual(host.ports.unbind([{ ifindex: one.ifindex, address: addressOf(ONE.ip) }]), [undefined]);
    drain(taps[1]);
    writeSync(taps[0].fd, datagram(ONE, OTHER.ip));
    writeSync(taps[1].fd, datagram(ONE, "198.51.100.1"));
    assert.equal(count(await received(taps[1]), "hello"), 0);
    assert.equal(other.bindings.length, 1);
  });
});

function ipv4(text: string): number {
  const address = parseIpv4(text);
  assert.ok(address !== undefined);
  return address;
}

/** RFC 826, as Ethernet carries it. */
function arp(operation: number, sender: { readonly ip: string; readonly mac: string }, target: string): Buffer {
  const frame = Buffer.alloc(42);
  frame.fill(0xff, 0, 6);
  frame.writeUIntBE(macOf(sender.mac), 6, 6);
  frame.writeUInt32BE(0x0806_0001, 12);
  frame.writeUInt32BE(0x0800_0604, 16);
  frame.writeUInt16BE(operation, 20);
  frame.writeUIntBE(macOf(sender.mac), 22, 6);
  frame.writeUInt32BE(ipv4(sender.ip), 28);
  frame.writeUInt32BE(ipv4(target), 38);
  return frame;
}

async function neighbours(host: TestHost): Promise<number> {
  return (await host.here.ip("neigh show")).trim().split("\n").length;
}

function count(frames: readonly Buffer[], text: string): number {
  return frames.filter((frame) => frame.includes(text)).length;
}

/** What the guest gets within a moment. */
async function received(from: Tap): Promise<Buffer[]> {
  await pause(60);
  return drain(from);
}

function drain(from: Tap): Buffer[] {
  const frames: Buffer[] = [];
  const frame = Buffer.alloc(2048);
  for (;;) {
    try {
      frames.push(Buffer.from(frame.subarray(0, readSync(from.fd, frame))));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
      return frames;
    }
  }
}
