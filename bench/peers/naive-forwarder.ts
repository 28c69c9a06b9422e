/**
 * A forwarder as one would first write it in Node: a socket a guest, a Buffer a frame, a write a frame. Its words are those of
 * `forward-reference`: `stream:PATH,MAC,ADDRESS`, twice.
 */
import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";

const GATEWAY_MAC = Buffer.from("020000000001", "hex");
const NETWORK = 14;

interface Guest {
  readonly mac: Buffer;
  readonly address: string;
  socket?: Socket;
}

const guests: Guest[] = process.argv.slice(2).map((word) => {
  const [port, mac, address] = word.split(",");
  const guest: Guest = { mac: Buffer.from(mac.replaceAll(":", ""), "hex"), address };
  const path = port.replace(/^stream:/, "");
  rmSync(path, { force: true });
  createServer((socket) => serve(guest, socket)).listen(path);
  return guest;
});

function serve(guest: Guest, socket: Socket): void {
  guest.socket = socket;
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const length = rest.readUInt32BE(0);
      forward(rest.subarray(4, 4 + length));
      rest = rest.subarray(4 + length);
    }
  });
  socket.on("error", () => socket.destroy());
}

function forward(frame: Buffer): void {
  if (frame.length < NETWORK + 20 || frame.readUInt16BE(12) !== 0x0800 || frame[NETWORK + 8] <= 1) return;
  const destination = [...frame.subarray(NETWORK + 16, NETWORK + 20)].join(".");
  const guest = guests.find(({ address }) => address === destination);
  if (guest?.socket === undefined) return;
  const copy = Buffer.from(frame);
  guest.mac.copy(copy, 0);
  GATEWAY_MAC.copy(copy, 6);
  copy[NETWORK + 8]--;
  const sum = copy.readUInt16BE(NETWORK + 10) + 0x100;
  copy.writeUInt16BE((sum & 0xffff) + (sum >>> 16), NETWORK + 10);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(copy.length, 0);
  guest.socket.write(length);
  guest.socket.write(copy);
}
