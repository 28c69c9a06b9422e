/**
 * A host that has too much open: `node open-ports.js TCP,… UDP,…` listens on all addresses, says `open` when it does, and
 * `reached tcp 22` for whoever comes.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

const [tcpPorts, udpPorts] = process.argv.slice(2, 4).map((list) => list.split(",").map(Number));

for (const port of tcpPorts) {
  const server = createServer((connection) => {
    console.log(`reached tcp ${port} from ${connection.remoteAddress}`);
    connection.on("error", () => connection.destroy());
    connection.end("hello\n");
  });
  await once(server.listen(port), "listening");
}
for (const port of udpPorts) {
  const socket = createSocket({ type: "udp6", ipv6Only: false });
  socket.on("message", (_, from) => console.log(`reached udp ${port} from ${from.address}`));
  socket.bind(port);
  await once(socket, "listening");
}
console.log("open");
