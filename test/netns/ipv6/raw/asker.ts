import type { Host } from "../../../support/lab.js";
import { script } from "../../../support/paths.js";
import type { RunningProcess } from "../../../support/process.js";
import { until } from "../../../support/wait.js";
import { CODE, data, hex, iaNa, type Level, type Message, message, type Octets, option, read, TYPE, u32 } from "./octets.js";

const GROUP = "ff02::1:2";
const ANSWER_MS = 5000;

/** What came back for something that was sent. */
export interface Answer {
  readonly levels: readonly Level[];
  readonly message: Message;
  /** Who sent it, with the interface; and the ports from and to. */
  readonly from: string;
  readonly fromPort: number;
  readonly toPort: number;
}

export interface Sent {
  /** 546 plays a client, 547 a relay. */
  readonly port?: number;
  readonly to?: string;
}

let transactions = 0x10_0000;
let clients = 0;

/** A transaction id that was not used before. */
export const newTransaction = (): number => ++transactions;

/** The DUID-LL of a client that nobody has seen. */
export const newDuid = (): Octets => [0, 3, 0, 1, 0x52, 0x54, ...u32(++clients)];

/**
 * DHCPv6 clients and relays on one link.
 *
 * That something gets no answer is known without waiting for a time: behind it goes a Request of a client of our own, whose Reply
 * comes after its lease is on disk. What was sent before has been answered by then, or is not.
 */
export class Asker {
  readonly #station: RunningProcess;
  readonly #ifname: string;
  readonly #fenceDuid = newDuid();
  #serverId: Octets = [];

  private constructor(station: RunningProcess, ifname: string) {
    this.#station = station;
    this.#ifname = ifname;
  }

  static async station(host: Host): Promise<RunningProcess> {
    const station = host.start(script("test/netns/ipv6/raw/station"));
    await station.waitFor(/^ready$/m);
    return station;
  }

  /** Learns who the server is. */
  static async on(station: RunningProcess, ifname: string): Promise<Asker> {
    const asker = new Asker(station, ifname);
    const transaction = newTransaction();
    const answer = await until(
      `a server on ${ifname}`,
      () => {
        asker.#send(message(TYPE.informationRequest, transaction), {});
        return asker.#answers(0, transaction)[0];
      },
      ANSWER_MS,
    );
    asker.#serverId = [...data(answer.message.options, CODE.serverId)];
    return asker;
  }

  get serverId(): Octets {
    return option(CODE.serverId, this.#serverId);
  }

  /** Everything that came for what was sent, relayed or not; transactions tell what belongs together. */
  async ask(sent: Octets, transaction: number, how: Sent = {}): Promise<Answer[]> {
    const start = this.#station.stdout.length;
    this.#send(sent, how);
    const fence = newTransaction();
    const client = option(CODE.clientId, this.#fenceDuid);
    this.#send(message(TYPE.request, fence, client, this.serverId, iaNa(1)), {});
    await until("the answer behind", () => this.#answers(start, fence).length > 0, ANSWER_MS);
    return this.#answers(start, transaction);
  }

  #send(octets: Octets, { port = 546, to = GROUP }: Sent): void {
    this.#station.child.stdin?.write(`${port} ${to}%${this.#ifname} ${hex(octets)}\n`);
  }

  #answers(start: number, transaction: number): Answer[] {
    const lines = this.#station.stdout.slice(start).matchAll(/^(\d+) (\S+) (\d+) ([0-9a-f]+)\n/gm);
    return [...lines]
      .map(([, toPort, from, fromPort, octets]) => {
        const got = read(Buffer.from(octets, "hex"));
        return { ...got, from, fromPort: Number(fromPort), toPort: Number(toPort) };
      })
      .filter((answer) => answer.message.transaction === transaction);
  }
}
