import { chmodSync, chownSync, rmSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ConfigError, errorMessage, TapnetError } from "../base/errors.js";
import type { Logger } from "../base/log.js";
import type { ControlApi } from "./api.js";
import { HEADERS_MS, makeBoundedServer } from "./bounded-server.js";
import { ControlClient } from "./client.js";
import { streamEvents } from "./event-stream.js";
import { readJsonBody } from "./json-body.js";
import { Router } from "./router.js";
import { type Handler, ROUTES } from "./routes.js";
import { freeSocket } from "./socket-file.js";
import type { ErrorView } from "./views.js";

/**
 * Theory of operation
 *
 * HTTP/1.1 with JSON on a unix socket. Who may open the socket is the file system's business (root and one group, mode 0660);
 * `permit` may say more, from the peer's credentials. Nothing that a caller sends ends the daemon: bodies, headers, connections
 * and times are bounded, whatever is thrown becomes an ErrorView, and what is not a TapnetError is logged and called INTERNAL.
 *
 * A socket file without a listener is what a killed daemon leaves; it is taken over. One with a listener is another daemon.
 */
export interface ControlServerOptions {
  readonly api: ControlApi;
  readonly runDirectory: string;
  readonly socketPath: string;
  /** Group that may use the socket beside root; undefined: root alone. */
  readonly gid: number | undefined;
  /** Says no to single callers; all that could open the socket may, where it is absent. */
  readonly permit?: (socket: Socket, access: "read" | "change") => boolean;
  readonly log: Logger;
  /** How long a request may take to say what it wants. */
  readonly headersMs?: number;
}

const STATUS: ReadonlyMap<string, number> = new Map([
  ["BAD_REQUEST", 400],
  ["CONFIG", 400],
  ["INVALID_ARGUMENT", 400],
  ["NOT_ALLOWED", 403],
  ["NOT_FOUND", 404],
  ["METHOD", 405],
  ["CONFLICT", 409],
  ["LINK_BUSY", 409],
  ["LINK_TAKEN", 409],
  ["TOO_LARGE", 413],
  ["UNAVAILABLE", 503],
]);

/** Listeners to events keep theirs, so others must find one left. */
const MOST_STREAMS = 64;
/** Whoever does not take the answer for so long is let go: it may be megabytes. */
const SILENCE_MS = 120_000;
const REQUEST_MS = 60_000;

export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  #streams = 0;
  readonly #router = new Router<Handler>(ROUTES);

  private constructor(options: ControlServerOptions) {
    this.#options = options;
    const { headersMs = HEADERS_MS } = options;
    const bounds = { headersMs, requestMs: REQUEST_MS, keepAliveMs: HEADERS_MS, silenceMs: SILENCE_MS };
    this.#server = makeBoundedServer(bounds, (request, response) => this.#serve(request, response));
  }

  /** Listens. Throws CONFLICT where another daemon does already, with its process id. */
  static async listen(options: ControlServerOptions): Promise<ControlServer> {
    if (!(await freeSocket(options.socketPath))) throw await alreadyRunning(options);
    const server = new ControlServer(options);
    await server.#listen();
    return server;
  }

  async #listen(): Promise<void> {
    const { socketPath, gid } = this.#options;
    const before = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(socketPath, resolve);
        process.umask(before);
      });
    } catch (thrown) {
      throw new TapnetError("UNAVAILABLE", `cannot listen at ${socketPath}: ${errorMessage(thrown)}`, { cause: thrown });
    } finally {
      process.umask(before);
    }
    if (gid === undefined) return;
    chownSync(socketPath, -1, gid);
    chmodSync(socketPath, 0o660);
  }

  /** Ends every connection and removes the socket. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
    rmSync(this.#options.socketPath, { force: true });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#answer(request, response);
    } catch (thrown) {
      this.#fail(response, thrown);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path, search = ""] = (request.url ?? "").split("?", 2);
    const match = this.#router.match(request.method ?? "", path);
    if (match.kind === "unknown")
      throw new TapnetError("NOT_FOUND", `there is no ${path} here; see tapnetd(8) for what there is`);
    if (match.kind === "other-method") {
      response.setHeader("allow", match.allowed.join(", "));
      throw new TapnetError("METHOD", `${path} knows ${match.allowed.join(", ")}, not ${request.method}`);
    }
    const { handler, parameters } = match;
    if (this.#options.permit?.(request.socket, handler.access) === false) {
      throw new TapnetError("NOT_ALLOWED", `you may not ${handler.access === "read" ? "read" : "change"} this`);
    }
    const query = new URLSearchParams(search);
    if (handler.answer === "events") {
      this.#stream(response, query.getAll("kind"));
      return;
    }
    const body = await readJsonBody(request, handler.mostBodyBytes);
    const value = await handler.answer(this.#options.api, { parameters, query, body });
    send(response, 200, value);
  }

  #stream(response: ServerResponse, kinds: readonly string[]): void {
    if (this.#streams >= MOST_STREAMS) {
      throw new TapnetError("UNAVAILABLE", `${MOST_STREAMS} listen to events already, and more are not let; end one of them`);
    }
    this.#streams++;
    response.once("close", () => this.#streams--);
    streamEvents(this.#options.api, response, kinds);
  }

  #fail(response: ServerResponse, thrown: unknown): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const expected = thrown instanceof TapnetError || thrown instanceof ConfigError;
    if (!expected) this.#options.log.error({ err: thrown }, "a control request failed");
    const code = expected ? thrown.code : "INTERNAL";
    const status = STATUS.get(code) ?? 500;
    const view: ErrorView = { error: { code, message: errorMessage(thrown) } };
    // What was not read of a body that is too large would be taken for the next request.
    if (status === 413) response.setHeader("connection", "close");
    send(response, status, view);
  }
}

function send(response: ServerResponse, status: number, value: unknown): void {
  const text = `${JSON.stringify(value)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
  });
  response.end(text);
}

async function alreadyRunning(options: ControlServerOptions): Promise<TapnetError> {
  const client = new ControlClient(options.runDirectory, { timeoutMs: 1000 });
  const advice = "stop that one first, or give this one another run folder with --run";
  try {
    const { pid } = await client.version();
    return new TapnetError("CONFLICT", `tapnetd is running already, as process ${pid}; ${advice}`);
  } catch (thrown) {
    const reason = errorMessage(thrown);
    return new TapnetError("CONFLICT", `another process listens at ${options.socketPath} (${reason}); ${advice}`, {
      cause: thrown,
    });
  }
}
