import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { TapnetError } from "../../../src/base/errors.js";
import { silentLogger } from "../../../src/base/log.js";
import { ControlClient, ControlServer, type ControlServerOptions, controlSocket } from "../../../src/control/index.js";
import { FakeApi } from "./fake-api.js";

let run = "";
let api = new FakeApi();

function options(runDirectory: string, extra: Partial<ControlServerOptions> = {}): ControlServerOptions {
  return { api, runDirectory, socketPath: controlSocket(runDirectory), gid: undefined, log: silentLogger, ...extra };
}

interface Raw {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: { error?: { code: string; message: string } };
}

async function ask(method: string, path: string, body?: string | Buffer): Promise<Raw> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request({ socketPath: controlSocket(run), method, path, agent: false }, resolve);
    outgoing.once("error", reject);
    outgoing.end(body);
  });
  const parts: Buffer[] = [];
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
  return { status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(Buffer.concat(parts).toString()) };
}

/** Somebody else at the control socket; the function that is returned ends it. */
async function listenAs(folder: string, answer: string | undefined): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    if (answer !== undefined) socket.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(controlSocket(folder), resolve));
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
}

function withCode(code: string, message: RegExp): (error: TapnetError) => boolean {
  return (error) => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

describe("the control server", () => {
  let server: ControlServer;
  let client: ControlClient;

  before(async () => {
    run = mkdtempSync(join(tmpdir(), "tapnet-control-"));
    api = new FakeApi();
    server = await ControlServer.listen(options(run));
    client = new ControlClient(run);
  });

  after(async () => {
    await server.close();
    assert.equal(existsSync(controlSocket(run)), false);
    rmSync(run, { recursive: true });
  });

  it("answers every call of the client", async () => {
    assert.equal((await client.version()).pid, process.pid);
    assert.equal((await client.status()).networks, 1);
    assert.deepEqual((await client.configuration()).networks, { default: { kind: "nat", ipv4: "10.77.0.0/24" } });
    assert.equal((await client.networks())[0].name, "default");
    assert.equal((await client.guests({ network: "default" }))[0].name, "web1");
    assert.equal((await client.guests({ names: ["web1", "web2"] }))[0].name, "web1");
    assert.equal((await client.traffic()).guests[0].spoofed, 2);
    assert.deepEqual((await client.traffic(["web1", "web 2"])).dropped, { spoofed: 2 });
    assert.equal((await client.attach({ ifname: "tn-web1", network: "default" })).state, "attached");
    assert.equal((await client.detach("a/b ü")).name, "a/b ü");
    assert.equal((await client.leases({ state: "bound" }))[0].expiresAt, null);
    assert.equal((await client.releaseLease("10.77.0.10", "default")).state, "released");
    assert.deepEqual(await client.leaseHistory({ at: "2025-01-31T13:00:00+01:00" }), []);
    const lease = { address: "10.77.0.9", mac: null, clientId: null, hostname: "x", expiresAt: null };
    assert.deepEqual(await client.importLeases([lease]), { imported: 1, refused: [] });
    assert.equal((await client.dnsNames())[0].source, "lease");
    assert.equal((await client.dnsQuery("web1", "A")).from, "local");
    assert.deepEqual(await client.dnsFlush(), { flushed: 3 });
    assert.deepEqual(await client.dnsStats(), { queries: 12, hits: 9 });
    assert.deepEqual(await client.dnsLogs(), [{ network: "default", guest: "web1", on: true }]);
    assert.deepEqual(await client.setDnsLog({ guest: "web1", on: true }), { network: "default", guest: "web1", on: true });
    assert.deepEqual(api.asked, [
      { network: "default", names: undefined },
      { network: undefined, names: ["web1", "web2"] },
      undefined,
      ["web1", "web 2"],
      { ifname: "tn-web1", guest: undefined, network: "default" },
      "a/b ü",
      { network: undefined, guest: undefined, address: undefined, state: "bound" },
      ["10.77.0.10", "default"],
      {},
      { address: undefined, guest: undefined, at: "2025-01-31T12:00:00.000Z" },
      [lease],
      undefined,
      ["web1", "A", undefined],
      undefined,
      { guest: "web1", network: undefined, on: true },
    ]);
  });

  it("is for root alone where there is no group", () => {
    assert.equal(lstatSync(controlSocket(run)).mode & 0o777, 0o600);
  });

  const refusals: readonly (readonly [
    name: string,
    method: string,
    path: string,
    body: string | Buffer | undefined,
    status: number,
    code: string,
  ])[] = [
    ["a path that is not there", "GET", "/v1/nothing", undefined, 404, "NOT_FOUND"],
    ["a path of dots", "GET", "/v1/../v1/status", undefined, 404, "NOT_FOUND"],
    ["a lone %", "GET", "/v1/guests/%", undefined, 404, "NOT_FOUND"],
    ["an empty name", "DELETE", "/v1/guests/", undefined, 404, "NOT_FOUND"],
    ["another method", "DELETE", "/v1/status", undefined, 405, "METHOD"],
    ["an unknown parameter", "GET", "/v1/leases?adress=1", undefined, 400, "BAD_REQUEST"],
    ["a parameter twice", "GET", "/v1/leases?state=bound&state=free", undefined, 400, "BAD_REQUEST"],
    ["a time that is none", "GET", "/v1/leases/history?at=noon", undefined, 400, "BAD_REQUEST"],
    ["no body", "POST", "/v1/guests", undefined, 400, "BAD_REQUEST"],
    ["a body that is not JSON", "POST", "/v1/guests", "{", 400, "BAD_REQUEST"],
    ["a body that is not UTF-8", "POST", "/v1/guests", Buffer.from([0x22, 0xff, 0x22]), 400, "BAD_REQUEST"],
    ["a body that is a list", "POST", "/v1/guests", "[]", 400, "BAD_REQUEST"],
    ["an unknown field", "POST", "/v1/guests", '{"ifname":"a","x":1}', 400, "BAD_REQUEST"],
    ["__proto__ as a field", "POST", "/v1/guests", '{"__proto__":{"ifname":"a"}}', 400, "BAD_REQUEST"],
    ["a field of another type", "POST", "/v1/guests", '{"ifname":7}', 400, "BAD_REQUEST"],
    ["a field that is too long", "POST", "/v1/guests", JSON.stringify({ ifname: "a".repeat(2000) }), 400, "BAD_REQUEST"],
    ["leases that are no list", "POST", "/v1/leases", '{"leases":{}}', 400, "BAD_REQUEST"],
    ["a body that is too large", "POST", "/v1/guests", "x".repeat(100_000), 413, "TOO_LARGE"],
    ["what is not there", "POST", "/v1/guests", '{"ifname":"tn-none"}', 404, "NOT_FOUND"],
    ["a mistake of our own", "POST", "/v1/guests", '{"ifname":"tn-bug"}', 500, "INTERNAL"],
  ];
  for (const [name, method, path, body, status, code] of refusals) {
    it(`refuses ${name} with ${status} ${code}`, async () => {
      const answer = await ask(method, path, body);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(answer.body.error?.code, code);
      assert.notEqual(answer.body.error?.message, "");
      assert.equal((await client.version()).pid, process.pid);
    });
  }

  it("names the methods that a path knows", async () => {
    assert.equal((await ask("DELETE", "/v1/guests")).headers.allow, "GET, POST");
  });

  it("survives what is not HTTP", async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = createConnection(controlSocket(run));
      let text = "";
      socket.on("data", (part) => (text += part.toString()));
      socket.on("close", () => resolve(text));
      socket.on("error", () => resolve(text));
      socket.write(Buffer.from(Array.from({ length: 3000 }, (_, index) => (index * 37) & 255)));
    });
    assert.match(answer, /^HTTP\/1\.1 400/);
    assert.equal((await client.version()).pid, process.pid);
  });

  it("hands the daemon's error to the caller of the client", async () => {
    await assert.rejects(client.attach({ ifname: "tn-none" }), withCode("NOT_FOUND", /no interface tn-none/));
  });

  it("sends the events that were asked for, until the listener goes", async () => {
    const events = client.events(["lease"]);
    const first = events.next();
    while (api.listeners.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const event = { at: "2025-01-31T12:00:00.000Z", network: "default", guest: "web1", message: "…" };
    for (const listener of api.listeners) {
      listener({ ...event, kind: "guest.attached" });
      listener({ ...event, kind: "leaser" });
      listener({ ...event, kind: "lease.bound" });
    }
    assert.deepEqual((await first).value, { ...event, kind: "lease.bound" });
    await events.return(undefined);
    for (let tries = 0; api.listeners.size > 0 && tries < 200; tries++) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(api.listeners.size, 0);
  });

  it("hangs up on whoever does not say what is wanted", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tapnet-slow-"));
    const brisk = await ControlServer.listen(options(folder, { headersMs: 100 }));
    const slow = Array.from({ length: 128 }, () => createConnection(controlSocket(folder)));
    const ends = slow.map((socket) => new Promise((resolve) => socket.on("error", resolve).once("close", resolve)));
    for (const socket of slow) socket.resume().write("GET /v1/version HTTP/1.1\r\nhost: tapnet\r\n");
    await Promise.all(ends);
    assert.equal((await new ControlClient(folder).version()).pid, process.pid);
    await brisk.close();
    rmSync(folder, { recursive: true });
  });

  it("keeps connections for others when many listen to events", async () => {
    const streams = Array.from({ length: 64 }, () => client.events());
    const first = streams.map((events) => events.next());
    while (api.listeners.size < streams.length) await new Promise((resolve) => setTimeout(resolve, 5));
    await assert.rejects(client.events().next(), withCode("UNAVAILABLE", /64 listen to events already/));
    assert.equal((await client.version()).pid, process.pid);
    const event = { at: "2025-01-31T12:00:00.000Z", kind: "lease.bound", network: null, guest: null, message: "…" };
    for (const listener of api.listeners) listener(event);
    for (const each of await Promise.all(first)) assert.deepEqual(each.value, event);
    await Promise.all(streams.map((events) => events.return(undefined)));
    while (api.listeners.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const again = client.events();
    void again.next();
    while (api.listeners.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const listener of api.listeners) listener(event);
    await again.return(undefined);
  });
});

describe("the control socket", () => {
  let folder = "";

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "tapnet-socket-"));
    api = new FakeApi();
  });
  after(() => rmSync(folder, { recursive: true }));

  it("is not taken from a daemon that lives", async () => {
    const server = await ControlServer.listen(options(folder));
    await assert.rejects(
      ControlServer.listen(options(folder)),
      withCode("CONFLICT", new RegExp(`running already, as process ${process.pid}`)),
    );
    await server.close();
  });

  it("is not taken from somebody else who listens", async () => {
    const stop = await listenAs(folder, "hello\n");
    await assert.rejects(ControlServer.listen(options(folder)), withCode("CONFLICT", /another process listens at/));
    await stop();
  });

  it("is taken over from a daemon that was killed", async () => {
    const script = `require("node:net").createServer().listen(${JSON.stringify(controlSocket(folder))}, () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", script]);
    assert(lstatSync(controlSocket(folder)).isSocket());
    const server = await ControlServer.listen(options(folder));
    assert.equal((await new ControlClient(folder).version()).pid, process.pid);
    await server.close();
  });

  it("does not replace a file that is no socket", async () => {
    writeFileSync(controlSocket(folder), "precious");
    await assert.rejects(ControlServer.listen(options(folder)), withCode("CONFLICT", /is not a socket; move it away/));
    assert(lstatSync(controlSocket(folder)).isFile());
    rmSync(controlSocket(folder));
  });

  it("is open to a group where there is one", async () => {
    const server = await ControlServer.listen(options(folder, { gid: process.getgid?.() ?? 0 }));
    assert.equal(lstatSync(controlSocket(folder)).mode & 0o777, 0o660);
    await server.close();
  });

  it("refuses what permit refuses", async () => {
    const server = await ControlServer.listen(options(folder, { permit: (_, access) => access === "read" }));
    const client = new ControlClient(folder);
    assert.equal((await client.guests()).length, 1);
    await assert.rejects(client.detach("web1"), withCode("NOT_ALLOWED", /may not change/));
    await server.close();
  });
});

describe("the control client", () => {
  let folder = "";

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "tapnet-client-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("says that no daemon runs, and what to do", async () => {
    await assert.rejects(
      new ControlClient(folder).version(),
      withCode("ABSENT", /tapnetd is not running.*systemctl start tapnetd/),
    );
  });

  it("says that the caller may not", { skip: process.getuid?.() === 0 && "root may open every socket" }, async () => {
    const stop = await listenAs(folder, undefined);
    chmodSync(controlSocket(folder), 0);
    await assert.rejects(new ControlClient(folder).version(), withCode("NOT_ALLOWED", /join the group tapnet/));
    await stop();
  });

  it("does not wait for ever", async () => {
    const stop = await listenAs(folder, undefined);
    await assert.rejects(
      new ControlClient(folder, { timeoutMs: 50 }).version(),
      withCode("TIMEOUT", /did not answer within 0\.05 s/),
    );
    await stop();
  });

  for (const [name, answer] of [
    ["no HTTP", "hello\n"],
    ["no JSON", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{]"],
    ["a short body", "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}"],
    ["an error without JSON", "HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\nno"],
  ]) {
    it(`says that ${name} is no answer of tapnetd`, async () => {
      const stop = await listenAs(folder, answer);
      await assert.rejects(new ControlClient(folder).version(), withCode("PROTOCOL", /tapnetd/));
      await stop();
    });
  }
});
