/**
 * Carries DHCPv6 datagrams for a test, from the namespace that it runs in: one a line on standard input, `PORT ADDRESS%IFNAME HEX`, is
 * sent from that port to the servers' (547); what comes to port 546 or 547 is printed as `PORT ADDRESS%IFNAME THEIR-PORT HEX`.
 */
import { createSocket, type Socket } from "node:dgram";
import { createInterface } from "node:readline";

const SERVER_PORT = 547;
/** A relay with a port of its own (RFC 8357). */
const OWN_PORT = 5470;

const sockets = new Map<number, Socket>();
for (const port of [546, SERVER_PORT, OWN_PORT]) {
  const socket = createSocket({ type: "udp6", ipv6Only: true });
  socket.on("message", (octets, from) =>
    process.stdout.write(`${port} ${from.address} ${from.port} ${octets.toString("hex")}\n`),
  );
  await new Promise<void>((resolve) => socket.bind(port, "::", resolve));
  sockets.set(port, socket);
}
process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const [port, to, hex] = line.split(" ");
  sockets.get(Number(port))?.send(Buffer.from(hex, "hex"), SERVER_PORT, to);
}
