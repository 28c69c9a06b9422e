/** What all answers have in common. */
import type { ServerResponse } from "node:http";
import { gzip } from "node:zlib";
import type { ErrorView } from "../../control/views.js";

/** Everything comes from here, nothing is run that is not a file of ours, nobody puts the page into a frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const SAFETY: Readonly<Record<string, string>> = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** Below this a frame is not full anyway. */
const WORTH_PACKING_BYTES = 1024;
const FAST = 1;

export function setSafety(response: ServerResponse): void {
  for (const [name, value] of Object.entries(SAFETY)) response.setHeader(name, value);
}

export function sendError(response: ServerResponse, status: number, code: string, message: string): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const view: ErrorView = { error: { code, message } };
  sendJson(response, status, `${JSON.stringify(view)}\n`, false);
}

/** `packed`: the caller takes gzip. Ten thousand guests are megabytes, and the page may be at the other end of an ssh. */
export function sendJson(response: ServerResponse, status: number, text: string | Buffer, packed: boolean): void {
  const bytes = Buffer.from(text);
  const head = { "content-type": "application/json", "cache-control": "no-store" };
  if (!packed || bytes.length < WORTH_PACKING_BYTES) {
    response.writeHead(status, { ...head, "content-length": bytes.length }).end(bytes);
    return;
  }
  gzip(bytes, { level: FAST }, (error, small) => {
    if (response.destroyed) return;
    if (error !== null) response.writeHead(status, { ...head, "content-length": bytes.length }).end(bytes);
    else response.writeHead(status, { ...head, "content-encoding": "gzip", "content-length": small.length }).end(small);
  });
}
