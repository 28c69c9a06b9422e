import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { emitDnsmasqLeases } from "../../../src/cli/lease-files/dnsmasq.js";
import { type LeaseFormat, parseLeases } from "../../../src/cli/lease-files/formats.js";
import { emitKeaLeases } from "../../../src/cli/lease-files/kea.js";
import type { LeaseView } from "../../../src/control/views.js";

const DNSMASQ = `1738324800 52:54:00:12:34:56 10.77.0.10 web1 01:52:54:00:12:34:56
0 06-52:54:00:12:34:57 10.77.0.11 * *
duid 00:01:00:01:2c:55:66:77:52:54:00:12:34:56
1738324800 1193046 2001:db8::10 web1 00:01:00:01:aa
`;

const KEA = `address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id
10.77.0.10,52:54:00:12:34:56,01:52:54:00:12:34:56,3600,1738324800,1,0,0,old,0,,0
10.77.0.11,52:54:00:12:34:57,,4294967295,1738324800,1,0,0,db.example.,0,{"a"&#x2c 1},0
10.77.0.12,52:54:00:12:34:58,,0,1738324800,1,0,0,gone,0,,0
10.77.0.13,52:54:00:12:34:59,,3600,1738324800,1,0,0,declined,1,,0
10.77.0.10,52:54:00:12:34:56,01:52:54:00:12:34:56,3600,1738328400,1,0,0,web1,0,,0
`;

const LIBVIRT = `[
  { "ip-address": "192.168.122.89", "mac-address": "52:54:00:12:34:56", "hostname": "web1", "client-id": "ff:00:01", "expiry-time": 1738324800 },
  { "ip-address": "192.168.122.90", "mac-address": "52:54:00:12:34:57", "expiry-time": 0 }
]`;

const TIME = "2025-01-31T12:00:00.000Z";
const FIRST = { address: "10.77.0.10", mac: "52:54:00:12:34:56", clientId: "01525400123456", hostname: "web1", expiresAt: TIME };

describe("leases of other servers", () => {
  it("are read from dnsmasq", () => {
    const { format, leases, problems } = parseLeases(DNSMASQ, "auto");
    assert.deepEqual([format, problems], ["dnsmasq", []]);
    assert.deepEqual(leases, [
      FIRST,
      { address: "10.77.0.11", mac: "52:54:00:12:34:57", clientId: null, hostname: null, expiresAt: null },
      { address: "2001:db8::10", mac: null, clientId: "00010001aa", hostname: "web1", expiresAt: TIME },
    ]);
  });

  it("are read from Kea: the last line of an address counts, what is not in use is left out", () => {
    const { format, leases, problems } = parseLeases(KEA, "auto");
    assert.deepEqual([format, problems], ["kea", []]);
    assert.deepEqual(leases, [
      { ...FIRST, expiresAt: "2025-01-31T13:00:00.000Z" },
      { address: "10.77.0.11", mac: "52:54:00:12:34:57", clientId: null, hostname: "db.example", expiresAt: null },
    ]);
  });

  it("are read from libvirt", () => {
    const { format, leases, problems } = parseLeases(LIBVIRT, "auto");
    assert.deepEqual([format, problems], ["libvirt", []]);
    assert.deepEqual(leases, [
      { address: "192.168.122.89", mac: "52:54:00:12:34:56", clientId: "ff0001", hostname: "web1", expiresAt: TIME },
      { address: "192.168.122.90", mac: "52:54:00:12:34:57", clientId: null, hostname: null, expiresAt: null },
    ]);
  });

  it("are read from our own JSON", () => {
    assert.deepEqual(parseLeases(JSON.stringify([FIRST]), "auto"), { format: "json", leases: [FIRST], problems: [] });
  });

  const problems: readonly (readonly [name: string, text: string, format: LeaseFormat, line: number, message: RegExp])[] = [
    ["a time that is none", "soon 52:54:00:12:34:56 10.0.0.1 * *", "dnsmasq", 1, /soon is not a time/],
    ["an address that is none", "\n0 52:54:00:12:34:56 10.0.0.01 * *", "dnsmasq", 2, /10\.0\.0\.01 is not an address/],
    ["a MAC that is none", "0 x 10.0.0.1 * *", "dnsmasq", 1, /x is not a MAC/],
    ["a title line without columns", "address,foo\n", "kea", 1, /no column valid_lifetime/],
    ["a lifetime that is none", KEA.replace("3600,1738324800,1,0,0,old", "x,1738324800,1,0,0,old"), "kea", 2, /no number/],
    [
      "a line that is cut off",
      KEA.trimEnd().slice(0, -3),
      "kea",
      KEA.trimEnd().split("\n").length,
      /is cut off: \d+ of \d+ columns/,
    ],
    ["JSON that is none", "{", "json", 1, /JSON/],
    ["JSON that is no list", "{}", "libvirt", 1, /not a list/],
    ["an entry that is none", "[null]", "json", 1, /without a usable address/],
  ];
  for (const [name, text, format, line, message] of problems) {
    it(`with ${name} say where`, () => {
      const parsed = parseLeases(text, format);
      assert.equal(parsed.problems[0]?.line, line);
      assert.match(parsed.problems[0].message, message);
    });
  }

  it("are values or problems, whatever the text is", () => {
    const format = fc.constantFrom<LeaseFormat | "auto">("auto", "json", "dnsmasq", "kea", "libvirt");
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), format, (text, wanted) => void parseLeases(text, wanted)));
  });
});

describe("leases for other servers", () => {
  const lease: LeaseView = {
    ...FIRST,
    network: "default",
    state: "bound",
    identity: "guest:web1",
    boundAt: TIME,
    renewedAt: "2025-01-31T11:00:00.000Z",
  };
  const leases = [
    lease,
    { ...lease, address: "10.77.0.11", mac: "52:54:00:12:34:57", clientId: null, hostname: null, expiresAt: null },
  ];
  const expected = leases.map(({ address, mac, clientId, hostname, expiresAt }) => ({
    address,
    mac,
    clientId,
    hostname,
    expiresAt,
  }));

  it("are written as dnsmasq reads them", () => {
    assert.deepEqual(parseLeases(emitDnsmasqLeases(leases), "dnsmasq"), { format: "dnsmasq", leases: expected, problems: [] });
  });

  it("are written as Kea reads them", () => {
    assert.deepEqual(parseLeases(emitKeaLeases(leases, Date.parse(TIME)), "kea"), {
      format: "kea",
      leases: expected,
      problems: [],
    });
  });
});
