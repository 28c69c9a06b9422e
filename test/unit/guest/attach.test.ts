import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { TapnetError } from "../../../src/base/errors.js";
import { parseIpv4 } from "../../../src/base/ipv4-address.js";
import { parseIpv6 } from "../../../src/base/ipv6-address.js";
import { silentLogger } from "../../../src/base/log.js";
import { parseIpv4Prefix, parseIpv6Prefix } from "../../../src/base/prefix.js";
import { Ports, type PortsOptions } from "../../../src/guest/ports.js";
import { defineNetworks } from "../../../src/network/define.js";
import type { Binding, Network, Port } from "../../../src/network/model.js";
import { gatewayAddresses } from "../../../src/network/state.js";
import { FakeFirewall, FakeKernel, freshLink } from "../network/fake-kernel.js";

const [NAT, BOTH] = defineNetworks([
  { name: "default", kind: "nat", ipv4: parseIpv4Prefix("10.77.0.0/24") },
  { name: "both", kind: "routed", ipv4: parseIpv4Prefix("203.0.113.0/24"), ipv6: parseIpv6Prefix("2001:db8::/64") },
]);
const MAC = 0x5254_0000_0001;
const WEB1 = { ifname: "tn-web1", guest: "web1", network: NAT } as const;

class House {
  readonly kernel = new FakeKernel();
  readonly firewall = new FakeFirewall();
  readonly log: string[] = [];
  bindings: Binding[] = [{ address: ipv4("10.77.0.10"), mac: MAC }];
  guardRefused = 0;
  readonly gone: Port[] = [];
  readonly ports: Ports;

  constructor(changes: Partial<PortsOptions> = {}) {
    this.kernel.addLink(freshLink(7, "tn-web1"));
    this.kernel.addLink(freshLink(8, "tn-web2"));
    this.kernel.addresses.push(...[NAT, BOTH].flatMap((network) => gatewayAddresses(network, new Map())));
    const note = (what: string) => (port: Port) => void this.log.push(`${what} ${port.guest}`);
    this.ports = new Ports({
      kernel: this.kernel,
      firewall: this.firewall,
      sysctl: this.kernel,
      addresses: {
        claim: (port) => {
          this.log.push(`claim ${port.guest}`);
          return this.bindings;
        },
        unclaim: note("unclaim"),
      },
      frames: { open: note("open"), close: note("close") },
      names: { add: note("name"), remove: note("unname") },
      log: silentLogger,
      interfaces: new Map(),
      onGuardRefused: () => void this.guardRefused++,
      onGone: (port) => void this.gone.push(port),
      ...changes,
    });
  }

  /** Kernel and packet filter together. */
  state(): string {
    return `${this.kernel.describe()}\n${this.firewall.describe()}`;
  }
}

suite("attach", () => {
  test("puts everything in place, in one system call for the kernel and one for the packet filter", async () => {
    const house = new House();
    const port = await house.ports.attach(WEB1);
    assert.equal(house.kernel.sends, 1);
    assert.equal(house.firewall.sends, 1);
    assert.deepEqual(house.kernel.done, [
      "set link 7 mac group alias ipv4 ipv6AddressGeneration",
      "set proxy delay of 7",
      "take queue 7",
      "set link 7 up",
      "add route unicast 10.77.0.10/32 dev 7 metric 0 proto 157",
      "set neighbour 10.77.0.10",
    ]);
    assert.equal(
      house.firewall.describe(),
      ["arp tapnet bound: 7 52:54:00:00:00:01 10.77.0.10", "inet tapnet bound4: 7 52:54:00:00:00:01 10.77.0.10"].join("\n"),
    );
    assert.deepEqual(house.log, ["claim web1", "open web1", "name web1"]);
    assert.equal(house.kernel.link(7)?.alias, "tapnet guest=web1 network=default");
    assert.equal(house.kernel.read("net/ipv6/conf/tn-web1/disable_ipv6"), "1");
    assert.equal(house.ports.get(7), port);
    assert.equal(house.ports.ofGuest("web1", "default"), port);
  });

  test("leaves IPv6 on where the network has it, with the gateway's link-local address", async () => {
    const house = new House();
    house.bindings = [{ address: ipv6("2001:db8::10"), mac: MAC }];
    await house.ports.attach({ ...WEB1, network: BOTH });
    assert.equal(house.kernel.read("net/ipv6/conf/tn-web1/disable_ipv6"), "0");
    assert.ok(house.kernel.done.includes("add address fe80::1"));
    assert.equal(house.firewall.describe(), "inet tapnet bound6: 7 52:54:00:00:00:01 2001:db8::10");
  });

  test("again, does nothing", async () => {
    const house = new House();
    const port = await house.ports.attach(WEB1);
    const before = house.state();
    assert.equal(await house.ports.attach(WEB1), port);
    assert.equal(house.state(), before);
    assert.equal(house.kernel.sends, 1);
  });

  test("and detach leave nothing but a link that is down and nobody's", async () => {
    const house = new House();
    await house.ports.attach(WEB1);
    await house.ports.detach(7);
    assert.equal(house.kernel.dumpRoutes(157).length, 0);
    assert.equal(house.kernel.neighbours.length, 0);
    assert.equal(house.firewall.describe(), "");
    const { alias, group, up } = house.kernel.link(7) ?? freshLink(0, "");
    assert.deepEqual({ alias, group, up }, { alias: "", group: 0, up: false });
    assert.deepEqual(house.log.slice(-2), ["unname web1", "close web1"]);
    assert.deepEqual(house.ports.list(), []);
  });

  const refusals: readonly (readonly [string, string, () => Parameters<Ports["attach"]>[0]])[] = [
    ["a link that does not exist", "NO_LINK", () => ({ ...WEB1, ifname: "tn-nobody" })],
    ["a link of another guest", "LINK_TAKEN", () => ({ ...WEB1, guest: "web2" })],
    ["a guest that is attached elsewhere", "GUEST_ATTACHED", () => ({ ...WEB1, ifname: "tn-web2" })],
  ];
  for (const [what, code, request] of refusals) {
    test(`refuses ${what}`, async () => {
      const house = new House();
      await house.ports.attach(WEB1);
      const before = house.state();
      await assert.rejects(house.ports.attach(request()), (error: TapnetError) => error.code === code);
      assert.equal(house.state(), before);
    });
  }

  test("two at the same time for one link: the second is told so", async () => {
    const house = new House();
    const first = house.ports.attach(WEB1);
    await assert.rejects(house.ports.attach(WEB1), (error: TapnetError) => error.code === "LINK_BUSY");
    await first;
    assert.equal(house.ports.list().length, 1);
  });

  test("a guest whose link disappeared unnoticed attaches through a new one", async () => {
    const house = new House();
    await house.ports.attach(WEB1);
    house.kernel.links.delete(7);
    house.kernel.routes = [];
    await house.ports.attach({ ...WEB1, ifname: "tn-web2" });
    assert.deepEqual(
      house.gone.map(({ ifindex }) => ifindex),
      [7],
    );
    assert.equal(house.ports.ofGuest("web1", "default")?.ifindex, 8);
    assert.doesNotMatch(house.firewall.describe(), /: 7 /);
  });
});

suite("an attach that fails leaves nothing behind", () => {
  const kernelSteps: readonly (readonly [step: RegExp, ...networks: Network[]])[] = [
    [/sysctl .*disable_ipv6/, NAT],
    [/set link \d+ mac/, NAT, BOTH],
    [/set proxy delay/, NAT, BOTH],
    [/set link \d+ up/, NAT, BOTH],
    [/add address fe80::1/, BOTH],
    [/add route unicast 203/, BOTH],
    [/add route unicast 2001/, BOTH],
    [/add route unicast 10/, NAT],
    [/set neighbour 203/, BOTH],
    [/set neighbour 2001/, BOTH],
  ];
  for (const [step, ...networks] of kernelSteps) {
    for (const network of networks) {
      test(`${step.source} on network ${network.name}`, async () => {
        const house = new House();
        const both = [ipv4("203.0.113.10"), ipv6("2001:db8::10")].map((address) => ({ address, mac: MAC }));
        if (network === BOTH) house.bindings = both;
        const before = house.state();
        house.kernel.refuse = step;
        await assert.rejects(house.ports.attach({ ...WEB1, network }));
        assert.equal(house.state(), before);
        assert.equal(house.log.at(-1), "unclaim web1");
        assert.deepEqual(house.ports.list(), []);
      });
    }
  }

  test("the packet filter refuses", async () => {
    const house = new House();
    const before = house.state();
    house.firewall.broken = true;
    await assert.rejects(house.ports.attach(WEB1));
    assert.equal(house.state(), before);
    assert.equal(house.guardRefused, 1);
  });

  const services: readonly (readonly [string, Partial<PortsOptions>, readonly string[]])[] = [
    ["addresses", { addresses: { claim: () => Promise.reject(new Error("disk full")), unclaim() {} } }, []],
    ["frames", { frames: { open: () => Promise.reject(new Error("no memory")), close() {} } }, ["claim web1", "unclaim web1"]],
    ["names", { names: { add: fail, remove() {} } }, ["claim web1", "open web1", "close web1", "unclaim web1"]],
    ["an undo fails as well", { names: { add: fail, remove: fail } }, ["claim web1", "open web1", "close web1", "unclaim web1"]],
  ];
  for (const [what, changes, log] of services) {
    test(what, async () => {
      const house = new House(changes);
      const before = house.state();
      await assert.rejects(house.ports.attach(WEB1), /disk full|no memory|out of names/);
      assert.equal(house.state(), before);
      assert.deepEqual(house.log, log);
    });
  }

  test("and what fails once works the next time", async () => {
    const house = new House();
    house.kernel.refuse = /add route/;
    await assert.rejects(house.ports.attach(WEB1));
    house.kernel.refuse = undefined;
    await house.ports.attach(WEB1);
    assert.equal(house.ports.list().length, 1);
  });
});

suite("adopt", () => {
  test("takes over marked links, and names those that belong to no network", async () => {
    const house = new House();
    house.kernel.addLink(freshLink(7, "tn-web1", { alias: "tapnet guest=web1 network=default" }));
    house.kernel.addLink(freshLink(8, "renamed", { alias: "tapnet guest=web2 network=gone" }));
    house.kernel.addLink(freshLink(9, "eth0", { alias: "mine" }));
    const before = house.state();
    const strangers = await house.ports.adopt([NAT, BOTH]);
    assert.deepEqual(
      strangers.map(({ name }) => name),
      ["renamed"],
    );
    assert.deepEqual(
      house.ports.list().map(({ guest, bindings }) => [guest, bindings.length]),
      [["web1", 1]],
    );
    assert.equal(house.state(), before);
  });
});

function fail(): never {
  throw new Error("out of names");
}

function ipv4(text: string): number {
  const address = parseIpv4(text);
  assert.ok(address !== undefined);
  return address;
}

function ipv6(text: string): bigint {
  const address = parseIpv6(text);
  assert.ok(address !== undefined);
  return address;
}
