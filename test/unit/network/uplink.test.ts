import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { defineNetworks } from "../../../src/network/define.js";
import { missingUplinks } from "../../../src/network/uplink.js";

suite("uplinks that are not there", () => {
  const rows: readonly (readonly [uplink: string, advice: RegExp | undefined])[] = [
    ["eth0.100", /tapnetd makes a VLAN itself with uplink: eth0, vlan: 100$/],
    ["bond0.4094", /uplink: bond0, vlan: 4094$/],
    ["eth0.4095", /is not there, so nothing outside is reached until it is$/],
    ["eth0.0", /until it is$/],
    ["wan", /until it is$/],
    ["eth0", undefined],
  ];
  for (const [uplink, advice] of rows) {
    test(uplink, () => {
      const networks = defineNetworks([
        { name: "a", kind: "nat", uplink },
        { name: "b", kind: "nat" },
      ]);
      const [sentence, ...others] = missingUplinks(networks, new Map([["eth0", 2]]));
      assert.deepEqual(others, []);
      if (advice === undefined) assert.equal(sentence, undefined);
      else assert.match(sentence, advice);
    });
  }
});
