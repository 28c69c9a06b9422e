/**
 * Answers on TCP and UDP, IPv4 and IPv6, with its name and whom it saw: `node responder.js NAME PORT…`. Says `ready` when all
 * ports are open.
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

const [name, ...ports] = process.argv.slice(2);

const seen = (address: string | undefined): string => `${name} ${(address ?? "").replace(/^::ffff:/, "")}`;

await Promise.all(
  ports.map(Number).flatMap((port) => [
    new Promise<void>((resolve) => {
      const server = createServer((socket) => {
        socket.on("error", () => socket.destroy());
        socket.end(seen(socket.remoteAddress));
      });
      server.listen(port, "::", resolve);
    }),
    ...(["udp4", "udp6"] as const).map(
      (type) =>
        new Promise<void>((resolve) => {
          const socket = createSocket({ type, ipv6Only: type === "udp6" });
          socket.on("message", (_, peer) => socket.send(seen(peer.address), peer.port, peer.address));
          socket.bind(port, resolve);
        }),
    ),
  ]),
);
process.stdout.write("ready\n");
