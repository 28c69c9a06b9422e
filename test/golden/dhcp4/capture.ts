/**
 * Makes the transcripts of real clients beside this file anew: `node dist/test/golden/dhcp4/capture.js` (root, tcpdump and the
 * clients needed). Each client runs in a network namespace against our own server, from its start over two renewals to its
 * release; tcpdump listens on the server's side.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ethernet from "../../../src/wire/ethernet.js";
import * as ipv4 from "../../../src/wire/ipv4.js";
import * as udp from "../../../src/wire/udp.js";
import { type DhcpClient, dhclient, dhcpcd, networkd, udhcpc } from "../../netns/interop/clients.js";
import { must } from "../../support/frames.js";
import { Lab } from "../../support/lab.js";
import { packageRoot, script } from "../../support/paths.js";
import { viewOf } from "../../support/pieces.js";
import { run } from "../../support/process.js";
import { pause } from "../../support/wait.js";
import { type Utterance, writeTranscript } from "./transcript.js";

const FOLDER = join(packageRoot, "test/golden/dhcp4");
const PCAP_HEADER_BYTES = 24;
const PCAP_RECORD_BYTES = 16;
const SERVER_MAC = "02:00:00:00:00:01";
/** Not a template of ours: dpkg-query fills it in. */
const VERSION_FORMAT = ["$", "{Version}"].join("");
const CLIENT_MAC = "52:54:00:12:34:56";

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

function utteranceOf(frame: Uint8Array): Utterance {
  const view = viewOf(frame);
  const { source: mac } = must(ethernet.parse(view, 0, frame.length));
  const at = ethernet.HEADER_BYTES;
  const { source, destination } = must(ipv4.parse(view, at, frame.length - at));
  const udpOffset = at + ipv4.headerBytes(view, at);
  const { lengthBytes, source: port } = must(udp.parse(view, udpOffset, frame.length - udpOffset));
  const bytes = frame.slice(udpOffset + udp.HEADER_BYTES, udpOffset + lengthBytes);
  return { from: port === 67 ? "server" : "client", mac, source, destination, bytes };
}

async function capture(client: DhcpClient, name: string, debian: string): Promise<void> {
  const lab = new Lab();
  try {
    const server = await lab.host("server");
    const guest = await lab.host("guest");
    await lab.link(
      { host: server, ifname: "lan0", mac: SERVER_MAC, addresses: ["10.77.0.1/24"] },
      { host: guest, ifname: "eth0", mac: CLIENT_MAC },
    );
    const file = join(lab.folder, "capture.pcap");
    const tcpdump = server.start(["tcpdump", "-i", "lan0", "-U", "-Z", "root", "-w", file, "udp and (port 67 or port 68)"]);
    await tcpdump.waitFor(/listening on/);
    const serving = server.start([...script("test/golden/dhcp4/serve"), "lan0"]);
    await serving.waitFor(/^serving/m);
    const running = client.start(guest);
    await serving.waitFor(/^bound/m, 20_000);
    await pause(22_000);
    await running.release();
    await pause(500);
    await tcpdump.stop("SIGINT");
    const { stdout: version } = await run(["dpkg-query", "--show", "--showformat", VERSION_FORMAT, debian]);
    const title = `${client.name}, Debian's ${debian} ${version}; made by capture.ts`;
    writeFileSync(join(FOLDER, `${name}.transcript`), writeTranscript(title, framesOf(file).map(utteranceOf)));
  } finally {
    await lab.dispose();
  }
}

await capture(udhcpc, "udhcpc", "busybox-static");
await capture(dhclient, "dhclient", "isc-dhcp-client");
await capture(dhcpcd, "dhcpcd", "dhcpcd-base");
await capture(networkd, "networkd", "systemd");
