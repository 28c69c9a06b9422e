/**
 * DNS as the daemon serves it, on port 53 of the loopback and of an address of this host: `node serve.js ADDRESS UPSTREAM`. Says
 * `serving` when it does, and ends with its standard input.
 */
import { createServer } from "node:net";
import { systemClock } from "../../../src/base/clock.js";
import { parseIpv4 } from "../../../src/base/ipv4-address.js";
import { parseIpv6 } from "../../../src/base/ipv6-address.js";
import { silentLogger } from "../../../src/base/log.js";
import { parsePrefix } from "../../../src/base/prefix.js";
import { systemRandom } from "../../../src/base/random.js";
import { UdpBatch, UdpSocket } from "../../../src/os/udp-socket.js";
import { batchTransport } from "../../../src/services/dns/batch-transport.js";
import { nodeTransport } from "../../../src/services/dns/node-transport.js";
import { DnsService } from "../../../src/services/dns/service.js";
import { systemFiles } from "../../../src/services/dns/watched-file.js";

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("usage: serve.js ADDRESS UPSTREAM");
  return value;
}

const address = must(parseIpv4(process.argv[2] ?? ""));
const upstream = must(parseIpv4(process.argv[3] ?? ""));

const dns = new DnsService({
  clock: systemClock,
  random: systemRandom(),
  log: silentLogger,
  transport: batchTransport<UdpBatch>({
    open: ({ family, port, device }, handler) => new UdpSocket({ family, port, device }, handler),
    makeBatch: (capacity, slotBytes) => new UdpBatch(capacity, slotBytes),
    streams: nodeTransport(),
  }),
  files: systemFiles,
  cacheBytes: 4 * 1024 * 1024,
  staleSeconds: 3600,
  limits: { upstreamPerSecond: 10_000, openQuestions: 1000 },
});
dns.configureForwarding({ upstreams: [{ family: 4, address: upstream, port: 53, interface: undefined, tlsName: undefined }] });
const prefixes = ["10.77.0.0/24", "fd00:77::/64"].map((text) => must(parsePrefix(text)));
dns.setNetwork({ network: "default", domain: "tapnet.internal", prefixes, gatewayIpv4: [address], forward: true });
dns.names.set("default", "web1", {
  ipv4: [must(parseIpv4("10.77.0.10"))],
  ipv6: [must(parseIpv6("fd00:77::10"))],
  names: ["www"],
});
dns.names.set("default", "farm", { ipv4: Array.from({ length: 60 }, (_, index) => must(parseIpv4("10.77.0.100")) + index) });
dns.setRecords([
  { name: "alias.tapnet.internal", type: "CNAME", target: "web1.tapnet.internal", ttlSeconds: 60 },
  { name: "world.tapnet.internal", type: "CNAME", target: "world.example", ttlSeconds: 60 },
  {
    name: "_http._tcp.tapnet.internal",
    type: "SRV",
    priority: 1,
    weight: 2,
    port: 80,
    target: "web1.tapnet.internal",
    ttlSeconds: 60,
  },
]);

const udp = dns.udp(4, () => new UdpBatch());
udp.attach(new UdpSocket({ family: 4, port: 53 }, udp));
createServer({ allowHalfOpen: true }, (socket) => dns.tcp.accept(socket)).listen(53, "0.0.0.0", () => console.log("serving"));
process.stdin.on("end", () => process.exit(0)).resume();
