/**
 * Captured IPv6 conversations as text: a line that says who speaks (`>` the client, `<` the server) and what, then the message in
 * hex, without Ethernet, IPv6 and UDP headers; of ICMPv6 messages the whole, checksum included.
 */
import * as dhcp6 from "../../../src/wire/dhcp6/message.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import * as mld from "../../../src/wire/mld.js";
import * as ndp from "../../../src/wire/ndp/message.js";
import { hexOf, viewOf } from "../../support/pieces.js";

export interface Utterance {
  readonly from: "client" | "server";
  readonly protocol: "dhcp6" | "icmp6";
  readonly bytes: Uint8Array;
}

const LINE = 64;

/** What a message says, in one line. */
export function describeUtterance({ protocol, bytes }: Utterance): string {
  const view = viewOf(bytes);
  if (protocol === "dhcp6") return dhcp6.describe(view, 0, bytes.length);
  const codec = icmpv6.isListenerDiscovery(bytes[0]) ? mld : ndp;
  return codec.describe(view, 0, bytes.length);
}

/** The message taken apart and put together again; the checksum of ICMPv6 is left out on both sides. */
export function roundTrip({ protocol, bytes }: Utterance): { readonly before: string; readonly after: string } {
  const view = viewOf(bytes);
  if (protocol === "dhcp6") {
    const message = dhcp6.parse(view, 0, bytes.length);
    return { before: hexOf(bytes), after: typeof message === "string" ? message : hexOf(dhcp6.toBytes(message)) };
  }
  const before = bytes.slice();
  before.fill(0, icmpv6.FIELD.checksum, icmpv6.FIELD.body);
  const after = new Uint8Array(bytes.length);
  if (icmpv6.isListenerDiscovery(bytes[0])) {
    const report = mld.parse(view, 0, bytes.length);
    if (typeof report === "string") return { before: hexOf(before), after: report };
    mld.emit(report, viewOf(after), 0);
    return { before: hexOf(before), after: hexOf(after) };
  }
  const message = ndp.parse(view, 0, bytes.length);
  if (typeof message === "string") return { before: hexOf(before), after: message };
  ndp.emit(message, viewOf(after), 0);
  return { before: hexOf(before), after: hexOf(after) };
}

export function writeTranscript(title: string, utterances: readonly Utterance[]): string {
  const blocks = utterances.map((one) => {
    const hex = hexOf(one.bytes).match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
    return `${one.from === "client" ? ">" : "<"} ${describeUtterance(one)}\n${hex.map((line) => `  ${line}\n`).join("")}`;
  });
  return `# ${title}\n\n${blocks.join("\n")}`;
}

/** Each message with the line that was written about it. */
export function readTranscript(text: string): { readonly utterance: Utterance; readonly said: string }[] {
  return text
    .split("\n\n")
    .slice(1)
    .map((block) => {
      const [said, ...hex] = block.trimEnd().split("\n");
      const bytes = new Uint8Array(Buffer.from(hex.map((line) => line.trim()).join(""), "hex"));
      const protocol = said.slice(2).startsWith("dhcp6") ? "dhcp6" : "icmp6";
      return { utterance: { from: said.startsWith(">") ? "client" : "server", protocol, bytes }, said: said.slice(2) };
    });
}
