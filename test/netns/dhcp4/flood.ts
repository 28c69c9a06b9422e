/** Sends so many DHCPDISCOVERs, each from another hardware address, as fast as they go: `node flood.js IFNAME COUNT`. */
import { readFileSync } from "node:fs";
import { parseMac } from "../../../src/base/mac.js";
import { seededRandom } from "../../../src/base/random.js";
import { FRAME_SLOT_BYTES, ReceiveBatch, SendBatch } from "../../../src/frame/batch.js";
import { FrameSocket } from "../../../src/os/frame-socket.js";
import * as header from "../../../src/wire/dhcp4/header.js";
import { toBytes } from "../../../src/wire/dhcp4/message.js";
import { Client } from "../../support/dhcp4-lab.js";
import { udpv4Frame } from "../../support/frames.js";

const BATCH = 256;

const [ifname, count] = process.argv.slice(2);
const fact = (name: string): string => readFileSync(`/sys/class/net/${ifname}/${name}`, "utf8").trim();
const payload = toBytes(new Client(0x5254_0000_0000).discover());
const frame = udpv4Frame({
  payload,
  source: 68,
  destination: 67,
  ipSource: 0,
  ipDestination: 0xffff_ffff,
  etherSource: parseMac(fact("address")) ?? 0,
  etherDestination: 0xffff_ffff_ffff,
  checksum: 0,
});
const batch = new SendBatch(BATCH);
for (let row = 0; row < BATCH; row++) {
  batch.bytes.set(frame, row * FRAME_SLOT_BYTES);
  batch.length[row] = frame.length;
  batch.ifindex[row] = Number(fact("ifindex"));
}
batch.count = BATCH;

const random = seededRandom(1);
const chaddr = frame.length - payload.length + header.FIELD.chaddr;
const socket = new FrameSocket(new ReceiveBatch(1), { onReadable: () => undefined, onLinkGone: () => undefined });
let sent = 0;
while (sent < Number(count)) {
  for (let row = 0; row < BATCH; row++) batch.view.setUint32(row * FRAME_SLOT_BYTES + chaddr + 2, random.uint32());
  sent += socket.send(batch);
}
socket.close();
console.log(`sent ${sent}`);
