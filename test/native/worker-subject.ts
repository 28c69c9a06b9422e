/**
 * Opens one of everything and keeps it busy until it ends in the way that was asked for. Runs in a worker, or as a program with
 * the settings as JSON.
 */
import { workerData } from "node:worker_threads";
import { ReceiveBatch } from "../../src/frame/batch.js";
import { addon } from "../../src/os/addon.js";
import { FrameSocket } from "../../src/os/frame-socket.js";
import { NetlinkSocket } from "../../src/os/netlink.js";
import { createTap } from "../../src/os/tap.js";
import { UdpBatch, UdpSocket } from "../../src/os/udp-socket.js";
import { UnixListener } from "../../src/os/unix-socket.js";

/** `terminated`: it goes on until somebody ends it. */
export type Ending = "terminated" | "exit" | "exit later" | "throw" | "close" | "throw in callback";

export interface Settings {
  readonly ending: Ending;
  /** Whether there is a TAP and a frame socket, in a network namespace of their own; else a UDP socket. */
  readonly privileged: boolean;
  /** Of the unix listener; no two may have the same at a time. */
  readonly name: string;
}

const { ending, privileged, name } = (workerData ?? JSON.parse(process.argv[2])) as Settings;

const RECEIVE_ALL = [{ code: 0x06, jt: 0, jf: 0, k: 0xffff }];
const LOOPBACK = 0x7f00_0001;
const getLinks = (): Uint8Array => new Uint8Array(Uint32Array.of(32, 18, 0, 0, 0, 0, 0, 0).buffer);

const closing: (() => void)[] = [];
const netlink = new NetlinkSocket("route");
const subscription = netlink.subscribe([1, 5, 7], { onMessages() {}, onOverrun() {} });
const listener = new UnixListener({ path: `@${name}` }, (request) => request.close());
closing.push(
  () => netlink.close(),
  () => subscription.close(),
  () => listener.close(),
);

if (privileged) {
  addon().unshareNetworkNamespace();
  const tap = createTap({});
  const batch = new ReceiveBatch(8);
  const frames: FrameSocket = new FrameSocket(batch, { onReadable: () => frames.receive(), onLinkGone() {} });
  frames.add(0, tap.ifindex, RECEIVE_ALL);
  closing.push(
    () => frames.close(),
    () => tap.close(),
  );
} else {
  // Datagrams to itself, for ever: there is always one on its way when the end comes. A fresh namespace has its loopback down.
  const batch = new UdpBatch(4);
  const onDatagrams = (count: number): number => {
    if (ending === "throw in callback") throw new Error("planned");
    return count;
  };
  const socket = new UdpSocket({ family: 4, address: LOOPBACK }, { received: batch, answers: batch, onDatagrams });
  batch.remoteIpv4[0] = LOOPBACK;
  batch.remotePort[0] = socket.port;
  batch.length[0] = 1;
  batch.count = 1;
  socket.send(batch);
  closing.push(() => socket.close());
}

// Under way on the pool when the end comes; whether it gets there does not matter.
const finished = [netlink.dumpLater(getLinks()), netlink.transactLater(getLinks(), 1)];
for (const promise of finished) promise.catch(() => undefined);

process.stdout.write("ready\n");
if (ending === "exit") process.exit(3);
if (ending === "exit later") setTimeout(() => process.exit(3), 20);
if (ending === "throw") throw new Error("planned");
if (ending === "close") for (const close of closing) close();
