/**
 * Our forwarder between two ports, as `dataplane: user` has it: routes, guard, counters. Two words, `PORT,MAC,ADDRESS`, and where
 * there shall be more guests, which say nothing, the number of all. PORT as in `native/bench/frame-port.h`; a TAP is another
 * program's, and we take its frames by a packet socket. It serves nothing else, as the thread that a network has in tapnetd.
 */
import { parseIpv4 } from "../../src/base/ipv4-address.js";
import { parseMac } from "../../src/base/mac.js";
import { ForwardBatch } from "../../src/frame/forward/batch.js";
import { ForwardEngine } from "../../src/frame/forward/engine.js";
import { rehearseForwarding } from "../../src/frame/forward/rehearsal.js";
import { interfaceIndex } from "../../src/os/interface.js";
import { PortSocket } from "../../src/os/port-socket.js";
import { Rtnetlink } from "../../src/os/rtnetlink.js";
import { addressOf, macOf } from "../frame/guests.js";

const GATEWAY_MAC = 0x0200_0000_0001;
const GATEWAY_IPV4 = 0x0a4d_0001;
const LOOK_AGAIN_MS = 5;

const batch = new ForwardBatch();
const socket = new PortSocket({
  onReadable: () => socket.serveAlone(batch, handle),
  onEvent: () => undefined,
});
const engine = new ForwardEngine({
  transmitter: { transmit: (frames) => socket.send(frames), transmitLast: (frames) => socket.sendLater(frames) },
});

function handle(): void {
  engine.process(batch);
}

function open(slot: number, word: string): void {
  const [port, mac, address] = word.split(",");
  const [station, ipv4] = [parseMac(mac), parseIpv4(address)];
  if (station === undefined || ipv4 === undefined) throw new RangeError(`${word}: expected PORT,MAC,ADDRESS`);
  engine.addPort({ slot, name: port, kind: "guest", mac: GATEWAY_MAC, ipv4: GATEWAY_IPV4 });
  engine.bind(slot, ipv4, station);
  const where = port.slice(port.indexOf(":") + 1);
  if (port.startsWith("tap:")) {
    openTapOfOther(slot, where);
  } else if (port.startsWith("stream:")) {
    socket.addStream(slot, where);
  } else {
    const [local, remote] = where.split("+");
    socket.addDgram(slot, local, remote);
  }
}

/** A guest beside the first, on a socket of the same kind. */
function silentGuest(slot: number): string {
  const [port] = first.split(",");
  const [kind, local] = port.split("+")[0].split(":");
  const where = kind === "stream" ? `${local}${slot}` : `${local}${slot}+${local}peer${slot}`;
  return [`${kind}:${where}`, macOf(slot + 1), addressOf(slot + 1)].join(",");
}

/** It comes with the load. */
function openTapOfOther(slot: number, name: string): void {
  const route = new Rtnetlink();
  try {
    const ifindex = interfaceIndex(name);
    socket.addPacket(slot, ifindex);
    const up = route.batch();
    up.setLink(ifindex, { up: true });
    up.send();
  } catch {
    setTimeout(() => openTapOfOther(slot, name), LOOK_AGAIN_MS);
  } finally {
    route.close();
  }
}

// As tapnetd does before its first guest on a socket.
rehearseForwarding();
const [first, second, guests = "2"] = process.argv.slice(2);
open(0, first);
open(1, second);
for (let slot = 2; slot < Number(guests); slot++) open(slot, silentGuest(slot));
process.stdout.write("all ports are open\n");
