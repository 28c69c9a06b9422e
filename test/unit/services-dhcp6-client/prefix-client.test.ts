import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatPrefix } from "../../../src/base/prefix.js";
import { seededRandom } from "../../../src/base/random.js";
import type { Dhcp6Network } from "../../../src/services/dhcp6/network.js";
import type { Delegation } from "../../../src/services/dhcp6-client/delegated-prefix.js";
import { PrefixClient } from "../../../src/services/dhcp6-client/prefix-client.js";
import { INFINITE_SECONDS, MESSAGE, OPTION, STATUS } from "../../../src/wire/dhcp6/codes.js";
import * as message from "../../../src/wire/dhcp6/message.js";
import type { Option } from "../../../src/wire/dhcp6/option-repr.js";
import {
  BRIDGE,
  clientId,
  Dhcp6Lab,
  DUID_1,
  DUID_2,
  ip,
  NETWORK,
  optionOf,
  prefix,
  SERVER_DUID,
  serverId,
} from "../../support/dhcp6-lab.js";
import { ManualClock } from "../../support/manual-clock.js";
import { viewOf } from "../../support/pieces.js";

/** A client on a wire of our own: what it sends is kept, what it is told is written here. */
class Wire {
  readonly clock: ManualClock;
  readonly sent: { readonly atMs: number; readonly message: message.ClientServerMessage }[] = [];
  readonly changes: (Delegation | undefined)[] = [];
  readonly client: PrefixClient;

  constructor(clock = new ManualClock(), hintLength = 56) {
    this.clock = clock;
    this.client = new PrefixClient({
      clock,
      random: seededRandom(5),
      duid: DUID_1,
      hintLength,
      send: (payload) => {
        const parsed = message.parse(viewOf(payload), 0, payload.length);
        if (typeof parsed === "string" || message.isRelay(parsed)) throw new Error("the client sent no message of a client");
        this.sent.push({ atMs: clock.monotonicMs(), message: parsed });
      },
      onChange: (delegation) => void this.changes.push(delegation),
    });
  }

  /** Moves on until the client sends again, and hands that back. */
  next(withinMs = 86_400_000): message.ClientServerMessage {
    const before = this.sent.length;
    const untilMs = this.clock.monotonicMs() + withinMs;
    while (this.sent.length === before) {
      const delayMs = this.clock.nextDelayMs();
      if (delayMs === undefined || this.clock.monotonicMs() + delayMs > untilMs) assert.fail("the client is silent");
      this.clock.advance(delayMs);
    }
    return this.sent[before].message;
  }

  tell(answer: message.ClientServerMessage): void {
    const bytes = message.toBytes(answer);
    this.client.receive(viewOf(bytes), 0, bytes.length);
  }

  /** Answers the last message. */
  answer(type: "advertise" | "reply", ...options: Option[]): void {
    const { transactionId } = this.sent[this.sent.length - 1].message;
    this.tell({ type: MESSAGE[type], transactionId, options: [clientId(DUID_1), serverId(), ...options] });
  }

  get names(): string[] {
    return this.client.prefixes.map((one) => formatPrefix(one.prefix));
  }
}

function ia(t1Seconds: number, t2Seconds: number, ...options: Option[]): Option {
  return { kind: "ia", code: OPTION.iaPd, iaid: 1, t1Seconds, t2Seconds, options };
}

function leaf(text: string, preferredSeconds: number, validSeconds: number): Option {
  const { address, prefixLength } = prefix(text);
  return { kind: "ia-prefix", code: OPTION.iaPrefix, prefix: address, prefixLength, preferredSeconds, validSeconds, options: [] };
}

const status = (name: keyof typeof STATUS): Option => {
  return { kind: "status", code: OPTION.statusCode, status: STATUS[name], message: "" };
};

const GIVEN = ia(1000, 1600, leaf("2001:db8:100::/56", 2000, 3000));

/** A client that has a prefix: T1 in 1,000 s, T2 in 1,600 s, preferred for 2,000 s, valid for 3,000 s. */
function bound(): Wire {
  const wire = new Wire();
  wire.client.start();
  wire.next();
  wire.answer("reply", { kind: "flag", code: OPTION.rapidCommit }, GIVEN);
  assert.deepEqual(wire.names, ["2001:db8:100::/56"]);
  return wire;
}

describe("asking for a prefix (RFC 8415 §18.2.1)", () => {
  test("a Solicit names us, hopes for a length, asks for SOL_MAX_RT, and comes within a second", () => {
    const wire = new Wire();
    wire.client.start();
    const { type, options } = wire.next(1000);
    assert.equal(type, MESSAGE.solicit);
    assert.deepEqual(
      options.map(({ code }) => code),
      [OPTION.clientId, OPTION.elapsedTime, OPTION.optionRequest, OPTION.rapidCommit, OPTION.iaPd],
    );
    const hint = optionOf(optionOf(options, "ia")?.options ?? [], "ia-prefix");
    assert.deepEqual([hint?.prefix, hint?.prefixLength], [0n, 56]);
  });

  test("is repeated slower and slower, up to an hour; elapsed time is told (§15, §21.9)", () => {
    const wire = new Wire();
    wire.client.start();
    for (let count = 0; count < 20; count++) wire.next();
    const delays = wire.sent.slice(1).map(({ atMs }, index) => atMs - wire.sent[index].atMs);
    assert.ok(delays[0] > 1000 && delays[0] <= 1100, `first ${delays[0]}`);
    for (let index = 1; index < 12; index++) {
      const factor = delays[index] / delays[index - 1];
      assert.ok(delays[index] > 3_240_000 || (factor >= 1.9 && factor <= 2.1), `${index}: ${factor}`);
    }
    for (const delayMs of delays.slice(-5)) assert.ok(delayMs >= 3_240_000 && delayMs <= 3_960_000, `${delayMs}`);
    const elapsed = wire.sent.map(({ message: { options } }) => optionOf(options, "uint16")?.value);
    assert.equal(elapsed[0], 0);
    assert.equal(elapsed[1], Math.round(delays[0] / 10));
    assert.equal(elapsed.at(-1), 0xffff);
    assert.equal(new Set(wire.sent.map((one) => one.message.transactionId)).size, 1);
  });

  test("SOL_MAX_RT is believed between a minute and a day, also with a refusal (§21.24)", () => {
    const wire = new Wire();
    wire.client.start();
    wire.next();
    const solMaxRt = (value: number): Option => ({ kind: "uint32", code: OPTION.solMaxRt, value });
    wire.answer("advertise", solMaxRt(60), ia(0, 0, status("noPrefixAvail")));
    assert.equal(wire.client.phase, "discovering");
    wire.client.stop();
    wire.client.start();
    for (let count = 0; count < 12; count++) wire.next();
    const delayMs = (wire.sent.at(-1)?.atMs ?? 0) - (wire.sent.at(-2)?.atMs ?? 0);
    assert.ok(delayMs >= 54_000 && delayMs <= 66_000, `${delayMs}`);
  });

  test("the best of those that answer within the first second is asked; preference 255 at once", () => {
    const wire = new Wire();
    wire.client.start();
    const { transactionId } = wire.next();
    const advertise = (duid: Uint8Array, value: number): void =>
      wire.tell({
        type: MESSAGE.advertise,
        transactionId,
        options: [clientId(DUID_1), serverId(duid), { kind: "uint8", code: OPTION.preference, value }, GIVEN],
      });
    advertise(SERVER_DUID, 5);
    advertise(DUID_2, 9);
    advertise(SERVER_DUID, 1);
    const asked = wire.next(1200);
    assert.equal(asked.type, MESSAGE.request);
    assert.deepEqual(optionOf(asked.options, "duid", OPTION.serverId)?.duid, DUID_2);

    const hurried = new Wire();
    hurried.client.start();
    hurried.next();
    hurried.answer("advertise", { kind: "uint8", code: OPTION.preference, value: 255 }, GIVEN);
    assert.equal(hurried.sent.at(-1)?.message.type, MESSAGE.request);
  });

  test("a Request that nobody answers is given up after ten (§18.2.2)", () => {
    const wire = new Wire();
    wire.client.start();
    wire.next();
    wire.answer("advertise", GIVEN);
    for (let count = 0; count < 10; count++) assert.equal(wire.next().type, MESSAGE.request);
    assert.equal(wire.next().type, MESSAGE.solicit);
  });

  for (const [what, answer] of [
    ["for another client", [clientId(DUID_2), serverId(), GIVEN]],
    ["of no server", [clientId(DUID_1), GIVEN]],
    ["with T1 after T2 (§21.21)", [clientId(DUID_1), serverId(), ia(200, 100, leaf("2001:db8:100::/56", 300, 400))]],
    ["with more preferred than valid (§21.22)", [clientId(DUID_1), serverId(), ia(0, 0, leaf("2001:db8:100::/56", 500, 400))]],
    ["without an association", [clientId(DUID_1), serverId()]],
    ["with a link-local prefix", [clientId(DUID_1), serverId(), ia(0, 0, leaf("fe80::/10", 300, 400))]],
  ] as const) {
    test(`an Advertise ${what} is not believed`, () => {
      const wire = new Wire();
      wire.client.start();
      const { transactionId } = wire.next();
      wire.tell({ type: MESSAGE.advertise, transactionId, options: answer });
      assert.equal(wire.next().type, MESSAGE.solicit);
    });
  }

  test("what is no answer to us changes nothing: another transaction, a Reconfigure, noise", () => {
    const wire = bound();
    wire.clock.advance(1_000_000);
    assert.equal(wire.client.phase, "renewing");
    const { transactionId } = wire.sent[wire.sent.length - 1].message;
    wire.tell({ type: MESSAGE.reply, transactionId: transactionId ^ 1, options: [clientId(DUID_1), serverId(), ia(0, 0)] });
    wire.tell({ type: MESSAGE.reconfigure, transactionId, options: [clientId(DUID_1), serverId()] });
    wire.client.receive(viewOf(Uint8Array.from([7, 1])), 0, 2);
    assert.deepEqual(
      ["other-transaction", "message-type", "malformed"].map((name) => wire.client.counters.get(name as "sent")),
      [1, 1, 1],
    );
    assert.deepEqual(wire.names, ["2001:db8:100::/56"]);
  });
});

describe("keeping a prefix", () => {
  test("at T1 its server is asked, at T2 any, when it has ended a new one is looked for (§18.2.4, §18.2.5)", () => {
    const wire = bound();
    const boundAtMs = wire.clock.monotonicMs();
    const renew = wire.next();
    assert.deepEqual([renew.type, wire.clock.monotonicMs() - boundAtMs], [MESSAGE.renew, 1_000_000]);
    assert.deepEqual(optionOf(renew.options, "duid", OPTION.serverId)?.duid, SERVER_DUID);
    while (wire.sent.at(-1)?.message.type === MESSAGE.renew) wire.next();
    const rebind = wire.sent[wire.sent.length - 1].message;
    assert.deepEqual([rebind.type, wire.clock.monotonicMs() - boundAtMs], [MESSAGE.rebind, 1_600_000]);
    assert.equal(optionOf(rebind.options, "duid", OPTION.serverId), undefined);
    while (wire.sent.at(-1)?.message.type === MESSAGE.rebind) wire.next();
    assert.equal(wire.sent.at(-1)?.message.type, MESSAGE.solicit);
    assert.equal(wire.changes.at(-1), undefined);
    const overMs = wire.clock.monotonicMs() - boundAtMs - 3_000_000;
    assert.ok(overMs >= 0 && overMs <= 1000, `${overMs}`);
  });

  test("renewed, it lasts as long as the new answer says", () => {
    const wire = bound();
    wire.next();
    const atMs = wire.clock.monotonicMs();
    wire.answer("reply", ia(500, 800, leaf("2001:db8:100::/56", 1000, 2000)));
    assert.equal(wire.client.phase, "bound");
    assert.equal(wire.changes.at(-1)?.prefixes[0].validUntilMs, atMs + 2_000_000);
    assert.equal(wire.next().type, MESSAGE.renew);
    assert.equal(wire.clock.monotonicMs() - atMs, 500_000);
  });

  test("another prefix takes its place, the old one with its lifetimes at zero", () => {
    const wire = bound();
    wire.next();
    wire.answer("reply", ia(500, 800, leaf("2001:db8:100::/56", 0, 0), leaf("2001:db8:200::/56", 1000, 2000)));
    assert.deepEqual(wire.names, ["2001:db8:200::/56"]);
  });

  test("another prefix beside it comes first where the old one is deprecated, until that ends", () => {
    const wire = bound();
    wire.next();
    wire.answer("reply", ia(5000, 8000, leaf("2001:db8:100::/56", 0, 600), leaf("2001:db8:200::/56", 10_000, 20_000)));
    assert.deepEqual(wire.names, ["2001:db8:200::/56", "2001:db8:100::/56"]);
    wire.clock.advance(600_000);
    assert.deepEqual(wire.names, ["2001:db8:200::/56"]);
    assert.equal(wire.changes.at(-1)?.prefixes.length, 1);
  });

  test("a server that does not know us is asked anew (§18.2.10.1)", () => {
    const wire = bound();
    wire.next();
    wire.answer("reply", ia(0, 0, status("noBinding")));
    const asked = wire.sent[wire.sent.length - 1].message;
    assert.equal(asked.type, MESSAGE.request);
    assert.equal(optionOf(optionOf(asked.options, "ia")?.options ?? [], "ia-prefix")?.prefix, ip("2001:db8:100::"));
    wire.answer("reply", GIVEN);
    assert.equal(wire.client.phase, "bound");
  });

  test("a prefix ends in its time also when who is asked anew for it never answers", () => {
    const wire = bound();
    wire.next();
    wire.answer("reply", ia(0, 0, status("noBinding")));
    assert.equal(wire.client.phase, "requesting");
    const endsAtMs = wire.changes.at(-1)?.prefixes[0].validUntilMs ?? assert.fail("no change");
    wire.clock.advance(endsAtMs - wire.clock.monotonicMs() - 1);
    assert.equal(wire.client.phase, "discovering");
    assert.deepEqual(wire.names, ["2001:db8:100::/56"]);
    wire.clock.advance(2);
    assert.equal(wire.changes.at(-1), undefined);
    assert.deepEqual(wire.names, []);
    wire.next();
    assert.equal(wire.client.phase, "discovering");
  });

  test("times that are left to us are half and four fifths of the preferred lifetime; one for ever is never renewed", () => {
    const wire = bound();
    wire.next();
    const atMs = wire.clock.monotonicMs();
    wire.answer("reply", ia(0, 0, leaf("2001:db8:100::/56", 1000, 2000)));
    const { renewAtMs, rebindAtMs } = wire.changes.at(-1) ?? assert.fail("no change");
    assert.deepEqual([renewAtMs - atMs, rebindAtMs - atMs], [500_000, 800_000]);
    wire.next();
    wire.answer("reply", ia(0, 0, leaf("2001:db8:100::/56", INFINITE_SECONDS, INFINITE_SECONDS)));
    const before = wire.sent.length;
    wire.clock.advance(400 * 86_400_000);
    assert.equal(wire.sent.length, before);
    assert.deepEqual(wire.names, ["2001:db8:100::/56"]);
  });
});

describe("after a restart, or when the uplink was away (§18.2.12)", () => {
  test("what is remembered is rebound at once; without an answer in ten seconds it goes on as it was", () => {
    const earlier = bound();
    const remembered = earlier.changes.at(-1);
    const wire = new Wire(earlier.clock);
    wire.client.start(remembered);
    assert.deepEqual(wire.names, ["2001:db8:100::/56"]);
    assert.equal(wire.sent.at(-1)?.message.type, MESSAGE.rebind);
    wire.clock.advance(10_000);
    assert.equal(wire.client.phase, "bound");
    assert.deepEqual(wire.changes, []);
    assert.ok(wire.sent.length >= 3 && wire.sent.length <= 5, `${wire.sent.length}`);
  });

  test("an uplink that has another prefix for us says so", () => {
    const wire = bound();
    wire.client.start();
    wire.answer("reply", ia(0, 0, leaf("2001:db8:100::/56", 0, 0)));
    assert.deepEqual(wire.names, []);
    assert.equal(wire.changes.at(-1), undefined);
    assert.equal(wire.next().type, MESSAGE.solicit);
  });
});

describe("with our own server", () => {
  async function pump(wire: Wire, lab: Dhcp6Lab): Promise<void> {
    const from = { link: BRIDGE, source: ip("fe80::77") };
    for (let row = 0; row < wire.sent.length; row++) {
      const answer = await lab.send(wire.sent[row].message, from);
      if (answer !== undefined && !message.isRelay(answer.message)) wire.tell(answer.message);
    }
    wire.sent.length = 0;
  }

  for (const rapid of [true, false]) {
    test(`a prefix is given, renewed and moved (rapid commit ${rapid})`, async () => {
      const network: Dhcp6Network = { ...NETWORK, rapidCommit: rapid };
      const lab = new Dhcp6Lab([network]);
      const wire = new Wire(lab.clock);
      wire.client.start();
      while (wire.client.phase !== "bound") {
        wire.clock.advance(wire.clock.nextDelayMs() ?? assert.fail("the client is silent"));
        await pump(wire, lab);
      }
      const [first] = wire.names;
      assert.match(first, /^2001:db8:1.*\/56$/);
      wire.next();
      await pump(wire, lab);
      assert.deepEqual([wire.client.phase, wire.names], ["bound", [first]]);

      lab.service.setNetwork({ ...network, delegation: { pool: prefix("2001:db8:200::/40"), length: 56 } });
      wire.next();
      await pump(wire, lab);
      assert.match(wire.names.join(), /^2001:db8:2[0-9a-f]*:[0-9a-f]*::\/56$/);
    });
  }
});
