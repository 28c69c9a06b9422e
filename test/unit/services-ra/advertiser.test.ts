import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { IPV6_ALL_NODES, IPV6_ALL_ROUTERS, IPV6_ANY } from "../../../src/base/ipv6-address.js";
import { RouterAdvertiser } from "../../../src/services/ra/advertiser.js";
import type { AdvertisedNetwork } from "../../../src/services/ra/network.js";
import type { RouterAdvertisement } from "../../../src/wire/ndp/message.js";
import type { Option } from "../../../src/wire/ndp/option-repr.js";
import { ip, prefix } from "../../support/dhcp6-lab.js";
import { GUEST_LINK_LOCAL, GUEST_MAC } from "../../support/frames.js";
import { BRIDGE, NdLab, NETWORK, PREFIX, type Told, WEB1, WEB2 } from "../../support/nd-lab.js";

const SOLICITATION = { kind: "router-solicitation", options: [] } as const;
const FROM_GUEST = { source: GUEST_LINK_LOCAL, destination: IPV6_ALL_ROUTERS };
const FROM_NOBODY = { source: IPV6_ANY, destination: IPV6_ALL_ROUTERS };
const ALL_NODES_MAC = 0x3333_0000_0001;

function setUp(network: AdvertisedNetwork = NETWORK) {
  const lab = new NdLab();
  const advertiser = new RouterAdvertiser({ clock: lab.clock, random: lab.random, sender: lab.sender });
  lab.bind(advertiser, ["routerSolicitation"]);
  advertiser.setNetwork(network);
  for (const link of [WEB1, WEB2]) advertiser.addLink(link);
  return { lab, advertiser };
}

function advertisement(told: Told | undefined): RouterAdvertisement {
  assert.equal(told?.message.kind, "router-advertisement");
  return told.message;
}

function prefixesOf(told: Told | undefined) {
  return advertisement(told).options.filter(
    (one): one is Extract<Option, { kind: "prefix-information" }> => one.kind === "prefix-information",
  );
}

describe("an answer to a solicitation (RFC 4861 §6.2.6)", () => {
  test("goes at once to its sender, from our link-local address and MAC", () => {
    const { lab } = setUp();
    const [told, ...more] = lab.hear(WEB1, SOLICITATION, FROM_GUEST);
    assert.equal(more.length, 0);
    assert.equal(told.ifindex, WEB1.ifindex);
    assert.deepEqual([told.source, told.destination], [ip("fe80::1"), GUEST_LINK_LOCAL]);
    assert.deepEqual([told.etherSource, told.etherDestination], [WEB1.gatewayMac, GUEST_MAC]);
  });

  test("says everything that the network is configured with", () => {
    const routes = [{ prefix: ip("2001:db8:9::"), prefixLength: 48, preference: "low", lifetimeSeconds: 600 }] as const;
    const pref64 = { prefix: ip("64:ff9b::"), prefixLength: 96, lifetimeSeconds: 1800 };
    const { lab } = setUp({ ...NETWORK, routes, pref64, preference: "high" });
    const [told] = lab.hear(WEB1, SOLICITATION, FROM_GUEST);
    const { prefix: network, onLink, autonomous, validSeconds, preferredSeconds } = PREFIX;
    assert.deepEqual(told.message, {
      kind: "router-advertisement",
      hopLimit: 64,
      managed: true,
      other: true,
      preference: "high",
      routerLifetimeSeconds: 1800,
      reachableMs: 0,
      retransmitMs: 0,
      options: [
        { kind: "source-link-layer-address", mac: WEB1.gatewayMac },
        { kind: "mtu", mtu: 1500 },
        {
          kind: "prefix-information",
          prefix: network.address,
          prefixLength: 64,
          onLink,
          autonomous,
          validSeconds,
          preferredSeconds,
        },
        { kind: "route-information", ...routes[0] },
        { kind: "recursive-dns", lifetimeSeconds: 1800, addresses: [ip("2001:db8:77::1")] },
        { kind: "dns-search-list", lifetimeSeconds: 1800, names: ["tapnet.internal"] },
        { kind: "pref64", ...pref64 },
      ],
    });
  });

  test("has a router lifetime of 0 on an isolated network", () => {
    const { lab } = setUp({ ...NETWORK, routerLifetimeSeconds: 0 });
    assert.equal(advertisement(lab.hear(WEB1, SOLICITATION, FROM_GUEST)[0]).routerLifetimeSeconds, 0);
  });

  test("goes to all nodes when the sender has no address, once in three seconds: what comes sooner waits until then", () => {
    const { lab, advertiser } = setUp();
    lab.clock.advance(3000);
    const [told] = lab.hear(WEB1, SOLICITATION, FROM_NOBODY);
    assert.deepEqual([told.destination, told.etherDestination], [IPV6_ALL_NODES, ALL_NODES_MAC]);
    for (let more = 0; more < 3; more++) assert.equal(lab.hear(WEB1, SOLICITATION, FROM_NOBODY).length, 0);
    assert.equal(lab.hear(WEB2, SOLICITATION, FROM_NOBODY).length, 1);
    assert.equal(lab.during(() => lab.clock.advance(2999)).length, 0);
    const [late, ...more] = lab.during(() => lab.clock.advance(1));
    assert.deepEqual([late.ifindex, late.destination, more.length], [WEB1.ifindex, IPV6_ALL_NODES, 0]);
    assert.equal(advertiser.counters.get("delayed"), 3);
  });

  test("to all nodes also keeps three seconds from an advertisement that nobody asked for (§6.2.6)", () => {
    const { lab } = setUp();
    assert.equal(lab.hear(WEB1, SOLICITATION, FROM_NOBODY).length, 0);
    assert.equal(lab.hear(WEB1, SOLICITATION, FROM_GUEST).length, 1);
    assert.equal(lab.during(() => lab.clock.advance(3000)).length, 1);
  });

  test("names the MAC of its own link", () => {
    const { lab, advertiser } = setUp();
    advertiser.addLink(BRIDGE);
    for (const link of [BRIDGE, WEB1]) {
      const [told] = lab.hear(link, SOLICITATION, FROM_GUEST);
      assert.deepEqual(advertisement(told).options[0], { kind: "source-link-layer-address", mac: link.gatewayMac });
      assert.equal(told.source, link.linkLocalIpv6 ?? ip("fe80::1"));
    }
  });

  test("is refused to a sender without an address that names its MAC (§6.1.1)", () => {
    const { lab, advertiser } = setUp();
    const named = { ...SOLICITATION, options: [{ kind: "source-link-layer-address", mac: GUEST_MAC }] } as const;
    assert.equal(lab.hear(WEB1, named, FROM_NOBODY).length, 0);
    assert.equal(advertiser.counters.get("source-link-layer-address"), 1);
    assert.equal(lab.hear(WEB1, named, FROM_GUEST).length, 1);
  });

  test("is refused to options that never end, and where nothing is advertised", () => {
    const { lab, advertiser } = setUp();
    const endless = Uint8Array.from([133, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert.equal(lab.hearIcmpv6(WEB1, endless, FROM_GUEST).length, 0);
    assert.equal(advertiser.counters.get("ndp-option-zero"), 1);
    assert.equal(lab.hear(BRIDGE, SOLICITATION, FROM_GUEST).length, 0);
    assert.equal(advertiser.counters.get("network-unknown"), 1);
  });
});

describe("unsolicited advertisements (RFC 4861 §6.2.4)", () => {
  test("reach every link of the network, between the two intervals, on one timer", () => {
    const { lab } = setUp();
    assert.equal(lab.clock.pending, 1);
    for (let round = 0; round < 20; round++) {
      const delayMs = lab.clock.nextDelayMs() ?? 0;
      assert.ok(delayMs >= 200_000 && delayMs < 600_000, `${delayMs} ms`);
      const told = lab.during(() => lab.clock.advance(delayMs));
      assert.deepEqual(
        told.map(({ ifindex }) => ifindex),
        [WEB1.ifindex, WEB2.ifindex],
      );
      assert.ok(told.every(({ destination }) => destination === IPV6_ALL_NODES));
    }
  });

  test("a new link is told at once", () => {
    const { lab, advertiser } = setUp();
    const told = lab.during(() => advertiser.addLink(BRIDGE));
    assert.deepEqual(
      told.map(({ ifindex }) => ifindex),
      [BRIDGE.ifindex],
    );
  });

  test("a change is told at once, and three times more within sixteen seconds each", () => {
    const { lab, advertiser } = setUp();
    lab.clock.advance(3000);
    assert.equal(lab.during(() => advertiser.setNetwork({ ...NETWORK, mtu: 1400 })).length, 2);
    for (let round = 0; round < 3; round++) assert.equal(lab.during(() => lab.clock.advance(16_000)).length, 2);
    assert.equal(lab.during(() => lab.clock.advance(16_000)).length, 0);
  });

  test("stop with the last link, and go on with the next", () => {
    const { lab, advertiser } = setUp();
    for (const link of [WEB1, WEB2]) advertiser.removeLink(link.slot);
    assert.equal(lab.clock.pending, 0);
    advertiser.addLink(WEB1);
    assert.equal(lab.clock.pending, 1);
    advertiser.removeNetwork("default");
    assert.equal(lab.clock.pending, 0);
    assert.equal(lab.hear(WEB1, SOLICITATION, FROM_GUEST).length, 0);
  });

  test("end silently with the daemon", () => {
    const { lab, advertiser } = setUp();
    assert.equal(lab.during(() => advertiser.close()).length, 0);
    assert.equal(lab.clock.pending, 0);
  });

  test("end with a farewell where a network is not advertised any more (§6.2.5)", () => {
    const routes = [{ prefix: ip("2001:db8:9::"), prefixLength: 48, preference: "low", lifetimeSeconds: 600 }] as const;
    const pref64 = { prefix: ip("64:ff9b::"), prefixLength: 96, lifetimeSeconds: 1800 };
    const { lab, advertiser } = setUp({ ...NETWORK, routes, pref64, preference: "high" });
    const told = lab.during(() => advertiser.removeNetwork("default"));
    assert.deepEqual(
      told.map(({ ifindex, destination }) => [ifindex, destination]),
      [WEB1, WEB2].map(({ ifindex }) => [ifindex, IPV6_ALL_NODES]),
    );
    const { routerLifetimeSeconds, preference, options } = advertisement(told[0]);
    assert.deepEqual([routerLifetimeSeconds, preference], [0, "medium"]);
    const lifetimes = options.map((one) => {
      if (one.kind === "prefix-information") return [one.kind, one.preferredSeconds, one.validSeconds];
      return "lifetimeSeconds" in one ? [one.kind, one.lifetimeSeconds] : [one.kind];
    });
    assert.deepEqual(lifetimes, [
      ["source-link-layer-address"],
      ["mtu"],
      ["prefix-information", 0, 7200],
      ["route-information", 0],
      ["recursive-dns", 0],
      ["dns-search-list", 0],
      ["pref64", 0],
    ]);
    assert.equal(lab.clock.pending, 0);
  });
});

describe("a prefix that is taken back (RFC 4862 §5.5.3)", () => {
  const OTHER = { ...PREFIX, prefix: prefix("2001:db8:88::/64") };

  test("is mentioned for two hours with preferred lifetime 0 and a valid lifetime that runs down, then no more", () => {
    const { lab, advertiser } = setUp();
    advertiser.setNetwork({ ...NETWORK, prefixes: [OTHER] });
    const [now, old] = prefixesOf(lab.hear(WEB1, SOLICITATION, FROM_GUEST)[0]);
    assert.deepEqual([now.prefix, now.preferredSeconds], [OTHER.prefix.address, 14_400]);
    assert.deepEqual([old.prefix, old.preferredSeconds, old.validSeconds], [PREFIX.prefix.address, 0, 7200]);
    lab.clock.advance(3_600_000);
    assert.equal(prefixesOf(lab.hear(WEB1, SOLICITATION, FROM_GUEST)[0])[1].validSeconds, 3600);
    lab.clock.advance(3_600_000);
    assert.equal(prefixesOf(lab.hear(WEB1, SOLICITATION, FROM_GUEST)[0]).length, 1);
  });

  test("takes the names, servers and routes with it that are gone: their lifetime is 0 (RFC 8106 §5.1, RFC 4191 §3.1)", () => {
    const routes = [{ prefix: ip("2001:db8:9::"), prefixLength: 48, preference: "low", lifetimeSeconds: 600 }] as const;
    const { lab, advertiser } = setUp({ ...NETWORK, routes });
    const dns = { ...NETWORK.dns, servers: [ip("2001:db8:88::1")], searchDomains: ["other.internal"] };
    advertiser.setNetwork({ ...NETWORK, prefixes: [OTHER], routes: [], dns });
    const told = (): Option[] =>
      advertisement(lab.hear(WEB1, SOLICITATION, FROM_GUEST)[0]).options.filter(({ kind }) => /route|dns/.test(kind));
    const gone = { servers: NETWORK.dns.servers, names: NETWORK.dns.searchDomains };
    const route = { kind: "route-information", ...routes[0], lifetimeSeconds: 0 };
    const now = [
      { kind: "recursive-dns", lifetimeSeconds: 1800, addresses: dns.servers },
      { kind: "dns-search-list", lifetimeSeconds: 1800, names: dns.searchDomains },
    ];
    assert.deepEqual(told(), [
      route,
      now[0],
      { kind: "recursive-dns", lifetimeSeconds: 0, addresses: gone.servers },
      now[1],
      { kind: "dns-search-list", lifetimeSeconds: 0, names: gone.names },
    ]);
    lab.clock.advance(1_800_000);
    assert.deepEqual(told(), now);
  });

  test("that ends at a set time is never told to last longer (RFC 9096 §3.1)", () => {
    const { lab, advertiser } = setUp();
    const ends = { validMs: 10_000_000, preferredMs: 5_000_000 };
    advertiser.setNetwork({ ...NETWORK, prefixes: [{ ...PREFIX, ends }] });
    const lifetimes = (): number[] => {
      const [one] = prefixesOf(lab.hear(WEB1, SOLICITATION, FROM_GUEST)[0]);
      return [one.validSeconds, one.preferredSeconds];
    };
    assert.deepEqual(lifetimes(), [10_000, 5_000]);
    lab.clock.advance(4_000_000);
    assert.deepEqual(lifetimes(), [6_000, 1_000]);
    lab.clock.advance(2_000_000);
    assert.deepEqual(lifetimes(), [4_000, 0]);
  });

  test("is an ordinary one again when it comes back", () => {
    const { lab, advertiser } = setUp();
    advertiser.setNetwork({ ...NETWORK, prefixes: [OTHER] });
    advertiser.setNetwork(NETWORK);
    const lifetimes = prefixesOf(lab.hear(WEB1, SOLICITATION, FROM_GUEST)[0]).map((one) => [one.prefix, one.preferredSeconds]);
    assert.deepEqual(lifetimes, [
      [PREFIX.prefix.address, 14_400],
      [OTHER.prefix.address, 0],
    ]);
  });
});

describe("prefixes of one link", () => {
  const OWN = { ...PREFIX, prefix: prefix("2001:db8:100:1::/64") };

  test("are told on that link alone, with the network's", () => {
    const { lab, advertiser } = setUp();
    advertiser.addLink(WEB1, [OWN]);
    assert.deepEqual(
      prefixesOf(lab.hear(WEB1, SOLICITATION, FROM_GUEST)[0]).map((one) => one.prefix),
      [PREFIX.prefix.address, OWN.prefix.address],
    );
    assert.deepEqual(
      prefixesOf(lab.hear(WEB2, SOLICITATION, FROM_GUEST)[0]).map((one) => one.prefix),
      [PREFIX.prefix.address],
    );
  });

  test("come, change with the network, and are taken back", () => {
    const { lab, advertiser } = setUp();
    lab.clock.advance(3000);
    assert.equal(lab.during(() => advertiser.setLinkPrefixes(WEB1.slot, [OWN])).length, 1);
    advertiser.setNetwork({ ...NETWORK, mtu: 1280, prefixes: [] });
    const [told] = lab.hear(WEB1, SOLICITATION, FROM_GUEST);
    assert.deepEqual(
      prefixesOf(told).map((one) => [one.prefix, one.preferredSeconds]),
      [
        [OWN.prefix.address, 14_400],
        [PREFIX.prefix.address, 0],
      ],
    );
    assert.ok(advertisement(told).options.some((one) => one.kind === "mtu" && one.mtu === 1280));
    advertiser.setLinkPrefixes(WEB1.slot, []);
    assert.ok(prefixesOf(lab.hear(WEB1, SOLICITATION, FROM_GUEST)[0]).every((one) => one.preferredSeconds === 0));
  });
});
