/** What is asked again and again, for as long as somebody sees it. */
import { useEffect } from "preact/hooks";
import { trouble } from "./api.js";

export type Task = (signal: AbortSignal) => Promise<unknown>;

/**
 * Runs `task` at once and then `everyMs` after it has ended, while the page is visible; when it becomes visible again, at once.
 * What fails is tried again: the connection says what is wrong. Returns how to end it.
 */
export function poll(task: Task, everyMs: () => number): () => void {
  const ended = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;
  const run = async (): Promise<void> => {
    clearTimeout(timer);
    // Without a key nothing comes of asking; with one the page begins anew.
    if (running || ended.signal.aborted || document.hidden || trouble.value?.kind === "key") return;
    running = true;
    // A failure is shown by `trouble`.
    await task(ended.signal).catch(() => undefined);
    running = false;
    if (!ended.signal.aborted) timer = setTimeout(() => void run(), everyMs());
  };
  const onVisible = (): void => void run();
  document.addEventListener("visibilitychange", onVisible);
  void run();
  return () => {
    ended.abort();
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onVisible);
  };
}

/** The same for as long as a component is shown; begins anew when `subject` changes. */
export function usePolling(task: Task, everyMs: number, subject = ""): void {
  useEffect(() => poll(task, () => everyMs), [subject, everyMs]);
}
