/**
 * Theory of operation
 *
 * Serves the page's files to everybody, since there is no secret in them, and everything else to whoever has the key: calls of
 * the daemon's API are passed to its control socket with the rights of the user who started this, so nothing is decided here that
 * the daemon should decide. tapnetd itself listens on no TCP port. Connections, headers, bodies, streams and calls are
 * bounded: whoever floods this server costs himself the page and the daemon nothing.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { errorMessage, TapnetError } from "../../base/errors.js";
import { HEADERS_MS, makeBoundedServer } from "../../control/bounded-server.js";
import { ControlClient } from "../../control/client.js";
import type { FindingView, SessionView } from "../session.js";
import { sendError, sendJson, setSafety } from "./answers.js";
import { checkKey, checkOrigin } from "./callers.js";
import { EventRelay } from "./event-relay.js";
import { formatListenAddress, type ListenAddress } from "./listening.js";
import { type PageFile, readPageFiles } from "./page-files.js";
import { PassingOn } from "./passing-on.js";

export interface WebServerOptions {
  /** Of the daemon that is shown. */
  readonly runDirectory: string;
  readonly listen: ListenAddress;
  /** Others than this host may connect: then the page is known by any of its addresses. */
  readonly exposed: boolean;
  /** Whoever has it may ask. */
  readonly key: string;
  /** Where the page was built to. */
  readonly pageFolder: string;
  readonly session: SessionView;
  /** What `tapnet doctor` finds; takes a moment. */
  readonly examine: () => Promise<readonly FindingView[]>;
  /** How long to wait for a daemon that is gone before it is looked for again. */
  readonly againMs?: number;
  /** How long a request may take to say what it wants. */
  readonly headersMs?: number;
}

const STATUS: ReadonlyMap<string, number> = new Map([
  ["BAD_REQUEST", 400],
  ["NO_KEY", 401],
  ["NOT_ALLOWED", 403],
  ["NOT_FOUND", 404],
  ["METHOD", 405],
  ["TOO_LARGE", 413],
  ["PROTOCOL", 502],
  ["UNAVAILABLE", 503],
  ["ABSENT", 503],
  ["TIMEOUT", 504],
]);

const REQUEST_MS = 15_000;
const KEEP_ALIVE_MS = 30_000;
/** Whoever does not take what was sent for so long is let go. */
const SILENCE_MS = 60_000;

export class WebServer {
  readonly #options: WebServerOptions;
  readonly #files: ReadonlyMap<string, PageFile>;
  readonly #passing: PassingOn;
  readonly #relay: EventRelay;
  readonly #server: Server;
  /** One look at the host is enough for all who ask meanwhile. */
  #examination: Promise<readonly FindingView[]> | undefined;

  private constructor(options: WebServerOptions) {
    this.#options = options;
    this.#files = readPageFiles(options.pageFolder);
    const client = new ControlClient(options.runDirectory);
    this.#passing = new PassingOn(client, options.session.readOnly);
    this.#relay = new EventRelay(client, options.againMs);
    const { headersMs = HEADERS_MS } = options;
    const bounds = { headersMs, requestMs: REQUEST_MS, keepAliveMs: KEEP_ALIVE_MS, silenceMs: SILENCE_MS };
    this.#server = makeBoundedServer(bounds, (request, response) => this.#serve(request, response));
  }

  /** Listens. Throws NOT_BUILT, or UNAVAILABLE where the port is taken. */
  static async listen(options: WebServerOptions): Promise<WebServer> {
    const server = new WebServer(options);
    const { host, port } = options.listen;
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", (error: NodeJS.ErrnoException) => {
        const why = error.code === "EADDRINUSE" ? "another program listens there" : error.message;
        reject(
          new TapnetError("UNAVAILABLE", `cannot listen at ${formatListenAddress(options.listen)}: ${why}`, { cause: error }),
        );
      });
      server.#server.listen(port, host, resolve);
    });
    server.#relay.start();
    return server;
  }

  get address(): ListenAddress {
    const { address, port } = this.#server.address() as AddressInfo;
    return { host: address, port };
  }

  /** What to open. The key is behind `#`, where browsers keep it to themselves. */
  get url(): string {
    return `http://${formatListenAddress(this.address)}/#key=${this.#options.key}`;
  }

  async close(): Promise<void> {
    this.#relay.close();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      setSafety(response);
      checkOrigin(request, this.#options.exposed);
      await this.#answer(request, response);
    } catch (thrown) {
      const code = thrown instanceof TapnetError ? thrown.code : "INTERNAL";
      // What is left of a body would be taken for the next request.
      if (!request.complete) response.shouldKeepAlive = false;
      sendError(response, STATUS.get(code) ?? 500, code, errorMessage(thrown));
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    const [path] = url.split("?", 1);
    const file = this.#files.get(path);
    if (file !== undefined) {
      sendFile(request, response, file);
      return;
    }
    checkKey(request, this.#options.key);
    const packed = takesGzip(request);
    if (path.startsWith("/v1/")) {
      await this.#passing.serve(request, response, packed);
      return;
    }
    if (method !== "GET") throw new TapnetError("METHOD", `${path} knows GET, not ${method}`);
    if (path === "/web/session") sendJson(response, 200, JSON.stringify(this.#options.session), packed);
    else if (path === "/web/events") this.#relay.stream(response, lastIdOf(request));
    else if (path === "/web/doctor") sendJson(response, 200, JSON.stringify(await this.#examine()), packed);
    else throw new TapnetError("NOT_FOUND", `there is no ${path} here`);
  }

  #examine(): Promise<readonly FindingView[]> {
    this.#examination ??= this.#options.examine().finally(() => {
      this.#examination = undefined;
    });
    return this.#examination;
  }
}

function sendFile(request: IncomingMessage, response: ServerResponse, { type, etag, bytes, gzip }: PageFile): void {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    throw new TapnetError("METHOD", `this is a file: it knows GET, not ${request.method}`);
  }
  response.setHeader("etag", etag).setHeader("cache-control", "no-cache").setHeader("vary", "accept-encoding");
  if (request.headers["if-none-match"] === etag) {
    response.writeHead(304).end();
    return;
  }
  const packed = takesGzip(request);
  if (packed) response.setHeader("content-encoding", "gzip");
  const sent = packed ? gzip : bytes;
  response.writeHead(200, { "content-type": type, "content-length": sent.length });
  response.end(request.method === "HEAD" ? undefined : sent);
}

function takesGzip({ headers }: IncomingMessage): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(headers["accept-encoding"]?.toString() ?? "");
}

/** 0: the page has seen nothing. */
function lastIdOf({ headers }: IncomingMessage): number {
  const id = Number(headers["last-event-id"] ?? 0);
  return Number.isSafeInteger(id) && id > 0 ? id : 0;
}
