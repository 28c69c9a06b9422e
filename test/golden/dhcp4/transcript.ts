/**
 * Captured conversations as text: a line that says who speaks (`>` the client, `<` the server), between which addresses, and
 * what; then the UDP payload in hex.
 */
import { formatIpv4, type Ipv4Address, parseIpv4 } from "../../../src/base/ipv4-address.js";
import { formatMac, type Mac, parseMac } from "../../../src/base/mac.js";
import * as message from "../../../src/wire/dhcp4/message.js";
import { hexOf, viewOf } from "../../support/pieces.js";

export interface Utterance {
  readonly from: "client" | "server";
  readonly mac: Mac;
  readonly source: Ipv4Address;
  readonly destination: Ipv4Address;
  readonly bytes: Uint8Array;
}

const LINE = 64;
const HEAD = /^([<>]) (\S+) (\S+) > (\S+) (.*)$/;

/** The line above the hex. */
export function describeUtterance({ from, mac, source, destination, bytes }: Utterance): string {
  const said = message.describe(viewOf(bytes), 0, bytes.length);
  return `${from === "client" ? ">" : "<"} ${formatMac(mac)} ${formatIpv4(source)} > ${formatIpv4(destination)} ${said}`;
}

export function writeTranscript(title: string, utterances: readonly Utterance[]): string {
  const blocks = utterances.map((one) => {
    const hex = hexOf(one.bytes).match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
    return `${describeUtterance(one)}\n${hex.map((line) => `  ${line}\n`).join("")}`;
  });
  return `# ${title}\n\n${blocks.join("\n")}`;
}

/** Each message with the line that was written about it. */
export function readTranscript(text: string): { readonly utterance: Utterance; readonly line: string }[] {
  return text
    .split("\n\n")
    .slice(1)
    .map((block) => {
      const [line, ...hex] = block.trimEnd().split("\n");
      const [, who, mac, source, destination] = HEAD.exec(line) ?? [];
      const utterance: Utterance = {
        from: who === ">" ? "client" : "server",
        mac: parseMac(mac) ?? 0,
        source: parseIpv4(source) ?? 0,
        destination: parseIpv4(destination) ?? 0,
        bytes: new Uint8Array(Buffer.from(hex.map((row) => row.trim()).join(""), "hex")),
      };
      return { utterance, line };
    });
}
