/** Calls of the server, and what is wrong with the connection, if something is. */
import { signal } from "@preact/signals";
import type { ErrorView } from "../../../control/views.js";
import type { SessionView } from "../../session.js";
import { takeKey } from "./key.js";

/** `lost`: nobody answers at all. `absent`: tapnet web is there, tapnetd is not. `key`: we may not ask. */
export interface Trouble {
  readonly kind: "lost" | "absent" | "key";
  readonly message: string;
}

/** Undefined: all is well. */
export const trouble = signal<Trouble | undefined>(undefined);
export const session = signal<SessionView | undefined>(undefined);

export class ApiError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const key = typeof location === "undefined" ? "" : takeKey();

/** The key's header. */
export function authorization(): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}

export function get<Value>(path: string, abort?: AbortSignal): Promise<Value> {
  return call("GET", path, undefined, abort);
}

export function change<Value>(method: "POST" | "DELETE", path: string, body?: unknown): Promise<Value> {
  return call(method, path, body);
}

async function call<Value>(method: string, path: string, body?: unknown, abort?: AbortSignal): Promise<Value> {
  const headers = body === undefined ? authorization() : { ...authorization(), "content-type": "application/json" };
  const text = body === undefined ? null : JSON.stringify(body);
  let response: Response;
  try {
    response = await fetch(path, { method, headers, body: text, cache: "no-store", signal: abort ?? null });
  } catch (thrown) {
    if (abort?.aborted !== true) noteFailure("LOST", "");
    throw thrown;
  }
  const value: unknown = await response.json();
  if (response.ok) {
    trouble.value = undefined;
    return value as Value;
  }
  const { error } = value as ErrorView;
  // Whoever may not even look is as badly off as if nobody were there; a change that is refused is said where it was asked for.
  if (error.code === "NOT_ALLOWED" && method === "GET") noteFailure("ABSENT", error.message);
  else noteFailure(error.code, error.message);
  throw new ApiError(error.code, error.message);
}

/** What a failed call says about the connection; a refused call says that it is good. */
export function noteFailure(code: string, message: string): void {
  if (code === "LOST")
    trouble.value = { kind: "lost", message: "tapnet web does not answer: it has ended, or the tunnel to it is closed." };
  else if (code === "NO_KEY") trouble.value = { kind: "key", message };
  else if (code === "ABSENT" || code === "TIMEOUT" || code === "PROTOCOL") trouble.value = { kind: "absent", message };
  else trouble.value = undefined;
}

/** What is good to know before anything else. */
export async function loadSession(): Promise<void> {
  session.value = await get<SessionView>("/web/session");
}
