/**
 * What RFC 4861 (§6.1, §6.2, §7.1, §7.2), RFC 4862 (§5.4), RFC 8106 and RFC 8781 say of a router and of those who defend
 * addresses, a check a statement, asked on a guest's port in frames that are composed and read without our code.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Daemon } from "../../../support/daemon.js";
import { type Host, Lab } from "../../../support/lab.js";
import { command, needs, nft, root } from "../../../support/needs.js";
import { script } from "../../../support/paths.js";
import { attachVeth } from "../../../support/port.js";
import type { RunningProcess } from "../../../support/process.js";
import { until } from "../../../support/wait.js";
import { type Composed, type Heard, heardIn, icmpv6, ndOption, ndOptions } from "./frames.js";
import { address, hex, letters, type Octets, u16, u32 } from "./octets.js";

const CONFIGURATION = `
networks:
  default:
    kind: routed
    uplink: up0
    mtu: 1400
    ipv6: "2001:db8:77::/64"
    dhcp6: { dns: ["2001:db8:77::53", "2001:db8:77::54"], search: [guests.example] }
    ra:
      interval: 100s
      lifetime: 1000s
      preference: high
      hop-limit: 61
      reachable: 30000
      retransmit: 1500
      valid: 2h
      preferred: 1h
      dns-lifetime: 250s
      routes: [{ to: "2001:db8:9::/48", preference: low, lifetime: 400s }]
      pref64: "64:ff9b::/96"
`;

const MAC: Octets = [0x52, 0x54, 0, 0, 0, 1];
const OTHER_MAC: Octets = [0x52, 0x54, 0, 0, 0, 2];
const OWN = "fe80::5054:ff:fe00:1";
const ROUTERS = "ff02::2";
const NODES = hex(address("ff02::1"));
const ROUTER = hex(address("fe80::1"));
const OTHER = "2001:db8:77::abc2";
const SOLICITATION = 133;
const ADVERTISEMENT = 134;
const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const SOURCE_ADDRESS = ndOption(1, MAC);
const ZEROS = u32(0);

describe("a router and its guests' neighbour, by what their RFCs say", needs(root, nft, command("tcpdump")), () => {
  const lab = new Lab({ after });
  let [host, guest, other]: Host[] = [];
  let daemon: Daemon;
  let ear: RunningProcess;

  const send = async (from: Host, ...frames: readonly Octets[]): Promise<void> => {
    await from.run(script("test/support/send-frames").concat("eth0"), { input: frames.map(hex).join("\n") });
  };
  const solicitation = (over: Partial<Composed> = {}): Octets =>
    icmpv6({ from: OWN, to: ROUTERS, mac: MAC, type: SOLICITATION, body: [...ZEROS, ...SOURCE_ADDRESS], ...over });
  /** Solicits for an address; of nobody, to find out whether somebody has it, unless said. */
  const neighbour = (target: string, over: Partial<Composed> = {}): Octets => {
    const low = hex(address(target).slice(13));
    const to = `ff02::1:ff${low.slice(0, 2)}:${low.slice(2)}`;
    const body = [...ZEROS, ...address(target)];
    return icmpv6({ from: "::", to, mac: MAC, type: NEIGHBOUR_SOLICITATION, body, ...over });
  };

  /**
   * What the guest hears because of these frames: behind them goes a solicitation from an address of its own, whose answer, to
   * that address, comes when all before it has been handled.
   */
  let fences = 0;
  const hear = async (...frames: readonly Octets[]): Promise<Heard[]> => {
    const start = ear.stdout.length;
    const fence = `fe80::f:${(++fences).toString(16)}`;
    await send(guest, ...frames, solicitation({ from: fence }));
    const heard = (): Heard[] => heardIn(ear.stdout.slice(start)).filter(({ mac }) => mac !== hex(MAC));
    const isFence = ({ to }: Heard): boolean => to === hex(address(fence));
    await until("the advertisement behind", () => heard().some(isFence));
    return heard().filter((one) => !isFence(one));
  };
  /** Without what comes by itself, now and then, to all nodes: whoever asks from an address is answered there. */
  const hearAnswers = async (...frames: readonly Octets[]): Promise<Heard[]> =>
    (await hear(...frames)).filter(({ type, to }) => type !== ADVERTISEMENT || to !== NODES);
  const advertisements = async (...frames: readonly Octets[]): Promise<Heard[]> =>
    (await hear(...frames)).filter(({ type }) => type === ADVERTISEMENT);
  const learnt = async (name: string): Promise<string> => JSON.stringify(await daemon.tapnet("guest", "show", name));

  before(async () => {
    [host, guest, other] = [await lab.host("host"), await lab.host("web1"), await lab.host("db1")];
    const world = await lab.host("world");
    await lab.link({ host, ifname: "up0" }, { host: world, ifname: "eth0" });
    daemon = await new Daemon(host, CONFIGURATION).start();
    // Nothing speaks there but us.
    for (const each of [guest, other]) await each.sysctl({ "ipv6/conf/default/disable_ipv6": 1 });
    await attachVeth(host, guest, "52:54:00:00:00:01");
    ear = guest.start(["tcpdump", "-n", "-l", "-xx", "-i", "eth0", "ip6"]);
    await ear.waitFor(/listening on/);
    await attachVeth(host, other, "52:54:00:00:00:02");
    await send(other, neighbour(OTHER, { mac: OTHER_MAC }));
    await until("the neighbour to be learnt", async () => (await learnt("db1")).includes(OTHER));
  });

  describe("a Router Solicitation (RFC 4861 §6.1.1, §6.2.6)", () => {
    test("is answered to its sender, from our link-local address, with hop limit 255 and a right checksum", async () => {
      const [answer, ...more] = await advertisements(solicitation());
      assert.deepEqual(
        [answer.from, answer.to, answer.toMac, answer.hopLimit, answer.code, answer.checksumIsRight, more.length],
        [ROUTER, hex(address(OWN)), hex(MAC), 255, 0, true, 0],
      );
    });

    test("without an option, with unknown ones, with anything in its reserved field: is answered", async () => {
      for (const body of [ZEROS, [...ZEROS, ...ndOption(200, u16(1), u32(2))], [...u32(0xdead_beef), ...SOURCE_ADDRESS]])
        assert.equal((await advertisements(solicitation({ body }))).length, 1);
    });

    for (const [what, over] of [
      ["a hop limit of 254: it came through a router", { hopLimit: 254 }],
      ["a hop limit of 0", { hopLimit: 0 }],
      ["a code that is not 0", { code: 1 }],
      ["a wrong checksum", { checksumError: true }],
      ["less than eight octets", { body: [0, 0] }],
      ["an option without a length", { body: [...ZEROS, 1, 0, ...MAC] }],
      ["an option that runs over", { body: [...ZEROS, 1, 9, ...MAC] }],
      ["a group as its source", { from: "ff02::5" }],
      ["our own address as its source", { from: "fe80::1" }],
    ] as const satisfies readonly (readonly [string, Partial<Composed>])[]) {
      test(`with ${what}: is discarded`, async () => {
        assert.deepEqual(await hearAnswers(solicitation(over)), []);
      });
    }

    test("from nobody, with the address of a station: is discarded, also later", async () => {
      const dropped = async (): Promise<number> =>
        Number(/"source-link-layer-address":(\d+)/.exec(JSON.stringify(await daemon.tapnet("status")))?.[1]);
      const until1 = (await dropped()) + 1;
      assert.deepEqual(await hearAnswers(solicitation({ from: "::" })), []);
      assert.equal(await dropped(), until1);
    });

    test("from nobody: all nodes are told, once however often it is asked (MIN_DELAY_BETWEEN_RAS)", async () => {
      const asked = Array.from({ length: 8 }, () => solicitation({ from: "::", body: ZEROS }));
      const heard = [...(await advertisements(...asked))];
      // What came too soon after an earlier one comes as soon as it may.
      const start = ear.stdout.length;
      if (heard.length === 0)
        await until("the advertisement", () => heardIn(ear.stdout.slice(start)).some(({ type }) => type === ADVERTISEMENT));
      heard.push(...heardIn(ear.stdout.slice(start)).filter(({ type }) => type === ADVERTISEMENT));
      assert.deepEqual(
        heard.map(({ from, to, toMac }) => [from, to, toMac]),
        [[ROUTER, NODES, "333300000001"]],
      );
    });
  });

  describe("a Router Advertisement", () => {
    let told: Heard;
    const options = (type: number): Buffer[] =>
      ndOptions(told.body, 12)
        .filter((one) => one.type === type)
        .map(({ data }) => data);
    before(async () => {
      [told] = await advertisements(solicitation());
    });

    test("§4.2, RFC 4191 §2.2: hop limit, M, O, preference, lifetime and timers as configured", () => {
      const { body } = told;
      const [managed, otherwise, high] = [0x80, 0x40, 0x08];
      assert.deepEqual([body[0], body[1]], [61, managed | otherwise | high]);
      assert.deepEqual([body.readUInt16BE(2), body.readUInt32BE(4), body.readUInt32BE(8)], [1000, 30_000, 1500]);
    });

    test("§4.6.1, §4.6.4: our own station and the MTU, once each", async () => {
      const mac = (await host.must("cat", "/sys/class/net/tn-web1/address")).trim().replaceAll(":", "");
      assert.deepEqual(
        options(1).map((data) => data.toString("hex")),
        [mac],
      );
      assert.equal(told.mac, mac);
      assert.deepEqual(
        options(5).map((data) => data.readUInt32BE(2)),
        [1400],
      );
    });

    test("§4.6.2: the prefix, for addresses, not on the link, with its lifetimes", () => {
      const [prefix, ...more] = options(3);
      const autonomous = 0x40;
      assert.deepEqual([prefix[0], prefix[1], more.length], [64, autonomous, 0]);
      assert.deepEqual([prefix.readUInt32BE(2), prefix.readUInt32BE(6)], [7200, 3600]);
      assert.equal(prefix.toString("hex", 14), hex(address("2001:db8:77::")));
    });

    test("RFC 8106 §5.1: the DNS servers, with a lifetime no shorter than the interval", () => {
      const [servers, ...more] = options(25);
      assert.deepEqual([servers.readUInt32BE(2), more.length], [250, 0]);
      assert.equal(servers.toString("hex", 6), hex([...address("2001:db8:77::53"), ...address("2001:db8:77::54")]));
    });

    test("RFC 8106 §5.2: the search domains, padded with zeros to eights", () => {
      const [domains] = options(31);
      const name = [6, ...letters("guests"), 7, ...letters("example"), 0];
      assert.equal(domains.readUInt32BE(2), 250);
      assert.equal(hex([...domains.subarray(6, 6 + name.length)]), hex(name));
      assert.ok(domains.subarray(6 + name.length).every((octet) => octet === 0));
    });

    test("RFC 4191 §2.3: the more specific route, low, with its own lifetime, its prefix no longer than it must be", () => {
      const [route] = options(24);
      const low = 0x18;
      assert.deepEqual([route[0], route[1], route.readUInt32BE(2)], [48, low, 400]);
      assert.equal(route.toString("hex", 6), "20010db800090000");
    });

    test("RFC 8781 §4: the prefix of NAT64, with a lifetime in eights and the code for 96 bits", () => {
      const [pref64, ...more] = options(38);
      assert.deepEqual([pref64.readUInt16BE(0) & 7, (pref64.readUInt16BE(0) >>> 3) * 8, more.length], [0, 304, 0]);
      assert.equal(pref64.toString("hex", 2), hex(address("64:ff9b::").slice(0, 12)));
    });
  });

  describe("duplicate address detection (RFC 4862 §5.4, RFC 4861 §7.1.1, §7.2.4)", () => {
    for (const [whose, target] of [
      ["another guest's", OTHER],
      ["the gateway's", "2001:db8:77::1"],
      ["the router's", "fe80::1"],
    ] as const) {
      test(`of ${whose} address: it is taken, as all nodes are told, unsolicited`, async () => {
        const answers = (await hear(neighbour(target))).filter(({ type }) => type === NEIGHBOUR_ADVERTISEMENT);
        const solicited = 0x40;
        assert.ok(answers.length > 0);
        for (const { to, hopLimit, body, checksumIsRight } of answers) {
          assert.deepEqual([to, hopLimit, body[0] & solicited, checksumIsRight], [NODES, 255, 0, true]);
          assert.equal(body.toString("hex", 4, 20), hex(address(target)));
        }
      });
    }

    test("of a free address: silence, and it is the guest's", async () => {
      assert.deepEqual(await hearAnswers(neighbour("2001:db8:77::aa01")), []);
      await until("it to be learnt", async () => (await learnt("web1")).includes("2001:db8:77::aa01"));
    });

    const station = { body: [...ZEROS, ...address("2001:db8:77::aa02"), ...SOURCE_ADDRESS] };
    for (const [what, over] of [
      ["a hop limit of 64", { hopLimit: 64 }],
      ["a wrong checksum", { checksumError: true }],
      ["a code", { code: 1 }],
      ["the address of a station", station],
      ["a destination that is no solicited-node group", { to: "ff02::1" }],
      ["less than 24 octets", { body: [...ZEROS, 0x20, 1] }],
    ] as const satisfies readonly (readonly [string, Partial<Composed>])[]) {
      test(`with ${what}: is discarded, and nothing is learnt`, async () => {
        assert.deepEqual(await hearAnswers(neighbour("2001:db8:77::aa02", over)), []);
        assert.doesNotMatch(await learnt("web1"), /aa02/);
      });
    }

    test("of a group: is discarded", async () => {
      assert.deepEqual(await hearAnswers(neighbour("ff05::1:3")), []);
    });
  });

  test("§7.2.4: who asks for a neighbour behind another port is told our station, solicited and without override", async () => {
    const asked = neighbour(OTHER, { from: OWN, body: [...ZEROS, ...address(OTHER), ...SOURCE_ADDRESS] });
    const answers = (await hear(asked)).filter(({ type }) => type === NEIGHBOUR_ADVERTISEMENT);
    const solicited = 0x40;
    assert.deepEqual(
      answers.map(({ to, mac, body }) => [to, body[0], ndOptions(body, 20)[0].data.toString("hex") === mac]),
      [[hex(address(OWN)), solicited, true]],
    );
  });

  test("§6.2.5: SIGTERM says nothing; --cleanup says for the last time that this is no router any more", async () => {
    const start = ear.stdout.length;
    const said = (): Heard[] => heardIn(ear.stdout.slice(start)).filter(({ type }) => type === ADVERTISEMENT);
    await daemon.stop();
    await send(guest, neighbour("2001:db8:77::eeee"));
    await ear.waitFor(/2001:db8:77::eeee/);
    assert.deepEqual(said(), []);
    await daemon.cleanup();
    const [last] = await until("the last advertisement", () => said().length > 0 && said());
    assert.deepEqual([last.to, last.body.readUInt16BE(2)], [NODES, 0]);
    const prefixes = ndOptions(last.body, 12).filter(({ type }) => type === 3);
    assert.deepEqual(
      prefixes.map(({ data }) => data.readUInt32BE(6)),
      [0],
    );
  });
});
