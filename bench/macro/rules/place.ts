/**
 * Puts the lists of one more guest into the packet filter, and takes them out, where so many guests with lists are there already.
 * Prints the median of each in microseconds. To be run in a network namespace of its own.
 */

import { systemClock } from "../../../src/base/clock.js";
import { silentLogger } from "../../../src/base/log.js";
import { defineNetworks } from "../../../src/network/define.js";
import { Policies } from "../../../src/network/policies.js";
import { type Policy, policyOf, type TrafficRule } from "../../../src/network/policy.js";
import { POLICY_MAPS } from "../../../src/network/ruleset/policies.js";
import { composeRuleset } from "../../../src/network/ruleset.js";
import { NO_TRAFFIC } from "../../../src/network/traffic.js";
import { Nftables } from "../../../src/os/nftables.js";
import { median } from "../../frame/statistics.js";

const TIMES = 200;
/** Far from links that are there. */
const FIRST_INDEX = 1000;

const [guests, lists] = process.argv.slice(2).map(Number);
const PREFIX = { family: 4, address: 0x0a00_0000, prefixLength: 8 } as const;
const network = defineNetworks([{ name: "default", kind: "nat", ipv4: PREFIX }])[0];

function listOf(direction: Policy["direction"], number: number): Policy {
  const text = `10.0.0.0/8 ${1024 + number}/tcp`;
  const target: TrafficRule["target"] = { kind: "prefix", prefix: PREFIX };
  const ports = [{ first: 1024 + number, last: 1024 + number }];
  return policyOf(direction, [{ text, target, protocol: "tcp", ports }]);
}

const numbers = Array.from({ length: lists }, (_, number) => number);
const [egress, ingress] = (["egress", "ingress"] as const).map((direction) => numbers.map((number) => listOf(direction, number)));
const nftables = new Nftables();
const policies = new Policies({
  firewall: nftables,
  clock: systemClock,
  log: silentLogger,
  policiesOf: (guest) => ({ egress: egress[Number(guest) % lists], ingress: ingress[Number(guest) % lists] }),
  onRefused: () => {
    throw new Error("the kernel refused an element");
  },
});
policies.configure([...egress, ...ingress]);
await nftables.load(composeRuleset([network], [], { ...NO_TRAFFIC, ...policies.traffic }));
policies.open();

const port = (guest: number) => ({ ifindex: FIRST_INDEX + guest, guest: String(guest), network, bindings: [] });
for (let guest = 0; guest < guests; guest++) policies.add(port(guest));
const puts: number[] = [];
const removals: number[] = [];
for (let time = 0; time < TIMES; time++) {
  const one = port(guests + time);
  const begun = performance.now();
  policies.add(one);
  const there = performance.now();
  policies.remove(one);
  puts.push(1000 * (there - begun));
  removals.push(1000 * (performance.now() - there));
}
const held = Object.values(POLICY_MAPS).map((set) => nftables.elements(set).length);
if (held.some((count) => count !== guests)) throw new Error(`${held.join(" and ")} elements, not ${guests}`);
nftables.close();
console.log(JSON.stringify({ put: median(puts), remove: median(removals) }));
