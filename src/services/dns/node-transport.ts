import { createSocket } from "node:dgram";
import { connect as connectTcp, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { connect as connectTls } from "node:tls";
import { formatIpv4, parseIpv4 } from "../../base/ipv4-address.js";
import { formatIpv6, isLinkLocalIpv6, parseIpv6 } from "../../base/ipv6-address.js";
import type { UpstreamAddress } from "./upstream.js";
import type { DatagramPort, DatagramReceiver, StreamPort, StreamReceiver, UpstreamTransport } from "./upstream-transport.js";

const CONNECT_MS = 2000;
const BIND_TRIES = 8;

export interface NodeTransportOptions {
  /** Certificates that DNS over TLS trusts, in PEM; those of Node if not given. */
  readonly tlsAuthorities?: string;
}

/**
 * Upstream questions over Node's own sockets: needs no addon, so it serves library users and tests. An interface is chosen by
 * the address that is bound; where that is not enough, use `batchTransport` over sockets that bind to devices.
 */
export function nodeTransport(options: NodeTransportOptions = {}): UpstreamTransport {
  return {
    openDatagram: (family, interfaceName, randomPort, receiver) =>
      new NodeDatagramPort(family, interfaceName, randomPort, receiver),
    openStream: (address, receiver) => openNodeStream(address, receiver, options),
  };
}

/** Sends before the bind has gone through wait for it; that is dgram's own doing. */
class NodeDatagramPort implements DatagramPort {
  readonly #socket;
  readonly #randomPort: () => number;
  #tries = 0;

  constructor(family: 4 | 6, interfaceName: string | undefined, randomPort: () => number, receiver: DatagramReceiver) {
    this.#randomPort = randomPort;
    this.#socket = createSocket({ type: family === 4 ? "udp4" : "udp6", ipv6Only: family === 6 });
    this.#socket.on("message", (message, from) => {
      const address = family === 4 ? parseIpv4(from.address) : parseIpv6(from.address.split("%", 1)[0]);
      const bytes = new Uint8Array(message.buffer, message.byteOffset, message.length);
      if (address !== undefined) receiver.receive(bytes, 0, bytes.length, address, from.port);
    });
    const local = interfaceName === undefined ? undefined : addressOfInterface(interfaceName, family);
    // A port that is taken, or a network that is gone: another port is tried, and then the kernel chooses.
    this.#socket.on("error", () => this.#bind(local));
    this.#bind(local);
  }

  #bind(local: string | undefined): void {
    if (this.#tries++ > BIND_TRIES) return;
    const port = this.#tries === BIND_TRIES ? 0 : this.#randomPort();
    this.#socket.bind({ port, exclusive: true, ...(local === undefined ? {} : { address: local }) });
  }

  send(bytes: Uint8Array, offset: number, length: number, to: UpstreamAddress): void {
    this.#socket.send(bytes.slice(offset, offset + length), to.port, hostText(to), () => {});
  }

  close(): void {
    this.#socket.close();
  }
}

function openNodeStream(address: UpstreamAddress, receiver: StreamReceiver, options: NodeTransportOptions): StreamPort {
  const local = address.interface === undefined ? undefined : addressOfInterface(address.interface, address.family);
  const where = { host: hostText(address), port: address.port, ...(local === undefined ? {} : { localAddress: local }) };
  const socket: Socket =
    address.tlsName === undefined
      ? connectTcp(where)
      : connectTls({
          ...where,
          servername: address.tlsName,
          minVersion: "TLSv1.2",
          ALPNProtocols: ["dot"],
          ...(options.tlsAuthorities === undefined ? {} : { ca: options.tlsAuthorities }),
        });
  socket.setNoDelay(true);
  socket.setTimeout(CONNECT_MS, () => socket.destroy());
  socket.once(address.tlsName === undefined ? "connect" : "secureConnect", () => socket.setTimeout(0));
  socket.on("data", (chunk: Buffer) => receiver.receive(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)));
  // An error is always followed by "close", and all that matters is that the answer will not come.
  socket.on("error", () => socket.destroy());
  socket.on("close", () => receiver.closed());
  return {
    write: (bytes) => void socket.write(bytes),
    close() {
      socket.removeAllListeners("close");
      socket.destroy();
    },
  };
}

function hostText({ address, interface: interfaceName }: UpstreamAddress): string {
  if (typeof address === "number") return formatIpv4(address);
  const scope = interfaceName !== undefined && isLinkLocalIpv6(address) ? `%${interfaceName}` : "";
  return `${formatIpv6(address)}${scope}`;
}

function addressOfInterface(name: string, family: 4 | 6): string | undefined {
  const addresses = networkInterfaces()[name] ?? [];
  return addresses.find((entry) => entry.family === `IPv${family}` && !entry.address.startsWith("fe80:"))?.address;
}
