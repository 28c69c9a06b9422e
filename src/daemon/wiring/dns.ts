import { createServer, type Server } from "node:net";
import type { Clock } from "../../base/clock.js";
import { errorMessage } from "../../base/errors.js";
import { formatAddress, type IpAddress } from "../../base/kernel-objects.js";
import type { Logger } from "../../base/log.js";
import type { Random } from "../../base/random.js";
import type { Configuration, DnsConfiguration } from "../../config/configuration.js";
import type { Network } from "../../network/model.js";
import { UdpBatch, UdpSocket } from "../../os/udp-socket.js";
import { batchTransport } from "../../services/dns/batch-transport.js";
import { nodeTransport } from "../../services/dns/node-transport.js";
import { DnsService, type DnsSettings } from "../../services/dns/service.js";
import { systemFiles } from "../../services/dns/watched-file.js";

export const DNS_PORT = 53;

/** DNS with everything that it needs of the system. */
export function makeDns(configuration: DnsConfiguration, parts: { clock: Clock; random: Random; log: Logger }): DnsService {
  return new DnsService({
    ...parts,
    transport: batchTransport<UdpBatch>({
      open: ({ family, port, device }, handler) => new UdpSocket({ family, port, device, localAddress: false }, handler),
      makeBatch: (capacity, slotBytes) => new UdpBatch(capacity, slotBytes),
      streams: nodeTransport(),
    }),
    files: systemFiles,
    ...settingsOf(configuration),
  });
}

function settingsOf({ cacheBytes, staleSeconds, rateLimit, openLimit, hostsFiles }: DnsConfiguration): DnsSettings {
  return { cacheBytes, staleSeconds, limits: { upstreamPerSecond: rateLimit, openQuestions: openLimit }, hostsFiles };
}

/** Tells DNS what the configuration says: networks, records, upstreams. Networks that are gone are removed by the caller. */
export function configureDns(service: DnsService, configuration: Configuration, networks: readonly Network[]): void {
  const { upstreams, domains, records, rebindAllowed } = configuration.dns;
  service.configure(settingsOf(configuration.dns));
  service.configureForwarding({ upstreams, domains, rebindAllowed });
  const configured = new Map(configuration.networks.map((network) => [network.name, network]));
  for (const network of networks) {
    const { domain, dns } = configured.get(network.name) ?? {};
    if (domain === undefined || dns === undefined) continue;
    service.setNetwork({
      network: network.name,
      domain,
      prefixes: [network.ipv4, network.ipv6].filter((prefix) => prefix !== undefined),
      gatewayIpv4: network.gatewayIpv4 === undefined ? [] : [network.gatewayIpv4],
      gatewayIpv6: network.gatewayIpv6 === undefined ? [] : [network.gatewayIpv6],
      sees: dns.sees,
      forward: dns.forward,
      upstreams: dns.upstreams,
    });
    service.configureQueryLog(dns.logQueries, network.name);
  }
  for (const guest of configuration.guests) service.configureQueryLog(guest.logQueries, guest.network, guest.name);
  service.setRecords(records);
}

/**
 * DNS on the gateways' addresses by ordinary sockets: for the host itself, and for guests over TCP. Guests' questions over UDP
 * never come here, they are answered on frames.
 */
export class DnsSockets {
  readonly #service: DnsService;
  readonly #log: Logger;
  readonly #open = new Map<IpAddress, { udp: UdpSocket; tcp: Server }>();

  constructor(service: DnsService, log: Logger) {
    this.#service = service;
    this.#log = log;
  }

  /** Serves these addresses and no others. One that another server has is left to it, with a warning. */
  serve(addresses: readonly IpAddress[]): void {
    for (const address of this.#open.keys()) if (!addresses.includes(address)) this.#closeAddress(address);
    for (const address of addresses) {
      if (this.#open.has(address)) continue;
      try {
        this.#open.set(address, { udp: this.#openUdp(address), tcp: this.#openTcp(address) });
      } catch (thrown) {
        this.#warn(address, thrown);
      }
    }
  }

  close(): void {
    this.serve([]);
  }

  #openUdp(address: IpAddress): UdpSocket {
    const family = typeof address === "number" ? 4 : 6;
    const server = this.#service.udp(family, () => new UdpBatch());
    const socket = new UdpSocket({ family, address, port: DNS_PORT, freeBind: true }, server);
    server.attach(socket);
    return socket;
  }

  #openTcp(address: IpAddress): Server {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#service.tcp.accept(socket));
    server.on("error", (error) => this.#warn(address, error));
    server.listen({ host: formatAddress(address), port: DNS_PORT });
    return server;
  }

  #closeAddress(address: IpAddress): void {
    const open = this.#open.get(address);
    this.#open.delete(address);
    open?.udp.close();
    open?.tcp.close();
  }

  #warn(address: IpAddress, thrown: unknown): void {
    this.#log.warn(
      { address: formatAddress(address), error: errorMessage(thrown) },
      "another server has port 53 of a gateway's address: this host, and guests over TCP, ask that one",
    );
  }
}
