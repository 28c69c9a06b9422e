import type { IncomingMessage } from "node:http";
import { TapnetError } from "../base/errors.js";
import { badRequest } from "./fields.js";

/** Reads a request's body as JSON; undefined where there is none. Throws BAD_REQUEST or TOO_LARGE. */
export async function readJsonBody(request: IncomingMessage, mostBytes: number): Promise<unknown> {
  const tooLarge = new TapnetError("TOO_LARGE", `the body has more than ${mostBytes} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > mostBytes) throw tooLarge;
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > mostBytes) throw tooLarge;
    parts.push(part);
  }
  if (length === 0) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts)));
  } catch (thrown) {
    throw badRequest(thrown instanceof SyntaxError ? `the body is not JSON: ${thrown.message}` : "the body is not UTF-8");
  }
}
