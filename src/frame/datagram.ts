import type { Ipv4Address } from "../base/ipv4-address.js";
import type { Mac } from "../base/mac.js";
import type { Link } from "./link.js";

/**
 * One received UDP datagram, as a service sees it: a cursor into the batch, reused for the next frame.
 *
 * Everything in it is guest input. Headers and lengths were checked by `classify`; the payload was not looked at.
 */
export class Datagram {
  link!: Link;
  bytes!: Uint8Array;
  view!: DataView;
  /** First byte of the UDP payload in `bytes`, and its length. */
  payloadOffset = 0;
  payloadLength = 0;
  etherSource: Mac = 0;
  etherDestination: Mac = 0;
  ipVersion: 4 | 6 = 4;
  /** IPv4 addresses, host order; zero for IPv6. */
  ipSource: Ipv4Address = 0;
  ipDestination: Ipv4Address = 0;
  /** First byte of the 16-byte IPv6 source and destination in `bytes`; zero for IPv4. */
  ipv6SourceOffset = 0;
  ipv6DestinationOffset = 0;
  udpSource = 0;
  udpDestination = 0;
}

/** What a service decided about a datagram. */
export const VERDICT = {
  /** No reply. The service counted why. */
  silent: 0,
  /** The reply leaves with this batch. */
  reply: 1,
  /** The reply waits for the commit of what the service has staged, and is dropped if that fails. */
  replyAfterCommit: 2,
} as const;
export type Verdict = (typeof VERDICT)[keyof typeof VERDICT];

/**
 * The reply to one datagram. The service writes its payload at `payloadOffset` and sets `payloadLength`; addresses start as
 * the plain answer to the request (swapped) and may be changed.
 */
export class Reply {
  bytes!: Uint8Array;
  view!: DataView;
  /** First byte for the payload, and how many fit (headers are composed in front of it later). */
  payloadOffset = 0;
  payloadLimit = 0;
  payloadLength = 0;
  ifindex = 0;
  etherSource: Mac = 0;
  etherDestination: Mac = 0;
  ipSource: Ipv4Address = 0;
  ipDestination: Ipv4Address = 0;
  /** IPv6 addresses, 16 bytes each in network order; ours to overwrite. Only used where the datagram is IPv6. */
  readonly ipv6Source = new Uint8Array(16);
  readonly ipv6Destination = new Uint8Array(16);
  udpSource = 0;
  udpDestination = 0;
}

/** A service on frames: bytes in, bytes or silence out. It never throws for what a guest sent. */
export interface DatagramService {
  handle(request: Datagram, reply: Reply): Verdict;
}

/** Where a reply that comes later (a forwarded DNS question) goes to: what has to outlive the datagram's batch. */
export interface ReturnPath {
  readonly link: Link;
  readonly ipVersion: 4 | 6;
  readonly etherDestination: Mac;
  readonly ipSource: Ipv4Address;
  readonly ipDestination: Ipv4Address;
  readonly ipv6Source: Uint8Array | undefined;
  readonly ipv6Destination: Uint8Array | undefined;
  readonly udpSource: number;
  readonly udpDestination: number;
}

/** Sends one datagram outside a batch. The payload is copied before the call returns. */
export interface DatagramSender {
  /** `atOnce`: it does not wait for others that it might leave with. */
  send(path: ReturnPath, payload: Uint8Array, atOnce?: boolean): void;
}
