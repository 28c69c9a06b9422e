/**
 * Asks responders, all at once: `node prober.js '["tcp 10.77.0.10 80", "open 10.77.0.1 53", "icmp fd00::1"]'` prints what each answered as a JSON list;
 * null where nothing came in time or it was refused. What a busy machine lost is asked again meanwhile: TCP does so by itself.
 */
import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { connect } from "node:net";

const TIMEOUT_MS = 3000;
const AGAIN_MS = 1000;

type Answer = string | null;

function askTcp(address: string, port: number): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let heard = "";
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => (heard += text));
    socket.on("close", () => resolve(heard === "" ? null : heard));
    socket.on("error", () => socket.destroy());
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
  });
}

/** Whether somebody takes the connection, whatever would be said on it. */
function askOpen(address: string, port: number): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const done = (answer: Answer): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => done("open"));
    socket.once("error", () => done(null));
    socket.setTimeout(TIMEOUT_MS, () => done(null));
  });
}

function askUdp(address: string, port: number): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    const done = (answer: Answer): void => {
      clearTimeout(timer);
      clearInterval(again);
      socket.close();
      resolve(answer);
    };
    const send = (): void => socket.send("ask", port, address);
    const timer = setTimeout(() => done(null), TIMEOUT_MS);
    const again = setInterval(send, AGAIN_MS);
    socket.once("message", (message) => done(message.toString()));
    // Without a callback, a send that failed is told here too.
    socket.once("error", () => done(null));
    send();
  });
}

function askIcmp(address: string): Promise<Answer> {
  return new Promise((resolve) => {
    // With a deadline, the count is of answers.
    execFile("ping", ["-n", "-c", "1", "-w", String(TIMEOUT_MS / 1000), address], (error) =>
      resolve(error === null ? "pong" : null),
    );
  });
}

const questions = JSON.parse(process.argv[2]) as string[];
const answers = await Promise.all(
  questions.map((question) => {
    const [protocol, address, port] = question.split(" ");
    if (protocol === "icmp") return askIcmp(address);
    if (protocol === "open") return askOpen(address, Number(port));
    return protocol === "tcp" ? askTcp(address, Number(port)) : askUdp(address, Number(port));
  }),
);
process.stdout.write(JSON.stringify(answers));
