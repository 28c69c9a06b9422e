/** What a guest that does not exist sends and hears, for `rehearsal.ts`. */
import { IPV4_BROADCAST, type Ipv4Address } from "../../base/ipv4-address.js";
import { MAC_BROADCAST } from "../../base/mac.js";
import { FRAME_SLOT_BYTES, ReceiveBatch, SendBatch } from "../../frame/batch.js";
import { composeUdpv4, PAYLOAD_LIMIT, pointAt } from "../../frame/compose.js";
import { Reply } from "../../frame/datagram.js";
import { MESSAGE, OPTION } from "../../wire/dhcp4/codes.js";
import * as header from "../../wire/dhcp4/header.js";
import * as dhcp4 from "../../wire/dhcp4/message.js";
import * as ethernet from "../../wire/ethernet.js";
import * as ipv4 from "../../wire/ipv4.js";
import * as udp from "../../wire/udp.js";

const GUEST_MAC = 0x0200_0000_0001;
const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const ASKED_FOR = [1, 3, 6, 12, 15, 26, 28, 51, 54, 58, 59, 119, 121];

interface Asked {
  readonly type: number;
  readonly ciaddr?: Ipv4Address;
  readonly requested?: Ipv4Address;
  readonly server?: Ipv4Address;
}

/** One exchange of a guest that does not exist, on the link of this slot; composed once, as it gets the same address each time. */
export class GuestFrames {
  readonly discover: ReceiveBatch;
  readonly #slot: number;
  readonly #server: Ipv4Address;
  #address: Ipv4Address | undefined;
  #request!: ReceiveBatch;
  #release!: ReceiveBatch;

  constructor(slot: number, server: Ipv4Address) {
    this.#slot = slot;
    this.#server = server;
    this.discover = frameOf(slot, { type: MESSAGE.discover });
  }

  /** What follows the offer of this address. */
  after(address: Ipv4Address): { readonly request: ReceiveBatch; readonly release: ReceiveBatch } {
    if (this.#address !== address) {
      const server = this.#server;
      this.#address = address;
      this.#request = frameOf(this.#slot, { type: MESSAGE.request, requested: address, server });
      this.#release = frameOf(this.#slot, { type: MESSAGE.release, ciaddr: address, server });
    }
    return { request: this.#request, release: this.#release };
  }
}

/** The address (yiaddr) in the first frame of a batch that a DHCPv4 server sends. */
export function offeredIn(batch: SendBatch): Ipv4Address {
  return header.yiaddr(batch.view, batch.offset[0] + ethernet.HEADER_BYTES + ipv4.HEADER_BYTES + udp.HEADER_BYTES);
}

function frameOf(slot: number, { type, ciaddr = 0, requested, server }: Asked): ReceiveBatch {
  const message = dhcp4.toBytes(
    dhcp4.make({
      ciaddr,
      chaddr: Uint8Array.of(2, 0, 0, 0, 0, 1),
      options: [
        { code: OPTION.messageType, kind: "uint8", value: type },
        { code: OPTION.parameterList, kind: "codes", codes: ASKED_FOR },
        { code: OPTION.hostName, kind: "text", text: "rehearsal" },
        { code: OPTION.maximumSize, kind: "uint16", value: 576 },
        { code: OPTION.vendorClass, kind: "text", text: "udhcp 1.35.0" },
        ...addressOption(OPTION.requestedAddress, requested),
        ...addressOption(OPTION.serverIdentifier, server),
      ],
    }),
  );
  const sent = new SendBatch(1);
  const frame = new Reply();
  pointAt(frame, sent, PAYLOAD_LIMIT.udpv4);
  frame.bytes.set(message, frame.payloadOffset);
  frame.payloadLength = message.length;
  frame.etherSource = GUEST_MAC;
  frame.etherDestination = MAC_BROADCAST;
  frame.ipSource = ciaddr;
  frame.ipDestination = IPV4_BROADCAST;
  frame.udpSource = CLIENT_PORT;
  frame.udpDestination = SERVER_PORT;
  composeUdpv4(frame, sent);
  const received = new ReceiveBatch(1);
  received.bytes.set(sent.bytes.subarray(0, FRAME_SLOT_BYTES));
  received.offset[0] = sent.offset[0];
  received.length[0] = sent.length[0];
  received.slot[0] = slot;
  received.count = 1;
  return received;
}

function addressOption(code: number, address: Ipv4Address | undefined) {
  return address === undefined ? [] : [{ code, kind: "address", address } as const];
}
