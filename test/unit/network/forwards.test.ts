import assert from "node:assert/strict";
import { beforeEach, suite, test } from "node:test";
import { parseIpv4 } from "../../../src/base/ipv4-address.js";
import { parseIpv6 } from "../../../src/base/ipv6-address.js";
import type { IpAddress } from "../../../src/base/kernel-objects.js";
import { silentLogger } from "../../../src/base/log.js";
import { parseIpv4Prefix, parseIpv6Prefix } from "../../../src/base/prefix.js";
import { defineNetworks } from "../../../src/network/define.js";
import { Forwards } from "../../../src/network/forwards.js";
import type { Network, PortForward } from "../../../src/network/model.js";
import { FakeFirewall } from "./fake-kernel.js";

const [NAT, ISOLATED, HOME] = defineNetworks([
  { name: "default", kind: "nat", ipv4: parseIpv4Prefix("10.77.0.0/24"), ipv6: parseIpv6Prefix("fd00:77::/64") },
  { name: "lab", kind: "isolated", ipv4: parseIpv4Prefix("10.78.0.0/24") },
  { name: "home", kind: "routed", ipv4: parseIpv4Prefix("10.79.0.0/24") },
]);
const WEB: PortForward = { protocol: "tcp", address: undefined, firstPort: 8080, lastPort: 8080, guestPort: 80 };

function addressOf(text: string): IpAddress {
  const address = parseIpv4(text) ?? parseIpv6(text);
  assert.ok(address !== undefined);
  return address;
}

function port(guest: string, network: Network, ...addresses: string[]) {
  return { guest, network, bindings: addresses.map((text) => ({ address: addressOf(text), mac: 1 })) };
}

suite("forwards follow their guests", () => {
  let firewall: FakeFirewall;
  let forwards: Forwards;
  let refusals: number;
  const elements = (): string[] =>
    [...firewall.sets].flatMap(([set, members]) => [...members].map((member) => `${set} ${member}`));

  beforeEach(() => {
    firewall = new FakeFirewall();
    refusals = 0;
    const configured = (guest: string) => (guest === "fixed" ? [addressOf("10.77.0.50")] : []);
    forwards = new Forwards({
      firewall,
      log: silentLogger,
      configured,
      publics: (guest) => (guest === "whole" ? ["192.0.2.7", "192.0.2.8", "2001:db8::7"].map(addressOf) : []),
      home: (guest) => (guest === "homed" ? "home" : undefined),
      onRefused: () => void refusals++,
    });
    forwards.open();
  });

  test("a guest without forwards costs no system call", () => {
    forwards.add(port("web1", NAT, "10.77.0.10"));
    forwards.remove(port("web1", NAT));
    assert.equal(firewall.sends, 0);
    assert.equal(forwards.traffic.forwards, false);
  });

  test("to where the guest is, in one change; nothing of the old place is left", () => {
    forwards.set("web1", [WEB]);
    assert.deepEqual(elements(), []);
    forwards.add(port("web1", NAT, "10.77.0.10"));
    assert.equal(elements().length, 3);
    const before = firewall.sends;
    forwards.add(port("web1", NAT, "10.77.0.99"));
    assert.equal(firewall.sends, before + 1);
    assert.equal(elements().length, 3);
    forwards.add(port("web1", NAT, "10.77.0.99"));
    assert.equal(firewall.sends, before + 1, "the same again");
    forwards.remove(port("web1", NAT));
    assert.deepEqual(elements(), []);
  });

  test("public addresses lead to the guest as a whole; it speaks from the first of a family", () => {
    forwards.setAll(new Map([["whole", []]]));
    assert.equal(forwards.traffic.forwards, true);
    forwards.add(port("whole", NAT, "10.77.0.10"));
    const names = (): string[] => forwards.traffic.elements.map(({ set }) => set.name).toSorted();
    assert.deepEqual(names(), ["hairpin4", "public4", "public4", "public_out4"]);
    const outward = forwards.traffic.elements.find(({ set }) => set.name === "public_out4");
    assert.deepEqual(outward?.element, {
      key: [{ kind: "address", value: addressOf("10.77.0.10") }],
      data: { kind: "address", value: addressOf("192.0.2.7") },
    });
    forwards.add(port("whole", NAT, "10.77.0.99", "fd00:77::99"));
    assert.deepEqual(names(), ["hairpin4", "hairpin6", "public4", "public4", "public6", "public_out4", "public_out6"]);
    assert.equal(elements().length, 7);
    forwards.remove(port("whole", NAT));
    assert.deepEqual(elements(), []);
  });

  test("both families where the forward names no address, one where it does", () => {
    forwards.set("web1", [WEB, { ...WEB, address: addressOf("2001:db8::1"), firstPort: 1, lastPort: 3 }]);
    forwards.add(port("web1", NAT, "10.77.0.10", "fe80::5", "fd00:77::10", "fd00:77::11"));
    assert.deepEqual(forwards.targetOf("web1"), { ipv4: addressOf("10.77.0.10"), ipv6: addressOf("fd00:77::10") });
    // Address and port each, for one port in both families and for three in one; and each family's hairpin.
    assert.equal(elements().length, 2 * (1 + 1 + 3) + 2);
  });

  test("an address of the configuration goes before others", () => {
    forwards.set("fixed", [WEB]);
    forwards.add(port("fixed", NAT, "10.77.0.20", "10.77.0.50"));
    assert.equal(forwards.targetOf("fixed").ipv4, addressOf("10.77.0.50"));
  });

  test("not into a network that nothing enters, but to the guest's other port", () => {
    forwards.set("web1", [WEB]);
    forwards.add(port("web1", ISOLATED, "10.78.0.10"));
    assert.deepEqual(elements(), []);
    forwards.add(port("web1", NAT, "10.77.0.10"));
    assert.equal(forwards.targetOf("web1").ipv4, addressOf("10.77.0.10"));
    forwards.remove(port("web1", NAT));
    assert.deepEqual(elements(), []);
  });

  test("of several networks to the one of the default route", () => {
    forwards.add(port("homed", NAT, "10.77.0.10"));
    forwards.add(port("homed", HOME, "10.79.0.10"));
    assert.equal(forwards.targetOf("homed").ipv4, addressOf("10.79.0.10"));
    forwards.remove(port("homed", HOME));
    assert.equal(forwards.targetOf("homed").ipv4, addressOf("10.77.0.10"));
  });

  test("a port that goes from one guest to another is taken away before it is given", () => {
    for (const [guest, address] of [
      ["a", "10.77.0.10"],
      ["b", "10.77.0.11"],
    ] as const)
      forwards.add(port(guest, NAT, address));
    forwards.setAll(new Map([["b", [WEB]]]));
    forwards.setAll(new Map([["a", [WEB]]]));
    assert.equal(elements().length, 3);
    assert.ok(elements().every((element) => !element.includes(String(addressOf("10.77.0.11")))));
    assert.equal(forwards.traffic.elements.length, 3);
  });

  test("what the packet filter refuses makes the rules suspect", () => {
    firewall.broken = true;
    forwards.set("web1", [WEB]);
    forwards.add(port("web1", NAT, "10.77.0.10"));
    assert.equal(refusals, 1);
  });
});
