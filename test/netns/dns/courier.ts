/**
 * Carries bytes to a DNS server and back, from the namespace that it was started in: `node courier.js ADDRESS`. A line in is
 * `NUMBER udp|tcp HEX`, a line out `NUMBER HEX`, without HEX where nothing came in time (a second, five over TCP) or the
 * connection was closed. At
 * most 200 are on their way; over TCP one message a connection. After a line `end` it says `done` when all have come back.
 */
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { createInterface } from "node:readline";

const WAIT_MS = { udp: 1000, tcp: 5000 } as const;
const MOST = 200;
const server = process.argv[2];

function overUdp(message: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: "udp4", recvBufferSize: 131_072 });
    const done = (reply: Buffer | undefined) => {
      clearTimeout(timer);
      socket.close();
      resolve(reply);
    };
    const timer = setTimeout(() => done(undefined), WAIT_MS.udp);
    socket.on("message", (reply) => done(reply)).on("error", () => done(undefined));
    socket.send(message, 53, server);
  });
}

function overTcp(message: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    let pending = Buffer.alloc(0);
    const socket = connect(53, server, () =>
      socket.write(Buffer.concat([Buffer.of(message.length >>> 8, message.length & 255), message])),
    );
    const done = (reply: Buffer | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reply);
    };
    const timer = setTimeout(() => done(undefined), WAIT_MS.tcp);
    socket.on("error", () => done(undefined)).on("close", () => done(undefined));
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      if (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0))
        done(pending.subarray(2, 2 + pending.readUInt16BE(0)));
    });
  });
}

let open = 0;
let ending = false;
const waiting: string[] = [];

async function carry(line: string): Promise<void> {
  const [number, transport, hex = ""] = line.split(" ");
  open++;
  const message = Buffer.from(hex, "hex");
  const reply = await (transport === "tcp" ? overTcp(message) : overUdp(message));
  process.stdout.write(`${number} ${reply?.toString("hex") ?? ""}\n`);
  open--;
  const next = waiting.shift();
  if (next !== undefined) void carry(next);
  sayDone();
}

function sayDone(): void {
  if (!ending || open > 0) return;
  ending = false;
  console.log("done");
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    if (line === "end") {
      ending = true;
      sayDone();
    } else if (open < MOST) void carry(line);
    else waiting.push(line);
  })
  .on("close", () => process.exit(0));
console.log("ready");
