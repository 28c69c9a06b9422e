import type { ServerResponse } from "node:http";
import type { ControlApi } from "./api.js";
import type { EventView } from "./views.js";

/** Often enough that a listener behind a dead connection is noticed. */
const HEARTBEAT_MS = 15_000;
/** A listener that does not read is let go before it costs memory. */
const MOST_UNREAD_BYTES = 1024 * 1024;

/** Sends events as they happen (server-sent events), until the listener goes away or reads too slowly. */
export function streamEvents(api: ControlApi, response: ServerResponse, kinds: readonly string[]): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(": here they come\n\n");
  const wanted = (event: EventView): boolean =>
    kinds.length === 0 || kinds.some((kind) => event.kind === kind || event.kind.startsWith(`${kind}.`));
  const send = (text: string): void => {
    if (response.writableLength > MOST_UNREAD_BYTES) response.destroy();
    else response.write(text);
  };
  const unsubscribe = api.subscribe((event) => {
    if (wanted(event)) send(`event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
  });
  const heartbeat = setInterval(() => send(": still here\n\n"), HEARTBEAT_MS).unref();
  response.once("close", () => {
    clearInterval(heartbeat);
    unsubscribe();
  });
}
