import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compileFilter } from "../../../src/capture/filter/compile.js";
import type { BpfProgram } from "../../../src/frame/bpf.js";
import { runBpf } from "../../support/bpf.js";
import { command, needs } from "../../support/needs.js";

/**
 * Our filters against those that tcpdump compiles of the same words: both are run on the same frames. The frames are not quite
 * random: in each place where a filter looks stands, more often than not, what some filter looks for.
 */

const SNAP_BYTES = 262_144;

const EXPRESSIONS = [
  ...["", "ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp"],
  ...["host 10.77.0.10", "src host 10.77.0.10", "dst 10.77.0.10", "src or dst host 10.77.0.10", "src and dst host 10.77.0.10"],
  ...["ip host 10.77.0.10", "arp host 10.77.0.10", "host 2001:db8::1", "src host 2001:db8::1", "ip6 host 2001:db8::1"],
  ...["net 10.77.0.0/16", "src net 10.0.0.0/8", "net 2001:db8::/32", "dst net 2001:db8::/47", "net 10.77.0.10/32"],
  ...["port 53", "tcp port 80", "udp port 53", "src port 53", "dst port 80", "udp src port 53", "sctp port 80"],
  ...["portrange 50-60", "tcp portrange 80-81", "src portrange 53-53"],
  ...["ip proto 17", "ip6 proto 58", "ether proto 0x0806", "proto 6"],
  ...["ether host 52:54:00:00:00:01", "ether src 52:54:00:00:00:01", "ether dst 52:54:00:00:00:01"],
  ...["ether broadcast", "broadcast", "ether multicast", "multicast", "ip multicast", "ip6 multicast"],
  ...["less 80", "greater 80", "greater 0"],
  ...["not port 53", "not arp and not ip6", "! tcp", "host 10.77.0.10 and (port 53 or port 80)", "port 53 or 80"],
  ...["arp or ip and tcp", "ip and tcp or udp", "tcp port 80 or 53", "host 10.77.0.10 or 10.77.0.11 and udp"],
  ...["not (host 10.77.0.10 or net 2001:db8::/32) && !(udp || less 70)", "src host 10.77.0.10 and not dst port 80"],
] as const;

const OURS_TO_THEIRS = new Map([["broadcast", "ether broadcast"]]);

const octet = fc.integer({ min: 0, max: 255 });
const likely = (...values: number[][]): fc.Arbitrary<number[]> => fc.constantFrom(...values);
const mac = fc.oneof(
  { weight: 3, arbitrary: likely([0x52, 0x54, 0, 0, 0, 1], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [1, 0, 0x5e, 0, 0, 1]) },
  { weight: 1, arbitrary: fc.array(octet, { minLength: 6, maxLength: 6 }) },
);
const ipv4 = fc.oneof(
  { weight: 4, arbitrary: likely([10, 77, 0, 10], [10, 77, 0, 11], [10, 78, 0, 1], [224, 0, 0, 251], [192, 0, 2, 1]) },
  { weight: 1, arbitrary: fc.array(octet, { minLength: 4, maxLength: 4 }) },
);
const zeroes = (count: number): number[] => Array.from({ length: count }, () => 0);
const ipv6 = fc.oneof(
  { weight: 4, arbitrary: likely([0x20, 1, 0xd, 0xb8, ...zeroes(11), 1], [0x20, 1, 0xd, 0xb8, 0, 1, ...zeroes(10)]) },
  { weight: 1, arbitrary: fc.array(octet, { minLength: 16, maxLength: 16 }).map((bytes) => [0xff, ...bytes.slice(1)]) },
);
const port = fc.oneof(likely([0, 53], [0, 80], [0, 81], [0, 60], [0x1f, 0x90]), fc.array(octet, { minLength: 2, maxLength: 2 }));
const upper = fc.tuple(port, port, fc.array(octet, { maxLength: 60 })).map((parts) => parts.flat());
const protocol = fc.constantFrom(1, 2, 6, 17, 132, 58, 44, 0, 99);

const ipv4Packet = fc
  .tuple(fc.constantFrom(5, 6, 15), fc.constantFrom(0, 0x20, 0x40, 0x1f), octet, protocol, ipv4, ipv4, upper)
  .map(([words, flags, fragment, number, source, destination, rest]) => [
    ...[0x40 | words, 0, 0, 60, 0, 1, flags, flags === 0x1f ? fragment : 0, 64, number, 0, 0, ...source, ...destination],
    ...zeroes((words - 5) * 4),
    ...rest,
  ]);
const ipv6Packet = fc
  .tuple(protocol, ipv6, ipv6, upper)
  .map(([next, source, destination, rest]) => [0x60, 0, 0, 0, 0, 40, next, 64, ...source, ...destination, ...rest]);
const arpPacket = fc
  .tuple(mac, ipv4, mac, ipv4)
  .map(([from, sender, to, target]) => [0, 1, 8, 0, 6, 4, 0, 1, ...from, ...sender, ...to, ...target]);
const payload = fc.oneof(
  ipv4Packet.map((packet) => [8, 0, ...packet]),
  ipv6Packet.map((packet) => [0x86, 0xdd, ...packet]),
  arpPacket.map((packet) => [8, 6, ...packet]),
  fc.array(octet, { minLength: 2, maxLength: 60 }),
);
/**
 * Frames may be cut, but before addresses and ports: whether one of the two ends is looked at before the other, which then
 * fails for being outside the frame, is the compiler's choice.
 */
const frame = fc
  .tuple(mac, mac, payload, fc.option(fc.integer({ min: 14, max: 25 }), { nil: undefined }))
  .map(([to, from, rest, cut]) => Uint8Array.from([...to, ...from, ...rest]).slice(0, cut));

/** What tcpdump makes of an expression for Ethernet. */
function compiledByTcpdump(expression: string): BpfProgram {
  const words = ["-ddd", "-y", "EN10MB", "-s", String(SNAP_BYTES), OURS_TO_THEIRS.get(expression) ?? expression];
  const { status, stdout, stderr } = spawnSync("tcpdump", words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`tcpdump ${expression}: ${stderr}`);
  return stdout
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(" ").map(Number))
    .map(([code, jt, jf, k]) => ({ code, jt, jf, k }));
}

describe("a filter lets through what tcpdump's of the same words does", needs(command("tcpdump")), () => {
  for (const expression of EXPRESSIONS) {
    test(expression === "" ? "(none)" : expression, () => {
      const ours = compileFilter(expression, SNAP_BYTES);
      const theirs = compiledByTcpdump(expression);
      fc.assert(
        fc.property(frame, (bytes) => assert.equal(runBpf(ours, bytes), runBpf(theirs, bytes))),
        { numRuns: 400 },
      );
    });
  }
});
