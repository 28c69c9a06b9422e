/**
 * Theory of operation
 *
 * One stream of events from the daemon serves all pages, and the last of them are kept: a page that was in the background, or
 * whose connection was lost, says what it saw last (`Last-Event-ID`) and gets what it missed. A browser has six connections for
 * one server and all its tabs, so pages give theirs up while nobody sees them; without a memory here they would miss what
 * happened meanwhile. Ids are numbers that only grow; where more happened than is kept, the page is told that there is a gap.
 *
 * When the daemon goes, pages are told, and it is looked for each second until it is there again.
 */
import type { ServerResponse } from "node:http";
import { errorMessage, TapnetError } from "../../base/errors.js";
import type { ControlClient } from "../../control/client.js";
import type { EventView } from "../../control/views.js";
import type { DaemonState } from "../session.js";

const MOST_KEPT = 500;
/** Less than what a page may leave unread, or what is kept could never be sent. */
const MOST_KEPT_BYTES = 256 * 1024;
const MOST_STREAMS = 32;
const HEARTBEAT_MS = 15_000;
const AGAIN_MS = 1000;
/** A page that does not read is let go; it comes again and says what it has. */
const MOST_UNREAD_BYTES = 512 * 1024;

interface Kept {
  readonly id: number;
  /** As it goes over the wire. */
  readonly text: string;
}

export class EventRelay {
  readonly #client: ControlClient;
  readonly #againMs: number;
  readonly #kept: Kept[] = [];
  readonly #streams = new Set<ServerResponse>();
  #keptLength = 0;
  #lastId = 0;
  #state: DaemonState = { daemon: "gone", message: "not asked yet" };
  #timer: NodeJS.Timeout | undefined;
  readonly #ended = new AbortController();

  constructor(client: ControlClient, againMs = AGAIN_MS) {
    this.#client = client;
    this.#againMs = againMs;
  }

  /** Begins to listen to the daemon, and goes on until `close`. */
  start(): void {
    void this.#follow();
  }

  close(): void {
    this.#ended.abort();
    clearTimeout(this.#timer);
    for (const stream of this.#streams) stream.destroy();
  }

  /** Sends what is kept after `lastId`, then what happens. Throws UNAVAILABLE where too many pages listen. */
  stream(response: ServerResponse, lastId: number): void {
    if (this.#streams.size >= MOST_STREAMS) {
      throw new TapnetError("UNAVAILABLE", `${MOST_STREAMS} pages listen already, and more are not let; close one of them`);
    }
    this.#streams.add(response);
    const heartbeat = setInterval(() => write(response, ": still here\n\n"), HEARTBEAT_MS).unref();
    response.once("close", () => {
      clearInterval(heartbeat);
      this.#streams.delete(response);
    });
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    write(response, stateText(this.#state));
    const first = this.#kept[0]?.id ?? this.#lastId + 1;
    if (lastId > 0 && lastId + 1 < first) write(response, "event: gap\ndata: {}\n\n");
    for (const { id, text } of this.#kept) if (id > lastId) write(response, text);
  }

  async #follow(): Promise<void> {
    let message = "tapnetd has ended";
    try {
      const onOpen = (): void => this.#say({ daemon: "there", message: null });
      for await (const event of this.#client.events([], { onOpen, ended: this.#ended.signal })) this.#tell(event);
    } catch (thrown) {
      // A stream that breaks off says nothing of why; the next try does.
      if (this.#state.daemon === "gone") message = errorMessage(thrown);
    }
    this.#say({ daemon: "gone", message });
    if (!this.#ended.signal.aborted) this.#timer = setTimeout(() => void this.#follow(), this.#againMs);
  }

  #tell(event: EventView): void {
    const id = ++this.#lastId;
    const text = `id: ${id}\ndata: ${JSON.stringify(event)}\n\n`;
    this.#kept.push({ id, text });
    this.#keptLength += text.length;
    while (this.#kept.length > MOST_KEPT || this.#keptLength > MOST_KEPT_BYTES) {
      this.#keptLength -= this.#kept.shift()?.text.length ?? 0;
    }
    for (const stream of this.#streams) write(stream, text);
  }

  #say(state: DaemonState): void {
    if (this.#ended.signal.aborted || (state.daemon === this.#state.daemon && state.message === this.#state.message)) return;
    this.#state = state;
    for (const stream of this.#streams) write(stream, stateText(state));
  }
}

function stateText(state: DaemonState): string {
  return `event: state\ndata: ${JSON.stringify(state)}\n\n`;
}

function write(response: ServerResponse, text: string): void {
  if (response.writableLength > MOST_UNREAD_BYTES) response.destroy();
  else response.write(text);
}
