import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { Clock } from "../../../src/base/clock.js";
import { TapnetError } from "../../../src/base/errors.js";
import { silentLogger } from "../../../src/base/log.js";
import {
  AccessList,
  type HookApi,
  type HookConnection,
  type HookListener,
  HookServer,
  type Peer,
} from "../../../src/control/index.js";

const ROOT: Peer = { pid: 1, uid: 0, gid: 0 };
const ALICE: Peer = { pid: 2, uid: 1000, gid: 1000 };

class FakeConnection implements HookConnection {
  readonly peer: Peer;
  readonly sent: string[] = [];
  readonly fds: (number | undefined)[] = [];
  closed = false;
  broken = false;
  readonly #listener: FakeListener;

  constructor(peer: Peer, listener: FakeListener) {
    this.peer = peer;
    this.#listener = listener;
  }
  send(bytes: Uint8Array, fd?: number): void {
    if (this.broken || this.closed) throw new Error("EPIPE");
    this.sent.push(new TextDecoder().decode(bytes));
    this.fds.push(fd);
  }
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#listener.handlers.onClose(this);
  }
}

class FakeListener implements HookListener {
  handlers!: Parameters<HookListener["start"]>[0];
  closed = false;

  start(handlers: Parameters<HookListener["start"]>[0]): void {
    this.handlers = handlers;
  }
  close(): void {
    this.closed = true;
  }
  connect(peer: Peer): FakeConnection {
    const connection = new FakeConnection(peer, this);
    this.handlers.onConnection(connection);
    return connection;
  }
  async ask(peer: Peer, text: string): Promise<FakeConnection> {
    const connection = this.connect(peer);
    this.handlers.onMessage(connection, new TextEncoder().encode(text));
    await settle();
    return connection;
  }
}

/** Time that passes only when it is told to. */
class ManualClock implements Clock {
  readonly pending = new Map<number, () => void>();
  #next = 0;
  nowMs(): number {
    return 0;
  }
  monotonicMs(): number {
    return 0;
  }
  after(_delayMs: number, run: () => void): number {
    this.pending.set(++this.#next, run);
    return this.#next;
  }
  cancel(timer: unknown): void {
    this.pending.delete(timer as number);
  }
  fire(): void {
    for (const run of [...this.pending.values()]) run();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe("the hook server", () => {
  let listener: FakeListener;
  let clock: ManualClock;
  let calls: string[];
  let settled: boolean[];
  let release: () => void;
  let server: HookServer;

  const api: HookApi = {
    hasNetwork: (name) => name === "default" || name === "lan",
    async ifup(ifname) {
      calls.push(`ifup ${ifname}`);
      if (ifname === "tn-full") throw new TapnetError("POOL_FULL", "network default has no address left");
      if (ifname === "tn-slow") await new Promise<void>((resolve) => (release = resolve));
      if (ifname === "tn-bug") throw new RangeError("a mistake in the program");
      return "web1 in default";
    },
    async ifdown(ifname) {
      calls.push(`ifdown ${ifname}`);
      return "web1 left";
    },
    async helper(request) {
      calls.push(`helper ${request.network} ${request.guest} ${request.vnet}`);
      if (request.guest === "slow") await new Promise<void>((resolve) => (release = resolve));
      return { fd: 42, text: "vm1 in lan", settled: (sent) => settled.push(sent) };
    },
  };

  beforeEach(() => {
    listener = new FakeListener();
    clock = new ManualClock();
    calls = [];
    settled = [];
    const access = new AccessList([{ account: { kind: "user", name: "1000" }, networks: ["lan"] }], {
      userId: Number,
      groupId: Number,
      groupsOf: () => [],
    });
    server = new HookServer({ listener, api, access: () => access, uid: 500, clock, log: silentLogger });
  });

  const rows: readonly (readonly [name: string, peer: Peer, request: string, reply: RegExp, call: string | undefined])[] = [
    ["ifup by root", ROOT, "tapnet/1 ifup ifname=tn-web1", /^ok web1 in default$/, "ifup tn-web1"],
    ["ifup by the daemon's own user", { ...ALICE, uid: 500 }, "tapnet/1 ifup ifname=tn-web1", /^ok/, "ifup tn-web1"],
    [
      "ifup by another user",
      ALICE,
      "tapnet/1 ifup ifname=tn-web1",
      /^error NOT_ALLOWED user 1000 may not change tn-web1; use helper=/,
      undefined,
    ],
    ["ifdown by root", ROOT, "tapnet/1 ifdown ifname=tn-web1", /^ok web1 left$/, "ifdown tn-web1"],
    ["ifdown by another user", ALICE, "tapnet/1 ifdown ifname=tn-web1", /^error NOT_ALLOWED/, undefined],
    ["a failure", ROOT, "tapnet/1 ifup ifname=tn-full", /^error POOL_FULL network default has no address left$/, "ifup tn-full"],
    ["a mistake of our own", ROOT, "tapnet/1 ifup ifname=tn-bug", /^error INTERNAL a mistake in the program$/, "ifup tn-bug"],
    ["nonsense", ALICE, "hello", /^error BAD_REQUEST/, undefined],
    ["helper on an allowed network", ALICE, "tapnet/1 helper bridge=lan vnet=1", /^ok vm1 in lan$/, "helper lan undefined true"],
    [
      "helper on another network",
      ALICE,
      "tapnet/1 helper bridge=default",
      /^error NOT_ALLOWED user 1000 may not use the network default/,
      undefined,
    ],
    ["helper on no network, by a user", ALICE, "tapnet/1 helper bridge=none", /^error NOT_ALLOWED/, undefined],
    [
      "helper on no network, by root",
      ROOT,
      "tapnet/1 helper bridge=none",
      /^error NOT_FOUND there is no network none/,
      undefined,
    ],
    ["helper with QEMU's own default", ROOT, "tapnet/1 helper bridge=br0 guest=web1", /^ok/, "helper default web1 false"],
  ];
  for (const [name, peer, request, reply, call] of rows) {
    it(`answers ${name}`, async () => {
      const connection = await listener.ask(peer, request);
      assert.equal(connection.sent.length, 1);
      assert.match(connection.sent[0], reply);
      assert.deepEqual(calls, call === undefined ? [] : [call]);
      assert(connection.closed);
      assert.equal(clock.pending.size, 0);
    });
  }

  it("sends the TAP with the answer, and says that it is gone", async () => {
    const connection = await listener.ask(ALICE, "tapnet/1 helper bridge=lan");
    assert.deepEqual(connection.fds, [42]);
    assert.deepEqual(settled, [true]);
  });

  it("gives the TAP back when the hook went away meanwhile", async () => {
    const connection = await listener.ask(ALICE, "tapnet/1 helper bridge=lan guest=slow");
    connection.close();
    release();
    await settle();
    assert.deepEqual([connection.sent, settled], [[], [false]]);
  });

  it("gives the TAP back when it cannot be sent", async () => {
    const connection = await listener.ask(ALICE, "tapnet/1 helper bridge=lan guest=slow");
    connection.broken = true;
    release();
    await settle();
    assert.deepEqual(settled, [false]);
  });

  it("carries an attach to its end though nobody waits for it", async () => {
    const connection = await listener.ask(ROOT, "tapnet/1 ifup ifname=tn-slow");
    connection.close();
    release();
    await settle();
    assert.deepEqual([calls, connection.sent], [["ifup tn-slow"], []]);
  });

  it("closes who says nothing", () => {
    const connection = listener.connect(ALICE);
    clock.fire();
    assert(connection.closed);
    assert.equal(clock.pending.size, 0);
  });

  it("closes who asks twice", async () => {
    const connection = await listener.ask(ROOT, "tapnet/1 ifup ifname=tn-slow");
    listener.handlers.onMessage(connection, new TextEncoder().encode("tapnet/1 ifup ifname=b"));
    assert(connection.closed);
    assert.deepEqual(calls, ["ifup tn-slow"]);
  });

  it("lets one user have 64 open, and others none the less", async () => {
    const open = Array.from({ length: 65 }, () => listener.connect(ALICE));
    assert.match(open[64].sent[0], /^error BUSY/);
    assert(open[64].closed && !open[63].closed);
    assert.match((await listener.ask({ ...ALICE, uid: 1001 }, "hello")).sent[0], /BAD_REQUEST/);
    open[0].close();
    assert.equal(listener.connect(ALICE).closed, false);
  });

  it("closes all when it ends", () => {
    const connection = listener.connect(ALICE);
    server.close();
    assert(listener.closed && connection.closed);
  });
});
