import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** What a caller may take of an HTTP server; milliseconds, all of them. */
export interface ServerBounds {
  /** For the head of a request. */
  readonly headersMs: number;
  /** For a whole request. */
  readonly requestMs: number;
  /** Between two requests on one connection. */
  readonly keepAliveMs: number;
  /** Whoever takes nothing of what is sent to him for so long is let go. */
  readonly silenceMs: number;
}

/** How long a request may take to say what it wants, unless told otherwise. */
export const HEADERS_MS = 5_000;
const MOST_CONNECTIONS = 128;
const LINGER_MS = 1_000;

/** An HTTP/1.1 server that nobody can hold up or fill: whoever is slow, silent or speaks no HTTP is let go. Does not listen yet. */
export function makeBoundedServer(
  bounds: ServerBounds,
  serve: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Server {
  const { headersMs, requestMs, keepAliveMs, silenceMs } = bounds;
  const server = createServer({
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    // Node.js looks for connections that take too long every half a minute unless told otherwise.
    connectionsCheckingInterval: headersMs / 4,
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.setTimeout(silenceMs);
  server.on("request", (request, response) => void serve(request, response));
  server.on("clientError", (_, socket) => {
    socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
    // Whoever does not hang up then is not waited for.
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  });
  return server;
}
