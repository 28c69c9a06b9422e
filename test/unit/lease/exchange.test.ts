/** Lease files of other servers, read in; our own out and in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIpv6 } from "../../../src/base/ipv6-address.js";
import { detectLeaseFile, importLeases } from "../../../src/lease/exchange/import-leases.js";
import { exportLeases } from "../../../src/lease/exchange/own.js";
import { leaseOf, sorted } from "../../support/leases.js";

const TARGET = { network: "default", nowMs: 1_700_000_000_000 };

test("dnsmasq: IPv4, IPv6, names, client identifiers, leases without end", () => {
  const text = `1700003600 52:54:00:12:34:56 10.77.0.10 web1 01:52:54:00:12:34:56
0 52:54:00:12:34:57 10.77.0.11 * *
1600000000 52:54:00:12:34:58 10.77.0.12 old.example.org *
duid 00:01:00:01:2b:00:00:00:52:54:00:00:00:01
1700003600 1122867 fd00:77::10 web1 00:03:00:01:52:54:00:12:34:56
1700003600 T1 fd00:77::11 * 00:03:00:01:52:54:00:12:34:56
nonsense
1700003600 xx 10.77.0.13 * *
`;
  assert.equal(detectLeaseFile(text), "dnsmasq");
  const { leases, problems } = importLeases(text, TARGET);
  assert.deepEqual(
    leases.map(({ family, identity, state, hostname, expiresAtMs }) => [family, identity, state, hostname, expiresAtMs]),
    [
      [4, "id:01525400123456", "bound", "web1", 1_700_003_600_000],
      [4, "mac:52:54:00:12:34:57", "bound", "", Number.POSITIVE_INFINITY],
      [4, "mac:52:54:00:12:34:58", "expired", "old", 1_600_000_000_000],
      [6, "id:00030001525400123456/1122867", "bound", "web1", 1_700_003_600_000],
    ],
  );
  assert.deepEqual(
    problems.map(({ line }) => line),
    [7, 8],
  );
});

test("Kea: later rows count, states and lifetimes are understood", () => {
  const text = `address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id
10.77.0.10,52:54:00:12:34:56,ff:01:02,3600,1700000100,1,0,0,web1,0,,0
10.77.0.10,52:54:00:12:34:56,ff:01:02,3600,1700003600,1,0,0,web1,0,,0
10.77.0.11,52:54:00:12:34:57,,4294967295,0,1,0,0,a&#x2cb,0,,0
10.77.0.12,52:54:00:12:34:58,,3600,1700003600,1,0,0,,0,,0
10.77.0.12,52:54:00:12:34:58,,0,1700003600,1,0,0,,0,,0
10.77.0.13,,,86400,1700080000,1,0,0,,1,,0
10.77.0.14,52:54:00:12:34:5a,,86400,1700080000,1,0,0,,1,,0
`;
  const { leases, problems } = importLeases(text, TARGET);
  assert.deepEqual(
    leases.map(({ identity, state, boundAtMs, expiresAtMs }) => [identity, state, boundAtMs, expiresAtMs]),
    [
      ["id:ff0102", "bound", 1_700_000_000_000, 1_700_003_600_000],
      ["mac:52:54:00:12:34:57", "bound", TARGET.nowMs, Number.POSITIVE_INFINITY],
      ["mac:52:54:00:12:34:5a", "declined", 1_699_993_600_000, 1_700_080_000_000],
    ],
  );
  assert.deepEqual(problems, [{ line: 7, message: "has neither MAC address nor client identifier" }]);
});

test("Kea for IPv6: addresses and prefixes", () => {
  const text = `address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state
2001:db8::10,00:03:00:01:52:54,3600,1700003600,1,1800,0,7,128,0,0,,,0
2001:db8:100::,00:03:00:01:52:54,3600,1700003600,1,1800,2,8,56,0,0,,,0
`;
  const { leases } = importLeases(text, TARGET);
  assert.deepEqual(
    leases.map(({ address, kind, prefixLength, identity }) => [address, kind, prefixLength, identity]),
    [
      [parseIpv6("2001:db8::10"), "address", 128, "id:000300015254/7"],
      [parseIpv6("2001:db8:100::"), "prefix", 56, "id:000300015254/8"],
    ],
  );
});

test("libvirt: a JSON status file", () => {
  const text = JSON.stringify([
    {
      "ip-address": "192.168.122.10",
      "mac-address": "52:54:00:12:34:56",
      hostname: "web1",
      "client-id": "ff:01",
      "expiry-time": 1_700_003_600,
    },
    { "ip-address": "192.168.122.11", "mac-address": "52:54:00:12:34:57", "expiry-time": 1_600_000_000 },
    { "ip-address": "no", "mac-address": "52:54:00:12:34:57", "expiry-time": 1_600_000_000 },
    7,
  ]);
  const { leases, problems } = importLeases(text, TARGET);
  assert.deepEqual(
    leases.map(({ identity, state }) => [identity, state]),
    [
      ["id:ff01", "bound"],
      ["mac:52:54:00:12:34:57", "expired"],
    ],
  );
  assert.equal(problems.length, 2);
  assert.deepEqual(importLeases("[", TARGET).leases, []);
});

test("our own: what was exported comes back", () => {
  const leases = [
    leaseOf(3),
    leaseOf(1),
    leaseOf(2, { family: 6, address: 5n, prefixLength: 128, expiresAtMs: Number.POSITIVE_INFINITY }),
  ];
  const text = exportLeases(leases);
  assert.equal(detectLeaseFile(text), "tapnet");
  const back = importLeases(`${text}{"address":"x"}\nnot json\n`, TARGET);
  assert.deepEqual(sorted(back.leases), sorted(leases));
  assert.deepEqual(
    back.problems.map(({ line }) => line),
    [4, 5],
  );
});
