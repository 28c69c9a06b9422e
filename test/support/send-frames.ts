/**
 * Sends whole Ethernet frames from an interface of the namespace that it runs in: `send-frames eth0`, with one frame a line, in hex,
 * on standard input. Prints how many left. Nothing is checked and nothing completed: what is sent is what was said.
 */
import { readFileSync } from "node:fs";
import { FRAME_SLOT_BYTES, ReceiveBatch, SendBatch } from "../../src/frame/batch.js";
import { FrameSocket } from "../../src/os/frame-socket.js";

const BATCH = 256;

const [ifname] = process.argv.slice(2);
const ifindex = Number(readFileSync(`/sys/class/net/${ifname}/ifindex`, "utf8"));
const frames = readFileSync(0, "utf8")
  .split("\n")
  .filter((line) => line !== "");
const socket = new FrameSocket(new ReceiveBatch(1), { onReadable() {}, onLinkGone() {} });
let sent = 0;
for (let start = 0; start < frames.length; start += BATCH) {
  const batch = new SendBatch(BATCH);
  for (const [row, hex] of frames.slice(start, start + BATCH).entries()) {
    const bytes = Buffer.from(hex, "hex");
    batch.bytes.set(bytes.subarray(0, FRAME_SLOT_BYTES), row * FRAME_SLOT_BYTES);
    batch.ifindex[row] = ifindex;
    batch.length[row] = bytes.length;
    batch.count++;
  }
  sent += socket.send(batch);
}
await socket.closeLater();
process.stdout.write(`${sent}\n`);
