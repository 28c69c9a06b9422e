import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, mock } from "node:test";
import { gunzipSync } from "node:zlib";
import { silentLogger } from "../../../src/base/log.js";
import { ControlServer, controlSocket } from "../../../src/control/index.js";
import { WebServer, type WebServerOptions } from "../../../src/web/server/server.js";
import { FakeApi } from "../control/fake-api.js";

const KEY = "the-key-of-this-run";
const AGAIN_MS = 20;

interface Raw {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

interface Asked {
  readonly method?: string;
  /** Undefined: no such header. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
}

let run = "";
let pageFolder = "";
let api = new FakeApi();
let daemon: ControlServer | undefined;
let server: WebServer;

async function startDaemon(): Promise<void> {
  daemon = await ControlServer.listen({
    api,
    runDirectory: run,
    socketPath: controlSocket(run),
    gid: undefined,
    log: silentLogger,
  });
}

async function serve(extra: Partial<WebServerOptions> = {}): Promise<WebServer> {
  return WebServer.listen({
    runDirectory: run,
    listen: { host: "127.0.0.1", port: 0 },
    exposed: false,
    key: KEY,
    pageFolder,
    session: { version: "0.1.0", host: "here", readOnly: extra.session?.readOnly ?? false, qemu: "-netdev …" },
    examine: async () => [{ check: "daemon", result: "ok", message: "fine", advice: null }],
    againMs: AGAIN_MS,
    ...extra,
  });
}

async function open(path: string, { method = "GET", headers = {}, body }: Asked = {}, to = server): Promise<IncomingMessage> {
  const { host, port } = to.address;
  const all = { host: `127.0.0.1:${port}`, authorization: `Bearer ${KEY}`, ...headers };
  const sent = Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
  return new Promise((resolve, reject) => {
    const outgoing = request({ host, port, method, path, agent: false, headers: sent, setHost: false }, resolve);
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

async function ask(path: string, asked: Asked = {}, to = server): Promise<Raw> {
  const response = await open(path, asked, to);
  const parts: Buffer[] = [];
  for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
  const bytes = Buffer.concat(parts);
  const text = (response.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

function codeOf({ text }: Raw): string {
  return (JSON.parse(text) as { error: { code: string } }).error.code;
}

/** Reads a stream until it has said what is looked for. */
async function heard(response: IncomingMessage, pattern: RegExp): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  for await (const part of response as AsyncIterable<string>) {
    text += part;
    if (pattern.test(text)) return text;
  }
  throw new Error(`the stream has ended: ${text}`);
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries > 500) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const EVENT = { at: "2025-01-31T12:00:00.000Z", kind: "lease.bound", network: "default", guest: "web1", message: "…" };

function happen(message: string): void {
  for (const listener of api.listeners) listener({ ...EVENT, message });
}

describe("the server of the page", () => {
  before(async () => {
    run = mkdtempSync(join(tmpdir(), "tapnet-web-"));
    pageFolder = mkdtempSync(join(tmpdir(), "tapnet-page-"));
    writeFileSync(join(pageFolder, "index.html"), "<!doctype html><title>tapnet</title>");
    writeFileSync(join(pageFolder, "page.js"), "export const long = 1;\n".repeat(100));
    writeFileSync(join(pageFolder, "notes.map"), "not for pages");
    api = new FakeApi();
    await startDaemon();
    server = await serve();
    await until("the daemon's stream", () => api.listeners.size === 1);
  });
  after(async () => {
    await server.close();
    await daemon?.close();
    rmSync(run, { recursive: true });
    rmSync(pageFolder, { recursive: true });
  });

  it("has its key behind the # of its URL", () => {
    assert.equal(server.url, `http://127.0.0.1:${server.address.port}/#key=${KEY}`);
  });

  it("gives the page's files to everybody, packed where that is taken, and says when they have not changed", async () => {
    const page = await ask("/", { headers: { authorization: undefined } });
    assert.equal(page.status, 200);
    assert.match(page.headers["content-type"] ?? "", /^text\/html/);
    assert.match(page.text, /tapnet/);
    const packed = await open("/page.js", { headers: { "accept-encoding": "br, gzip" } });
    assert.equal(packed.headers["content-encoding"], "gzip");
    assert.ok(Number(packed.headers["content-length"]) < 200);
    packed.destroy();
    const plain = await ask("/page.js", { headers: { "accept-encoding": "gzip;q=0, br" } });
    assert.equal(plain.headers["content-encoding"], undefined);
    assert.equal((await ask("/page.js", { headers: { "if-none-match": plain.headers.etag } })).status, 304);
    const head = await ask("/page.js", { method: "HEAD" });
    assert.equal(`${head.status} ${head.text}`, "200 ");
  });

  it("sends with everything what keeps browsers from mistakes", async () => {
    for (const answer of [
      await ask("/"),
      await ask("/v1/status"),
      await ask("/nowhere"),
      await ask("/v1/status", { headers: { host: "x" } }),
    ]) {
      const { headers } = answer;
      const policy = headers["content-security-policy"] as string;
      for (const part of [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
      ]) {
        assert.ok(policy.split("; ").includes(part), part);
      }
      assert.doesNotMatch(policy, /unsafe|\*|https?:|data:/);
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.equal(headers["referrer-policy"], "no-referrer");
      assert.equal(headers["cross-origin-resource-policy"], "same-origin");
      assert.equal(headers["set-cookie"], undefined);
      assert.equal(headers["access-control-allow-origin"], undefined);
    }
  });

  const strangers: readonly (readonly [string, Asked["headers"], number, string])[] = [
    ["no key", { authorization: undefined }, 401, "NO_KEY"],
    ["another key of the same length", { authorization: `Bearer ${KEY.replace("key", "kez")}` }, 401, "NO_KEY"],
    ["a key that begins right", { authorization: `Bearer ${KEY.slice(0, 5)}` }, 401, "NO_KEY"],
    ["the key in a cookie", { authorization: undefined, cookie: `key=${KEY}` }, 401, "NO_KEY"],
    ["another Host, as after DNS rebinding", { host: "evil.example" }, 403, "NOT_ALLOWED"],
    ["a Host that only looks like ours", { host: "127.0.0.1.evil.example:80" }, 403, "NOT_ALLOWED"],
    ["an address of the world as Host", { host: "192.0.2.1" }, 403, "NOT_ALLOWED"],
    ["no Host", { host: "" }, 403, "NOT_ALLOWED"],
    ["another Origin", { origin: "http://evil.example" }, 403, "NOT_ALLOWED"],
    ["an Origin that hides", { origin: "null" }, 403, "NOT_ALLOWED"],
    ["another port of this machine as Origin", { origin: "http://127.0.0.1:1" }, 403, "NOT_ALLOWED"],
    [
      "a browser that says that another site asks",
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" },
      403,
      "NOT_ALLOWED",
    ],
    ["a page of another port", { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" }, 403, "NOT_ALLOWED"],
  ];
  for (const [what, headers = {}, status, code] of strangers) {
    it(`refuses ${what}`, async () => {
      const asked = api.asked.length;
      for (const [method, path] of [
        ["GET", "/v1/guests"],
        ["DELETE", "/v1/guests/web1"],
      ]) {
        const answer = await ask(path, { method, headers });
        assert.equal(answer.status, status);
        assert.equal(codeOf(answer), code);
      }
      assert.equal(api.asked.length, asked, "the daemon was asked");
    });
  }

  for (const host of ["localhost:9999", "127.0.0.1", "127.1.2.3:80", "[::1]:8080", "LOCALHOST"]) {
    it(`is known as ${host} too, since ssh -L comes by another port`, async () => {
      const answer = await ask("/v1/version", { headers: { host, origin: `http://${host}`, "sec-fetch-site": "same-origin" } });
      assert.equal(answer.status, 200);
    });
  }

  it("passes on what a page may ask, with its query, and the daemon's refusals", async () => {
    const guests = await ask("/v1/guests?guest=web1&guest=web2");
    assert.equal((JSON.parse(guests.text) as { name: string }[])[0].name, "web1");
    assert.deepEqual(api.asked.at(-1), { network: undefined, names: ["web1", "web2"] });
    const refused = await ask("/v1/guests?colour=red");
    assert.equal(`${refused.status} ${codeOf(refused)}`, "400 BAD_REQUEST");
    const body = JSON.stringify({ guest: "web1", forward: "8080:80", permanent: true });
    assert.equal((await ask("/v1/forwards", { method: "POST", body })).status, 200);
    assert.deepEqual(api.asked.at(-1), { guest: "web1", forward: "8080:80", permanent: true });
    assert.equal((await ask("/v1/forwards/web1/8080%3A80%2Ftcp", { method: "DELETE" })).status, 200);
    assert.deepEqual(api.asked.at(-1), { guest: "web1", forward: "8080:80/tcp" });
  });

  it("packs long answers", async () => {
    const many = Array.from({ length: 50 }, (_, index) => `guest=web${index}`).join("&");
    const short = await open(`/v1/guests?${many}`, { headers: { "accept-encoding": "gzip" } });
    assert.equal(short.headers["content-encoding"], undefined);
    short.destroy();
    const [view] = await api.networks();
    mock.method(api, "networks", () => Array.from({ length: 50 }, () => view));
    const long = await ask("/v1/networks", { headers: { "accept-encoding": "gzip" } });
    mock.restoreAll();
    assert.equal(long.headers["content-encoding"], "gzip");
    assert.equal((JSON.parse(long.text) as unknown[]).length, 50);
  });

  const others: readonly (readonly [string, string, number, string])[] = [
    ["POST", "/v1/guests", 405, "METHOD"],
    ["POST", "/v1/leases", 405, "METHOD"],
    ["POST", "/v1/taps", 404, "NOT_FOUND"],
    ["DELETE", "/v1/taps/web1", 404, "NOT_FOUND"],
    ["GET", "/v1/mac?guest=web1", 404, "NOT_FOUND"],
    ["GET", "/v1/events", 404, "NOT_FOUND"],
    ["GET", "/v1/../etc/passwd", 404, "NOT_FOUND"],
    ["GET", "/v1/guests/%zz", 404, "NOT_FOUND"],
    ["PUT", "/v1/status", 405, "METHOD"],
    ["GET", "/notes.map", 404, "NOT_FOUND"],
    ["GET", "/../package.json", 404, "NOT_FOUND"],
    ["POST", "/", 405, "METHOD"],
    ["POST", "/web/doctor", 405, "METHOD"],
    ["GET", "http://evil.example/v1/status", 404, "NOT_FOUND"],
  ];
  for (const [method, path, status, code] of others) {
    it(`has no ${method} ${path}`, async () => {
      const answer = await ask(path, { method });
      assert.equal(`${answer.status} ${codeOf(answer)}`, `${status} ${code}`);
    });
  }

  it("refuses a body that is too large, and what is no HTTP", async () => {
    const answer = await ask("/v1/forwards", { method: "POST", body: `{"guest":"${"x".repeat(5000)}"}` });
    assert.equal(`${answer.status} ${codeOf(answer)}`, "413 TOO_LARGE");
    const { host, port } = server.address;
    for (const bytes of [
      "\u0016\u0003\u0001 hello\r\n\r\n",
      `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${"y".repeat(20_000)}\r\n\r\n`,
    ]) {
      const socket = connect(port, host);
      let text = "";
      socket.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      socket.write(bytes);
      await new Promise((resolve) => socket.once("close", resolve));
      assert.match(text, /^HTTP\/1\.1 4\d\d /);
    }
    assert.equal((await ask("/v1/version")).status, 200);
  });

  it("says what it is, and what the doctor finds", async () => {
    assert.equal((JSON.parse((await ask("/web/session")).text) as { host: string }).host, "here");
    assert.equal((JSON.parse((await ask("/web/doctor")).text) as { check: string }[])[0].check, "daemon");
    assert.equal((await ask("/web/doctor", { headers: { authorization: undefined } })).status, 401);
  });

  it("changes nothing when it is read-only", async () => {
    const reader = await serve({ session: { version: "0.1.0", host: "here", readOnly: true, qemu: "" } });
    const asked = api.asked.length;
    for (const [method, path] of [
      ["DELETE", "/v1/guests/web1"],
      ["POST", "/v1/forwards"],
      ["DELETE", "/v1/forwards/web1/8080:80"],
      ["DELETE", "/v1/leases/10.77.0.10"],
      ["POST", "/v1/dns/logs"],
      ["DELETE", "/v1/dns/cache"],
    ] as const) {
      const answer = await ask(path, { method }, reader);
      assert.equal(`${answer.status} ${codeOf(answer)}`, "403 NOT_ALLOWED", path);
    }
    assert.equal(api.asked.length, asked);
    assert.equal((await ask("/v1/guests", {}, reader)).status, 200);
    await reader.close();
  });

  it("is known by its addresses when it is exposed, and never by a name", async () => {
    const exposed = await serve({ exposed: true });
    assert.equal((await ask("/v1/version", { headers: { host: "192.0.2.1:8080" } }, exposed)).status, 200);
    assert.equal((await ask("/v1/version", { headers: { host: "evil.example" } }, exposed)).status, 403);
    await exposed.close();
  });

  it("hangs up on whoever does not say what is wanted", async () => {
    const brisk = await serve({ headersMs: 100 });
    const slow = Array.from({ length: 128 }, () => connect(brisk.address.port, brisk.address.host));
    const ends = slow.map((socket) => new Promise((resolve) => socket.on("error", resolve).once("close", resolve)));
    for (const socket of slow) socket.resume().write("GET / HTTP/1.1\r\nhost: localhost\r\n");
    await Promise.all(ends);
    assert.equal((await ask("/v1/version", {}, brisk)).status, 200);
    await brisk.close();
  });

  it("says which port is taken", async () => {
    await assert.rejects(serve({ listen: server.address }), { code: "UNAVAILABLE", message: /another program listens there/ });
  });

  it("says that the page is not built", async () => {
    await assert.rejects(serve({ pageFolder: join(pageFolder, "none") }), { code: "NOT_BUILT", message: /npm run build:web/ });
  });
});

describe("the events of the page", () => {
  before(async () => {
    run = mkdtempSync(join(tmpdir(), "tapnet-web-"));
    pageFolder = mkdtempSync(join(tmpdir(), "tapnet-page-"));
    writeFileSync(join(pageFolder, "index.html"), "<!doctype html><title>tapnet</title>");
    api = new FakeApi();
    await startDaemon();
    server = await serve();
    await until("the daemon's stream", () => api.listeners.size === 1);
  });
  after(async () => {
    await server.close();
    await daemon?.close();
    rmSync(run, { recursive: true });
    rmSync(pageFolder, { recursive: true });
  });

  it("come by one stream of the daemon for all pages, and what was missed comes first", async () => {
    happen("first");
    const pages = await Promise.all([open("/web/events"), open("/web/events")]);
    happen("second");
    for (const page of pages) {
      const text = await heard(page, /second/);
      assert.match(
        text,
        /^event: state\ndata: \{"daemon":"there","message":null\}\n\nid: 1\ndata: \{.*"message":"first"\}\n\nid: 2\n/,
      );
    }
    assert.equal(api.listeners.size, 1);
    happen("third");
    const text = await heard(await open("/web/events", { headers: { "last-event-id": "2" } }), /third/);
    assert.doesNotMatch(text, /first|second|gap/);
  });

  it("say where more happened than is kept", async () => {
    for (let count = 0; count < 600; count++) happen(`many ${count}`);
    await heard(await open("/web/events"), /many 599/);
    const text = await heard(await open("/web/events", { headers: { "last-event-id": "2" } }), /many 599/);
    assert.match(text, /event: gap\n/);
    assert.equal(text.match(/^id: /gm)?.length, 500);
  });

  it("are let go by a page that does not read", async () => {
    const { host, port } = server.address;
    const socket = connect(port, host);
    socket.pause();
    socket.write(`GET /web/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${KEY}\r\n\r\n`);
    let closed = false;
    socket.once("close", () => {
      closed = true;
    });
    socket.on("error", () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const filling = "x".repeat(64 * 1024);
    // The sockets' buffers of both sides take some megabytes first.
    for (let count = 0; count < 400; count++) {
      happen(filling);
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.resume();
    await until("the stream to end", () => closed);
  });

  it("go to so many pages and no more, and calls still find a connection", async () => {
    const fresh = await serve();
    const pages = await Promise.all(Array.from({ length: 32 }, () => open("/web/events", {}, fresh)));
    const refused = await ask("/web/events", {}, fresh);
    assert.equal(`${refused.status} ${codeOf(refused)}`, "503 UNAVAILABLE");
    assert.equal((await ask("/v1/version", {}, fresh)).status, 200);
    for (const page of pages) page.destroy();
    await fresh.close();
    await until("the daemon's stream to be given up", () => api.listeners.size === 1);
  });

  it("tell when the daemon goes, and when it is there again", async () => {
    const page = await open("/web/events", { headers: { "last-event-id": "100000" } });
    await daemon?.close();
    assert.match(await heard(page, /"gone"/), /"daemon":"gone","message":"tapnetd has ended"/);
    const absent = await ask("/v1/status");
    assert.equal(`${absent.status} ${codeOf(absent)}`, "503 ABSENT");
    assert.equal((await ask("/")).status, 200);
    const again = await open("/web/events", { headers: { "last-event-id": "100000" } });
    await startDaemon();
    await heard(again, /"there"/);
    assert.equal((await ask("/v1/status")).status, 200);
    happen("after");
    await heard(await open("/web/events"), /"message":"after"/);
  });
});
