import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { explainOwnPublics, parseConfiguration } from "../../../src/config/index.js";

suite("public addresses that the host has itself", () => {
  const rows: readonly (readonly [name: string, publics: string, own: readonly string[][], lost: readonly string[]])[] = [
    ["another one", "192.0.2.7", [["192.0.2.2"], ["127.0.0.1"]], []],
    ["the only one of an interface", "192.0.2.2", [["192.0.2.2", "fe80::1"], ["127.0.0.1"]], ["192.0.2.2"]],
    ["one of two of an interface, given away on purpose", "192.0.2.3", [["192.0.2.2", "192.0.2.3"]], []],
    ["both of an interface", "[192.0.2.2, 192.0.2.3]", [["192.0.2.2", "192.0.2.3"]], ["192.0.2.2", "192.0.2.3"]],
    ["the only one in IPv6", '"2001:db8::2"', [["192.0.2.2", "2001:db8::2", "fe80::1"]], ["2001:db8::2"]],
    ["none", "[]", [["192.0.2.2"]], []],
  ];
  for (const [name, publics, own, lost] of rows) {
    test(name, () => {
      const yaml = `networks: { n: { kind: nat, ipv4: 10.1.0.0/24, ipv6: "fd00:1::/64" } }\nguests: { web1: { network: n, public: ${publics} } }\n`;
      const said = explainOwnPublics(parseConfiguration(yaml, "t.yaml").guests, own);
      assert.deepEqual(
        said.map((sentence) => sentence.split(" ")[0]),
        lost,
      );
      for (const sentence of said) assert.match(sentence, /leads to guest web1 as a whole \(public:\).*by ssh neither/);
    });
  }
});
