import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatIpv6 } from "../../../src/base/ipv6-address.js";
import { ipv6InPrefix } from "../../../src/base/prefix.js";
import { seededRandom } from "../../../src/base/random.js";
import { newServerDuid } from "../../../src/services/dhcp6/server-duid.js";
import { stableAddress } from "../../../src/services/dhcp6/stable-address.js";
import { prefix } from "../../support/dhcp6-lab.js";
import { hexOf } from "../../support/pieces.js";

const PREFIX = prefix("2001:db8:77::/64");
const SECRET = new Uint8Array(32).fill(1);

describe("a guest's stable address (RFC 7217)", () => {
  test("is part of what users see: this one, in every version", () => {
    assert.equal(formatIpv6(stableAddress(PREFIX, "guest:web1", "default", 0, SECRET)), "2001:db8:77:0:fe35:53cb:b10f:b6e7");
  });

  test("changes with prefix, guest, network, counter and secret, and with nothing else", () => {
    const all = [
      stableAddress(PREFIX, "guest:web1", "default", 0, SECRET),
      stableAddress(prefix("2001:db8:78::/64"), "guest:web1", "default", 0, SECRET),
      stableAddress(PREFIX, "guest:web2", "default", 0, SECRET),
      stableAddress(PREFIX, "guest:web1", "other", 0, SECRET),
      stableAddress(PREFIX, "guest:web1", "default", 1, SECRET),
      stableAddress(PREFIX, "guest:web1", "default", 0, new Uint8Array(32).fill(2)),
    ];
    assert.equal(new Set(all).size, all.length);
    assert.equal(stableAddress(PREFIX, "guest:web1", "default", 0, SECRET), all[0]);
  });

  test("lies in its prefix, however short or long that is, and is never the subnet's anycast address", () => {
    for (const text of [
      "::/0",
      "2001:db8::/32",
      "2001:db8:77::/64",
      "2001:db8:77::/112",
      "2001:db8:77::/126",
      "2001:db8:77::1/128",
    ]) {
      const within = prefix(text);
      for (let guest = 0; guest < 50; guest++) {
        const address = stableAddress(within, `guest:${guest}`, "default", 0, SECRET);
        assert.ok(ipv6InPrefix(address, within));
        assert.ok(within.prefixLength > 126 || address !== within.address);
      }
    }
  });
});

test("a server's DUID is a random UUID of version 4 (RFC 6355)", () => {
  const duid = newServerDuid(seededRandom(1));
  assert.match(hexOf(duid), /^0004[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  assert.notEqual(hexOf(newServerDuid(seededRandom(2))), hexOf(duid));
});
