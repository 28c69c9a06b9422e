import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { addon } from "../../../src/os/addon.js";
import type { NativeUnixConnection } from "../../../src/os/native.js";
import {
  peerCredentials,
  socketPeer,
  UnixListener,
  type UnixListenerOptions,
  type UnixRequest,
  unixRequest,
} from "../../../src/os/unix-socket.js";
import { ManualClock } from "../../support/manual-clock.js";
import { command, needs, root } from "../../support/needs.js";
import { RunningProcess } from "../../support/process.js";
import { until } from "../../support/wait.js";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "tnt-unix-"));
  chmodSync(path, 0o755);
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The system's own: other users may not be allowed to run what is first on our path. */
const PYTHON = "/usr/bin/python3";

/** Python programs that get the path: one asks and prints the answer, one opens ten connections, one listens and dies. */
const CLIENT = `
import socket, sys, time
def connect():
  s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
  s.connect(sys.argv[1])
  return s
`;
const ASK = `${CLIENT}
s = connect()
s.send(b"x")
print(s.recv(9))
`;
const FLOOD = `${CLIENT}
connections = [connect() for n in range(10)]
print("flooded", flush=True)
time.sleep(9)
`;
const DIE = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(sys.argv[1])
s.listen()
`;

type Options = Partial<UnixListenerOptions>;

function listen(t: TestContext, onRequest: (request: UnixRequest) => void, options: Options = {}): UnixListener {
  const listener = new UnixListener({ path: join(folder(t), "hook.sock"), ...options }, onRequest);
  t.after(() => listener.close());
  return listener;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const echo = (request: UnixRequest): boolean => request.reply(`ok ${text(request.message)}`);

function connect(t: TestContext, path: string): NativeUnixConnection {
  const connection = new (addon().UnixConnection)();
  connection.connect(path);
  t.after(() => connection.close());
  return connection;
}

/** What a connection got: its message, or how it ended. */
function read(connection: NativeUnixConnection): string | undefined {
  const buffer = new Uint8Array(1000);
  const length = connection.receive(buffer, new Int32Array(0));
  if (length < 0) return undefined;
  return length === 0 ? "end" : text(buffer.subarray(0, length));
}

describe("a request", () => {
  test("is answered, and the kernel vouches for who asked", async (t) => {
    let asked: UnixRequest | undefined;
    const listener = listen(t, (request) => {
      asked = request;
      echo(request);
    });
    const { message, descriptors } = await unixRequest(listener.path, "tapnet/1 ifup ifname=tn-web1");
    assert.equal(text(message), "ok tapnet/1 ifup ifname=tn-web1");
    assert.deepEqual(descriptors, []);
    const groups = process.getgroups?.() ?? [];
    assert.deepEqual(
      { ...asked?.peer, groups: groups },
      { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.(), groups: groups },
    );
    assert.equal(listener.connections, 0);
    assert.equal(asked?.reply("again"), false);
  });

  test("may be answered with a descriptor, of which the client gets its own", async (t) => {
    const path = join(folder(t), "file");
    writeFileSync(path, "the TAP");
    const listener = listen(t, (request) => {
      const descriptor = openSync(path, "r");
      request.reply("ok", descriptor);
      closeSync(descriptor);
    });
    const { descriptors } = await unixRequest(listener.path, "helper");
    assert.equal(readFileSync(descriptors[0], "utf8"), "the TAP");
    closeSync(descriptors[0]);
    assert.equal(descriptors.length, 1);
  });

  test("may be answered later, by one of many", async (t) => {
    const waiting: UnixRequest[] = [];
    const listener = listen(t, (request) => waiting.push(request));
    const answers = Promise.all(
      Array.from({ length: 20 }, async (_, index) => text((await unixRequest(listener.path, `${index}`)).message)),
    );
    await until("all requests", () => waiting.length === 20);
    for (const request of waiting.reverse()) echo(request);
    assert.deepEqual(
      await answers,
      Array.from({ length: 20 }, (_, index) => `ok ${index}`),
    );
  });

  test(
    "by another user is known by that user's ids and groups",
    needs(root, command("setpriv", "util-linux"), command(PYTHON, "python3")),
    async (t) => {
      let asked: UnixRequest | undefined;
      const listener = listen(
        t,
        (request) => {
          asked = request;
          request.reply("ok");
        },
        { mode: 0o666 },
      );
      const client = new RunningProcess([
        "setpriv",
        "--reuid=65534",
        "--regid=65533",
        "--groups=4,27",
        PYTHON,
        "-c",
        ASK,
        listener.path,
      ]);
      t.after(() => client.stop());
      await client.waitFor(/b'ok'/);
      assert.deepEqual({ ...asked?.peer, pid: client.pid }, { pid: client.pid, uid: 65534, gid: 65533, groups: [4, 27] });
    },
  );

  test("fails clearly when nobody listens, nobody answers, or it is refused", async (t) => {
    const path = join(folder(t), "none");
    await assert.rejects(unixRequest(path, "x"), { name: "SystemError", code: "ENOENT", object: path });
    const silent = listen(t, () => {});
    await assert.rejects(unixRequest(silent.path, "x", 50), { code: "ETIMEDOUT" });
    const rude = listen(t, (request) => request.close());
    await assert.rejects(unixRequest(rude.path, "x"), { code: "ECONNRESET" });
  });
});

describe("a client that misbehaves", () => {
  test("and says nothing is dropped", async (t) => {
    const clock = new ManualClock();
    const listener = listen(t, echo, { clock, idleTimeoutMs: 2000 });
    const client = connect(t, listener.path);
    await until("the connection", () => listener.connections === 1);
    clock.advance(1999);
    assert.equal(read(client), undefined);
    clock.advance(1);
    assert.equal(read(client), "end");
    assert.equal(listener.connections, 0);
  });

  test("and says too much is dropped, and nobody is asked", async (t) => {
    const listener = listen(t, () => assert.fail("a request"), { messageBytesMax: 100 });
    await assert.rejects(unixRequest(listener.path, "x".repeat(101)), { code: "ECONNRESET" });
  });

  test("and leaves before the answer harms nobody", async (t) => {
    let asked: UnixRequest | undefined;
    const listener = listen(t, (request) => {
      asked = request;
    });
    const client = connect(t, listener.path);
    client.send(Buffer.from("x"), -1);
    await until("the request", () => asked !== undefined);
    client.close();
    assert.equal(asked?.reply("ok"), false);
    assert.equal(listener.connections, 0);
  });

  test("and sends a second message has it ignored, and the connection reset by the kernel", async (t) => {
    const asked: string[] = [];
    const listener = listen(t, (request) => {
      asked.push(text(request.message));
      setTimeout(() => request.reply("ok"), 30);
    });
    const client = connect(t, listener.path);
    client.send(Buffer.from("one"), -1);
    client.send(Buffer.from("two"), -1);
    await until("the end", () => listener.connections === 0 && asked.length > 0);
    assert.throws(() => read(client), { code: "ECONNRESET" });
    assert.deepEqual(asked, ["one"]);
  });

  test("and passes descriptors has them closed", async (t) => {
    const listener = listen(t, echo);
    const client = connect(t, listener.path);
    const open = readdirSync("/proc/self/fd").length;
    client.send(Buffer.from("x"), 0);
    await until("the answer", () => read(client) === "ok x");
    assert.equal(listener.connections, 0);
    assert.equal(readdirSync("/proc/self/fd").length, open);
  });

  test("gets no answer in time: the connection ends", async (t) => {
    const clock = new ManualClock();
    let asked: UnixRequest | undefined;
    const listener = listen(
      t,
      (request) => {
        asked = request;
      },
      { clock, replyTimeoutMs: 30_000 },
    );
    const client = connect(t, listener.path);
    client.send(Buffer.from("x"), -1);
    await until("the request", () => asked !== undefined);
    clock.advance(30_000);
    assert.equal(read(client), "end");
    assert.equal(asked?.reply("ok"), false);
  });

  test(
    "of a user with too many connections is dropped; root is not",
    needs(root, command("setpriv", "util-linux"), command(PYTHON, "python3")),
    async (t) => {
      const listener = listen(t, echo, { mode: 0o666, connectionsPerUserMax: 3 });
      const client = new RunningProcess(["setpriv", "--reuid=65534", "--clear-groups", PYTHON, "-c", FLOOD, listener.path]);
      t.after(() => client.stop());
      await client.waitFor(/flooded/);
      await until("three of them", () => listener.connections === 3);
      assert.equal(text((await unixRequest(listener.path, "root")).message), "ok root");
      assert.equal(listener.connections, 3);
    },
  );
});

describe("the listener", () => {
  test("takes no more connections than allowed at a time; the others wait", async (t) => {
    const waiting: UnixRequest[] = [];
    const listener = listen(t, (request) => waiting.push(request), { connectionsMax: 2 });
    const first = [unixRequest(listener.path, "1"), unixRequest(listener.path, "2")];
    await until("two requests", () => waiting.length === 2);
    const third = unixRequest(listener.path, "3");
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(waiting.length, 2);
    assert.ok(waiting[0].reply("ok"));
    await until("the third", () => waiting.length === 3);
    for (const request of waiting) request.reply("ok");
    await Promise.all([...first, third]);
  });

  test("gives its file the mode that was asked for, whatever the umask", (t) => {
    const umask = process.umask(0o077);
    t.after(() => process.umask(umask));
    assert.equal(statSync(listen(t, echo, { mode: 0o660 }).path).mode & 0o777, 0o660);
    assert.equal(statSync(listen(t, echo).path).mode & 0o777, 0o600);
  });

  test("takes the place of one that died, and not of one that lives", needs(command(PYTHON, "python3")), (t) => {
    const path = join(folder(t), "hook.sock");
    execFileSync(PYTHON, ["-c", DIE, path]);
    assert.ok(existsSync(path));
    const listener = listen(t, echo, { path });
    assert.throws(() => new UnixListener({ path }, echo), { name: "SystemError", code: "EADDRINUSE", object: path });
    listener.close();
    assert.ok(!existsSync(path));
    writeFileSync(path, "a file of somebody");
    assert.throws(() => new UnixListener({ path }, echo), { code: "EADDRINUSE" });
    assert.equal(readFileSync(path, "utf8"), "a file of somebody");
  });

  test("does not remove the file of its successor", (t) => {
    const path = join(folder(t), "hook.sock");
    const first = listen(t, echo, { path });
    rmSync(path);
    const second = listen(t, echo, { path });
    first.close();
    assert.ok(existsSync(path));
    second.close();
  });

  test("refuses a path that is too long, and serves an abstract name", async (t) => {
    assert.throws(() => new UnixListener({ path: `/${"x".repeat(107)}` }, echo), {
      code: "INVALID_ARGUMENT",
      message: /107 bytes/,
    });
    const listener = listen(t, echo, { path: `@tapnet-test-${process.pid}` });
    assert.equal(text((await unixRequest(listener.path, "x")).message), "ok x");
  });

  test("ends its connections when it closes, also from inside a request", async (t) => {
    const listener: UnixListener = listen(t, () => {
      listener.close();
      listener.close();
    });
    await assert.rejects(unixRequest(listener.path, "x"), { code: "ECONNRESET" });
    assert.equal(listener.connections, 0);
  });
});

test("the peer of one of Node's own unix sockets", async (t) => {
  const path = join(folder(t), "control.sock");
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket)).listen(path);
  t.after(() => server.close());
  const client = createConnection(path);
  await until("the connection", () => accepted.length === 1);
  assert.equal(socketPeer(accepted[0]).pid, process.pid);
  accepted[0].destroy();
  client.destroy();
  assert.throws(() => socketPeer(accepted[0]), { name: "TapnetError", code: "INVALID_STATE" });
  assert.throws(() => peerCredentials(0x7fff_ffff), { name: "SystemError", code: "EBADF" });
});
