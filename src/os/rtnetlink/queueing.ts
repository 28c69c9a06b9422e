/** Messages about queueing disciplines and their filters (linux/rtnetlink.h, linux/pkt_sched.h, linux/pkt_cls.h). */
import { HOST_LITTLE_ENDIAN, NETLINK_FLAG } from "../netlink.js";
import { type MessageWriter, NESTED } from "./message.js";

const MESSAGE = { newQueue: 36, deleteQueue: 37, newFilter: 44 } as const;
/** Fields of `struct tcmsg`. */
const FIELD = { ifindex: 4, handle: 8, parent: 12, info: 16, lengthBytes: 20 } as const;
const TCA = { kind: 1, options: 2 } as const;
const PARENT = { root: 0xffff_ffff, ingress: 0xffff_fff1 } as const;
const INGRESS_HANDLE = 0xffff_0000;
const TBF_HANDLE = 0x746e_0000;

const TBF = { parameters: 1, rate64: 4, burst: 6 } as const;
/** `struct tc_tbf_qopt`: two rates of 12 bytes each, then the queue's limit, the burst in time, and a packet's size. */
const TBF_FIELD = { lineLayer: 1, rate: 8, queueBytes: 24, lengthBytes: 36 } as const;
/** The kernel reckons with the rate itself and wants no table of us. */
const LINE_LAYER_ETHERNET = 1;
const MOST_U32 = 0xffff_ffff;

const U32 = { selector: 5, action: 7 } as const;
/** `struct tc_u32_sel` with one key that any packet has. */
const SELECTOR = { flags: 0, keys: 2, lengthBytes: 16 + 16 } as const;
const SELECTOR_TERMINAL = 1;
const FIRST_ACTION = 1;
const ACTION = { kind: 1, options: 2 } as const;
const MIRRED_PARAMETERS = 2;
/** `struct tc_mirred`. */
const MIRRED = { action: 8, egressAction: 20, ifindex: 24, lengthBytes: 28 } as const;
const ACTION_STOLEN = 4;
const EGRESS_REDIRECT = 1;
const ETH_P_ALL_SWAPPED = 0x0300;
const PRIORITY = 1;

export interface BucketRate {
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
  readonly queueBytes: number;
}

/** A token bucket at a link's way out, in place of what is there (tc-tbf(8)). */
export function writeTokenBucket(writer: MessageWriter, ifindex: number, rate: BucketRate): void {
  begin(writer, MESSAGE.newQueue, NETLINK_FLAG.create | NETLINK_FLAG.replace, ifindex, TBF_HANDLE, PARENT.root);
  writer.putString(TCA.kind, "tbf");
  const options = writer.beginNested(TCA.options);
  const parameters = writer.putBytes(TBF.parameters, TBF_FIELD.lengthBytes);
  writer.view.setUint8(parameters + TBF_FIELD.lineLayer, LINE_LAYER_ETHERNET);
  writer.view.setUint32(parameters + TBF_FIELD.rate, Math.min(rate.bytesPerSecond, MOST_U32), HOST_LITTLE_ENDIAN);
  writer.view.setUint32(parameters + TBF_FIELD.queueBytes, rate.queueBytes, HOST_LITTLE_ENDIAN);
  if (rate.bytesPerSecond > MOST_U32) writer.putU64(TBF.rate64, BigInt(rate.bytesPerSecond));
  writer.putU32(TBF.burst, rate.burstBytes);
  writer.endNested(options);
  writer.end();
}

/** A way out without a queue, in place of what is there. */
export function writeNoQueue(writer: MessageWriter, ifindex: number): void {
  begin(writer, MESSAGE.newQueue, NETLINK_FLAG.create | NETLINK_FLAG.replace, ifindex, 0, PARENT.root);
  writer.putString(TCA.kind, "noqueue");
  writer.end();
}

/** A link's way out as it was made. */
export function writeDeleteRootQueue(writer: MessageWriter, ifindex: number): void {
  begin(writer, MESSAGE.deleteQueue, 0, ifindex, 0, PARENT.root);
  writer.end();
}

/** A place for filters at a link's way in. */
export function writeIngress(writer: MessageWriter, ifindex: number): void {
  begin(writer, MESSAGE.newQueue, NETLINK_FLAG.create | NETLINK_FLAG.excl, ifindex, INGRESS_HANDLE, PARENT.ingress);
  writer.putString(TCA.kind, "ingress");
  writer.end();
}

/** With all filters in it. */
export function writeDeleteIngress(writer: MessageWriter, ifindex: number): void {
  begin(writer, MESSAGE.deleteQueue, 0, ifindex, INGRESS_HANDLE, PARENT.ingress);
  writer.end();
}

/** All that comes in by a link goes out by another: where that is an `ifb`, it comes back after its queue. */
export function writeRedirect(writer: MessageWriter, ifindex: number, to: number): void {
  begin(writer, MESSAGE.newFilter, NETLINK_FLAG.create, ifindex, 0, INGRESS_HANDLE, (PRIORITY << 16) | ETH_P_ALL_SWAPPED);
  writer.putString(TCA.kind, "u32");
  const options = writer.beginNested(TCA.options);
  const selector = writer.putBytes(U32.selector, SELECTOR.lengthBytes);
  writer.view.setUint8(selector + SELECTOR.flags, SELECTOR_TERMINAL);
  writer.view.setUint8(selector + SELECTOR.keys, 1);
  const actions = writer.beginNested(U32.action | NESTED);
  const action = writer.beginNested(FIRST_ACTION | NESTED);
  writer.putString(ACTION.kind, "mirred");
  const actionOptions = writer.beginNested(ACTION.options | NESTED);
  const mirred = writer.putBytes(MIRRED_PARAMETERS, MIRRED.lengthBytes);
  writer.view.setInt32(mirred + MIRRED.action, ACTION_STOLEN, HOST_LITTLE_ENDIAN);
  writer.view.setInt32(mirred + MIRRED.egressAction, EGRESS_REDIRECT, HOST_LITTLE_ENDIAN);
  writer.view.setInt32(mirred + MIRRED.ifindex, to, HOST_LITTLE_ENDIAN);
  writer.endNested(actionOptions);
  writer.endNested(action);
  writer.endNested(actions);
  writer.endNested(options);
  writer.end();
}

function begin(
  writer: MessageWriter,
  type: number,
  flags: number,
  ifindex: number,
  handle: number,
  parent: number,
  info = 0,
): void {
  writer.begin(type, NETLINK_FLAG.ack | flags);
  const offset = writer.putHeader(FIELD.lengthBytes);
  writer.view.setInt32(offset + FIELD.ifindex, ifindex, HOST_LITTLE_ENDIAN);
  writer.view.setUint32(offset + FIELD.handle, handle, HOST_LITTLE_ENDIAN);
  writer.view.setUint32(offset + FIELD.parent, parent, HOST_LITTLE_ENDIAN);
  writer.view.setUint32(offset + FIELD.info, info, HOST_LITTLE_ENDIAN);
}
