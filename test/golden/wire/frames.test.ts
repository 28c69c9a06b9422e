/** Frames of a real host (`frames.txt`, made by `capture`), beside what tcpdump says about them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Classifier, FRAME_KIND } from "../../../src/frame/classify.js";
import * as arp from "../../../src/wire/arp.js";
import * as checksum from "../../../src/wire/checksum.js";
import * as ethernet from "../../../src/wire/ethernet.js";
import * as icmpv4 from "../../../src/wire/icmpv4.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import * as ipv4 from "../../../src/wire/ipv4.js";
import * as ipv6 from "../../../src/wire/ipv6.js";
import * as udp from "../../../src/wire/udp.js";
import { must, PORT, receive, tableOf } from "../../support/frames.js";
import { packageRoot } from "../../support/paths.js";
import { hexOf, viewOf } from "../../support/pieces.js";

interface Golden {
  /** tcpdump's line. */
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** The output of `tcpdump -nnetxx`: a line for each frame, then its bytes in indented lines. */
function readFrames(): Golden[] {
  const lines = readFileSync(join(packageRoot, "test/golden/wire/frames.txt"), "utf8").split("\n");
  const frames: { text: string; hex: string }[] = [];
  for (const line of lines) {
    if (line.startsWith("\t")) frames[frames.length - 1].hex += line.replace(/^\t0x[0-9a-f]+: +/, "").replaceAll(" ", "");
    else if (line !== "" && !line.startsWith("#")) frames.push({ text: line, hex: "" });
  }
  return frames.map(({ text, hex }) => ({ text, bytes: new Uint8Array(Buffer.from(hex, "hex")) }));
}

interface Codec<Repr> {
  parse(view: DataView, offset: number, length: number): Repr | string;
  emit(repr: Repr, view: DataView, offset: number): number;
}

/** Parses a header, writes it again, compares the bytes, and returns what it says. */
function bothWays<Repr>(codec: Codec<Repr>, { bytes }: Golden, offset: number, end = bytes.length): Repr {
  const repr = must(codec.parse(viewOf(bytes), offset, end - offset));
  const again = bytes.slice();
  const written = codec.emit(repr, viewOf(again.fill(0xa5, offset)), offset);
  assert.equal(hexOf(again.subarray(offset, offset + written)), hexOf(bytes.subarray(offset, offset + written)));
  return repr;
}

function checkIpv4(frame: Golden): void {
  const view = viewOf(frame.bytes);
  const packet = bothWays(ipv4, frame, 14);
  const offset = 14 + ipv4.headerBytes(view, 14);
  const end = 14 + packet.totalBytes;
  if (ipv4.isFragment(view, 14)) return;
  if (packet.protocol === ipv4.PROTOCOL.icmp) {
    bothWays(icmpv4, frame, offset, end);
    const text = icmpv4.describe(view, offset, end - offset);
    if (text.startsWith("ICMP echo")) assert.ok(frame.text.includes(text), `${text} is not in: ${frame.text}`);
    return;
  }
  assert.equal(packet.protocol, ipv4.PROTOCOL.udp);
  const { lengthBytes } = bothWays(udp, frame, offset, end);
  const pseudoHeader = checksum.pseudoHeaderIpv4(packet.source, packet.destination, packet.protocol, lengthBytes);
  assert.ok(checksum.verify(view, offset, lengthBytes, pseudoHeader));
}

function checkIpv6(frame: Golden): void {
  const view = viewOf(frame.bytes);
  bothWays(ipv6, frame, 14);
  const extensions = new ipv6.ExtensionWalk();
  assert.equal(extensions.walk(view, 14), undefined);
  const { protocol, offset, length } = extensions;
  const pseudoHeader = checksum.pseudoHeaderIpv6(view, 14 + ipv6.FIELD.source, protocol, length);
  assert.ok(checksum.verify(view, offset, length, pseudoHeader));
  if (protocol === ipv6.NEXT_HEADER.udp) {
    bothWays(udp, frame, offset);
    return;
  }
  const { type } = bothWays(icmpv6, frame, offset);
  const name = icmpv6.describe(view, offset, length).split(", ")[1];
  assert.ok(frame.text.includes(`ICMP6, ${name}`), `${name} (type ${type}) is not in: ${frame.text}`);
}

/** What the classifier of a guest's port makes of a frame, judged by tcpdump's words. */
function expected(text: string): number {
  if (!text.startsWith("52:54:00:12:34:56")) return FRAME_KIND.dropped;
  if (/ARP/.test(text)) return FRAME_KIND.arp;
  if (/listener report|neighbor solicitation|router solicitation/.test(text)) return FRAME_KIND.icmpv6;
  return /BOOTP|A\? www/.test(text) ? FRAME_KIND.datagram : FRAME_KIND.dropped;
}

describe("golden frames", () => {
  const frames = readFrames();

  test("there are some of each kind", () => {
    assert.ok(frames.length > 20);
    for (const kind of ["ARP, ", "BOOTP", "A? www", "AAAA? www", "listener report", "echo reply", "unreachable", "ip-proto-1"]) {
      assert.ok(
        frames.some(({ text }) => text.includes(kind.replace("ARP, ", "ethertype ARP"))),
        kind,
      );
    }
  });

  for (const [index, frame] of frames.entries()) {
    test(`${index}: ${frame.text}`, () => {
      const { bytes, text } = frame;
      const view = viewOf(bytes);
      const ether = bothWays(ethernet, frame, 0);
      const [stations] = ethernet.describe(view, 0, bytes.length).split(", ");
      assert.ok(text.startsWith(stations));
      assert.match(text, new RegExp(`\\(0x${ether.type.toString(16).padStart(4, "0")}\\), length ${bytes.length}:`));
      if (ether.type === ethernet.ETHERTYPE.arp) {
        bothWays(arp, frame, 14);
        assert.ok(text.includes(arp.describe(view, 14, 28).replace("ARP, ", "")));
      } else if (ether.type === ethernet.ETHERTYPE.ipv4) checkIpv4(frame);
      else checkIpv6(frame);
      assert.equal(new Classifier(tableOf(PORT)).classify(receive([bytes]), 0), expected(text));
    });
  }
});
