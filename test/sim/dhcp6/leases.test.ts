/**
 * DHCPv6 clients on a bad day: messages and answers get lost or come twice, saves fail, the server dies and starts again from its
 * store, guests are re-imaged, networks are renumbered. One seed is one story.
 *
 * What must hold after every step: no two clients believe in one address or one prefix at the same time; whoever believes in a
 * lease has it on disk and in the listeners' books; nothing is stored for an offer.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatIpv6 } from "../../../src/base/ipv6-address.js";
import { type Random, seededRandom } from "../../../src/base/random.js";
import type { Link } from "../../../src/frame/link.js";
import type { LeaseEvent } from "../../../src/lease/events.js";
import type { LeaseRecord } from "../../../src/lease/lease.js";
import { MemoryStore } from "../../../src/lease/memory-store.js";
import type { LeaseChange } from "../../../src/lease/store.js";
import type { Dhcp6Network } from "../../../src/services/dhcp6/network.js";
import { MESSAGE, OPTION, STATUS } from "../../../src/wire/dhcp6/codes.js";
import { type ClientServerMessage, isRelay } from "../../../src/wire/dhcp6/message.js";
import {
  BRIDGE,
  clientId,
  Dhcp6Lab,
  type Ia,
  iaNa,
  iaPd,
  NETWORK,
  prefix,
  rapidCommit,
  say,
  serverId,
  statusOf,
  WEB1,
  WEB2,
} from "../../support/dhcp6-lab.js";

const STEPS = 1200;
const LEASE_SECONDS = 600;
const PREFIXES = ["2001:db8:77::/120", "2001:db8:88::/120"] as const;

/** Saves fail now and then; what failed was not saved. */
class MoodyStore extends MemoryStore {
  readonly #random: Random;
  failureRate = 0;

  constructor(random: Random) {
    super();
    this.#random = random;
  }

  override save(changes: readonly LeaseChange[]): Promise<void> {
    if (happens(this.#random, this.failureRate)) return Promise.reject(new Error("disk full"));
    return super.save(changes);
  }
}

function happens(random: Random, probability: number): boolean {
  return random.uint32() / 0x1_0000_0000 < probability;
}

interface Belief {
  readonly address: bigint;
  untilMs: number;
  /** The network was renumbered since: the server may have taken it back with an answer that got lost. */
  revoked?: boolean;
}

/** What a client remembers. On a port its guest is who it is; on the bridge its DUID is. */
class Client {
  readonly link: Link;
  duid: Uint8Array;
  iaid: number;
  address: Belief | undefined;
  prefix: Belief | undefined;

  constructor(link: Link, number: number) {
    this.link = link;
    this.duid = Uint8Array.from([0, 3, 0, 1, 0x52, 0x54, 0, 0, number >>> 8, number]);
    this.iaid = number + 1;
  }

  associations() {
    const { address, prefix: delegated } = this;
    const addresses = address === undefined ? [] : [address.address];
    const prefixes = delegated === undefined ? [] : [{ family: 6 as const, address: delegated.address, prefixLength: 56 }];
    return [iaNa(this.iaid, ...addresses), iaPd(this.iaid, ...prefixes)];
  }

  /** Believes what a Reply says. */
  believe(reply: ClientServerMessage, nowMs: number): void {
    for (const one of reply.options) {
      if (one.kind !== "ia" || one.iaid !== this.iaid || statusOf(one.options) !== STATUS.success) continue;
      const belief = beliefIn(one, nowMs);
      if (one.code === OPTION.iaNa) this.address = belief;
      else this.prefix = belief;
    }
  }

  forget(nowMs: number): void {
    if (this.address !== undefined && this.address.untilMs <= nowMs) this.address = undefined;
    if (this.prefix !== undefined && this.prefix.untilMs <= nowMs) this.prefix = undefined;
  }
}

function beliefIn(ia: Ia, nowMs: number): Belief | undefined {
  for (const leaf of ia.options) {
    if (leaf.kind === "ia-address" && leaf.validSeconds > 0)
      return { address: leaf.address, untilMs: nowMs + leaf.validSeconds * 1000 };
    if (leaf.kind === "ia-prefix" && leaf.validSeconds > 0)
      return { address: leaf.prefix, untilMs: nowMs + leaf.validSeconds * 1000 };
  }
  return undefined;
}

class Story {
  readonly #random: Random;
  readonly #store: MoodyStore;
  readonly #clients: readonly Client[];
  /** What the listeners were told last: the kernel's view. */
  readonly #told = new Map<string, LeaseRecord>();
  #network: Dhcp6Network;
  #lab: Dhcp6Lab;
  answers = 0;
  bound = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#store = new MoodyStore(this.#random);
    this.#network = {
      ...NETWORK,
      prefixes: [prefix(PREFIXES[0])],
      addressPool: prefix(PREFIXES[0]),
      delegation: { pool: prefix("2001:db8:4000::/48"), length: 56 },
      leaseSeconds: LEASE_SECONDS,
      preferredSeconds: LEASE_SECONDS / 2,
    };
    this.#lab = new Dhcp6Lab([this.#network], this.#store);
    this.#clients = [
      new Client(WEB1, 0),
      new Client(WEB2, 1),
      ...Array.from({ length: 38 }, (_, index) => new Client(BRIDGE, index + 2)),
    ];
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      await this.#step();
      await this.#check();
    }
  }

  async #step(): Promise<void> {
    const dice = this.#random.uint32() % 100;
    if (dice < 2) await this.#crash();
    else if (dice < 3) this.#renumber();
    else if (dice < 4) this.#store.failureRate = happens(this.#random, 0.7) ? 0 : 0.5;
    else if (dice < 14) this.#lab.clock.advance(this.#random.uint32() % (LEASE_SECONDS * 300));
    else await this.#act(this.#clients[this.#random.uint32() % this.#clients.length]);
    const nowMs = this.#lab.clock.nowMs();
    for (const client of this.#clients) client.forget(nowMs);
  }

  /** The process dies; the next one finds what was saved, and a clock that went on. */
  async #crash(): Promise<void> {
    const nowMs = this.#lab.clock.nowMs();
    this.#note(this.#lab.events);
    this.#lab = new Dhcp6Lab([this.#network], this.#store);
    this.#lab.clock.advance(nowMs - this.#lab.clock.nowMs());
    const records = await this.#store.load();
    this.#lab.service.load(records);
    this.#told.clear();
    for (const record of records) if (record.state === "bound") this.#told.set(keyOf(record), record);
  }

  #renumber(): void {
    const text = PREFIXES[this.#random.uint32() % PREFIXES.length];
    this.#network = { ...this.#network, prefixes: [prefix(text)], addressPool: prefix(text) };
    this.#lab.service.setNetwork(this.#network);
    for (const { address } of this.#clients) if (address !== undefined) address.revoked = true;
  }

  async #act(client: Client): Promise<void> {
    const leased = client.address !== undefined || client.prefix !== undefined;
    const dice = this.#random.uint32() % 10;
    if (!leased || dice === 0) await this.#start(client);
    else if (dice < 7)
      await this.#say(
        client,
        say(dice < 5 ? "renew" : "rebind", clientId(client.duid), ...(dice < 5 ? [serverId()] : []), ...client.associations()),
      );
    else await this.#giveBack(client, dice);
  }

  async #start(client: Client): Promise<void> {
    if (client.link !== BRIDGE && happens(this.#random, 0.2)) {
      client.duid = Uint8Array.from([0, 2, ...Array.from({ length: 8 }, () => this.#random.uint32() & 0xff)]);
      client.iaid = this.#random.uint32();
    }
    const quick = happens(this.#random, 0.3) ? [rapidCommit] : [];
    const storedBefore = (await this.#store.load()).length;
    const answer = await this.#say(client, say("solicit", clientId(client.duid), ...quick, ...client.associations()));
    if (answer?.type !== MESSAGE.advertise) return;
    assert.equal((await this.#store.load()).length, storedBefore, "an offer was stored");
    const wanted = answer.options.filter((one): one is Ia => one.kind === "ia");
    await this.#say(client, say("request", clientId(client.duid), serverId(), ...wanted));
  }

  async #giveBack(client: Client, dice: number): Promise<void> {
    const type = dice < 9 ? "release" : "decline";
    const [addresses, prefixes] = client.associations();
    client.address = undefined;
    if (type === "release") client.prefix = undefined;
    await this.#say(client, say(type, clientId(client.duid), serverId(), addresses, ...(type === "release" ? [prefixes] : [])));
  }

  /** One message, which may get lost, come twice, or be answered into the void. */
  async #say(client: Client, message: ClientServerMessage): Promise<ClientServerMessage | undefined> {
    if (happens(this.#random, 0.1)) return undefined;
    const { link } = client;
    const first = await this.#lab.send(message, { link });
    const answer = happens(this.#random, 0.1) ? ((await this.#lab.send(message, { link })) ?? first) : first;
    if (answer === undefined || isRelay(answer.message) || happens(this.#random, 0.1)) return undefined;
    this.answers++;
    assert.equal(answer.message.transactionId, message.transactionId);
    if (answer.message.type === MESSAGE.reply && message.type !== MESSAGE.release && message.type !== MESSAGE.decline) {
      client.believe(answer.message, this.#lab.clock.nowMs());
    }
    return answer.message;
  }

  #note(events: LeaseEvent[]): void {
    for (const event of events.splice(0)) {
      if (event.kind === "bound") {
        this.#told.set(keyOf(event.lease), event.lease);
        this.bound++;
      } else if (this.#told.get(keyOf(event.lease))?.identity === event.lease.identity) {
        this.#told.delete(keyOf(event.lease));
      }
    }
  }

  async #check(): Promise<void> {
    this.#note(this.#lab.events);
    const stored = new Map((await this.#store.load()).map((record) => [keyOf(record), record]));
    const believers = new Set<string>();
    for (const client of this.#clients) {
      for (const [kind, belief] of [
        ["address", client.address],
        ["prefix", client.prefix],
      ] as const) {
        if (belief === undefined || belief.revoked === true) continue;
        const key = `${kind} ${formatIpv6(belief.address)}`;
        assert.ok(!believers.has(key), `${key} is believed in twice`);
        believers.add(key);
        assert.equal(stored.get(key)?.state, "bound", `${key} is not on disk`);
        assert.ok(this.#told.has(key), `${key} was not told`);
      }
    }
  }
}

function keyOf(record: LeaseRecord): string {
  return `${record.kind} ${formatIpv6(record.address as bigint)}`;
}

describe("DHCPv6 on a bad day", () => {
  for (const seed of [1, 2, 3, 4]) {
    test(`seed ${seed}`, async () => {
      const story = new Story(seed);
      await story.run();
      assert.ok(story.answers > 300 && story.bound > 50, `${story.answers} answers, ${story.bound} leases`);
    });
  }
});
