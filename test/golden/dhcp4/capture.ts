/**
 * Makes the transcripts of real clients beside this file anew: `node dist/test/golden/dhcp4/capture.js [NAME]...` (root, tcpdump
 * and the clients needed). Each client runs in a network namespace against our own server, from its start over two renewals to
 * its release; iPXE boots from the ROM of QEMU's network card, and never renews. tcpdump listens on the server's side.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ethernet from "../../../src/wire/ethernet.js";
import * as ipv4 from "../../../src/wire/ipv4.js";
import * as udp from "../../../src/wire/udp.js";
import { type DhcpClient, dhclient, dhcpcd, networkd, udhcpc } from "../../netns/interop/clients.js";
import { must } from "../../support/frames.js";
import { type Host, Lab } from "../../support/lab.js";
import { packageRoot, script } from "../../support/paths.js";
import { viewOf } from "../../support/pieces.js";
import { type RunningProcess, run } from "../../support/process.js";
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

/** A server on `lan0` of its host, and tcpdump beside it. */
class Recording {
  readonly #file: string;
  readonly #server: Host;
  #tcpdump: RunningProcess | undefined;

  constructor(server: Host) {
    this.#server = server;
    this.#file = join(server.lab.folder, "capture.pcap");
  }

  async begin(): Promise<RunningProcess> {
    const words = ["-i", "lan0", "--immediate-mode", "-U", "-Z", "root", "-w", this.#file, "udp and (port 67 or port 68)"];
    this.#tcpdump = this.#server.start(["tcpdump", ...words]);
    await this.#tcpdump.waitFor(/listening on/);
    const serving = this.#server.start([...script("test/golden/dhcp4/serve"), "lan0"]);
    await serving.waitFor(/^serving/m);
    return serving;
  }

  async end(name: string, client: string, debian: string): Promise<void> {
    await pause(500);
    await this.#tcpdump?.stop("SIGINT");
    const { stdout: version } = await run(["dpkg-query", "--show", "--showformat", VERSION_FORMAT, debian]);
    const title = `${client}, Debian's ${debian} ${version}; made by capture.ts`;
    writeFileSync(join(FOLDER, `${name}.transcript`), writeTranscript(title, framesOf(this.#file).map(utteranceOf)));
  }
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
    const recording = new Recording(server);
    const serving = await recording.begin();
    const running = client.start(guest);
    await serving.waitFor(/^bound/m, 20_000);
    await pause(22_000);
    await running.release();
    await recording.end(name, client.name, debian);
  } finally {
    await lab.dispose();
  }
}

/** The ROM of the card boots; what it is told to load is not there, so it says no more. */
async function captureIpxe(): Promise<void> {
  const lab = new Lab();
  try {
    const server = await lab.host("server");
    await server.ip("tuntap add lan0 mode tap");
    await server.ip(`link set lan0 address ${SERVER_MAC} up`);
    await server.ip("address add 10.77.0.1/24 dev lan0");
    const recording = new Recording(server);
    const serving = await recording.begin();
    const machine = ["-machine", "pc", "-accel", "tcg", "-m", "64", "-nodefaults", "-no-user-config", "-display", "none"];
    const card = ["-device", `virtio-net-pci,netdev=net0,bootindex=1,mac=${CLIENT_MAC}`];
    const link = ["-netdev", "tap,id=net0,ifname=lan0,script=no,downscript=no"];
    const guest = server.start(["qemu-system-x86_64", ...machine, ...link, ...card]);
    await serving.waitFor(/^bound/m, 60_000);
    // The ACK leaves after that, and needs the guest's end of the link.
    await pause(500);
    await guest.stop();
    await recording.end("ipxe", "iPXE", "ipxe-qemu");
  } finally {
    await lab.dispose();
  }
}

const CAPTURES: Readonly<Record<string, () => Promise<void>>> = {
  udhcpc: () => capture(udhcpc, "udhcpc", "busybox-static"),
  dhclient: () => capture(dhclient, "dhclient", "isc-dhcp-client"),
  dhcpcd: () => capture(dhcpcd, "dhcpcd", "dhcpcd-base"),
  networkd: () => capture(networkd, "networkd", "systemd"),
  ipxe: captureIpxe,
};

const wanted = process.argv.slice(2);
for (const [name, make] of Object.entries(CAPTURES)) if (wanted.length === 0 || wanted.includes(name)) await make();
