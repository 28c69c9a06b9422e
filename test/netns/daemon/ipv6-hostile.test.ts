import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DHCP6_PORT, MESSAGE, OPTION } from "../../../src/wire/dhcp6/codes.js";
import * as dhcp6 from "../../../src/wire/dhcp6/message.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import type { Message } from "../../../src/wire/ndp/message.js";
import * as ndp from "../../../src/wire/ndp/message.js";
import { Daemon } from "../../support/daemon.js";
import { ip } from "../../support/dhcp6-lab.js";
import { icmpv6Frame, udpv6Frame } from "../../support/frames.js";
import { type Host, Lab } from "../../support/lab.js";
import { command, needs, nft, qemu, root, tap } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { attachNamespace } from "../../support/port.js";
import type { RunningProcess } from "../../support/process.js";
import { pause, until } from "../../support/wait.js";

/** Who looks at forwarded packets: the chain of the network, or where none is needed the guard. */
const CONFIGURATIONS = {
  "a network with an uplink": 'networks:\n  public: { kind: routed, uplink: up0, ipv6: "2001:db8:77::/64" }\n',
  "a network that lets all through": 'networks:\n  public: { kind: routed, ipv6: "2001:db8:77::/64" }\n',
} as const;
const WORLD = "2001:db8:5::1";
const LIAR = { mac: 0x5254_0000_0001, global: "2001:db8:77:0:5054:ff:fe00:1", linkLocal: "fe80::5054:ff:fe00:1" };
const VICTIM = { mac: 0x5254_0000_0002, global: "2001:db8:77:0:5054:ff:fe00:2", linkLocal: "fe80::5054:ff:fe00:2" };
const GATEWAY = "2001:db8:77::1";
/** What the liar's messages are known by, wherever they arrive: a station's address that nobody has. */
const MARK = 0x020b_ad0b_ad0b;
const MARK_DUMPED = /020b ad0b ad0b/;
const MARK_OCTETS = [0x02, 0x0b, 0xad, 0x0b, 0xad, 0x0b];

const marked = { kind: "source-link-layer-address", mac: MARK } as const;
const markedTarget = { kind: "target-link-layer-address", mac: MARK } as const;

/** "I am your router", for a while or for the last time, with a prefix and servers of the liar's. */
function routerAdvertisement(routerLifetimeSeconds: number): Message {
  return {
    kind: "router-advertisement",
    hopLimit: 64,
    managed: true,
    other: true,
    preference: "high",
    routerLifetimeSeconds,
    reachableMs: 0,
    retransmitMs: 0,
    options: [
      marked,
      {
        kind: "prefix-information",
        prefix: ip("2001:db8:bad::"),
        prefixLength: 64,
        onLink: true,
        autonomous: true,
        validSeconds: 9000,
        preferredSeconds: 9000,
      },
      { kind: "recursive-dns", lifetimeSeconds: 9000, addresses: [ip(LIAR.global)] },
    ],
  };
}

const advertisement = (target: string): Message => {
  const flags = { router: true, solicited: false, override: true };
  return { kind: "neighbour-advertisement", ...flags, target: ip(target), options: [markedTarget] };
};
const redirect = (destination: string): Message => {
  return { kind: "redirect", target: ip(LIAR.linkLocal), destination: ip(destination), options: [markedTarget] };
};

const DISCOVERY: readonly Message[] = [
  routerAdvertisement(9000),
  routerAdvertisement(0),
  advertisement(VICTIM.global),
  advertisement(VICTIM.linkLocal),
  advertisement(GATEWAY),
  advertisement("fe80::1"),
  redirect(WORLD),
  { kind: "router-solicitation", options: [marked] },
];

/** A DHCPv6 server's words, as a client would take them. */
const DHCP6: readonly dhcp6.Message[] = (["advertise", "reply", "reconfigure", "relayReply"] as const).map((name) => {
  const options = [{ kind: "duid", code: OPTION.serverId, duid: Uint8Array.from([0, 3, 0, 1, ...MARK_OCTETS]) }] as const;
  if (name !== "relayReply") return { type: MESSAGE[name], transactionId: 1, options };
  return { type: MESSAGE[name], hopCount: 0, linkAddress: 0n, peerAddress: ip(VICTIM.linkLocal), options, relayed: undefined };
});

for (const [kind, configuration] of Object.entries(CONFIGURATIONS))
  describe(
    `a guest that plays the router, the DHCPv6 server or another guest, on ${kind}`,
    needs(root, tap, nft, qemu, command("tcpdump")),
    () => {
      const lab = new Lab({ after });
      let host: Host;
      let world: Host;
      let liar: Host;
      let victim: Host;
      let daemon: Daemon;
      let gatewayMac: number;

      const ping = async (from: Host, target: string) => from.must("ping", "-6", "-n", "-c", "2", "-i", "0.2", "-W", "2", target);

      /** Every message from every source to every destination, each as a frame of its own. */
      const lies = (): Uint8Array[] => {
        const sources = [LIAR.linkLocal, LIAR.global, VICTIM.linkLocal, VICTIM.global, "fe80::1", GATEWAY, "::"].map(ip);
        const everybody = ["ff02::1", "ff02::2", "ff02::1:2", "ff02::1:ff00:2"].map((group) => {
          return { ipv6Destination: ip(group), etherDestination: 0x3333_0000_0000 + Number(ip(group) & 0xffff_ffffn) };
        });
        const somebody = [VICTIM.linkLocal, VICTIM.global, GATEWAY, "fe80::1", WORLD].map((address) => {
          return { ipv6Destination: ip(address), etherDestination: gatewayMac };
        });
        return sources.flatMap((ipv6Source) =>
          [...everybody, ...somebody].flatMap((to) => [
            ...DISCOVERY.map((message) => {
              const bytes = ndp.toBytes(message);
              const body = bytes.slice(icmpv6.HEADER_BYTES);
              return icmpv6Frame({ type: bytes[0], body, ipv6Source, etherSource: LIAR.mac, ...to });
            }),
            ...DHCP6.map((message) => {
              const ports = { source: DHCP6_PORT.server, destination: DHCP6_PORT.client };
              return udpv6Frame({ payload: dhcp6.toBytes(message), ...ports, ipv6Source, etherSource: LIAR.mac, ...to });
            }),
          ]),
        );
      };
      const send = async (frames: readonly Uint8Array[]): Promise<void> => {
        const input = frames.map((frame) => Buffer.from(frame).toString("hex")).join("\n");
        const { stdout } = await liar.run(script("test/support/send-frames").concat("eth0"), { input });
        assert.equal(Number(stdout), frames.length);
      };
      const watchers = async (): Promise<RunningProcess[]> => {
        const watches = [victim, world].map((at) => at.start(["tcpdump", "-n", "-l", "-x", "-i", "eth0", "ip6"]));
        for (const watch of watches) await watch.waitFor(/listening on/);
        return watches;
      };

      before(async () => {
        [host, world, liar, victim] = [
          await lab.host("host"),
          await lab.host("world"),
          await lab.host("liar"),
          await lab.host("victim"),
        ];
        await lab.link(
          { host, ifname: "up0", addresses: ["2001:db8:5::2/64"] },
          { host: world, ifname: "eth0", addresses: [`${WORLD}/64`] },
        );
        await world.ip("-6 route add 2001:db8:77::/64 via 2001:db8:5::2");
        daemon = await new Daemon(host, configuration).start();
        for (const [guest, mac] of [
          [liar, "52:54:00:00:00:01"],
          [victim, "52:54:00:00:00:02"],
        ] as const) {
          await guest.sysctl({ "ipv6/conf/default/accept_dad": 1, "ipv6/conf/all/accept_dad": 1 });
          await attachNamespace(host, guest, mac);
          await until(mac, async () => /global dynamic/.test(await guest.ip("-6 address show dev eth0")), 10_000);
        }
        for (const guest of [liar, victim]) await ping(guest, WORLD);
        const shown = await host.must("cat", "/sys/class/net/tn-liar/address");
        gatewayMac = Number.parseInt(shown.trim().replaceAll(":", ""), 16);
      });

      test("is heard by nobody: neither another guest nor the world gets a single frame", async () => {
        const watches = await watchers();
        await send(lies());
        await pause(500);
        for (const watch of watches) assert.doesNotMatch(watch.stdout, MARK_DUMPED);
        // Had anything come, it would have been seen: what is an ordinary message of its own arrives at both.
        const payload = Uint8Array.from(MARK_OCTETS);
        const honest = { payload, source: 4000, destination: 4000, ipv6Source: ip(LIAR.global), etherSource: LIAR.mac };
        for (const [index, address] of [VICTIM.global, WORLD].entries()) {
          await send([udpv6Frame({ ...honest, ipv6Destination: ip(address), etherDestination: gatewayMac })]);
          await watches[index].waitFor(MARK_DUMPED);
        }
      });

      test("and nobody believes it: router, addresses, neighbours and routes stay what they were, on the host too", async () => {
        assert.match(await victim.ip("-6 route show default"), /^default via fe80::1 dev eth0 /);
        assert.doesNotMatch(await victim.ip("-6 address show"), /db8:bad/);
        const neighbours = [await victim.ip("-6 neighbour show"), await host.ip("-6 neighbour show")].join("\n");
        assert.doesNotMatch(neighbours, /02:0b:ad:0b:ad:0b/);
        assert.match(await host.ip("-6 neighbour show dev tn-victim"), new RegExp(`${VICTIM.global} lladdr 52:54:00:00:00:02`));
        assert.doesNotMatch(await host.ip("-6 route show"), /db8:bad|proto ra/);
        assert.doesNotMatch(await host.ip("-6 address show"), /db8:bad/);
        for (const [from, target] of [
          [victim, WORLD],
          [victim, GATEWAY],
          [world, VICTIM.global],
          [liar, WORLD],
        ] as const)
          await ping(from, target);
      });

      test("malformed DHCPv6 is dropped and counted: empty relays, identifiers of any length, nesting a thousand deep", async () => {
        const option = (code: number, length: number, data: readonly number[]): number[] => {
          return [code >> 8, code & 0xff, length >> 8, length & 0xff, ...data];
        };
        const relayHeader = [MESSAGE.relayForward, 0, ...Array<number>(32).fill(0)];
        const solicit = (...options: readonly number[]): number[] => [MESSAGE.solicit, 0, 0, 1, ...options];
        const octets = (count: number): number[] => Array<number>(count).fill(1);
        let nested: number[] = [];
        for (let level = 0; level < 85; level++) nested = option(OPTION.iaNa, 12 + nested.length, [...octets(12), ...nested]);
        const deepest = Array.from({ length: 1000 }, () => [0, 3, 0xff, 0xff]).flat();
        const payloads: number[][] = [
          relayHeader,
          [...relayHeader, ...option(OPTION.relayMessage, 0, [])],
          ...[0, 1, 2, 131, 1000].map((length) => solicit(...option(OPTION.clientId, length, octets(length)))),
          ...[131, 1000, 32_768, 65_535].map((length) => solicit(...option(OPTION.clientId, length, octets(64)))),
          solicit(...nested),
          solicit(...deepest.slice(0, 1400)),
        ];
        const asked = { source: DHCP6_PORT.client, destination: DHCP6_PORT.server, ipv6Source: ip(LIAR.linkLocal) };
        const to = { etherSource: LIAR.mac, etherDestination: 0x3333_0001_0002, ipv6Destination: ip("ff02::1:2") };
        const watch = liar.start(["tcpdump", "-n", "-l", "-i", "eth0", "-Q", "in", "udp port 546"]);
        await watch.waitFor(/listening on/);
        const before6 = await faults(daemon);
        await send(payloads.map((payload) => udpv6Frame({ payload: Uint8Array.from(payload), ...asked, ...to })));
        await until("all of them to be counted", async () => (await faults(daemon)) === before6 + payloads.length, 5_000).catch(
          async (thrown: Error) => assert.fail(`${thrown.message}: ${(await faults(daemon)) - before6} of ${payloads.length}`),
        );
        assert.doesNotMatch(watch.stdout, /dhcp6/);
        await ping(liar, WORLD);
      });
    },
  );

/** DHCPv6 messages that were dropped because they are malformed. */
async function faults(daemon: Daemon): Promise<number> {
  const status = JSON.stringify(await daemon.tapnet("status"));
  let sum = 0;
  for (const [, count] of status.matchAll(/"dhcp6-[a-z-]+":(\d+)/g)) sum += Number(count);
  return sum;
}
