import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { InterfaceAddress, Neighbour, Route } from "../../../src/base/kernel-objects.js";
import { parseIpv4Prefix, parseIpv6Prefix } from "../../../src/base/prefix.js";
import { apply } from "../../../src/network/apply.js";
import { defineNetworks } from "../../../src/network/define.js";
import { type Model, type Network, type Port, PROTOCOL } from "../../../src/network/model.js";
import type { Operation } from "../../../src/network/operation.js";
import { plan } from "../../../src/network/plan.js";
import { type KernelDump, reconcile } from "../../../src/network/reconcile.js";
import { FakeKernel, freshLink } from "../../unit/network/fake-kernel.js";

const RUNS = { numRuns: 100 };

const NETWORKS = defineNetworks([
  { name: "default", kind: "nat", ipv4: parseIpv4Prefix("10.77.0.0/24") },
  { name: "both", kind: "routed", ipv4: parseIpv4Prefix("203.0.113.0/24"), ipv6: parseIpv6Prefix("2001:db8::/64") },
  { name: "lan", kind: "routed", ipv4: parseIpv4Prefix("198.51.100.0/24"), uplink: "eth0", answerOnUplink: true },
  { name: "shared", kind: "bridge", ipv4: parseIpv4Prefix("10.80.0.0/24"), bridge: { ports: ["eth1"] } },
]);
const UPLINK = 2;
const LAN_PORT = 3;
const BRIDGE = 4;
const FIRST_PORT = 10;

const bindings = (network: Network, index: number) =>
  fc.uniqueArray(fc.integer({ min: 2, max: 200 }), { maxLength: 3 }).map((hosts) =>
    hosts.map((host) => ({
      // Two ports never share an address: the low bits are the port's own.
      address:
        host % 2 === 0 || network.ipv6 === undefined
          ? (network.ipv4?.address ?? 0) + index * 20 + (host % 20)
          : network.ipv6.address + BigInt(index * 1000 + host),
      mac: 0x5254_0000_0000 + index,
    })),
  );

const models: fc.Arbitrary<Model> = fc
  .array(fc.integer({ min: 0, max: NETWORKS.length - 1 }), { maxLength: 6 })
  .chain((choices) =>
    fc.tuple(...choices.map((choice, index) => bindings(NETWORKS[choice], index))).map((bound) => ({
      networks: NETWORKS,
      ports: choices.map(
        (choice, index): Port => ({
          ifindex: FIRST_PORT + index,
          ifname: `tn-g${index}`,
          guest: `g${index}`,
          network: NETWORKS[choice],
          bindings: uniqueByAddress(bound[index]),
        }),
      ),
      interfaces: new Map([
        ["eth0", UPLINK],
        ["eth1", LAN_PORT],
        ["br-shared", BRIDGE],
      ]),
    })),
  );

function uniqueByAddress<Value extends { readonly address: unknown }>(values: readonly Value[]): Value[] {
  return [...new Map(values.map((value) => [value.address, value])).values()];
}

const foreignRoute: Route = {
  prefix: { family: 4, address: 0xc000_0200, prefixLength: 24 },
  type: "unicast",
  ifindex: UPLINK,
  via: undefined,
  preferredSource: undefined,
  table: 254,
  protocol: 4,
  metric: 0,
};
const foreignAddress: InterfaceAddress = { ifindex: UPLINK, address: 0xc633_6402, prefixLength: 24, protocol: 0 };
const foreignNeighbour: Neighbour = { ifindex: UPLINK, address: 0xc633_6401, mac: 1, permanent: true, proxy: false, protocol: 0 };

/** A kernel with links for the ports and things of others. */
function kernelFor(model: Model): FakeKernel {
  const kernel = new FakeKernel();
  kernel.addLink(freshLink(UPLINK, "eth0", { kind: "", up: true }));
  kernel.addLink(freshLink(LAN_PORT, "eth1", { kind: "", up: true }));
  // As the first look makes it, before its index is known.
  const bridge = reconcile(plan({ ...model, ports: [], interfaces: new Map() }), dumpOf(kernel));
  apply(
    bridge.filter((operation) => operation.do === "addBridge"),
    kernel,
    kernel,
  );
  for (const { ifindex, ifname } of model.ports) kernel.addLink(freshLink(ifindex, ifname));
  kernel.routes.push(foreignRoute);
  kernel.addresses.push(foreignAddress);
  kernel.neighbours.push(foreignNeighbour);
  kernel.sysctls.set("net/ipv4/conf/eth0/forwarding", "0");
  return kernel;
}

function dumpOf(kernel: FakeKernel): KernelDump {
  const { sysctls } = kernel;
  const routes = kernel.dumpRoutes(PROTOCOL);
  const [links, addresses, neighbours] = [kernel.dumpLinks(), kernel.dumpAddresses(), kernel.dumpNeighbours()];
  return { links, addresses, routes, neighbours, bridgeStations: kernel.dumpBridgeStations(), sysctls };
}

function bring(kernel: FakeKernel, model: Model): readonly Operation[] {
  const operations = reconcile(plan(model), dumpOf(kernel));
  assert.deepEqual(apply(operations, kernel, kernel), []);
  return operations;
}

const ROUTING_OFF = { forwarding: 0, rpFilter: 2 };

/** What a stranger can do to the kernel, by numbers. */
function damage(kernel: FakeKernel, choice: number, which: number): void {
  const pick = <Value>(values: readonly Value[]): Value | undefined => values[which % Math.max(1, values.length)];
  const link = pick(kernel.dumpLinks().filter(({ ifindex }) => ifindex >= FIRST_PORT));
  const batch = kernel.batch();
  switch (choice) {
    case 0: {
      const route = pick(kernel.dumpRoutes(PROTOCOL));
      if (route !== undefined) batch.deleteRoute(route);
      break;
    }
    case 1: {
      const address = pick(kernel.addresses.filter(({ protocol }) => protocol === PROTOCOL));
      if (address !== undefined) batch.deleteAddress(address);
      break;
    }
    case 2: {
      const neighbour = pick(kernel.neighbours.filter(({ protocol }) => protocol === PROTOCOL));
      if (neighbour !== undefined) batch.setNeighbour({ ...neighbour, mac: 0x0200_dead_beef });
      break;
    }
    case 3:
      if (link !== undefined) batch.setLink(link.ifindex, { up: false });
      break;
    case 4:
      if (link === undefined) break;
      // The kernel does not route what comes in at a port of a bridge: its settings for that mean nothing.
      batch.setLink(link.ifindex, {
        group: 0,
        master: 0,
        mtu: 1400,
        ...(link.alias.endsWith("network=shared") ? {} : { ipv4: ROUTING_OFF }),
      });
      break;
    case 5:
      if (link !== undefined) kernel.links.delete(link.ifindex);
      break;
    default:
      kernel.write("net/ipv4/ip_forward", "0");
  }
  batch.send();
}

test("what was put right needs nothing more", () => {
  fc.assert(
    fc.property(models, (model) => {
      const kernel = kernelFor(model);
      bring(kernel, model);
      assert.deepEqual(reconcile(plan(model), dumpOf(kernel)), []);
    }),
    RUNS,
  );
});

test("any damage is put right", () => {
  const damages = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.nat(20)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(models, damages, (model, done) => {
      const kernel = kernelFor(model);
      bring(kernel, model);
      for (const [choice, which] of done) damage(kernel, choice, which);
      bring(kernel, model);
      assert.deepEqual(reconcile(plan(model), dumpOf(kernel)), []);
      const intact = kernelFor(model);
      for (const { ifindex } of model.ports) if (!kernel.links.has(ifindex)) intact.links.delete(ifindex);
      bring(intact, model);
      assert.equal(withoutSysctls(kernel), withoutSysctls(intact));
    }),
    RUNS,
  );
});

test("from one model to any other, as if it had never been", () => {
  fc.assert(
    fc.property(models, models, (first, second) => {
      const kernel = kernelFor(first.ports.length > second.ports.length ? first : second);
      bring(kernel, first);
      bring(kernel, second);
      assert.deepEqual(reconcile(plan(second), dumpOf(kernel)), []);
      const wanted = plan(second);
      assert.equal(kernel.dumpRoutes(PROTOCOL).length, wanted.routes.length);
      assert.equal(kernel.neighbours.filter(({ protocol }) => protocol === PROTOCOL).length, wanted.neighbours.length);
    }),
    RUNS,
  );
});

test("the order of networks and ports means nothing", () => {
  fc.assert(
    fc.property(models, (model) => {
      const turned: Model = { ...model, networks: model.networks.toReversed(), ports: model.ports.toReversed() };
      const [one, other] = [kernelFor(model), kernelFor(model)];
      bring(one, model);
      bring(other, turned);
      assert.equal(one.describe(), other.describe());
    }),
    RUNS,
  );
});

test("what is not ours is never touched", () => {
  fc.assert(
    fc.property(models, models, (first, second) => {
      const kernel = kernelFor(first);
      const foreignLink = kernel.link(UPLINK);
      bring(kernel, first);
      bring(kernel, second);
      bring(kernel, { networks: [], ports: [], interfaces: new Map() });
      assert.equal(kernel.routes.filter(({ protocol }) => protocol !== PROTOCOL).length, 1);
      assert.ok(kernel.routes.includes(foreignRoute));
      assert.deepEqual(kernel.addresses, [foreignAddress]);
      assert.deepEqual(kernel.neighbours, [foreignNeighbour]);
      assert.equal(kernel.link(UPLINK), foreignLink);
    }),
    RUNS,
  );
});

function withoutSysctls(kernel: FakeKernel): string {
  return kernel
    .describe()
    .split("\n")
    .filter((line) => !line.includes(" = "))
    .join("\n");
}
