import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ConfigurationError, parseConfiguration } from "../../../src/config/index.js";

interface Row {
  readonly name: string;
  readonly yaml: string;
  /** `line:column` of each problem, in order, with a part of what is said. */
  readonly problems: readonly (readonly [place: string, message: RegExp])[];
}

const ROWS: readonly Row[] = [
  {
    name: "a port twice",
    yaml: 'guests:\n  a: { forwards: ["8080-8090:80"] }\n  b: { forwards: ["8085:80"] }\n',
    problems: [["3:19", /8085\/tcp is the forwarded port of guest a/]],
  },
  {
    name: "public addresses that are another's",
    yaml: [
      "networks: { default: {}, lab: { kind: isolated, ipv4: 10.78.0.0/24 } }",
      "guests:",
      '  a: { public: [192.0.2.7, "2001:db8::7"] }',
      '  b: { public: 192.0.2.7, forwards: ["192.0.2.7:80:80"] }',
      "  c: { public: 10.77.0.1 }",
      "  d: { public: 10.78.0.9 }",
      "  e: { network: lab, public: 192.0.2.8 }",
      "  g: { public: 127.0.0.1 }",
      "  h: { public: 192.0.2.0/24 }",
    ].join("\n"),
    problems: [
      ["3:16", /2001:db8::7 needs a network with IPv6: default has none/],
      ["4:16", /192\.0\.2\.7 is the public address of guest a already/],
      ["4:38", /192\.0\.2\.7 leads to guest a as a whole/],
      ["5:16", /10\.77\.0\.1 is the gateway of network default/],
      ["6:16", /10\.78\.0\.9 is of network lab, whose guests have 10\.78\.0\.0\/24/],
      ["7:22", /into network lab of kind isolated, which nothing enters/],
      ["8:16", /127\.0\.0\.1 is no address that others reach a host by/],
      ["9:16", /write each address by itself/],
    ],
  },
  {
    name: "a forward without sense",
    yaml: "guests:\n  a: { forwards: [http] }\n",
    problems: [["2:19", /write one like 8080:80/]],
  },
  {
    name: "a forward from an address that is none",
    yaml: 'guests:\n  a: { forwards: ["192.0.2.300:80:80", "[fe80::x]:80:80", "0.0.0.0:80:80"] }\n',
    problems: [
      ["2:19", /192\.0\.2\.300 is not an IPv4 address/],
      ["2:40", /fe80::x is not an IPv6 address/],
      ["2:59", /leave 0\.0\.0\.0 out/],
    ],
  },
  {
    name: "a forward from an address that nobody has as a whole",
    yaml: 'guests:\n  a: { forwards: ["224.0.0.1:80:80", "255.255.255.255:80:80", "[ff02::1]:80:80", "[fe80::1]:80:80", "[::ffff:192.0.2.1]:80:80"] }\n',
    problems: [
      ["2:19", /224\.0\.0\.1 is a multicast address; write an address that others reach this host by/],
      ["2:38", /255\.255\.255\.255 is the broadcast address/],
      ["2:63", /ff02::1 is a multicast address/],
      ["2:82", /fe80::1 is of one link/],
      ["2:101", /::ffff:192\.0\.2\.1 is an IPv4 address/],
    ],
  },
  {
    name: "a forward from the loopback",
    yaml: 'networks: { n: { kind: nat, ipv4: 10.1.0.0/24, ipv6: "fd00:1::/64" } }\nguests:\n  a: { network: n, forwards: ["127.0.0.1:80:80", "[::1]:80:80"] }\n',
    problems: [
      ["3:31", /127\.0\.0\.1 is the loopback, which leads to no guest/],
      ["3:50", /::1 is the loopback, which leads to no guest/],
    ],
  },
  {
    name: "forwards with ports that do not fit",
    yaml: 'guests:\n  a: { forwards: ["0:80", "65536:80", "65530-65535:65531", "9-8:1", "1-3:1-4"] }\n',
    problems: [
      ["2:19", /1 to 65535/],
      ["2:27", /1 to 65535/],
      ["2:39", /1 to 65535/],
      ["2:60", /backwards; write 8-9/],
      ["2:69", /different lengths; write 1-3:1/],
    ],
  },
  {
    name: "rules that name nobody",
    yaml: 'networks: { default: { ingress: [network lab, example.com] } }\nguests:\n  web1: { egress: ["guest wbe1 80"] }\n',
    problems: [
      ["1:34", /there is no network lab/],
      ["1:47", /names serve for egress only/],
      ["3:20", /there is no guest wbe1; did you mean web1\?/],
    ],
  },
  {
    name: "what does not hold on a bridge",
    yaml: [
      "networks:",
      "  b: { kind: bridge, ipv4: 10.6.0.0/24, egress: none, limit: { up: 1mbit, packets: 10 } }",
      "  n: { kind: nat, ipv4: 10.7.0.0/24, egress: none, limit: { packets: 10, connections: 5 } }",
      "guests:",
      "  web1: { network: b, ingress: none, limit: { down: 1mbit, connections: 5 } }",
      "  web2: { network: n, ingress: none, limit: { connections: 6 } }",
      "",
    ].join("\n"),
    problems: [["5:60", /connections cannot be counted on a bridge; limit packets instead, or take kind: nat or routed/]],
  },
  {
    name: "rules that are none",
    yaml: 'guests:\n  web1: { egress: ["10.0.0.0/33", "any 0", "any 9-8", "any 80/sctp", "http://x.example", "any 1 2", "guest"] }\n',
    problems: [
      ["2:20", /is not a rule; write one like/],
      ["2:35", /neither ports nor a protocol/],
      ["2:44", /neither ports nor a protocol/],
      ["2:55", /neither ports nor a protocol/],
      ["2:70", /is not a rule/],
      ["2:90", /is not a rule/],
      ["2:101", /is not a rule/],
    ],
  },
  {
    name: "limits without sense",
    yaml: "guests:\n  a: { limit: { up: fast, down: 1bit, burst: 10, packets: 0, connections: -1 } }\n  b: { limit: { upp: 1mbit } }\n",
    problems: [
      ["2:21", /write one like 100mbit/],
      ["2:33", /from 8kbit to 400gbit/],
      ["2:46", /the number 10, where/],
      ["2:59", /from 1 to/],
      ["2:75", /from 1 to/],
      ["3:17", /did you mean up\?/],
    ],
  },
  {
    name: "a forward into a network that nothing enters",
    yaml: "networks: { lab: { kind: isolated, ipv4: 10.1.0.0/24 } }\nguests:\n  a: { forwards: [80:80] }\n",
    problems: [["3:8", /network lab of kind isolated, which nothing enters/]],
  },
  {
    name: "a forward from an IPv6 address where the network has none",
    yaml: 'guests:\n  a: { forwards: ["[2001:db8::1]:80:80"] }\n',
    problems: [["2:19", /network default has no IPv6/]],
  },
];

suite("what is wrong with forwards, limits and rules", () => {
  for (const { name, yaml, problems } of ROWS) {
    test(name, () => {
      assert.throws(
        () => parseConfiguration(yaml, "tapnet.yaml"),
        (error) => {
          assert.ok(error instanceof ConfigurationError);
          assert.deepEqual(
            error.problems.map(({ line, column }) => `${line}:${column}`),
            problems.map(([place]) => place),
            error.problems.map(({ message }) => message).join("\n"),
          );
          for (const [index, [, message]] of problems.entries()) assert.match(error.problems[index].message, message);
          return true;
        },
      );
    });
  }
});
