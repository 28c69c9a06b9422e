import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { SetElement } from "../../../src/base/set-element.js";
import { FORWARD_SETS } from "../../../src/network/ruleset/port-forwards.js";
import { BOUND_ARP, BOUND_IPV4, BOUND_IPV6 } from "../../../src/network/ruleset.js";
import { elementBytes } from "../../../src/os/nftables/element-bytes.js";
import { parseStationKey, stationKeyBytes } from "../../../src/os/nftables/element-key.js";
import { NFT_MESSAGE, type SetKey, writeBatchEdge, writeElement } from "../../../src/os/nftables/messages.js";
import { MessageWriter } from "../../../src/os/rtnetlink/message.js";
import { packageRoot } from "../../support/paths.js";
import { hexOf } from "../../support/pieces.js";

interface Capture {
  readonly requests: readonly { readonly command: string; readonly hex: string }[];
}

const captured = JSON.parse(readFileSync(join(packageRoot, "test/golden/netlink/nft.json"), "utf8")) as Capture;

const IPV4 = { ifindex: 2, mac: 0x5254_0012_3456, address: 0x0a4d_0005 } as const;
const IPV6 = { ...IPV4, address: (0x2001_0db8n << 96n) | 5n } as const;
const NOTHING = { data: undefined, limit: undefined } as const;
const NLM_F_CREATE = 0x400;

const rows: readonly (readonly [command: string, type: number, set: SetKey, key: typeof IPV4 | typeof IPV6])[] = [
  ["add element inet tapnet bound4 { tn-web1 . 52:54:00:12:34:56 . 10.77.0.5 }", NFT_MESSAGE.newSetElement, BOUND_IPV4, IPV4],
  ["add element inet tapnet bound6 { tn-web1 . 52:54:00:12:34:56 . 2001:db8::5 }", NFT_MESSAGE.newSetElement, BOUND_IPV6, IPV6],
  ["add element arp tapnet bound { tn-web1 . 52:54:00:12:34:56 . 10.77.0.5 }", NFT_MESSAGE.newSetElement, BOUND_ARP, IPV4],
  [
    "delete element inet tapnet bound4 { tn-web1 . 52:54:00:12:34:56 . 10.77.0.5 }",
    NFT_MESSAGE.deleteSetElement,
    BOUND_IPV4,
    IPV4,
  ],
];

suite("elements go to the kernel as nft sends them", () => {
  for (const [command, type, set, key] of rows) {
    test(`nft ${command}`, () => {
      const found = captured.requests.find((request) => request.command === `nft ${command}`);
      assert.ok(found, "not captured");
      const writer = new MessageWriter();
      writeBatchEdge(writer, "begin");
      writeElement(writer, type, type === NFT_MESSAGE.newSetElement ? NLM_F_CREATE : 0, set, {
        ...NOTHING,
        key: stationKeyBytes(key),
      });
      writeBatchEdge(writer, "end");
      assert.deepEqual(comparable(writer.bytes), comparable(Buffer.from(found.hex, "hex")));
    });
    test(`the key of nft ${command}, and back`, () => {
      assert.deepEqual(parseStationKey(stationKeyBytes(key)), key);
    });
  }

  const protocol = (value: number) => ({ kind: "protocol", value }) as const;
  const port = (value: number) => ({ kind: "port", value }) as const;
  const address = (value: number | bigint) => ({ kind: "address", value }) as const;
  const mapRows: readonly (readonly [command: string, type: number, set: SetKey, element: SetElement])[] = [
    [
      "add element inet tapnet forward4 { tcp . 8080 : 10.77.0.5 }",
      NFT_MESSAGE.newSetElement,
      FORWARD_SETS[4].any.address,
      { key: [protocol(6), port(8080)], data: address(IPV4.address) },
    ],
    [
      "delete element inet tapnet forward4 { tcp . 8080 }",
      NFT_MESSAGE.deleteSetElement,
      FORWARD_SETS[4].any.address,
      { key: [protocol(6), port(8080)] },
    ],
    [
      "add element inet tapnet forward_at6_port { 2001:db8::1 . udp . 53 : 5353 }",
      NFT_MESSAGE.newSetElement,
      FORWARD_SETS[6].at.port,
      { key: [address((0x2001_0db8n << 96n) | 1n), protocol(17), port(53)], data: port(5353) },
    ],
  ];
  for (const [command, type, set, element] of mapRows) {
    test(`nft ${command}`, () => {
      const found = captured.requests.find((request) => request.command === `nft ${command}`);
      assert.ok(found, "not captured");
      const writer = new MessageWriter();
      writeBatchEdge(writer, "begin");
      writeElement(writer, type, type === NFT_MESSAGE.newSetElement ? NLM_F_CREATE : 0, set, elementBytes(element));
      writeBatchEdge(writer, "end");
      assert.deepEqual(comparable(writer.bytes), comparable(Buffer.from(found.hex, "hex")));
    });
  }

  test("a station's key is that of its parts", () => {
    const parts = [{ kind: "ifindex", value: 2 }, { kind: "mac", value: IPV4.mac }, address(IPV6.address)] as const;
    assert.deepEqual(elementBytes({ key: parts }).key, stationKeyBytes(IPV6));
  });

  test("a key of another length is none of ours", () => {
    for (const length of [0, 11, 13, 15, 17, 27, 29, 64]) assert.equal(parseStationKey(new Uint8Array(length)), undefined);
  });
});

/** Where a set is new in the same batch, nft gives its id as well: `NFTA_SET_ELEM_LIST_SET_ID`. */
const SET_ID = 4;

/** Each message of a batch without sequence number and port, in hex. */
function comparable(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = start + view.getUint32(start, true);
    const parts = [hexOf(bytes.subarray(start + 4, start + 8)), hexOf(bytes.subarray(start + 16, start + 20))];
    for (let offset = start + 20; offset < end; ) {
      const next = offset + ((view.getUint16(offset, true) + 3) & ~3);
      if (view.getUint16(offset + 2, true) !== SET_ID) parts.push(hexOf(bytes.subarray(offset, next)));
      offset = next;
    }
    texts.push(parts.join(" "));
    start = (end + 3) & ~3;
  }
  return texts;
}
