import { systemClock } from "../../src/base/clock.js";
import { silentLogger } from "../../src/base/log.js";
import { FRAME_FLAG, FRAME_SLOT_BYTES, ReceiveBatch, SendBatch } from "../../src/frame/batch.js";
import { Classifier, FRAME_KIND } from "../../src/frame/classify.js";
import { composeUdpv4, composeUdpv6, PAYLOAD_LIMIT, pointAt } from "../../src/frame/compose.js";
import { type Datagram, Reply, VERDICT } from "../../src/frame/datagram.js";
import { Dispatcher } from "../../src/frame/dispatch.js";
import type { Link } from "../../src/frame/link.js";
import { LinkTable } from "../../src/frame/link-table.js";
import type { MicroCase } from "../frame/micro-case.js";

const FRAMES = 256;
const GUEST_MAC = 0x5254_0012_3456;

const LINK: Link = {
  slot: 0,
  ifindex: 7,
  ifname: "tn-web1",
  network: "default",
  guest: "web1",
  gatewayMac: 0x0200_0000_0001,
  gatewayIpv4: 0x0a4d_0001,
  gatewayIpv6: (0xfd00_0077n << 96n) | 1n,
};

function linkTable(): LinkTable {
  const links = new LinkTable();
  links.set(LINK);
  return links;
}

/** A request as our own codec composes it, in every row of a batch. */
function requests(family: 4 | 6, payloadBytes: number, flags = 0): ReceiveBatch {
  const out = new SendBatch(1);
  const request = new Reply();
  pointAt(request, out, payloadBytes);
  request.etherSource = GUEST_MAC;
  request.etherDestination = LINK.gatewayMac;
  request.ipSource = 0x0a4d_0002;
  request.ipDestination = LINK.gatewayIpv4;
  request.ipv6Source.set([0xfd, 0, 0, 0x77]);
  request.ipv6Source[15] = 2;
  request.ipv6Destination.set([0xfd, 0, 0, 0x77]);
  request.ipv6Destination[15] = 1;
  request.udpSource = 5353;
  request.udpDestination = 53;
  request.bytes.fill(0x5a, request.payloadOffset, request.payloadOffset + payloadBytes);
  request.payloadLength = payloadBytes;
  if (family === 4) composeUdpv4(request, out);
  else composeUdpv6(request, out);
  const batch = new ReceiveBatch(FRAMES);
  for (batch.count = 0; batch.count < FRAMES; batch.count++) {
    const offset = batch.count * FRAME_SLOT_BYTES;
    batch.bytes.set(out.bytes.subarray(out.offset[0], out.offset[0] + out.length[0]), offset);
    batch.offset[batch.count] = offset;
    batch.length[batch.count] = out.length[0];
    batch.flags[batch.count] = flags;
  }
  return batch;
}

function classifyCase(name: string, batch: ReceiveBatch): MicroCase {
  const classifier = new Classifier(linkTable());
  let row = 0;
  const tapnet = (): void => {
    row = (row + 1) % FRAMES;
    if (classifier.classify(batch, row) !== FRAME_KIND.datagram) throw new Error(`${name}: dropped`);
  };
  return { name: `classify ${name}`, unit: "frames", systems: { tapnet } };
}

function composeCase(family: 4 | 6, payloadBytes: number): MicroCase {
  const out = new SendBatch(1);
  const reply = new Reply();
  const finish = family === 4 ? composeUdpv4 : composeUdpv6;
  const limit = family === 4 ? PAYLOAD_LIMIT.udpv4 : PAYLOAD_LIMIT.udpv6;
  const tapnet = (): void => {
    out.count = 0;
    pointAt(reply, out, limit);
    reply.payloadLength = payloadBytes;
    finish(reply, out);
  };
  return { name: `compose UDP over IPv${family}, ${payloadBytes} bytes`, unit: "frames", systems: { tapnet } };
}

/** Everything between the frame socket's two calls, with a service that answers with one byte. */
function dispatchCase(): MicroCase {
  const batch = requests(4, 40);
  const service = {
    handle(_request: Datagram, reply: Reply) {
      reply.view.setUint8(reply.payloadOffset, 1);
      reply.payloadLength = 1;
      return VERDICT.reply;
    },
  };
  const dispatcher = new Dispatcher({
    links: linkTable(),
    transmitter: { send: ({ count }) => count },
    datagrams: [{ family: 4, port: 53, reach: "gateway", service }],
    commit: () => undefined,
    clock: systemClock,
    log: silentLogger,
  });
  return {
    name: `dispatch a batch of ${FRAMES} queries`,
    unit: "batches",
    systems: { tapnet: () => dispatcher.dispatch(batch) },
  };
}

export const cases: MicroCase[] = [
  classifyCase("DNS over IPv4, 40 bytes", requests(4, 40)),
  classifyCase("DNS over IPv4, 40 bytes, checksum left to us", requests(4, 40, FRAME_FLAG.checksumPartial)),
  classifyCase("DNS over IPv6, 40 bytes", requests(6, 40)),
  classifyCase("DHCP, 300 bytes", requests(4, 300)),
  composeCase(4, 40),
  composeCase(4, 300),
  composeCase(6, 300),
  dispatchCase(),
];
