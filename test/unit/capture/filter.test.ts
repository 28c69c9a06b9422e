import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compileFilter } from "../../../src/capture/filter/compile.js";
import { parseFilter } from "../../../src/capture/filter/expression.js";
import { runBpf } from "../../support/bpf.js";

const MISTAKES: readonly (readonly [expression: string, message: RegExp])[] = [
  ["prot 53", /^the filter, at "prot" \(character 1\), is no word of a filter.*names are not looked up/],
  ["host web1", /^the filter, at "web1" \(character 6\), is no word of a filter/],
  ["host 10.77.0.256", /at "10\.77\.0\.256" \(character 6\), is no address; write one like 10\.77\.0\.10/],
  ["net 10.77.0.1/24", /at "10\.77\.0\.1\/24" \(character 5\), is no prefix, or has bits behind its length/],
  ["port", /^the filter, at "port" \(character 1\), needs a port, like 53 behind it/],
  ["port 65536", /at "65536".*is no port; write a number up to 65535, or one of ssh/],
  ["portrange 90-80", /at "90-80".*is no portrange; write 8000-8010/],
  ["icmp port 53", /at "53".*belongs to tcp, udp or sctp, not to icmp/],
  ["port 53 and", /at "and" \(character 9\), needs a port, like 53 behind it/],
  ["port 53 port 80", /at "port" \(character 9\), needs "and" or "or" before it/],
  ["(port 53", /at "\(" \(character 1\), is not closed/],
  ["port 53)", /at "\)" \(character 8\), closes what was not opened/],
  ["()", /needs an address behind it/],
  ["not", /at "not" \(character 1\), needs an address behind it/],
  ["tcp host 10.77.0.10", /at "10\.77\.0\.10".*does not go with tcp; write "tcp and host 10\.77\.0\.10"/],
  ["ether host 10.77.0.10", /does not go with ether; write a MAC address/],
  ["ip broadcast", /does not go with ip; write ether broadcast/],
  ["ip proto 256", /is no protocol; write a number up to 255/],
  ["less", /needs a length in bytes behind it/],
  ["less than", /at "than".*is no length in bytes/],
  ["vlan web", /at "web".*is no VLAN's number, 0 to 4095/],
  ["vlan 4096", /at "4096".*is no VLAN's number/],
  ["port 53 & port 80", /needs "and" or "or" before it/],
  [Array.from({ length: 90 }, (_, index) => `host 10.0.0.${index}`).join(" or "), /the filter is too long/],
  ["not ".repeat(600), /has more than 500 words/],
];

describe("a filter", () => {
  for (const [expression, message] of MISTAKES) {
    it(`that is ${JSON.stringify(expression.slice(0, 40))} is refused with the place and what to write`, () => {
      assert.throws(() => compileFilter(expression, 100), { name: "TapnetError", code: "BAD_REQUEST", message });
    });
  }

  it("that is empty, or blank, matches everything", () => {
    assert.equal(parseFilter("  \t "), undefined);
    assert.equal(runBpf(compileFilter("", 128), new Uint8Array(14)), 128);
  });

  it("keeps as many bytes as was said", () => {
    const arp = Uint8Array.from([...new Array<number>(12).fill(0), 8, 6]);
    assert.equal(runBpf(compileFilter("arp", 96), arp), 96);
    assert.equal(runBpf(compileFilter("ip", 96), arp), 0);
  });
});
