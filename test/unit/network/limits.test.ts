import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import { silentLogger } from "../../../src/base/log.js";
import { parseIpv4Prefix } from "../../../src/base/prefix.js";
import { defineNetworks } from "../../../src/network/define.js";
import { type GuestLimit, Limits } from "../../../src/network/limits.js";
import { FakeFirewall } from "./fake-kernel.js";

const [NETWORK] = defineNetworks([{ name: "default", kind: "nat", ipv4: parseIpv4Prefix("10.77.0.0/24") }]);
const NONE: GuestLimit = {
  upBitsPerSecond: undefined,
  downBitsPerSecond: undefined,
  burstBytes: undefined,
  packetsPerSecond: undefined,
  connections: undefined,
};

suite("limits", () => {
  let firewall: FakeFirewall;
  let limits: Limits;
  let shaped: string[];
  let configured: Map<string, GuestLimit>;
  let refusals: number;
  const elements = (): number => [...firewall.sets.values()].reduce((total, members) => total + members.size, 0);
  const port = (guest: string) => ({ ifindex: guest.length, guest, network: NETWORK });

  beforeEach(() => {
    firewall = new FakeFirewall();
    shaped = [];
    configured = new Map();
    refusals = 0;
    limits = new Limits({
      firewall,
      shaper: {
        shape: (ifindex, from, to) => void shaped.push(`${ifindex} ${from?.bitsPerSecond} ${to?.bitsPerSecond}`),
        release: (ifindex) => void shaped.push(`release ${ifindex}`),
      },
      log: silentLogger,
      limitOf: (guest) => configured.get(guest),
      onRefused: () => void refusals++,
    });
    limits.configure([{ ...NONE, packetsPerSecond: 1, connections: 1 }]);
    limits.open();
  });

  test("a guest without costs nothing", () => {
    limits.add(port("a"));
    limits.remove(port("a"));
    assert.deepEqual([firewall.sends, shaped], [0, []]);
  });

  test("are put in force once, changed, and taken away", () => {
    configured.set("a", { ...NONE, upBitsPerSecond: 8, packetsPerSecond: 100 });
    limits.add(port("a"));
    limits.add(port("a"));
    assert.deepEqual([shaped, elements(), firewall.sends], [["1 8 undefined"], 2, 1]);
    configured.set("a", { ...NONE, downBitsPerSecond: 9, packetsPerSecond: 200, connections: 3 });
    limits.add(port("a"));
    assert.deepEqual([shaped.at(-1), elements(), firewall.sends], ["1 undefined 9", 4, 2]);
    assert.equal(limits.traffic.elements.length, 4);
    limits.remove(port("a"));
    assert.deepEqual([shaped.at(-1), elements(), limits.traffic.elements], ["release 1", 0, []]);
  });

  test("that end with a new configuration are taken away", () => {
    configured.set("a", { ...NONE, upBitsPerSecond: 8, connections: 1 });
    limits.add(port("a"));
    configured.clear();
    limits.add(port("a"));
    assert.deepEqual([shaped.at(-1), elements()], ["1 undefined undefined", 0]);
  });

  test("whose sets went with the last of them are not asked for", () => {
    configured.set("a", { ...NONE, connections: 1 });
    limits.add(port("a"));
    const { sends } = firewall;
    limits.configure([]);
    configured.clear();
    limits.add(port("a"));
    assert.deepEqual([firewall.sends - sends, refusals], [0, 0]);
  });

  test("ask for rules only where there are any of that sort", () => {
    limits.configure([undefined, { ...NONE, upBitsPerSecond: 8 }]);
    assert.deepEqual([limits.traffic.packetLimits, limits.traffic.connectionLimits], [false, false]);
    limits.configure([
      { ...NONE, packetsPerSecond: 8 },
      { ...NONE, connections: 8 },
    ]);
    assert.deepEqual([limits.traffic.packetLimits, limits.traffic.connectionLimits], [true, true]);
  });

  test("what the packet filter refuses makes the rules suspect", () => {
    firewall.broken = true;
    configured.set("a", { ...NONE, connections: 1 });
    limits.add(port("a"));
    assert.equal(refusals, 1);
  });
});
