/** The daemon's events, from one stream that is opened again whenever it ends; given up while nobody sees the page. */
import type { EventView } from "../../../control/views.js";
import type { DaemonState } from "../../session.js";
import { authorization, noteFailure, trouble } from "./api.js";
import { type Message, MessageReader } from "./sse.js";

export interface StreamListener {
  onEvent(event: EventView): void;
  /** Events may have been missed, or the daemon is another one: look at everything. */
  onGap(): void;
}

const AGAIN_MS = 1500;
/** A tab that is only glanced away from keeps its stream. */
const HIDDEN_MS = 20_000;

/** Follows the events for as long as the page lives. */
export function followEvents(listener: StreamListener): void {
  let lastId = "";
  let open: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const onMessage = ({ event, data, id }: Message): void => {
    if (event === "state") {
      const state = JSON.parse(data) as DaemonState;
      const wasGone = trouble.value !== undefined;
      if (state.daemon === "gone") noteFailure("ABSENT", state.message ?? "");
      else if (wasGone) listener.onGap();
      return;
    }
    if (event === "gap") {
      listener.onGap();
      return;
    }
    lastId = id;
    listener.onEvent(JSON.parse(data) as EventView);
  };

  const run = async (): Promise<void> => {
    if (open !== undefined || document.hidden || trouble.value?.kind === "key") return;
    open = new AbortController();
    try {
      await read(lastId, open.signal, onMessage);
    } catch {
      // Whoever asks for the status says what is wrong.
    }
    open = undefined;
    clearTimeout(timer);
    timer = setTimeout(() => void run(), AGAIN_MS);
  };

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => open?.abort(), HIDDEN_MS);
    else void run();
  });
  void run();
}

async function read(lastId: string, signal: AbortSignal, onMessage: (message: Message) => void): Promise<void> {
  const headers = lastId === "" ? authorization() : { ...authorization(), "last-event-id": lastId };
  const response = await fetch("/web/events", { headers, signal, cache: "no-store" });
  if (!response.ok || response.body === null) return;
  const reader = new MessageReader();
  const texts = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await texts.read();
    if (done) return;
    for (const message of reader.read(value)) onMessage(message);
  }
}
