import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { InterfaceAddress, Neighbour, Route } from "../../../src/base/kernel-objects.js";
import { writeAddAddress, writeDeleteAddress } from "../../../src/os/rtnetlink/addresses.js";
import {
  parseLink,
  writeAlternativeName,
  writeDeleteLink,
  writeNewBridge,
  writeNewVeth,
  writeNewVlan,
  writeSetLink,
} from "../../../src/os/rtnetlink/links.js";
import { MessageWriter } from "../../../src/os/rtnetlink/message.js";
import { writeDeleteNeighbour, writeSetNeighbour, writeSetNeighbourTable } from "../../../src/os/rtnetlink/neighbours.js";
import { writeAddRoute, writeDeleteRoute } from "../../../src/os/rtnetlink/routes.js";
import { packageRoot } from "../../support/paths.js";
import { hexOf } from "../../support/pieces.js";

interface Capture {
  readonly requests: readonly { readonly command: string; readonly hex: string }[];
}

const captured = JSON.parse(readFileSync(join(packageRoot, "test/golden/netlink/iproute2.json"), "utf8")) as Capture;

// In the namespace of the capture.
const LOOPBACK = 1;
const TAP = 2;
const OTHER = 3;
const BRIDGE = 4;
const ALTERNATIVE = "a-name-longer-than-fifteen";
const MAC = 0x5254_0012_3456;
const GATEWAY4 = 0x0a4d_0001;
const GATEWAY6 = (0x2001_0db8n << 96n) | 1n;
const GUEST4 = 0x0a4d_0005;
const GUEST6 = (0x2001_0db8n << 96n) | 5n;

const gateway: InterfaceAddress = { ifindex: LOOPBACK, address: GATEWAY4, prefixLength: 32, protocol: 0 };
const guestRoute: Route = {
  prefix: { family: 4, address: GUEST4, prefixLength: 32 },
  type: "unicast",
  ifindex: TAP,
  via: undefined,
  preferredSource: GATEWAY4,
  table: 254,
  protocol: 157,
  metric: 0,
};
const neighbour: Neighbour = { ifindex: TAP, address: GUEST4, mac: MAC, permanent: true, proxy: false, protocol: 157 };

const rows: readonly (readonly [command: string, write: (writer: MessageWriter) => void])[] = [
  ["link set dev tn-web1 address 02:23:4b:43:85:ee", (writer) => writeSetLink(writer, TAP, { mac: 0x0223_4b43_85ee })],
  ["link set dev tn-web1 mtu 9000", (writer) => writeSetLink(writer, TAP, { mtu: 9000 })],
  ["link set dev tn-web1 group 1953423460", (writer) => writeSetLink(writer, TAP, { group: 1_953_423_460 })],
  ["link set dev tn-web1 master br9", (writer) => writeSetLink(writer, TAP, { master: BRIDGE })],
  ["link set dev tn-web1 nomaster", (writer) => writeSetLink(writer, TAP, { master: 0 })],
  ["link set dev tn-web1 addrgenmode none", (writer) => writeSetLink(writer, TAP, { ipv6AddressGeneration: "none" })],
  ["link set dev tn-web1 down", (writer) => writeSetLink(writer, TAP, { up: false })],
  ["link set dev tn-web1 up", (writer) => writeSetLink(writer, TAP, { up: true })],
  [`link property add dev tn-web1 altname ${ALTERNATIVE}`, (writer) => writeAlternativeName(writer, TAP, ALTERNATIVE, true)],
  [`link property del dev tn-web1 altname ${ALTERNATIVE}`, (writer) => writeAlternativeName(writer, TAP, ALTERNATIVE, false)],
  ["link add name v0 type veth peer name v1", (writer) => writeNewVeth(writer, { name: "v0" }, { name: "v1" })],
  [
    "link add name br0 type bridge forward_delay 200 stp_state 1",
    (writer) => writeNewBridge(writer, { name: "br0" }, { forwardDelayMs: 2000, stp: true }),
  ],
  [
    "link add link other0 name other0.100 type vlan id 100",
    (writer) => writeNewVlan(writer, { name: "other0.100" }, { parent: OTHER, id: 100 }),
  ],
  ["link del dev v0", (writer) => writeDeleteLink(writer, 6)],
  ["address add 10.77.0.1/32 dev lo noprefixroute", (writer) => writeAddAddress(writer, gateway)],
  [
    "address add 2001:db8::1/128 dev lo nodad noprefixroute",
    (writer) => writeAddAddress(writer, { ...gateway, address: GATEWAY6, prefixLength: 128 }),
  ],
  ["address del 10.77.0.1/32 dev lo", (writer) => writeDeleteAddress(writer, gateway)],
  ["route add 10.77.0.5/32 dev tn-web1 proto 157 src 10.77.0.1", (writer) => writeAddRoute(writer, guestRoute)],
  [
    "route add unreachable 10.77.0.0/24 proto 157 metric 4278190080",
    (writer) =>
      writeAddRoute(writer, {
        ...guestRoute,
        prefix: { family: 4, address: 0x0a4d_0000, prefixLength: 24 },
        type: "unreachable",
        ifindex: 0,
        preferredSource: undefined,
        metric: 0xff00_0000,
      }),
  ],
  [
    "-6 route add 2001:db8::5/128 dev tn-web1 proto 157 src 2001:db8::1 metric 1024",
    (writer) =>
      writeAddRoute(writer, {
        ...guestRoute,
        prefix: { family: 6, address: GUEST6, prefixLength: 128 },
        preferredSource: GATEWAY6,
        metric: 1024,
      }),
  ],
  [
    "route add 192.0.2.0/24 via 10.77.0.5 proto 157 table 1000",
    (writer) =>
      writeAddRoute(writer, {
        ...guestRoute,
        prefix: { family: 4, address: 0xc000_0200, prefixLength: 24 },
        ifindex: 0,
        via: GUEST4,
        preferredSource: undefined,
        table: 1000,
      }),
  ],
  ["route del unicast 10.77.0.5/32 dev tn-web1 proto 157", (writer) => writeDeleteRoute(writer, guestRoute)],
  [
    "neigh replace 10.77.0.5 lladdr 52:54:00:12:34:56 dev tn-web1 nud permanent protocol 157",
    (writer) => writeSetNeighbour(writer, neighbour),
  ],
  [
    "-6 neigh replace 2001:db8::5 lladdr 52:54:00:12:34:56 dev tn-web1 nud permanent protocol 157",
    (writer) => writeSetNeighbour(writer, { ...neighbour, address: GUEST6 }),
  ],
  [
    "neigh replace proxy 198.51.100.10 dev other0 protocol 157",
    (writer) =>
      writeSetNeighbour(writer, {
        ...neighbour,
        ifindex: OTHER,
        address: 0xc633_640a,
        mac: undefined,
        permanent: false,
        proxy: true,
      }),
  ],
  ["neigh del 10.77.0.5 dev tn-web1", (writer) => writeDeleteNeighbour(writer, neighbour)],
  [
    "ntable change name arp_cache dev tn-web1 proxy_delay 100",
    (writer) => writeSetNeighbourTable(writer, { family: 4, ifindex: TAP, proxyDelayMs: 100 }),
  ],
];

suite("requests are those that iproute2 sends", () => {
  for (const [command, write] of rows) {
    test(`ip ${command}`, () => {
      const found = captured.requests.find((request) => request.command === `ip ${command}`);
      assert.ok(found, "not captured");
      const writer = new MessageWriter();
      write(writer);
      assert.equal(comparable(writer.bytes), comparable(Buffer.from(found.hex, "hex")));
    });
  }

  test("an alias goes without the zero byte that iproute2 sends along", () => {
    const writer = new MessageWriter();
    writeSetLink(writer, TAP, { alias: "tapnet guest=web1 network=default" });
    assert.match(hexOf(writer.bytes), /25001400746170/);
  });
});

test("a VLAN is read as a kernel that has them tells of it", () => {
  const { hex } = JSON.parse(readFileSync(join(packageRoot, "test/golden/netlink/vlan-link.json"), "utf8")) as { hex: string };
  const bytes = Buffer.from(hex, "hex");
  const link = parseLink(bytes, 16, bytes.length);
  assert.deepEqual(
    [link?.name, link?.kind, link?.vlan, link?.alias, link?.up],
    ["eth0.100", "vlan", { parent: 2, id: 100 }, "tapnet vlan", true],
  );
});

/** Bytes of the fixed header behind `struct nlmsghdr`, by message type. */
const FIXED_BYTES: Readonly<Record<number, number>> = { 20: 8, 21: 8, 24: 12, 25: 12, 28: 12, 29: 12, 67: 4 };
const IFINFO_BYTES = 16;
const RTM_NEWLINK = 16;
const RTM_SETLINK = 19;
const NLM_F_CREATE = 0x400;

/** A request without sequence number and port, its attributes in order: iproute2 adds them in another one. */
function comparable(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint16(6, true);
  // RTM_NEWLINK that may not create means RTM_SETLINK.
  const sent = view.getUint16(4, true);
  const type = sent === RTM_NEWLINK && (flags & NLM_F_CREATE) === 0 ? RTM_SETLINK : sent;
  const attributes = 16 + (FIXED_BYTES[type] ?? IFINFO_BYTES);
  const texts: string[] = [];
  for (let offset = attributes; offset < bytes.length; ) {
    const length = view.getUint16(offset, true);
    texts.push(hexOf(bytes.subarray(offset, offset + length)));
    offset += (length + 3) & ~3;
  }
  return [`type ${type} flags ${flags.toString(16)}`, hexOf(bytes.subarray(16, attributes)), ...texts.toSorted()].join("\n");
}
