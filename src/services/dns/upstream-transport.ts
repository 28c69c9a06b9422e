import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { Ipv6Address } from "../../base/ipv6-address.js";
import type { UpstreamAddress } from "./upstream.js";

/** How questions leave this machine; the daemon hands in real sockets, tests hand in a network of their own. */
export interface UpstreamTransport {
  /**
   * Opens a UDP socket on a port that `randomPort` chose (RFC 5452 §9.2), asked again while the port is taken. `receiver` gets
   * every datagram that arrives there, whoever sent it. Throws where no socket can be had.
   */
  openDatagram(
    family: 4 | 6,
    interfaceName: string | undefined,
    randomPort: () => number,
    receiver: DatagramReceiver,
  ): DatagramPort;
  /** Sends what has gathered, without waiting for more; where nothing gathers there is nothing to do. */
  flush?(): void;
  /** Starts a TCP connection, with TLS where the address names a certificate. Everything that happens is told to `receiver`. */
  openStream(address: UpstreamAddress, receiver: StreamReceiver): StreamPort;
}

export interface DatagramReceiver {
  /** The bytes are only lent. `address` is of the socket's family. */
  receive(bytes: Uint8Array, offset: number, length: number, address: Ipv4Address | Ipv6Address, port: number): void;
}

export interface DatagramPort {
  /** The bytes are copied before the call returns. What cannot be sent is lost, as on the wire. */
  send(bytes: Uint8Array, offset: number, length: number, to: UpstreamAddress): void;
  close(): void;
}

export interface StreamReceiver {
  /** The bytes are only lent. */
  receive(bytes: Uint8Array): void;
  /** The connection has ended or never came to be; nothing follows. */
  closed(): void;
}

export interface StreamPort {
  /** The bytes are taken over. */
  write(bytes: Uint8Array): void;
  /** Ends the connection at once; `closed` is not called any more. */
  close(): void;
}
