import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { silentLogger } from "../../../src/base/log.js";
import { parseIpv4Prefix } from "../../../src/base/prefix.js";
import { defineNetworks, type NetworkSpecification } from "../../../src/network/define.js";
import type { Network } from "../../../src/network/model.js";
import { Upkeep } from "../../../src/network/upkeep.js";
import { ManualClock } from "../../support/manual-clock.js";
import { FakeFirewall, FakeKernel, freshLink } from "./fake-kernel.js";

const ETH0 = 2;
const VLAN100 = { name: "eth0.100", link: "eth0", id: 100 };
const WEB: NetworkSpecification = {
  name: "web",
  kind: "routed",
  ipv4: parseIpv4Prefix("203.0.113.0/24"),
  uplink: "eth0.100",
  vlans: [VLAN100],
};
const LAN: NetworkSpecification = { name: "lan", kind: "bridge", bridge: { ports: ["eth0.100"] }, vlans: [VLAN100] };

function hostOf(...networks: NetworkSpecification[]): { kernel: FakeKernel; upkeep: Upkeep } {
  const kernel = new FakeKernel();
  kernel.addLink(freshLink(ETH0, "eth0", { kind: "", up: true }));
  const options = {
    kernel,
    firewall: new FakeFirewall(),
    sysctl: kernel,
    clock: new ManualClock(),
    log: silentLogger,
    processId: 1,
  };
  const ports = { list: () => [], get: () => undefined, linkGone: () => undefined, linkRenamed: () => undefined };
  return { kernel, upkeep: new Upkeep({ ...options, networks: define(networks) }, ports) };
}

function define(specifications: readonly NetworkSpecification[]): Network[] {
  return defineNetworks(specifications);
}

suite("VLANs of networks", () => {
  test("an uplink's is made, marked and brought up, once for all networks on it", () => {
    const { kernel, upkeep } = hostOf(WEB, { ...WEB, name: "more", ipv4: parseIpv4Prefix("203.0.112.0/24") });
    assert.deepEqual(upkeep.reconcile(), []);
    const link = kernel.link("eth0.100");
    assert.deepEqual([link?.kind, link?.vlan, link?.alias, link?.up], ["vlan", { parent: ETH0, id: 100 }, "tapnet vlan", true]);
    assert.equal(upkeep.interfaces.get("eth0.100"), link?.ifindex);
    assert.deepEqual(upkeep.warnings, []);
    const { length } = kernel.done;
    assert.deepEqual(upkeep.reconcile(), []);
    assert.equal(kernel.done.length, length, "a second look changes nothing");
  });

  test("as a port of a bridge it becomes one, and goes with the network", async () => {
    const { kernel, upkeep } = hostOf(LAN);
    upkeep.reconcile();
    upkeep.reconcile();
    const link = kernel.link("eth0.100");
    assert.deepEqual([link?.master, link?.alias, link?.up], [kernel.link("br-lan")?.ifindex, "tapnet vlan", true]);
    await upkeep.setNetworks(define([WEB]));
    assert.deepEqual([kernel.link("br-lan"), kernel.link("eth0.100")?.master], [undefined, 0]);
    await upkeep.setNetworks([]);
    assert.equal(kernel.link("eth0.100"), undefined);
    assert.notEqual(kernel.link("eth0"), undefined);
  });

  test("clean-up takes it away", async () => {
    const { kernel, upkeep } = hostOf(WEB);
    upkeep.reconcile();
    await upkeep.cleanup();
    assert.equal(kernel.link("eth0.100"), undefined);
  });

  test("another number, or the interface made anew, is another VLAN", async () => {
    const { kernel, upkeep } = hostOf(WEB);
    upkeep.reconcile();
    const link = kernel.link("eth0.100");
    assert.ok(link);
    kernel.links.set(link.ifindex, { ...link, vlan: { parent: ETH0, id: 7 } });
    upkeep.reconcile();
    upkeep.reconcile();
    assert.deepEqual(kernel.link("eth0.100")?.vlan, { parent: ETH0, id: 100 });
  });

  test("where the kernel has none it is said with what to do, made when it has, and nothing else fails", () => {
    const { kernel, upkeep } = hostOf(WEB);
    kernel.hasVlans = false;
    assert.deepEqual(upkeep.reconcile(), []);
    assert.deepEqual(upkeep.warnings, [
      "network web: VLAN 100 of eth0 cannot be made: this kernel has no VLANs now; as root: modprobe 8021q, then let tapnetd reload",
    ]);
    kernel.hasVlans = true;
    upkeep.reconcile();
    assert.deepEqual(upkeep.warnings, []);
    assert.equal(kernel.link("eth0.100")?.up, true);
  });

  test("what else the kernel says is said as it says it", () => {
    const { kernel, upkeep } = hostOf(WEB);
    kernel.refuse = /add VLAN/;
    assert.deepEqual(upkeep.reconcile(), []);
    assert.equal(upkeep.warnings.length, 1);
    assert.match(upkeep.warnings[0], /^network web: VLAN 100 of eth0 cannot be made: .*EPERM/);
  });

  test("without its interface it waits, and says so", () => {
    const { kernel, upkeep } = hostOf(WEB);
    kernel.links.delete(ETH0);
    upkeep.reconcile();
    assert.deepEqual(upkeep.warnings, ["network web: eth0 is not there, so neither is its VLAN 100"]);
    kernel.addLink(freshLink(9, "eth0", { kind: "", up: true }));
    upkeep.reconcile();
    assert.deepEqual(kernel.link("eth0.100")?.vlan, { parent: 9, id: 100 });
  });

  test("one that others have made is left alone, and complained about", async () => {
    const { kernel, upkeep } = hostOf(WEB);
    kernel.addLink(freshLink(7, "eth0.100", { kind: "vlan", vlan: { parent: ETH0, id: 100 } }));
    upkeep.reconcile();
    assert.equal(kernel.link("eth0.100")?.alias, "");
    assert.equal(upkeep.interfaces.has("eth0.100"), false);
    assert.match(
      upkeep.warnings.join(),
      /eth0\.100 exists and was not made by tapnet: remove it, or leave out vlan: and name eth0\.100 itself/,
    );
    await upkeep.cleanup();
    assert.equal(kernel.link("eth0.100")?.ifindex, 7);
  });
});
