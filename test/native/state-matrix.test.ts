/**
 * Every method of every class of the addon in every state and with every wrong argument: an error with a code, or a harmless
 * result; never an exception of another kind, an abort, or a leaked descriptor.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { before, describe, test } from "node:test";
import { addon } from "../../src/os/addon.js";
import { needs, root } from "../support/needs.js";
import { until } from "../support/wait.js";

type Method = (...values: unknown[]) => unknown;
type Instance = Record<string, Method>;
type Class = (new (...values: unknown[]) => Instance) & { readonly prototype: Instance };

interface Subject {
  readonly name: string;
  readonly construct: readonly unknown[];
  /** For each method, arguments that are right (if not useful). */
  readonly methods: Readonly<Record<string, readonly unknown[]>>;
  /** Methods that may be used after `close`. */
  readonly always: readonly string[];
  readonly needsRoot?: boolean;
}

/** Two rows: 110 bytes of columns, and the slab behind the next 64. */
const datagrams = (): unknown[] => [new Uint8Array(4096), 2];

/** RTM_GETLINK for everything, as a dump asks for it. */
const getLinks = (): Uint8Array => new Uint8Array(Uint32Array.of(32, 18, 0, 0, 0, 0, 0, 0).buffer);
const frameColumns = (): unknown[] => [
  new Uint8Array(4096),
  new Uint32Array(2),
  new Uint32Array(2),
  new Uint32Array(2),
  new Uint8Array(2),
  1,
];

/** Two rows: 26 bytes of columns, 64 with what aligns the slab. */
const portColumns = (): unknown[] => [new Uint8Array(64 + 4096), 0, new Uint8Array(12), 0];

const SUBJECTS: readonly Subject[] = [
  {
    name: "NetlinkSocket",
    construct: [0],
    methods: {
      transact: [getLinks(), 1],
      dump: [getLinks()],
      subscribe: [Uint32Array.of(1), () => {}],
      setReferenced: [false],
      close: [],
    },
    always: ["setReferenced", "close"],
  },
  {
    name: "Tap",
    construct: ["", true, false, false, 0],
    methods: {
      fd: [],
      name: [],
      ifindex: [],
      setPersist: [false],
      setOffloads: [0],
      setOwner: [0],
      setGroup: [0],
      close: [],
    },
    always: ["name", "ifindex", "close"],
    needsRoot: true,
  },
  {
    name: "FrameSocket",
    construct: [],
    methods: {
      add: [0, 1, Uint32Array.of(6, 0xffff), 4096, false],
      setFilter: [0, Uint32Array.of(6, 0xffff)],
      remove: [0],
      receive: frameColumns(),
      down: [],
      removeVanished: [],
      send: [new Uint8Array(60), Uint32Array.of(1), Uint32Array.of(0), Uint32Array.of(60), 1],
      drops: [0],
      counts: [],
      watch: [() => {}],
      setReferenced: [false],
      close: [],
    },
    always: ["down", "removeVanished", "counts", "setReferenced", "close"],
    needsRoot: true,
  },
  {
    name: "PortSocket",
    construct: [],
    methods: {
      addStream: [0, "@tapnet-state-matrix-stream", 0o600],
      addDgram: [0, "@tapnet-state-matrix-dgram", "/nowhere/tapnet-peer", 0o600],
      addPacket: [0, 1, 4096],
      addTap: [0, 0],
      addFeed: [1],
      remove: [0],
      shape: [2, 4096, 2048],
      receive: portColumns(),
      stay: [false],
      send: [new Uint8Array(60), Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0]), 1],
      events: [],
      checkPeers: [],
      counts: [0],
      watch: [() => {}],
      setReferenced: [false],
      close: [],
    },
    always: ["setReferenced", "close"],
  },
  {
    name: "UdpSocket",
    construct: [false, new Uint8Array(16), 0, 0, "", 0],
    methods: {
      port: [],
      send: [...datagrams(), 1],
      serve: [...datagrams(), ...datagrams(), () => 0],
      setReferenced: [false],
      close: [],
    },
    always: ["port", "setReferenced", "close"],
  },
  {
    name: "UnixListener",
    construct: ["@tapnet-state-matrix", 0o600, 1],
    methods: { accept: [{}], watch: [() => {}], unwatch: [], setReferenced: [false], close: [] },
    always: ["unwatch", "setReferenced", "close"],
  },
  {
    name: "UnixConnection",
    construct: [],
    methods: {
      connect: ["@tapnet-nobody"],
      peer: [],
      receive: [new Uint8Array(8), new Int32Array(1)],
      send: [new Uint8Array(8), -1],
      watch: [() => {}],
      unwatch: [],
      setReferenced: [false],
      close: [],
    },
    // Closed and never connected are the same state.
    always: ["connect", "unwatch", "setReferenced", "close"],
  },
  {
    name: "CaptureSocket",
    construct: [-1, 1, 65_536],
    methods: {
      fd: [],
      setFilter: [Uint32Array.of(6, 0xffff)],
      receive: [
        new Uint8Array(4096),
        new Uint32Array(2),
        new Uint32Array(2),
        new Uint32Array(2),
        new Uint8Array(2),
        new Uint32Array(2),
        new Uint32Array(2),
      ],
      counts: [],
      vanished: [],
      fed: [],
      watch: [() => {}],
      setReferenced: [false],
      close: [],
    },
    always: ["setReferenced", "close"],
    needsRoot: true,
  },
];

const FUNCTIONS: Readonly<Record<string, readonly unknown[]>> = {
  setErrorFactories: [() => new Error("unused"), () => new Error("unused")],
  transactLater: [0, getLinks(), 1],
  dumpLater: [0, getLinks()],
  closeTapsLater: [[]],
  interfaceIndex: ["lo"],
  peerCredentials: [0],
  sendUnixDatagram: ["@tapnet-nobody", new Uint8Array(1)],
  enterNetworkNamespace: [0],
  unshareNetworkNamespace: [],
  setScheduling: [0, 100_000],
};

/** Values that no argument is meant to take, and some that only look right. */
function zoo(): unknown[] {
  const detached = new Uint8Array(64);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const hostile = {
    get length(): number {
      throw new RangeError("a getter that throws");
    },
  };
  return [
    undefined,
    null,
    true,
    Number.NaN,
    -1,
    0.5,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    Number.POSITIVE_INFINITY,
    10n,
    "",
    "a\0b",
    "x".repeat(100_000),
    Symbol("zoo"),
    [],
    [{}],
    {},
    hostile,
    new Proxy([], {}),
    () => {},
    new Uint8Array(0),
    new Uint8Array(1),
    new Uint8Array(new SharedArrayBuffer(8)),
    new Uint32Array(0),
    new Float64Array(4),
    new DataView(new ArrayBuffer(8)),
    new ArrayBuffer(8),
    detached,
  ];
}

const native = (): Record<string, unknown> => addon() as unknown as Record<string, unknown>;
const classOf = (subject: Subject): Class => native()[subject.name] as Class;
const make = (subject: Subject): Instance => new (classOf(subject))(...subject.construct);

/** Passes if the call returns, or throws an error that carries a code. */
async function survives(what: string, call: () => unknown): Promise<void> {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof Error, `${what}: threw ${String(error)}`);
    assert.equal(typeof (error as { code?: unknown }).code, "string", `${what}: ${error.stack}`);
  }
}

/** Replaces one argument at a time by each animal. */
async function tryZoo(what: string, good: readonly unknown[], call: (values: unknown[]) => unknown): Promise<void> {
  for (let index = 0; index < good.length; index++) {
    for (const animal of zoo()) {
      const values = good.with(index, animal);
      await survives(`${what}, argument ${index} is ${typeof animal}`, () => call(values));
    }
  }
  await survives(`${what} without arguments`, () => call([]));
}

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

const isRoot = root() === undefined;

before(() => {
  if (isRoot) addon().unshareNetworkNamespace();
});

test("the matrix knows every class, method and function of the addon", () => {
  const classes = SUBJECTS.map(({ name }) => name);
  assert.deepEqual(Object.keys(native()).sort(), [...classes, ...Object.keys(FUNCTIONS)].sort());
  for (const subject of SUBJECTS) {
    const methods = Object.getOwnPropertyNames(classOf(subject).prototype).filter((name) => name !== "constructor");
    assert.deepEqual(methods.sort(), Object.keys(subject.methods).sort(), subject.name);
  }
});

for (const subject of SUBJECTS) {
  describe(subject.name, subject.needsRoot === true ? needs(root) : {}, () => {
    const { methods, always } = subject;

    test("fresh: every method", async () => {
      for (const [name, values] of Object.entries(methods)) {
        const instance = make(subject);
        await survives(name, () => instance[name](...values));
        instance["close"]();
      }
    });

    test("closed: CLOSED, and nothing else", () => {
      const instance = make(subject);
      for (let again = 0; again < 2; again++) {
        instance["close"]();
        for (const [name, values] of Object.entries(methods)) {
          if (always.includes(name)) continue;
          assert.throws(() => instance[name](...values), { name: "TapnetError", code: "CLOSED" }, name);
        }
      }
      for (const name of always.filter((method) => method !== "connect")) instance[name](...methods[name]);
    });

    test("wrong arguments: a coded error", async () => {
      for (const [name, values] of Object.entries(methods)) {
        const instance = make(subject);
        await tryZoo(name, values, (wrong) => instance[name](...wrong));
        instance["close"]();
      }
      await tryZoo("constructor", subject.construct, (wrong) => new (classOf(subject))(...wrong)["close"]());
    });

    // A connection can be watched only once it has a peer: that is for the tests of unix-socket.
    if (methods["watch"] !== undefined && subject.name !== "UnixConnection") {
      test("watched twice, and closed while watched", () => {
        const instance = make(subject);
        instance["watch"](() => {});
        assert.throws(() => instance["watch"](() => {}), { code: "INVALID_STATE" });
        instance["close"]();
        assert.throws(() => instance["watch"](() => {}), { code: "CLOSED" });
      });
    }

    test("another receiver, or no `new`: TypeError", () => {
      const instance = make(subject);
      for (const name of Object.keys(methods)) {
        for (const receiver of [undefined, null, {}, Object.create(instance), [], 1]) {
          assert.throws(() => instance[name].call(receiver as never), TypeError, name);
        }
      }
      instance["close"]();
      assert.throws(() => (classOf(subject) as unknown as Method)(...subject.construct), TypeError);
    });

    test("no descriptor is left", async () => {
      const openBefore = openDescriptors();
      for (let round = 0; round < 20; round++) make(subject)["close"]();
      // Packet sockets are closed in the background.
      await until("the descriptors to be closed", () => openDescriptors() <= openBefore);
    });
  });
}

describe("functions", () => {
  // What has an effect when called rightly is called wrongly only.
  const unsafe = new Set(["setErrorFactories", "unshareNetworkNamespace"]);

  test("wrong arguments: a coded error", async () => {
    for (const [name, values] of Object.entries(FUNCTIONS)) {
      if (unsafe.has(name)) continue;
      await tryZoo(name, values, (wrong) => (native()[name] as Method)(...wrong));
    }
  });

  test("objects of other classes are not taken for TAPs or connections", () => {
    const socket = make(SUBJECTS[0]);
    const listener = make(SUBJECTS[SUBJECTS.findIndex(({ name }) => name === "UnixListener")]);
    const closeTaps = native()["closeTapsLater"] as Method;
    assert.throws(() => closeTaps([socket]), { code: "INVALID_ARGUMENT" });
    assert.throws(() => listener["accept"](socket), { code: "INVALID_ARGUMENT" });
    socket["close"]();
    listener["close"]();
  });
});
