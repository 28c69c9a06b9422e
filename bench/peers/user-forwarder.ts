/**
 * Our forwarder between two ports, as `dataplane: user` has it: routes, guard, counters. Two words, `PORT,MAC,ADDRESS`, PORT as in
 * `native/bench/frame-port.h`; a TAP is another program's, and we take its frames by a packet socket. It serves nothing else, as the
 * thread that a network has in tapnetd.
 */
import { parseIpv4 } from "../../src/base/ipv4-address.js";
import { parseMac } from "../../src/base/mac.js";
import { ForwardBatch } from "../../src/frame/forward/batch.js";
import { ForwardEngine } from "../../src/frame/forward/engine.js";
import { rehearseForwarding } from "../../src/frame/forward/rehearsal.js";
import { interfaceIndex } from "../../src/os/interface.js";
import { PortSocket } from "../../src/os/port-socket.js";
import { Rtnetlink } from "../../src/os/rtnetlink.js";

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
for (const [slot, word] of process.argv.slice(2).entries()) open(slot, word);
