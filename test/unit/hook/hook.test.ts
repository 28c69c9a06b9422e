import assert from "node:assert/strict";
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { chmodSync, closeSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type HookRequest, hookSocket, parseHookRequest } from "../../../src/control/index.js";
import { UnixListener, type UnixRequest } from "../../../src/os/unix-socket.js";
import { needs, root } from "../../support/needs.js";
import { hook } from "../../support/paths.js";
import { pause } from "../../support/wait.js";

const NOBODY = 65_534;
/** Exit codes of native/hook/hook.h. */
const EXIT = { done: 0, failed: 1, usage: 2, absent: 3, refused: 4, tooSlow: 5, protocol: 6 } as const;

const built = needs(() => (existsSync(hook("qemu-ifup")) ? undefined : "needs the hooks: npm run build:native"));

const noMachineDaemon = needs(() => (existsSync("/run/tapnet") ? "needs a machine where root's tapnetd has not run" : undefined));

interface Ran {
  readonly exitCode: number | null;
  readonly out: string;
  readonly error: string;
  readonly elapsedMs: number;
  /** What came over descriptor 3, where the program had one. */
  readonly passed: Buffer;
}

async function run(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; socket?: boolean; uid?: number } = {},
): Promise<Ran> {
  const stdio: StdioOptions = ["ignore", "pipe", "pipe", ...(options.socket === true ? (["pipe"] as const) : [])];
  const user = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
  const began = performance.now();
  const child: ChildProcess = spawn(program, args, { stdio, env: options.env ?? {}, ...user });
  const output = { out: "", error: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output.out += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output.error += text));
  const passed: Buffer[] = [];
  (child.stdio[3] as Socket | undefined)?.on("data", (bytes: Buffer) => passed.push(bytes));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { exitCode, ...output, elapsedMs: performance.now() - began, passed: Buffer.concat(passed) };
}

/** Runs a hook while only the daemon's folder is there, `tapnet` in the folder that `env` is made of; a daemon comes later, and says ok. */
async function runBeforeDaemon(program: string, afterMs: number, env: (folder: string) => NodeJS.ProcessEnv): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), "tapnet-hook-"));
  mkdirSync(join(folder, "tapnet"));
  const running = run(hook(program), ["tn-web1"], { env: env(folder) });
  await pause(afterMs);
  const listener = new UnixListener({ path: hookSocket(join(folder, "tapnet")) }, (request) => request.reply("ok"));
  const ran = await running;
  listener.close();
  rmSync(folder, { recursive: true });
  return ran;
}

/** A daemon that does what the test says, at a run folder of its own. */
class FakeDaemon {
  readonly folder = mkdtempSync(join(tmpdir(), "tapnet-hook-"));
  readonly requests: (HookRequest | { readonly problem: string })[] = [];
  readonly #listener: UnixListener;

  constructor(answer: (request: UnixRequest) => void, mode = 0o666) {
    chmodSync(this.folder, 0o755);
    this.#listener = new UnixListener({ path: hookSocket(this.folder), mode }, (request) => {
      this.requests.push(parseHookRequest(request.message));
      answer(request);
    });
  }

  /** Ends it; the folder stays for who looks at it afterwards. */
  stop(): void {
    this.#listener.close();
  }

  dispose(): void {
    this.stop();
    rmSync(this.folder, { recursive: true });
  }
}

async function withDaemon<Value>(
  answer: (request: UnixRequest) => void,
  use: (daemon: FakeDaemon) => Promise<Value>,
): Promise<Value> {
  const daemon = new FakeDaemon(answer);
  try {
    return await use(daemon);
  } finally {
    daemon.dispose();
  }
}

describe("qemu-ifup and qemu-ifdown", { ...built, concurrency: true }, () => {
  for (const [program, verb] of [
    ["qemu-ifup", "ifup"],
    ["qemu-ifdown", "ifdown"],
  ] as const) {
    it(`${program} asks, and ends well when the daemon says ok`, async () => {
      await withDaemon(
        (request) => request.reply("ok web1 in default"),
        async (daemon) => {
          const ran = await run(hook(program), ["tn-web1"], { env: { TAPNET_RUN: daemon.folder } });
          assert.deepEqual([ran.exitCode, ran.out, ran.error], [EXIT.done, "", ""]);
          assert.deepEqual(daemon.requests, [{ verb, ifname: "tn-web1" }]);
        },
      );
    });
  }

  it("encodes what is not plain in an interface's name", async () => {
    await withDaemon(
      (request) => request.reply("ok"),
      async (daemon) => {
        assert.equal((await run(hook("qemu-ifup"), [`--run=${daemon.folder}`, "a=b %ü"])).exitCode, EXIT.done);
        assert.deepEqual(daemon.requests, [{ verb: "ifup", ifname: "a=b %ü" }]);
      },
    );
  });

  const answers: readonly (readonly [name: string, answer: (request: UnixRequest) => void, exitCode: number, error: RegExp])[] = [
    [
      "fails",
      (request) => request.reply("error POOL_FULL network default has no address left"),
      EXIT.failed,
      /^qemu-ifup: tn-web1: network default has no address left\n$/,
    ],
    [
      "refuses",
      (request) => request.reply("error NOT_ALLOWED user 7 may not"),
      EXIT.refused,
      /^qemu-ifup: tn-web1: user 7 may not\n$/,
    ],
    [
      "answers with control characters",
      (request) => request.reply("error X a\u001b[2Jb\u0007"),
      EXIT.failed,
      /^qemu-ifup: tn-web1: a\?\[2Jb\?\n$/,
    ],
    [
      "closes early",
      (request) => request.close(),
      EXIT.protocol,
      /closed the connection without an answer; are the daemon and this program of one version\?/,
    ],
    ["answers with garbage", (request) => request.reply("hello"), EXIT.protocol, /gave an answer that is not understood/],
    ["answers with an error without message", (request) => request.reply("error X"), EXIT.protocol, /not understood/],
    ["answers with half a word", (request) => request.reply("o"), EXIT.protocol, /not understood/],
    ["answers with zero bytes", (request) => request.reply(Uint8Array.of(0x6f, 0x6b, 0)), EXIT.protocol, /zero bytes in it/],
    [
      "answers at too great length",
      (request) => request.reply("ok ".padEnd(5000, "x")),
      EXIT.protocol,
      /an answer that is too long/,
    ],
  ];
  for (const [name, answer, exitCode, error] of answers) {
    it(`ends with ${exitCode} when the daemon ${name}`, async () => {
      const ran = await withDaemon(answer, (daemon) =>
        run(hook("qemu-ifup"), ["tn-web1"], { env: { TAPNET_RUN: daemon.folder } }),
      );
      assert.match(ran.error, error);
      assert.equal(ran.exitCode, exitCode);
    });
  }

  it("waits five seconds for a daemon that is silent, not longer", async () => {
    const ran = await withDaemon(
      () => undefined,
      (daemon) => run(hook("qemu-ifup"), ["tn-web1"], { env: { TAPNET_RUN: daemon.folder } }),
    );
    assert.equal(ran.exitCode, EXIT.tooSlow);
    assert.match(ran.error, /^qemu-ifup: tapnetd at .*hook\.sock did not answer within 5 s; .*journalctl -u tapnetd\n$/);
    assert(ran.elapsedMs > 4_900 && ran.elapsedMs < 8_000, `${ran.elapsedMs} ms`);
  });

  it("says that no daemon runs, and what to do", async () => {
    const ran = await run(hook("qemu-ifup"), ["tn-web1"], { env: { TAPNET_RUN: "/nonexistent" } });
    assert.equal(ran.exitCode, EXIT.absent);
    const expected =
      "qemu-ifup: cannot reach tapnetd at /nonexistent/hook.sock: No such file or directory; is it running? (systemctl start tapnetd)\n";
    assert.equal(ran.error, expected);
  });

  it("says the same of a socket that a dead daemon left", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tapnet-hook-"));
    const script = `require("node:net").createServer().listen(${JSON.stringify(hookSocket(folder))}, () => process.kill(process.pid, "SIGKILL"))`;
    await run(process.execPath, ["-e", script]);
    const ran = await run(hook("qemu-ifup"), ["tn-web1"], { env: { TAPNET_RUN: folder } });
    rmSync(folder, { recursive: true });
    assert.equal(ran.exitCode, EXIT.absent);
    assert.match(ran.error, /is it running\?/);
  });

  it("waits for a daemon that is just being started again", async () => {
    const ran = await runBeforeDaemon("qemu-ifup", 300, (folder) => ({ TAPNET_RUN: join(folder, "tapnet") }));
    assert.deepEqual([ran.exitCode, ran.error], [EXIT.done, ""]);
  });

  it("waits for a user's own, too", noMachineDaemon, async () => {
    const ran = await runBeforeDaemon("qemu-ifup", 300, (folder) => ({ XDG_RUNTIME_DIR: folder }));
    assert.deepEqual([ran.exitCode, ran.error], [EXIT.done, ""]);
  });

  it("does not wait where something ends: qemu-ifdown", async () => {
    const ran = await runBeforeDaemon("qemu-ifdown", 1000, (folder) => ({ TAPNET_RUN: join(folder, "tapnet") }));
    assert.equal(ran.exitCode, EXIT.absent);
    assert.match(ran.error, /is it running\?/);
  });

  it("calls itself by the name that it was installed as", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tapnet-hook-"));
    copyFileSync(hook("qemu-ifup"), join(folder, "my-ifup"));
    const ran = await run(join(folder, "my-ifup"), ["tn-web1"], { env: { TAPNET_RUN: "/nonexistent" } });
    rmSync(folder, { recursive: true });
    assert.match(ran.error, /^my-ifup: cannot reach tapnetd/);
  });

  it("has /run/tapnet for a default", async () => {
    if (existsSync("/run/tapnet/hook.sock")) return;
    assert.match((await run(hook("qemu-ifup"), ["tn-web1"], { env: { TAPNET_RUN: "" } })).error, /at \/run\/tapnet\/hook\.sock:/);
  });

  const usages: readonly (readonly [name: string, args: readonly string[], error: RegExp])[] = [
    ["nothing", [], /^Usage: qemu-ifup \[--run=DIR\] IFNAME/],
    ["an empty name", [""], /^Usage:/],
    ["two names", ["a", "b"], /^Usage:/],
    ["an unknown option", ["--verbose", "a"], /^Usage:/],
    ["a name of 16", ["abcdefghijklmnop"], /an interface name has 15 characters at most/],
    ["a folder that is too long", [`--run=/${"a".repeat(100)}`, "a"], /is too long for a socket's path/],
  ];
  for (const [name, args, error] of usages) {
    it(`explains itself when given ${name}`, async () => {
      const ran = await run(hook("qemu-ifup"), args);
      assert.equal(ran.exitCode, EXIT.usage);
      assert.match(ran.error, error);
    });
  }
});

describe("qemu-helper", { ...built, concurrency: true }, () => {
  let fd = -1;
  before(() => {
    fd = openSync("/dev/null", "r");
  });
  after(() => closeSync(fd));

  it("gets a descriptor from the daemon and sends one byte on", async () => {
    await withDaemon(
      (request) => request.reply("ok vm1 in lan", fd),
      async (daemon) => {
        const ran = await run(hook("qemu-helper"), ["--use-vnet", "--fd=3", "--br=lan"], {
          env: { TAPNET_RUN: daemon.folder },
          socket: true,
        });
        assert.deepEqual([ran.exitCode, ran.error, [...ran.passed]], [EXIT.done, "", [0]]);
        assert.deepEqual(daemon.requests, [{ verb: "helper", bridge: "lan", guest: undefined, vnet: true }]);
      },
    );
  });

  it("takes its arguments in any order, and a guest's name", async () => {
    await withDaemon(
      (request) => request.reply("ok", fd),
      async (daemon) => {
        const ran = await run(hook("qemu-helper"), ["--guest=web1", "--br=lan", `--run=${daemon.folder}`, "--fd=3"], {
          socket: true,
        });
        assert.equal(ran.exitCode, EXIT.done, ran.error);
        assert.deepEqual(daemon.requests, [{ verb: "helper", bridge: "lan", guest: "web1", vnet: false }]);
      },
    );
  });

  it("passes nothing on when the daemon refuses", async () => {
    const ran = await withDaemon(
      (request) => request.reply("error NOT_ALLOWED user 7 may not use the network lan"),
      (daemon) => run(hook("qemu-helper"), ["--fd=3", "--br=lan"], { env: { TAPNET_RUN: daemon.folder }, socket: true }),
    );
    assert.deepEqual([ran.exitCode, ran.passed.length], [EXIT.refused, 0]);
    assert.equal(ran.error, "qemu-helper: lan: user 7 may not use the network lan\n");
  });

  it("does not call an answer without a descriptor good", async () => {
    const ran = await withDaemon(
      (request) => request.reply("ok vm1 in lan"),
      (daemon) => run(hook("qemu-helper"), ["--fd=3", "--br=lan"], { env: { TAPNET_RUN: daemon.folder }, socket: true }),
    );
    assert.deepEqual([ran.exitCode, ran.passed.length], [EXIT.protocol, 0]);
    assert.match(ran.error, /its TAP did not come along/);
  });

  const usages: readonly (readonly [name: string, args: readonly string[], error: RegExp])[] = [
    ["nothing", [], /^Usage: qemu-helper --fd=N --br=NETWORK/],
    ["no bridge", ["--fd=3"], /^Usage:/],
    ["no descriptor", ["--br=lan"], /^Usage:/],
    ["a descriptor in words", ["--br=lan", "--fd=three"], /^Usage:/],
    ["a negative descriptor", ["--br=lan", "--fd=-1"], /^Usage:/],
    ["a descriptor that is none", ["--br=lan", "--fd=77"], /--fd=77 is no socket: Bad file descriptor/],
    ["a descriptor that is no socket", ["--br=lan", "--fd=0"], /--fd=0 is no socket/],
    ["a network whose name is a book", [`--br=${"x".repeat(2000)}`, "--fd=3"], /the arguments are too long/],
  ];
  for (const [name, args, error] of usages) {
    it(`explains itself when given ${name}`, async () => {
      const ran = await run(hook("qemu-helper"), args, { socket: true });
      assert.equal(ran.exitCode, EXIT.usage);
      assert.match(ran.error, error);
    });
  }
});

describe(
  "a hook of another user",
  needs(root, () => built.skip),
  () => {
    it("says that it may not when the socket is closed to it", async () => {
      const daemon = new FakeDaemon((request) => request.reply("ok"), 0o600);
      const program = join(daemon.folder, "qemu-ifup");
      copyFileSync(hook("qemu-ifup"), program);
      const ran = await run(program, ["tn-web1"], { env: { TAPNET_RUN: daemon.folder }, uid: NOBODY });
      daemon.dispose();
      assert.equal(ran.exitCode, EXIT.refused);
      assert.match(ran.error, /^qemu-ifup: may not open .*hook\.sock: Permission denied/);
    });

    it("is known to the daemon by its user", async () => {
      let uid = -1;
      await withDaemon(
        (request) => {
          uid = request.peer.uid;
          request.reply("ok");
        },
        async (daemon) => {
          const program = join(daemon.folder, "qemu-ifup");
          copyFileSync(hook("qemu-ifup"), program);
          assert.equal(
            (await run(program, ["tn-web1"], { env: { TAPNET_RUN: daemon.folder }, uid: NOBODY })).exitCode,
            EXIT.done,
          );
        },
      );
      assert.equal(uid, NOBODY);
    });
  },
);
