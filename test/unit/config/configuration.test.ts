import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ConfigError } from "../../../src/base/errors.js";
import { parseIpv4 } from "../../../src/base/ipv4-address.js";
import {
  type Configuration,
  configurationSchema,
  formatDuration,
  INFINITE_SECONDS,
  loadConfiguration,
  parseConfiguration,
  parseDuration,
} from "../../../src/config/index.js";

function parse(yaml: string): Configuration {
  return parseConfiguration(yaml, "t.yaml");
}

function address(text: string): number {
  const value = parseIpv4(text);
  assert(value !== undefined);
  return value;
}

describe("a configuration", () => {
  it("is the embedded default when there is no file", () => {
    const configuration = loadConfiguration(undefined);
    assert.equal(configuration.source, "embedded default");
    assert.equal(configuration.stateDirectory, "/var/lib/tapnet");
    assert.equal(configuration.runDirectory, "/run/tapnet");
    assert.deepEqual(
      configuration.networks.map((network) => [network.name, network.kind, network.domain]),
      [["default", "nat", "tapnet.internal"]],
    );
    const [network] = configuration.networks;
    assert.deepEqual(network.ipv4, { family: 4, address: address("10.77.0.0"), prefixLength: 24 });
    assert.equal(network.gatewayIpv4, address("10.77.0.1"));
    assert.deepEqual(network.dhcp?.ranges, [{ first: address("10.77.0.2"), last: address("10.77.0.254") }]);
    assert.equal(network.dhcp?.leaseSeconds, 3600);
  });

  for (const empty of ["", "# nothing\n", "{}", "networks:\n", "networks: {}\n", "networks:\n  default:\n"]) {
    it(`has the default network for ${JSON.stringify(empty)}`, () => {
      assert.deepEqual({ ...parse(empty), source: "" }, { ...loadConfiguration(undefined), source: "" });
    });
  }

  it("leaves the gateway and what is excluded out of the ranges", () => {
    const { networks } = parse(
      "networks: { lan: { ipv4: 10.1.0.0/24, gateway: 10.1.0.100, dhcp: { exclude: [10.1.0.0/28, 10.1.0.250-10.1.0.254] } } }",
    );
    assert.deepEqual(networks[0].dhcp?.ranges, [
      { first: address("10.1.0.16"), last: address("10.1.0.99") },
      { first: address("10.1.0.101"), last: address("10.1.0.249") },
    ]);
  });

  it("lets a gateway outside the prefix be where guests get /32", () => {
    const { networks } = parse(
      "networks: { lan: { kind: routed, ipv4: 203.0.113.0/29, gateway: 169.254.1.1, dhcp: { netmask: host, ranges: [203.0.113.0/29] } } }",
    );
    assert.equal(networks[0].gatewayIpv4, address("169.254.1.1"));
    assert.deepEqual(networks[0].dhcp?.ranges, [{ first: address("203.0.113.0"), last: address("203.0.113.7") }]);
  });

  it("forwards DNS outward only where the network has a way out", () => {
    const { networks } = parse(
      "networks: { a: { ipv4: 10.1.0.0/24 }, b: { kind: isolated, ipv4: 10.2.0.0/24 }, c: { kind: isolated, ipv4: 10.3.0.0/24, dns: { forward: true } } }",
    );
    assert.deepEqual(
      networks.map((network) => network.dns?.forward),
      [true, false, true],
    );
  });

  it("switches DHCP and DNS off by false", () => {
    const { networks } = parse("networks: { a: { ipv4: 10.1.0.0/24, dhcp: false, dns: false } }");
    assert.deepEqual([networks[0].dhcp, networks[0].dns], [undefined, undefined]);
  });

  it("names a guest's TAP after it where the name fits", () => {
    const { guests } = parse("guests: { web1: {}, a-long-name-for-one: {}, db: { ifname: tap0 } }");
    assert.deepEqual(
      guests.map((guest) => guest.ifname),
      ["tn-web1", undefined, "tap0"],
    );
  });

  it("puts a guest into the only network when none is called default", () => {
    const { guests } = parse("networks: { lan: { ipv4: 10.1.0.0/24 } }\nguests: { web1: {} }");
    assert.equal(guests[0].network, "lan");
  });

  it("encodes options by their type", () => {
    const { networks } = parse(
      "networks: { a: { ipv4: 10.1.0.0/24, dhcp: { options: { ntp: [10.0.0.1, 10.0.0.2], mtu: 1400, 2: -3600, captive-portal: 'https://p', domain-search: [a.b], ip-forwarding: true, 43: '01:02', 224: { type: uint16s, value: [1, 2], always: true } } } } }",
    );
    const options = networks[0].dhcp?.options ?? [];
    const hex = Object.fromEntries(options.map((option) => [option.code, Buffer.from(option.bytes).toString("hex")]));
    assert.deepEqual(hex, {
      2: "fffff1f0",
      19: "01",
      26: "0578",
      42: "0a0000010a000002",
      43: "0102",
      114: Buffer.from("https://p").toString("hex"),
      119: "0161016200",
      224: "00010002",
    });
    assert.deepEqual(
      options.filter((option) => option.always).map((option) => option.code),
      [224],
    );
  });

  it("takes labels, whole names and wildcards as a guest's names, and whether its questions are logged", () => {
    const { guests } = parse('guests: { a: { names: [www, "*.apps", "*.Shop.example."], dns: { log: true } }, b: {} }');
    assert.deepEqual(
      guests.map(({ names, logQueries }) => [names, logQueries]),
      [
        [["www", "*.apps", "*.shop.example"], true],
        [[], false],
      ],
    );
  });

  it("reads identifiers as octets or text", () => {
    const { guests } = parse("guests: { a: { client-id: 'ff:00:AB' }, b: { client-id: abc } }");
    assert.deepEqual(
      guests.map((guest) => guest.clientId),
      ["ff00ab", "616263"],
    );
  });

  it("reads upstreams with port, interface and TLS", () => {
    const { dns } = parse(
      'dns: { upstreams: [192.0.2.1, "192.0.2.1:54@eth0", "2001:db8::1", "[2001:db8::1]:54", "tls://192.0.2.1#dns.example"] }',
    );
    assert.deepEqual(
      dns.upstreams?.map((upstream) => [upstream.family, upstream.port, upstream.interface, upstream.tlsName]),
      [
        [4, 53, undefined, undefined],
        [4, 54, "eth0", undefined],
        [6, 53, undefined, undefined],
        [6, 54, undefined, undefined],
        [4, 853, undefined, "dns.example"],
      ],
    );
  });

  it("reads YAML anchors and merge keys", () => {
    const { networks } = parse(
      "networks:\n  a: &base { ipv4: 10.1.0.0/24, kind: isolated }\n  b: { <<: *base, ipv4: 10.2.0.0/24 }\n",
    );
    assert.deepEqual(
      networks.map((network) => network.kind),
      ["isolated", "isolated"],
    );
  });

  it("reads ten thousand guests", () => {
    const lines = Array.from({ length: 10_000 }, (_, index) => `  vm${index}: {}\n`);
    assert.equal(parse(`guests:\n${lines.join("")}`).guests.length, 10_000);
  });
});

describe("loading a configuration", () => {
  it("says which file cannot be read, and why", () => {
    assert.throws(
      () => loadConfiguration("/nonexistent/tapnet.yaml"),
      (error) => {
        assert(error instanceof ConfigError);
        assert.match(error.message, /^\/nonexistent\/tapnet\.yaml: cannot be read: no such file or directory$/);
        return true;
      },
    );
  });

  it("refuses what is not UTF-8", () => {
    const folder = mkdtempSync(join(tmpdir(), "tapnet-config-"));
    try {
      const path = join(folder, "latin1.yaml");
      writeFileSync(path, Buffer.from([0x6c, 0xff, 0x0a]));
      assert.throws(() => loadConfiguration(path), /is not UTF-8 text/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("a duration", () => {
  for (const [text, seconds] of [
    ["90s", 90],
    ["15m", 900],
    ["1h30m", 5400],
    ["7d", 604_800],
    ["2w", 1_209_600],
    ["60", 60],
    ["infinite", INFINITE_SECONDS],
  ] as const) {
    it(`${text} is ${seconds} s`, () => {
      assert.equal(parseDuration(text), seconds);
      assert.equal(parseDuration(formatDuration(seconds)), seconds);
    });
  }

  for (const text of ["", "-1s", "1.5h", "1h ", "h", "4294967295", "99999999w"]) {
    it(`${JSON.stringify(text)} is none`, () => assert.equal(parseDuration(text), undefined));
  }
});

describe("the JSON Schema", () => {
  it("names every section and refuses unknown keys", () => {
    const schema = configurationSchema() as {
      properties: Record<string, unknown>;
      additionalProperties: boolean;
      $schema: string;
    };
    assert.equal(schema.$schema, "https://json-schema.org/draft/2020-12/schema");
    assert.deepEqual(Object.keys(schema.properties), [
      "state",
      "run",
      "log",
      "group",
      "other-firewalls",
      "bridge-conf",
      "history",
      "networks",
      "guests",
      "access",
      "dns",
    ]);
    assert.equal(schema.additionalProperties, false);
  });
});
