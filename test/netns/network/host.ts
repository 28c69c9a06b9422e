import assert from "node:assert/strict";
import { systemClock } from "../../../src/base/clock.js";
import { SystemError } from "../../../src/base/errors.js";
import { parseIpv4 } from "../../../src/base/ipv4-address.js";
import { parseIpv6 } from "../../../src/base/ipv6-address.js";
import type { IpAddress } from "../../../src/base/kernel-objects.js";
import { silentLogger } from "../../../src/base/log.js";
import { parseMac } from "../../../src/base/mac.js";
import { parseIpv4Prefix, parseIpv6Prefix } from "../../../src/base/prefix.js";
import { Ports } from "../../../src/guest/ports.js";
import { defineNetworks } from "../../../src/network/define.js";
import type { Sysctl } from "../../../src/network/kernel.js";
import type { Binding, Network, Port } from "../../../src/network/model.js";
import { Upkeep } from "../../../src/network/upkeep.js";
import { unshareNetworkNamespace } from "../../../src/os/netns.js";
import { Nftables } from "../../../src/os/nftables.js";
import { Rtnetlink } from "../../../src/os/rtnetlink.js";
import { readSysctl, writeSysctl } from "../../../src/os/sysctl.js";
import { type Host, Lab, type Scope } from "../../support/lab.js";

/** Networks of the tests: one of each kind that leads somewhere else. */
export const NETWORKS = defineNetworks([
  { name: "default", kind: "nat", ipv4: parseIpv4Prefix("10.77.0.0/24"), ipv6: parseIpv6Prefix("fd00:77::/64") },
  { name: "public", kind: "routed", ipv4: parseIpv4Prefix("203.0.113.0/24") },
  { name: "lab", kind: "isolated", ipv4: parseIpv4Prefix("10.78.0.0/24") },
  { name: "cell", kind: "private", ipv4: parseIpv4Prefix("10.79.0.0/24"), isolateGuests: true },
]);

export const GATEWAY = { default: "10.77.0.1", public: "203.0.113.1", lab: "10.78.0.1", cell: "10.79.0.1" } as const;
export const WORLD = "198.51.100.1";

export const sysctl: Sysctl = {
  read(path) {
    try {
      return readSysctl(path);
    } catch (error) {
      if (error instanceof SystemError && error.code === "ENOENT") return undefined;
      throw error;
    }
  },
  write: writeSysctl,
};

/** What a guest of the tests is: a namespace whose only link leads to a port. */
export interface TestGuest {
  readonly name: string;
  readonly host: Host;
  readonly ifname: string;
  readonly mac: string;
  readonly address: string;
  readonly network: Network;
}

/**
 * This process as a host in a namespace of its own, with a world behind the uplink `up0`. The process stays in that
 * namespace: each test file is a process, so this is called once in a file.
 */
export class TestHost {
  readonly lab: Lab;
  readonly here: Host;
  readonly kernel: Rtnetlink;
  readonly firewall: Nftables;
  ports!: Ports;
  upkeep!: Upkeep;
  world!: Host;
  readonly gone: Port[] = [];
  readonly #claims = new Map<string, Binding[]>();

  private constructor(lab: Lab) {
    this.lab = lab;
    this.here = lab.here("host");
    this.kernel = new Rtnetlink();
    this.firewall = new Nftables();
    this.#assemble();
  }

  #assemble(): void {
    const { kernel, firewall } = this;
    const interfaces = new Map<string, number>();
    this.ports = new Ports({
      kernel,
      firewall,
      sysctl,
      addresses: { claim: (port) => this.#claims.get(port.guest) ?? [], unclaim() {} },
      frames: { open() {}, close() {} },
      names: { add() {}, remove() {} },
      log: silentLogger,
      interfaces,
      onGuardRefused: () => this.upkeep.suspectRules(),
      onGone: (port) => void this.gone.push(port),
    });
    this.upkeep = new Upkeep(
      { kernel, firewall, sysctl, clock: systemClock, log: silentLogger, networks: NETWORKS, processId: process.pid },
      this.ports,
    );
  }

  /** What a daemon does that starts again after its end, however that came. */
  async restart(): Promise<void> {
    this.upkeep.stop();
    this.#assemble();
    assert.deepEqual(await this.ports.adopt(NETWORKS), []);
    assert.deepEqual(await this.upkeep.start(), []);
  }

  /** Everything set up and watched; a world that knows the way to the routed network. */
  static async start(scope: Scope): Promise<TestHost> {
    unshareNetworkNamespace();
    const lab = new Lab(scope);
    const host = new TestHost(lab);
    scope.after(async () => {
      host.upkeep.stop();
      host.kernel.close();
      host.firewall.close();
    });
    await host.here.ip("link set lo up");
    host.world = await lab.host("world");
    await lab.link(
      { host: host.here, ifname: "up0", addresses: ["198.51.100.2/24"] },
      { host: host.world, ifname: "eth0", addresses: [`${WORLD}/24`] },
    );
    await host.here.ip(`route add default via ${WORLD}`);
    await host.world.ip("route add 203.0.113.0/24 via 198.51.100.2");
    const failures = await host.upkeep.start();
    assert.deepEqual(failures, []);
    return host;
  }

  /** A guest attached with its address bound, and configured as a DHCP client would do it. */
  async guest(name: string, network: string, address: string, mac: string): Promise<TestGuest> {
    const host = await this.lab.host(name);
    const ifname = `tn-${name}`;
    await this.here.ip(`link add ${ifname} type veth peer name eth0 netns ${host.namespace}`);
    await host.ip(`link set eth0 address ${mac} up`);
    this.#claims.set(name, [{ address: addressOf(address), mac: macOf(mac) }]);
    const found = NETWORKS.find((candidate) => candidate.name === network);
    assert.ok(found);
    await this.ports.attach({ ifname, guest: name, network: found });
    await host.ip(`address add ${address}/24 dev eth0`);
    await host.ip(`route add default via ${GATEWAY[network as keyof typeof GATEWAY]}`);
    return { name, host, ifname, mac, address, network: found };
  }
}

export function addressOf(text: string): IpAddress {
  const address = parseIpv4(text) ?? parseIpv6(text);
  assert.ok(address !== undefined);
  return address;
}

export function macOf(text: string): number {
  const mac = parseMac(text);
  assert.ok(mac !== undefined);
  return mac;
}

/** Whether one echo request is answered in a second. */
export async function pings(from: Host, to: string, ...options: string[]): Promise<boolean> {
  const { status } = await from.run(["ping", "-n", "-c", "1", "-W", "1", ...options, to]);
  return status === 0;
}
