/**
 * Makes the transcripts beside this file anew, or those that are named: `node dist/test/golden/ipv6/capture.js [NAME]...`; root,
 * tcpdump and the clients needed.
 *
 * Each client runs in a network namespace against our own server, from its start to its release, and so does a kernel that makes
 * its own addresses; tcpdump listens on the server's side.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ethernet from "../../../src/wire/ethernet.js";
import * as icmpv6 from "../../../src/wire/icmpv6.js";
import * as ipv6 from "../../../src/wire/ipv6.js";
import * as udp from "../../../src/wire/udp.js";
import { dhclient, dhcp6c, dhcpcd, dibbler, networkd } from "../../netns/ipv6/dhcp6-clients.js";
import { type Site, site } from "../../netns/ipv6/site.js";
import { must } from "../../support/frames.js";
import { packageRoot } from "../../support/paths.js";
import { viewOf } from "../../support/pieces.js";
import { run } from "../../support/process.js";
import { pause } from "../../support/wait.js";
import { describeUtterance, type Utterance, writeTranscript } from "./transcript.js";

const FOLDER = join(packageRoot, "test/golden/ipv6");
const PCAP_HEADER_BYTES = 24;
const PCAP_RECORD_BYTES = 16;

/** The frames of a capture file in the byte order of this machine. */
function framesOf(file: string): Uint8Array[] {
  const bytes = new Uint8Array(readFileSync(file));
  const view = viewOf(bytes);
  const frames: Uint8Array[] = [];
  for (let at = PCAP_HEADER_BYTES; at < bytes.length; ) {
    const length = view.getUint32(at + 8, true);
    frames.push(bytes.slice(at + PCAP_RECORD_BYTES, at + PCAP_RECORD_BYTES + length));
    at += PCAP_RECORD_BYTES + length;
  }
  return frames;
}

function utteranceOf(frame: Uint8Array, routerMac: number): Utterance | undefined {
  const view = viewOf(frame);
  const ether = must(ethernet.parse(view, 0, frame.length));
  const from = ether.source === routerMac ? "server" : "client";
  const walk = new ipv6.ExtensionWalk();
  if (walk.walk(view, ethernet.HEADER_BYTES) !== undefined) return undefined;
  const bytes = frame.slice(walk.offset, walk.offset + walk.length);
  if (walk.protocol === ipv6.NEXT_HEADER.udp) return { from, protocol: "dhcp6", bytes: bytes.slice(udp.HEADER_BYTES) };
  const known = icmpv6.isNeighbourDiscovery(bytes[0]) || bytes[0] === icmpv6.TYPE.listenerReportV2;
  return known ? { from, protocol: "icmp6", bytes } : undefined;
}

/** What was said while `act` ran; what was said before in the same words is left out. */
async function record(filter: string, title: string, name: string, act: (at: Site) => Promise<void>): Promise<void> {
  const clean: (() => Promise<void>)[] = [];
  const at = await site({ after: (end) => void clean.push(end) }, "web1", 20);
  try {
    await at.guest.sysctl({ "ipv6/conf/eth0/autoconf": name === "kernel" ? 1 : 0 });
    const file = join(at.lab.folder, "capture.pcap");
    const tcpdump = at.router.start(["tcpdump", "-i", "port0", "-U", "-Z", "root", "-w", file, filter]);
    await tcpdump.waitFor(/listening on/);
    await at.guest.ip("link set eth0 up");
    await pause(3000);
    await act(at);
    await pause(500);
    await tcpdump.stop("SIGINT");
    const said = new Set<string>();
    const utterances = framesOf(file)
      .flatMap((frame) => utteranceOf(frame, 0x0200_0000_0001) ?? [])
      .filter((one) => {
        const line = describeUtterance(one);
        return said.has(line) ? false : said.add(line);
      });
    writeFileSync(join(FOLDER, `${name}.transcript`), writeTranscript(`${title}; made by capture.ts`, utterances));
  } finally {
    for (const end of clean) await end();
  }
}

function isWanted(name: string): boolean {
  return process.argv.length === 2 || process.argv.includes(name);
}

const CLIENTS = [
  { client: dhclient, name: "dhclient", debian: "isc-dhcp-client" },
  { client: dhcpcd, name: "dhcpcd", debian: "dhcpcd-base" },
  { client: dhcp6c, name: "dhcp6c", debian: "wide-dhcpv6-client" },
  { client: dibbler, name: "dibbler", debian: "dibbler-client" },
  { client: networkd, name: "networkd", debian: "systemd" },
];

for (const { client, name, debian } of CLIENTS) {
  if (!isWanted(name) || client.requirement() !== undefined) continue;
  const [, version] = (await run(["dpkg-query", "--show", debian])).stdout.trim().split("\t");
  await record(
    "udp and (port 546 or port 547)",
    `${client.name}, Debian's ${debian} ${version}`,
    name,
    async ({ guest, serving }) => {
      const running = client.start(guest);
      await serving.waitFor(/^bound/m, 20_000);
      await pause(12_000);
      await running.release();
    },
  );
}

if (isWanted("kernel")) {
  const kernel = (await run(["uname", "-r"])).stdout.trim();
  await record("ip6 and not udp", `Linux ${kernel} making its own address`, "kernel", async ({ serving }) => {
    await serving.waitFor(/^learned/m);
  });
}
