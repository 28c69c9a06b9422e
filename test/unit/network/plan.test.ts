import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { LinkState } from "../../../src/base/kernel-objects.js";
import { parseIpv4Prefix, parseIpv6Prefix } from "../../../src/base/prefix.js";
import { defineNetworks, type NetworkSpecification } from "../../../src/network/define.js";
import type { Model, Port } from "../../../src/network/model.js";
import { plan, wantedPort } from "../../../src/network/plan.js";
import { type KernelDump, linkOperations, reconcile } from "../../../src/network/reconcile.js";
import { FakeKernel, freshLink, routeText } from "./fake-kernel.js";

const IPV4 = parseIpv4Prefix("10.77.0.0/24");
const IPV6 = parseIpv6Prefix("2001:db8::/64");

function modelOf(...specifications: NetworkSpecification[]): Model {
  return { networks: defineNetworks(specifications), ports: [], interfaces: new Map() };
}

function dumpOf(kernel: FakeKernel): KernelDump {
  const { sysctls } = kernel;
  return {
    links: kernel.dumpLinks(),
    addresses: kernel.dumpAddresses(),
    routes: [],
    neighbours: [],
    bridgeStations: [],
    sysctls,
  };
}

suite("the plan", () => {
  const forwarding: readonly (readonly [what: string, specification: NetworkSpecification, paths: readonly string[]])[] = [
    ["NAT to any uplink", { name: "a", kind: "nat", ipv4: IPV4 }, ["net/ipv4/ip_forward"]],
    ["NAT to one uplink", { name: "a", kind: "nat", ipv4: IPV4, uplink: "eth0" }, ["net/ipv4/conf/eth0/forwarding"]],
    ["isolated", { name: "a", kind: "isolated", ipv4: IPV4 }, []],
    ["isolated, IPv6", { name: "a", kind: "isolated", ipv6: IPV6 }, ["net/ipv6/conf/all/forwarding"]],
  ];
  for (const [what, specification, paths] of forwarding) {
    test(`makes of the host no more of a router than it takes: ${what}`, () => {
      assert.deepEqual(
        plan(modelOf(specification)).sysctls.map(({ path }) => path),
        paths,
      );
    });
  }

  test("leads a public address to its guest's link, answers for it on the uplink, and else lets it lead nowhere", () => {
    const address = 0xc000_0207;
    const publics = new Map([["web1", [address]]]);
    const model = modelOf({ name: "a", kind: "nat", ipv4: IPV4, uplink: "eth0", publics });
    const [network] = model.networks;
    const away = plan(model);
    const found = ({ routes }: typeof away) =>
      routes.filter(({ prefix }) => prefix.address === address).map(({ type, ifindex }) => [type, ifindex]);
    assert.deepEqual([found(away), away.neighbours], [[["unreachable", 0]], []]);
    const port: Port = { ifindex: 9, ifname: "tn-web1", guest: "web1", network, bindings: [] };
    const here = plan({ ...model, ports: [port], interfaces: new Map([["eth0", 2]]) });
    assert.deepEqual(found(here), [
      ["unreachable", 0],
      ["unicast", 9],
    ]);
    assert.deepEqual(
      here.neighbours.map(({ ifindex, proxy }) => [ifindex, proxy]),
      [[2, true]],
    );
    assert.ok(here.sysctls.some(({ path, value }) => path === "net/ipv4/neigh/eth0/proxy_delay" && value === "0"));
  });

  test("has the gateway once, and a last resort for each prefix", () => {
    const { addresses, routes } = plan(modelOf({ name: "a", kind: "nat", ipv4: IPV4, ipv6: IPV6 }));
    assert.deepEqual(
      addresses.map(({ ifindex, prefixLength }) => [ifindex, prefixLength]),
      [
        [1, 32],
        [1, 128],
      ],
    );
    assert.deepEqual(routes.map(routeText), [
      "unreachable 10.77.0.0/24 dev 0 metric 4278190080 proto 157",
      "unreachable 2001:db8::/64 dev 0 metric 4278190080 proto 157",
    ]);
  });

  test("leaves the uplink's own subnet reachable", () => {
    const { routes } = plan(modelOf({ name: "a", kind: "routed", ipv4: IPV4, uplink: "eth0", answerOnUplink: true }));
    assert.deepEqual(routes, []);
  });
});

suite("becoming an IPv6 router", () => {
  test("keeps the host's own router advertisements coming, and first", () => {
    const kernel = new FakeKernel();
    kernel.addLink(freshLink(2, "eth0", { kind: "" }));
    kernel.addLink(freshLink(3, "eth1", { kind: "", ipv6: { disabled: false, addressGeneration: "eui64", acceptRa: 0 } }));
    const operations = reconcile(plan(modelOf({ name: "a", kind: "routed", ipv6: IPV6 })), dumpOf(kernel));
    assert.deepEqual(operations.slice(0, 2), [
      { do: "writeSysctl", path: "net/ipv6/conf/eth0/accept_ra", value: "2" },
      { do: "writeSysctl", path: "net/ipv6/conf/all/forwarding", value: "1" },
    ]);
  });

  test("does not touch a host that is one", () => {
    const kernel = new FakeKernel();
    kernel.addLink(freshLink(2, "eth0", { kind: "" }));
    kernel.sysctls.set("net/ipv6/conf/all/forwarding", "1");
    const operations = reconcile(plan(modelOf({ name: "a", kind: "routed", ipv6: IPV6 })), dumpOf(kernel));
    assert.ok(operations.every((operation) => operation.do !== "writeSysctl"));
  });
});

suite("a port's link", () => {
  const cases: readonly (readonly [what: string, changes: Partial<LinkState>, done: readonly string[]])[] = [
    ["that is a TAP loses its queue before it comes up", {}, ["setLink", "setNoQueue", "setLink"]],
    ["that is no TAP keeps its own", { kind: "veth" }, ["setLink", "setLink"]],
    ["that somebody has given one keeps that", { queue: "fq" }, ["setLink", "setLink"]],
    ["that is up keeps what it has", { up: true }, ["setLink"]],
  ];
  for (const [what, changes, done] of cases) {
    test(what, () => {
      const [network] = defineNetworks([{ name: "a", kind: "routed", ipv4: IPV4 }]);
      const wanted = wantedPort({ ifindex: 7, guest: "g", network }, new Map());
      const operations = linkOperations(wanted, freshLink(7, "tn-g", changes)).map((operation) => operation.do);
      assert.deepEqual(
        operations.filter((operation) => operation !== "clearProxyDelay" && operation !== "writeSysctl"),
        done,
      );
    });
  }
});

suite("a route in the way", () => {
  test("of somebody else stays; what is ours and different goes first", () => {
    const [network] = defineNetworks([{ name: "a", kind: "nat", ipv4: IPV4 }]);
    const bindings = [{ address: 0x0a4d_0005, mac: 1 }];
    const port: Port = { ifindex: 7, ifname: "tn-a", guest: "a", network, bindings };
    const state = plan({ networks: [network], ports: [port], interfaces: new Map() });
    const [, wanted] = state.routes;
    const present = [
      { ...wanted, preferredSource: 5 },
      { ...wanted, ifindex: 9, protocol: 4 },
    ];
    const dump: KernelDump = {
      links: [freshLink(7, "tn-a")],
      addresses: [],
      routes: present,
      neighbours: [],
      bridgeStations: [],
      sysctls: new Map(),
    };
    const operations = reconcile(state, dump).filter(({ do: what }) => what.endsWith("Route"));
    assert.deepEqual(
      operations.map((operation) => [operation.do, "route" in operation ? operation.route : undefined]),
      [
        ["deleteRoute", present[0]],
        ["addRoute", state.routes[0]],
        ["addRoute", wanted],
      ],
    );
  });
});
