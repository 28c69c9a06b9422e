import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { TapnetError } from "../../../src/base/errors.js";
import { silentLogger } from "../../../src/base/log.js";
import { AccessList, type HookApi, type HookCall, type HookListener, HookServer, type Peer } from "../../../src/control/index.js";

const ROOT: Peer = { pid: 1, uid: 0, gid: 0, groups: [] };
const ALICE: Peer = { pid: 2, uid: 1000, gid: 1000, groups: [104] };

class FakeCall implements HookCall {
  readonly message: Uint8Array;
  readonly peer: Peer;
  readonly sent: string[] = [];
  readonly descriptors: (number | undefined)[] = [];
  gone = false;

  constructor(peer: Peer, text: string) {
    this.peer = peer;
    this.message = new TextEncoder().encode(text);
  }
  reply(message: Uint8Array, descriptor?: number): boolean {
    if (this.gone) return false;
    this.gone = true;
    this.sent.push(new TextDecoder().decode(message));
    this.descriptors.push(descriptor);
    return true;
  }
}

class FakeListener implements HookListener {
  onCall!: (call: HookCall) => void;
  closed = false;

  start(onCall: (call: HookCall) => void): void {
    this.onCall = onCall;
  }
  close(): void {
    this.closed = true;
  }
  async ask(peer: Peer, text: string): Promise<FakeCall> {
    const call = new FakeCall(peer, text);
    this.onCall(call);
    await settle();
    return call;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe("the hook server", () => {
  let listener: FakeListener;
  let calls: string[];
  let settled: boolean[];
  let release: () => void;
  let server: HookServer;

  const api: HookApi = {
    networkNamed(name) {
      if (name === "br-lan") return { name: "lan", bridge: "br-lan" };
      return name === "default" || name === "lan" ? { name, bridge: undefined } : undefined;
    },
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
    async capture(ifname) {
      calls.push(`capture ${ifname}`);
      return { fd: 43, text: "web1 in default", settled: (sent) => settled.push(sent) };
    },
    async helper(request) {
      calls.push(`helper ${request.network} ${request.guest} ${request.vnet}`);
      if (request.guest === "alices" && !request.mayBe(["1000"]))
        throw new TapnetError("NOT_ALLOWED", "guest alices belongs to alice");
      if (request.guest === "slow") await new Promise<void>((resolve) => (release = resolve));
      return { fd: 42, text: "vm1 in lan", settled: (sent) => settled.push(sent) };
    },
  };

  beforeEach(() => {
    listener = new FakeListener();
    calls = [];
    settled = [];
    const access = new AccessList([{ account: { kind: "user", name: "1000" }, networks: ["lan"] }], {
      userId: Number,
      groupId: Number,
    });
    server = new HookServer({
      listener,
      api,
      access: () => access,
      bridgeConf: () => "/nonexistent",
      uid: 500,
      log: silentLogger,
    });
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
    ["capture by root", ROOT, "tapnet/1 capture ifname=tn-web1", /^ok web1 in default$/, "capture tn-web1"],
    [
      "capture by another user",
      ALICE,
      "tapnet/1 capture ifname=tn-web1",
      /^error NOT_ALLOWED user 1000 may not capture/,
      undefined,
    ],
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
    ["helper on a bridge by its name", ALICE, "tapnet/1 helper bridge=br-lan", /^ok vm1 in lan$/, "helper lan undefined false"],
    ["helper for her own guest", ALICE, "tapnet/1 helper bridge=lan guest=alices", /^ok/, "helper lan alices false"],
    ["helper with QEMU's own default", ROOT, "tapnet/1 helper bridge=br0 guest=web1", /^ok/, "helper default web1 false"],
  ];
  for (const [name, peer, request, reply, asked] of rows) {
    it(`answers ${name}`, async () => {
      const call = await listener.ask(peer, request);
      assert.equal(call.sent.length, 1);
      assert.match(call.sent[0], reply);
      assert.deepEqual(calls, asked === undefined ? [] : [asked]);
    });
  }

  it("sends the TAP with the answer, and says that it is gone", async () => {
    const call = await listener.ask(ALICE, "tapnet/1 helper bridge=lan");
    assert.deepEqual(call.descriptors, [42]);
    assert.deepEqual(settled, [true]);
  });

  it("gives the TAP back when the hook went away meanwhile", async () => {
    const call = await listener.ask(ALICE, "tapnet/1 helper bridge=lan guest=slow");
    call.gone = true;
    release();
    await settle();
    assert.deepEqual([call.sent, settled], [[], [false]]);
  });

  it("carries an attach to its end though nobody waits for it", async () => {
    const call = await listener.ask(ROOT, "tapnet/1 ifup ifname=tn-slow");
    call.gone = true;
    release();
    await settle();
    assert.deepEqual([calls, call.sent], [["ifup tn-slow"], []]);
  });

  it("lets nobody in when it ends", () => {
    server.close();
    assert(listener.closed);
  });
});
