import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import { parseIpv4Prefix } from "../../../src/base/prefix.js";
import { type BindRequest, bindAll, unbindAll } from "../../../src/guest/bind.js";
import { AttachedPort, PortTable } from "../../../src/guest/port-table.js";
import { defineNetworks } from "../../../src/network/define.js";
import { gatewayAddresses } from "../../../src/network/state.js";
import { FakeFirewall, FakeKernel, freshLink } from "../network/fake-kernel.js";

const [NETWORK, LAN] = defineNetworks([
  { name: "default", kind: "nat", ipv4: parseIpv4Prefix("10.77.0.0/24") },
  { name: "lan", kind: "routed", ipv4: parseIpv4Prefix("198.51.100.0/24"), uplink: "eth0", answerOnUplink: true },
]);
const ADDRESS = 0x0a4d_000a;
const MAC = 0x5254_0000_0001;
const UPLINK = 2;

suite("binding addresses", () => {
  let kernel: FakeKernel;
  let firewall: FakeFirewall;
  let ports: PortTable;
  const bind = (...requests: BindRequest[]) =>
    bindAll(requests, ports, { kernel, firewall, interfaces: new Map([["eth0", UPLINK]]) });

  beforeEach(() => {
    kernel = new FakeKernel();
    firewall = new FakeFirewall();
    ports = new PortTable();
    kernel.addresses.push(...[NETWORK, LAN].flatMap((network) => gatewayAddresses(network, new Map())));
    kernel.addLink(freshLink(UPLINK, "eth0", { up: true }));
    for (const ifindex of [7, 8, 9]) {
      kernel.addLink(freshLink(ifindex, `tn-g${ifindex}`, { up: true }));
      const network = ifindex === 9 ? LAN : NETWORK;
      ports.add(new AttachedPort({ ifindex, ifname: `tn-g${ifindex}`, guest: `g${ifindex}`, network }));
    }
  });

  test("a hundred at once take one system call each for kernel and packet filter", () => {
    const requests = Array.from({ length: 100 }, (_, index) => ({
      ifindex: 7 + (index % 2),
      address: ADDRESS + index,
      mac: MAC,
    }));
    assert.deepEqual(new Set(bind(...requests)), new Set([undefined]));
    assert.equal(kernel.sends, 1);
    assert.equal(firewall.sends, 1);
    assert.equal(kernel.routes.length, 100);
    assert.equal(firewall.describe().split("\n").length, 200);
  });

  test("what is bound already costs nothing", () => {
    bind({ ifindex: 7, address: ADDRESS, mac: MAC });
    assert.deepEqual(bind({ ifindex: 7, address: ADDRESS, mac: MAC }), [undefined]);
    assert.equal(kernel.sends, 1);
    assert.equal(firewall.sends, 1);
  });

  test("another MAC address takes the place of the first", () => {
    bind({ ifindex: 7, address: ADDRESS, mac: MAC });
    assert.deepEqual(bind({ ifindex: 7, address: ADDRESS, mac: MAC + 1 }), [undefined]);
    assert.equal(kernel.routes.length, 1);
    assert.deepEqual(
      kernel.neighbours.map(({ mac }) => mac),
      [MAC + 1],
    );
    assert.doesNotMatch(firewall.describe(), /52:54:00:00:00:01/);
    assert.match(firewall.describe(), /52:54:00:00:00:02/);
  });

  test("an address moves from one port to another", () => {
    bind({ ifindex: 7, address: ADDRESS, mac: MAC });
    assert.deepEqual(bind({ ifindex: 8, address: ADDRESS, mac: MAC + 1 }), [undefined]);
    assert.deepEqual(
      kernel.routes.map(({ ifindex }) => ifindex),
      [8],
    );
    assert.deepEqual(
      kernel.neighbours.map(({ ifindex }) => ifindex),
      [8],
    );
    assert.doesNotMatch(firewall.describe(), /: 7 /);
    assert.equal(ports.get(7)?.bindings.length, 0);
    assert.equal(ports.ofAddress(ADDRESS)?.ifindex, 8);
  });

  test("one that the kernel refuses leaves nothing, and the others do not notice", () => {
    kernel.refuse = /add route unicast 10\.77\.0\.11/;
    const outcomes = bind(...[0, 1, 2].map((index) => ({ ifindex: 7, address: ADDRESS + index, mac: MAC })));
    assert.deepEqual(
      outcomes.map((outcome) => outcome === undefined),
      [true, false, true],
    );
    assert.equal(kernel.routes.length, 2);
    assert.deepEqual(
      kernel.neighbours.map(({ address }) => address),
      [ADDRESS, ADDRESS + 2],
    );
    assert.doesNotMatch(firewall.describe(), /10\.77\.0\.11/);
    assert.equal(ports.get(7)?.bindings.length, 2);
  });

  test("a packet filter that refuses takes all of them back", () => {
    firewall.broken = true;
    const outcomes = bind(...[0, 1].map((index) => ({ ifindex: 7, address: ADDRESS + index, mac: MAC })));
    assert.ok(outcomes.every((outcome) => outcome !== undefined));
    assert.deepEqual(kernel.routes, []);
    assert.deepEqual(kernel.neighbours, []);
    assert.equal(ports.get(7)?.bindings.length, 0);
  });

  test("a link that is no port is refused", () => {
    const [outcome] = bind({ ifindex: 99, address: ADDRESS, mac: MAC });
    assert.match(outcome?.message ?? "", /10\.77\.0\.10 cannot be bound: link 99 is no port/);
    assert.equal(kernel.sends, 0);
  });

  test("unbinding takes everything away, and nothing where there is nothing", () => {
    const targets = { kernel, firewall, interfaces: new Map([["eth0", UPLINK]]) };
    bind({ ifindex: 7, address: ADDRESS, mac: MAC }, { ifindex: 8, address: ADDRESS + 1, mac: MAC });
    const outcomes = unbindAll(
      [
        { ifindex: 7, address: ADDRESS },
        { ifindex: 7, address: 1 },
        { ifindex: 99, address: 1 },
      ],
      ports,
      targets,
    );
    assert.deepEqual(outcomes, [undefined, undefined, undefined]);
    assert.deepEqual(
      kernel.routes.map(({ ifindex }) => ifindex),
      [8],
    );
    assert.deepEqual(
      kernel.neighbours.map(({ ifindex }) => ifindex),
      [8],
    );
    assert.equal(firewall.describe().split("\n").length, 2);
    assert.equal(ports.ofAddress(ADDRESS), undefined);
  });

  test("a link-local address may be bound on many ports", () => {
    const address = (0xfe80n << 112n) | 5n;
    assert.deepEqual(bind({ ifindex: 7, address, mac: MAC }, { ifindex: 8, address, mac: MAC }), [undefined, undefined]);
    assert.deepEqual(
      kernel.routes.map(({ ifindex, preferredSource }) => [ifindex, preferredSource]),
      [
        [7, undefined],
        [8, undefined],
      ],
    );
    assert.deepEqual(
      kernel.neighbours.map(({ ifindex }) => ifindex),
      [7, 8],
    );
    assert.equal(firewall.describe().split("\n").length, 2);
  });

  test("addresses out of the uplink's subnet are answered for there", () => {
    const address = 0xc633_640a;
    bind({ ifindex: 9, address, mac: MAC });
    assert.deepEqual(
      kernel.neighbours.map(({ ifindex, proxy }) => [ifindex, proxy]),
      [
        [9, false],
        [UPLINK, true],
      ],
    );
    unbindAll([{ ifindex: 9, address }], ports, { kernel, firewall, interfaces: new Map([["eth0", UPLINK]]) });
    assert.deepEqual(kernel.neighbours, []);
  });
});
