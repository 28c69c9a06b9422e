/**
 * Theory of operation
 *
 * Without root the host's ports are not the namespace's: what listens there for guests is a process of its own (`native/relay`), and
 * this tells it which port leads where. What is wanted is kept here by port of the host; each change is said at once, and after a
 * pause in the conversation (either side was started anew) all of it, between `begin` and `end`, so that what nobody wants any more
 * is closed. Ports that cannot be had are tried again: another program may let them go.
 *
 * While a configuration is put into effect, ports that are new or lead elsewhere wait (`hold`): until then the rules that are to
 * bound them, such as how many connections a guest takes, are the old ones. What is no longer wanted closes at once.
 *
 * Answers come in the order of the questions. A port without a guest that is there is taken all the same, so that it is known
 * whether it can be.
 */
import { connect, type Socket } from "node:net";
import { getSystemErrorName } from "node:util";
import { formatAddress, type IpAddress } from "../../base/kernel-objects.js";
import type { Logger } from "../../base/log.js";
import { formatForward } from "../../config/index.js";
import type { ForwardTarget } from "../../network/forward-elements.js";
import type { PortForward } from "../../network/model.js";

/** A port of the host as the relay knows it: `tcp 0.0.0.0 8080`. */
type Port = string;

interface Lead {
  readonly guest: string;
  readonly forward: PortForward;
  /** Address and port there, and another where these refuse a connection; or `- 0`. */
  readonly to: string;
}

const NOWHERE = "- 0";
const AGAIN_AFTER_MS = 500;
const RETRY_EVERY_MS = 5_000;
const ANSWERED_WITHIN_MS = 5_000;
const EADDRNOTAVAIL = 99;
const EAFNOSUPPORT = 97;
const FIRST_FREE_PORT = 1024;

export class Relay {
  readonly #path: string;
  readonly #log: Logger;
  readonly #leads = new Map<Port, Lead>();
  readonly #ports = new Map<string, readonly Port[]>();
  /** Ports that the relay could not take, with the errno. */
  readonly #refused = new Map<Port, number>();
  /** Ports to be said when `hold` ends, and its end; undefined where it is not held. */
  #held: Set<Port> | undefined;
  #holding: Promise<void> | undefined;
  /** What waits for its answer, in order; undefined where only `ok` can come. */
  #asked: (Port | undefined)[] = [];
  #waiting: (() => void)[] = [];
  #heard = "";
  #socket: Socket | undefined;
  #connected = false;
  #retry: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
  }

  /** Speaks with the relay from now on. */
  open(): void {
    this.#connect();
    this.#retry = setInterval(() => this.#tryAgain(), RETRY_EVERY_MS).unref();
  }

  /** Ends the conversation. Ports stay as they are. */
  close(): void {
    this.#ended = true;
    clearInterval(this.#retry);
    clearTimeout(this.#again);
    this.#socket?.destroy();
  }

  /** All forwards of a guest, and where it is now. */
  set(guest: string, forwards: readonly PortForward[], target: ForwardTarget): void {
    const before = this.#ports.get(guest) ?? [];
    const wanted = new Map<Port, Lead>();
    for (const forward of forwards) for (const [port, to] of portsOf(forward, target)) wanted.set(port, { guest, forward, to });
    for (const port of before) {
      // Another guest may have it by now.
      if (wanted.has(port) || this.#leads.get(port)?.guest !== guest) continue;
      this.#leads.delete(port);
      this.#refused.delete(port);
      this.#held?.delete(port);
      this.#say(`close ${port}`, undefined);
    }
    for (const [port, lead] of wanted) {
      const known = this.#leads.get(port);
      this.#leads.set(port, lead);
      if (known?.to === lead.to) continue;
      if (this.#held === undefined) this.#ask(port);
      else this.#held.add(port);
    }
    if (wanted.size === 0) this.#ports.delete(guest);
    else this.#ports.set(guest, [...wanted.keys()]);
  }

  /** Opens no port until `change` has ended. One at a time. */
  async hold<T>(change: () => Promise<T>): Promise<T> {
    this.#held = new Set();
    const changed = (async () => change())();
    this.#holding = changed.then(
      () => this.#release(),
      () => this.#release(),
    );
    await this.#holding;
    return changed;
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#holding = undefined;
    for (const port of held) this.#ask(port);
  }

  /** Resolves when everything that was said, or waits to be, is answered; false where nobody answers. */
  async settled(): Promise<boolean> {
    await this.#holding;
    if (this.#connected && this.#asked.length > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ANSWERED_WITHIN_MS);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this.#connected && this.#asked.length === 0;
  }

  /** Why a forward of a guest is not carried out, in a sentence; undefined where it is. */
  explain(guest: string, forward: PortForward): string | undefined {
    const text = formatForward(forward);
    for (const [port] of portsOf(forward, { ipv4: undefined, ipv6: undefined })) {
      const errno = this.#refused.get(port);
      const lead = this.#leads.get(port);
      if (errno !== undefined && lead?.guest === guest && formatForward(lead.forward) === text) return explainErrno(errno, port);
    }
    return undefined;
  }

  /** What is not carried out, a sentence a forward. */
  get warnings(): string[] {
    const byForward = new Map<string, string>();
    for (const [port, errno] of this.#refused) {
      const lead = this.#leads.get(port);
      if (lead === undefined) continue;
      const what = `forward ${formatForward(lead.forward)} of guest ${lead.guest}`;
      if (!byForward.has(what)) byForward.set(what, `${what}: ${explainErrno(errno, port)}; it is tried again`);
    }
    if (!this.#connected && this.#leads.size > 0)
      byForward.set("", "forwards lead nowhere: tapnet-relay, which carries them, does not answer; it is tried again");
    return [...byForward.values()];
  }

  #connect(): void {
    const socket = connect(this.#path);
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("connect", () => this.#greet());
    socket.on("data", (text: string) => this.#hear(text));
    // `close` follows.
    socket.on("error", (error) => this.#log.debug({ error: error.message }, "the relay is not reached"));
    socket.on("close", () => this.#lost());
  }

  #greet(): void {
    this.#connected = true;
    const leads = [...this.#leads].filter(([port]) => this.#held?.has(port) !== true);
    const lines = ["begin", ...leads.map(([port, { to }]) => `listen ${port} ${to}`), "end"];
    this.#asked = [undefined, ...leads.map(([port]) => port), undefined];
    this.#socket?.write(`${lines.join("\n")}\n`);
  }

  #lost(): void {
    this.#connected = false;
    this.#heard = "";
    this.#asked = [];
    this.#wake();
    if (!this.#ended) this.#again = setTimeout(() => this.#connect(), AGAIN_AFTER_MS).unref();
  }

  #say(line: string, about: Port | undefined): void {
    if (!this.#connected) return;
    this.#asked.push(about);
    this.#socket?.write(`${line}\n`);
  }

  #tryAgain(): void {
    for (const port of this.#refused.keys()) this.#ask(port);
  }

  #ask(port: Port): void {
    const lead = this.#leads.get(port);
    if (lead !== undefined) this.#say(`listen ${port} ${lead.to}`, port);
  }

  #hear(text: string): void {
    const lines = (this.#heard + text).split("\n");
    this.#heard = lines.pop() ?? "";
    const answered = this.#asked.splice(0, lines.length);
    for (const [index, port] of answered.entries()) if (port !== undefined) this.#judge(port, lines[index]);
    if (this.#asked.length === 0) this.#wake();
  }

  #judge(port: Port, answer: string): void {
    const errno = answer === "ok" ? 0 : Number(answer.replace("error ", ""));
    const lead = this.#leads.get(port);
    if (lead === undefined || errno === 0 || isNoLoss(port, errno)) {
      this.#refused.delete(port);
      return;
    }
    if (this.#refused.get(port) !== errno) {
      const forward = formatForward(lead.forward);
      this.#log.warn({ guest: lead.guest, forward }, `a forward is not carried out: ${explainErrno(errno, port)}`);
    }
    this.#refused.set(port, errno);
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Where the ports of a forward lead. From all addresses means both families, whatever the guest has: it is reached by what it has. */
function* portsOf(
  { protocol, address, firstPort, lastPort, guestPort }: PortForward,
  target: ForwardTarget,
): Generator<[Port, string]> {
  const { ipv4, ipv6 } = target;
  // `localhost` is ::1 first, and many a server in a guest knows IPv4 only.
  const [byIpv4, byIpv6]: (readonly (IpAddress | undefined)[])[] = [
    [ipv4, ipv6],
    [ipv6, ipv4],
  ];
  const sides =
    address === undefined
      ? ([["0.0.0.0", byIpv4] as const, ["::", byIpv6] as const] as const)
      : ([[formatAddress(address), typeof address === "number" ? byIpv4 : byIpv6] as const] as const);
  for (let port = firstPort; port <= lastPort; port++) {
    for (const [at, addresses] of sides) {
      const there = addresses
        .filter((to) => to !== undefined)
        .map((to) => `${formatAddress(to)} ${guestPort + port - firstPort}`)
        .join(" ");
      yield [`${protocol} ${at} ${port}`, there === "" ? NOWHERE : there];
    }
  }
}

/** All addresses of a family that this host has none of. */
function isNoLoss(port: Port, errno: number): boolean {
  return port.includes(" :: ") && (errno === EADDRNOTAVAIL || errno === EAFNOSUPPORT);
}

function explainErrno(errno: number, port: Port): string {
  const [protocol, address, number] = port.split(" ");
  const name = getSystemErrorName(-errno);
  switch (name) {
    case "EADDRINUSE":
      return `a program on this host listens on port ${number}/${protocol} already: end it, or take another port`;
    case "EACCES":
      if (Number(number) >= FIRST_FREE_PORT) break;
      return (
        `ports below the sysctl net.ipv4.ip_unprivileged_port_start, like ${number}, are not for users: ` +
        `take one above, or as root: sysctl -w net.ipv4.ip_unprivileged_port_start=${number}`
      );
    case "EADDRNOTAVAIL":
      return `this host has no address ${address}`;
    case "EMFILE":
    case "ENFILE":
      return "no more ports can be open at once: raise the limit of open files (ulimit -Hn), or forward fewer";
  }
  return `port ${number}/${protocol} of ${address} cannot be had: ${name}`;
}
