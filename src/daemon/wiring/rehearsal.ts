/**
 * Theory of operation
 *
 * A guest that boots first after the daemon's start would wait for the compiler: the way from its DISCOVER to the ACK, run for
 * the first time, takes tens of milliseconds, and a tenth of one later. So before the daemon says that it is ready, that way
 * is walked by a client that does not exist, against a server of the same kind with a network and a store in memory of its
 * own. Nothing of it leaves the process.
 */
import type { Clock } from "../../base/clock.js";
import { IPV4_BROADCAST } from "../../base/ipv4-address.js";
import { silentLogger } from "../../base/log.js";
import { MAC_BROADCAST } from "../../base/mac.js";
import { FRAME_SLOT_BYTES, ReceiveBatch, SendBatch } from "../../frame/batch.js";
import { composeUdpv4, PAYLOAD_LIMIT, pointAt } from "../../frame/compose.js";
import { Reply } from "../../frame/datagram.js";
import { Dispatcher } from "../../frame/dispatch.js";
import { LinkTable } from "../../frame/link-table.js";
import { silentLeaseEvents } from "../../lease/events.js";
import { GroupCommit } from "../../lease/group-commit.js";
import { MemoryStore } from "../../lease/memory-store.js";
import { defineDhcp4Network } from "../../services/dhcp4/define-network.js";
import { Dhcp4Service } from "../../services/dhcp4/service.js";
import { MESSAGE, OPTION } from "../../wire/dhcp4/codes.js";
import * as dhcp4 from "../../wire/dhcp4/message.js";

const EXCHANGES = 16;
const CLIENT_MAC = 0x0200_0000_0001;
const GATEWAY = 0x0a00_0001;
const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const ASKED_FOR = [1, 3, 6, 12, 15, 26, 28, 51, 54, 58, 59, 119, 121];

/** Walks the way of a lease until it is warm, some milliseconds; returns how many ACKs would have left. */
export async function rehearse(clock: Clock): Promise<number> {
  const log = silentLogger;
  const commit = new GroupCommit({ store: new MemoryStore(), events: silentLeaseEvents, clock, log });
  const service = new Dhcp4Service({ commit, clock, log });
  const subnet = { family: 4, address: 0x0a00_0000, prefixLength: 24 } as const;
  service.configure([defineDhcp4Network({ name: "rehearsal", subnet, gateway: GATEWAY, domain: "rehearsal.invalid" })]);
  const links = new LinkTable();
  const link = { slot: 0, ifindex: 0, ifname: "rehearsal", network: "rehearsal", guest: "rehearsal" };
  links.set({ ...link, gatewayMac: 2, gatewayIpv4: GATEWAY, gatewayIpv6: 0n });
  const dispatcher = new Dispatcher({
    links,
    transmitter: { send: (batch) => batch.count },
    datagrams: [{ family: 4, port: SERVER_PORT, reach: "link", service }],
    commit: () => commit.commit(),
    clock,
    log,
  });
  for (let exchange = 0; exchange < EXCHANGES; exchange++) {
    dispatcher.dispatch(frameOf(MESSAGE.discover, undefined));
    const address = service.book("rehearsal")?.leases().next().value?.address;
    dispatcher.dispatch(frameOf(MESSAGE.request, Number(address)));
    await dispatcher.drain();
  }
  service.close();
  return dispatcher.held.counters.get("sent");
}

/** One frame from the client. */
function frameOf(type: number, requested: number | undefined): ReceiveBatch {
  const message = dhcp4.toBytes(
    dhcp4.make({
      chaddr: Uint8Array.of(2, 0, 0, 0, 0, 1),
      options: [
        { code: OPTION.messageType, kind: "uint8", value: type },
        { code: OPTION.parameterList, kind: "codes", codes: ASKED_FOR },
        ...(requested === undefined
          ? []
          : [
              { code: OPTION.requestedAddress, kind: "address", address: requested } as const,
              { code: OPTION.serverIdentifier, kind: "address", address: GATEWAY } as const,
            ]),
      ],
    }),
  );
  const sent = new SendBatch(1);
  const frame = new Reply();
  pointAt(frame, sent, PAYLOAD_LIMIT.udpv4);
  frame.bytes.set(message, frame.payloadOffset);
  frame.payloadLength = message.length;
  frame.etherSource = CLIENT_MAC;
  frame.etherDestination = MAC_BROADCAST;
  frame.ipDestination = IPV4_BROADCAST;
  frame.udpSource = CLIENT_PORT;
  frame.udpDestination = SERVER_PORT;
  composeUdpv4(frame, sent);
  const received = new ReceiveBatch(1);
  received.bytes.set(sent.bytes.subarray(0, FRAME_SLOT_BYTES));
  received.offset[0] = sent.offset[0];
  received.length[0] = sent.length[0];
  received.count = 1;
  return received;
}
