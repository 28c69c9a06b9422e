/** Which calls of the daemon's API a page may make, and how they are handed on. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { TapnetError } from "../../base/errors.js";
import type { ControlClient } from "../../control/client.js";
import { readJsonBody } from "../../control/json-body.js";
import { type Route, Router } from "../../control/router.js";
import { sendJson } from "./answers.js";

const MOST_BODY_BYTES = 4096;
/** The daemon answers others too. A page asks for three or four things at a time. */
const MOST_AT_ONCE = 16;
/** Fifty thousand leases are some fifteen megabytes. */
const MOST_ANSWER_BYTES = 64 * 1024 * 1024;

type Access = "read" | "change";

const read = (path: string): Route<Access> => ({ method: "GET", path, handler: "read" });
const change = (method: "POST" | "DELETE", path: string): Route<Access> => ({ method, path, handler: "change" });

/** Looking is free. Of changes only those that can be made undone by an operator without loss. */
const PASSED: readonly Route<Access>[] = [
  ...["version", "status", "config", "networks", "guests", "traffic", "links", "forwards"].map((what) => read(`/v1/${what}`)),
  ...["leases", "leases/history", "dns/names", "dns/query", "dns/stats", "dns/logs"].map((what) => read(`/v1/${what}`)),
  change("DELETE", "/v1/guests/:name"),
  change("POST", "/v1/forwards"),
  change("DELETE", "/v1/forwards/:guest/:forward"),
  change("DELETE", "/v1/leases/:address"),
  change("POST", "/v1/dns/logs"),
  change("DELETE", "/v1/dns/cache"),
];

export class PassingOn {
  readonly #client: ControlClient;
  readonly #readOnly: boolean;
  readonly #router = new Router<Access>(PASSED);
  #running = 0;

  constructor(client: ControlClient, readOnly: boolean) {
    this.#client = client;
    this.#readOnly = readOnly;
  }

  /** Answers with what the daemon answers. Throws NOT_FOUND, METHOD, NOT_ALLOWED, UNAVAILABLE, and what the client throws. */
  async serve(request: IncomingMessage, response: ServerResponse, packed: boolean): Promise<void> {
    const { method = "", url = "" } = request;
    const [path] = url.split("?", 1);
    const match = this.#router.match(method, path);
    if (match.kind === "unknown") throw new TapnetError("NOT_FOUND", `there is no ${path} for pages`);
    if (match.kind === "other-method") {
      response.setHeader("allow", match.allowed.join(", "));
      throw new TapnetError("METHOD", `${path} knows ${match.allowed.join(", ")}, not ${method}`);
    }
    if (match.handler === "change" && this.#readOnly) {
      throw new TapnetError("NOT_ALLOWED", "this page is only to look at: tapnet web was started with --read-only");
    }
    const body = await readJsonBody(request, method === "POST" ? MOST_BODY_BYTES : 0);
    if (this.#running >= MOST_AT_ONCE) throw new TapnetError("UNAVAILABLE", "too many calls at a time; try again");
    this.#running++;
    try {
      const answer = await this.#client.send(method, url, body);
      sendJson(response, answer.statusCode ?? 502, await wholeOf(answer), packed);
    } finally {
      this.#running--;
    }
  }
}

async function wholeOf(answer: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MOST_ANSWER_BYTES) throw new TapnetError("TOO_LARGE", "the daemon's answer is too large for a page");
    parts.push(part);
  }
  return Buffer.concat(parts);
}
