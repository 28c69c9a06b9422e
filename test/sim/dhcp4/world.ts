import assert from "node:assert/strict";
import { formatIpv4 } from "../../../src/base/ipv4-address.js";
import { silentLogger } from "../../../src/base/log.js";
import { type Random, seededRandom } from "../../../src/base/random.js";
import { Datagram, Reply, VERDICT } from "../../../src/frame/datagram.js";
import type { Link } from "../../../src/frame/link.js";
import { silentLeaseEvents } from "../../../src/lease/events.js";
import { GroupCommit } from "../../../src/lease/group-commit.js";
import type { Dhcp4Network } from "../../../src/services/dhcp4/network.js";
import { Dhcp4Service } from "../../../src/services/dhcp4/service.js";
import { MESSAGE, OPTION } from "../../../src/wire/dhcp4/codes.js";
import * as message from "../../../src/wire/dhcp4/message.js";
import { BRIDGE, Client, ip, NETWORK, prefix } from "../../support/dhcp4-lab.js";
import { must } from "../../support/frames.js";
import { viewOf } from "../../support/pieces.js";
import { badDay, chance, makeGood } from "./odds.js";
import { SimClient } from "./sim-client.js";
import { SimClock } from "./sim-clock.js";
import { SimDisk } from "./sim-disk.js";

const LEASE_SECONDS = 600;
const MINUTE_MS = 60_000;
/** One client in five is a guest on a port of its own. */
const PORT_EVERY = 5;
const PAYLOAD_BYTES = 1472;
/** A promise that is fulfilled runs through so many others until the last ACK has left. */
const TURNS = 20;

/** One life of the server, from start to crash. */
interface Life {
  readonly service: Dhcp4Service;
  readonly commit: GroupCommit;
  isOver: boolean;
}

/**
 * Clients, a link that loses, doubles and reorders, a server that dies at any point, and its disk: all from one seed.
 *
 * Checked at every step: whoever takes an ACK is the only one who believes in its address; when an ACK leaves, the lease that it
 * promises is on the disk, for that client and at least as long.
 */
export class World {
  readonly clock = new SimClock();
  readonly random: Random;
  readonly odds = badDay();
  readonly disk: SimDisk;
  readonly clients: SimClient[] = [];
  readonly network: Dhcp4Network;
  readonly counts = { sent: 0, acks: 0, crashes: 0, beliefs: 0 };
  readonly #byMac = new Map<number, SimClient>();
  readonly #believers = new Map<number, SimClient>();
  readonly #datagram = new Datagram();
  readonly #reply = new Reply();
  readonly #isCareless: boolean;
  #life: Life | undefined;
  #nextMac = 0x5254_0000_0001;

  /** A careless server sends its ACKs without waiting for the disk: the canary. */
  constructor(seed: number, clients: number, isCareless = false) {
    this.#isCareless = isCareless;
    this.random = seededRandom(seed);
    this.disk = new SimDisk(this.clock, this.random, this.odds);
    const last = ip("10.64.0.9") + Math.ceil(clients * 1.2);
    this.network = {
      ...NETWORK,
      subnet: prefix("10.64.0.0/16"),
      ranges: [{ first: ip("10.64.0.10"), last }],
      leaseSeconds: LEASE_SECONDS,
      offerSeconds: 20,
      quarantineSeconds: 900,
    };
    for (let number = 0; number < clients; number++) this.#addClient(number);
    this.#reply.bytes = new Uint8Array(PAYLOAD_BYTES);
    this.#reply.view = viewOf(this.#reply.bytes);
    this.#reply.payloadLimit = PAYLOAD_BYTES;
  }

  /** Lives through `minutes` of it, then through a good hour in which everybody must come to rest. */
  async run(minutes: number): Promise<void> {
    await this.#start();
    for (const client of this.clients) client.start();
    const endMs = this.clock.nowMs() + minutes * MINUTE_MS;
    while (this.clock.nowMs() < endMs) {
      await this.#live(Math.min(endMs, this.clock.nowMs() + this.#lifeMs()));
      this.#crash();
      await this.#live(this.clock.nowMs() + (this.random.uint32() % 20_000));
      await this.#start();
    }
    makeGood(this.odds);
    await this.#live(this.clock.nowMs() + 60 * MINUTE_MS);
  }

  /** How many clients believe in an address now. */
  get believers(): number {
    return this.clients.filter((client) => client.believes(this.clock.nowMs())).length;
  }

  toServer(client: SimClient, said: message.Dhcp4Message, source: number): void {
    const bytes = message.toBytes(said);
    const arrive = (): void => this.#onServer(client, bytes, source);
    this.#throughWire(arrive);
  }

  /** A client has taken an ACK. */
  onBelief(client: SimClient): void {
    const nowMs = this.clock.nowMs();
    const other = this.#believers.get(client.address);
    if (other !== undefined && other !== client && other.address === client.address && other.believes(nowMs)) {
      assert.fail(`${formatIpv4(client.address)} has two owners: ${other.mac.toString(16)} and ${client.mac.toString(16)}`);
    }
    this.#believers.set(client.address, client);
    this.counts.beliefs++;
  }

  /** The same guest as another machine. */
  newVoice(client: SimClient): Client {
    const voice = new Client(this.#nextMac++);
    this.#byMac.set(voice.mac, client);
    return voice;
  }

  #addClient(number: number): void {
    const isPort = number % PORT_EVERY === 0;
    const link: Link = {
      ...BRIDGE,
      slot: isPort ? number + 1 : 0,
      ifindex: 100 + number,
      guest: isPort ? `guest-${number}` : undefined,
    };
    const client = new SimClient(this, link, this.#nextMac);
    this.#byMac.set(this.#nextMac++, client);
    this.clients.push(client);
  }

  #throughWire(arrive: () => void): void {
    this.counts.sent++;
    if (chance(this.random, this.odds.lost)) return;
    this.clock.after(this.odds.wireMs(this.random), arrive);
    if (chance(this.random, this.odds.doubled)) this.clock.after(this.odds.wireMs(this.random), arrive);
  }

  #lifeMs(): number {
    return 1000 + (this.random.uint32() % (10 * MINUTE_MS));
  }

  async #start(): Promise<void> {
    const life: { isOver: boolean } = { isOver: false };
    const store = this.disk.open(() => !life.isOver);
    const commit = new GroupCommit({ store, events: silentLeaseEvents, clock: this.clock, log: silentLogger });
    const service = new Dhcp4Service({ commit, clock: this.clock, log: silentLogger });
    service.configure([this.network]);
    service.load(await store.load());
    this.#life = Object.assign(life, { service, commit });
  }

  #crash(): void {
    this.counts.crashes++;
    if (this.#life === undefined) return;
    this.#life.isOver = true;
    this.#life.service.close();
    this.#life = undefined;
  }

  async #live(untilMs: number): Promise<void> {
    while (this.clock.step(untilMs)) {
      const before = this.disk.saves + this.disk.failures;
      if (before === this.#settledSaves) continue;
      this.#settledSaves = before;
      for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
    }
  }

  #settledSaves = 0;

  #onServer(client: SimClient, bytes: Uint8Array, source: number): void {
    const life = this.#life;
    if (life === undefined) return;
    const datagram = this.#datagram;
    datagram.link = client.link;
    datagram.bytes = bytes;
    datagram.view = viewOf(bytes);
    datagram.payloadOffset = 0;
    datagram.payloadLength = bytes.length;
    datagram.etherSource = client.mac;
    datagram.ipSource = source;
    const verdict = life.service.handle(datagram, this.#reply);
    if (verdict === VERDICT.silent) return;
    const payload = this.#reply.bytes.slice(0, this.#reply.payloadLength);
    if (verdict === VERDICT.reply) this.#toClient(payload);
    else if (this.#isCareless) this.#onAckLeaves(payload);
    else void this.#answerWhenStored(life, payload);
  }

  async #answerWhenStored(life: Life, payload: Uint8Array): Promise<void> {
    try {
      await life.commit.commit();
    } catch {
      return;
    }
    if (!life.isOver) this.#onAckLeaves(payload);
  }

  #onAckLeaves(payload: Uint8Array): void {
    const ack = must(message.parse(viewOf(payload), 0, payload.length));
    const record = this.disk.at(ack.yiaddr);
    const chaddr = viewOf(ack.chaddr);
    const mac = chaddr.getUint16(0) * 0x1_0000_0000 + chaddr.getUint32(2);
    this.counts.acks++;
    assert.ok(record !== undefined, `ACK for ${formatIpv4(ack.yiaddr)} without a stored lease`);
    const seconds = ack.options?.find(({ code }) => code === OPTION.leaseTime);
    assert.ok(record.state !== "bound" || record.mac === mac || record.identity.startsWith("guest:"), "stored for somebody else");
    assert.ok(
      seconds?.kind === "uint32" && (record.state !== "bound" || record.expiresAtMs >= record.renewedAtMs + seconds.value * 1000),
    );
    this.#toClient(payload);
  }

  #toClient(payload: Uint8Array): void {
    const answer = must(message.parse(viewOf(payload), 0, payload.length));
    const chaddr = viewOf(answer.chaddr);
    const client = this.#byMac.get(chaddr.getUint16(0) * 0x1_0000_0000 + chaddr.getUint32(2));
    const type = answer.options?.find(({ code }) => code === OPTION.messageType);
    assert.ok(client !== undefined && type?.kind === "uint8");
    assert.ok(type.value === MESSAGE.offer || type.value === MESSAGE.ack || type.value === MESSAGE.nak);
    this.#throughWire(() => client.receive(type.value, answer));
  }
}
