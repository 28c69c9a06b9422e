/**
 * The datagrams between QEMU's hooks (`native/hook`) and the daemon, both ways. Pure; nothing here throws for what was sent.
 *
 *     tapnet/1 ifup ifname=tn-web1              ok web1 in default
 *     tapnet/1 helper bridge=lan vnet=1         error NOT_FOUND there is no network lan
 *
 * Words are parted by one space; values are percent-encoded, all but letters, digits, `-`, `.` and `_`. With the answer to
 * `helper` travels the TAP's descriptor, with that to `capture` a socket that sees the port's frames.
 */

export type HookRequest =
  | { readonly verb: "ifup"; readonly ifname: string }
  | { readonly verb: "ifdown"; readonly ifname: string }
  | { readonly verb: "capture"; readonly ifname: string }
  | { readonly verb: "helper"; readonly bridge: string; readonly guest: string | undefined; readonly vnet: boolean };

export type HookReply =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Why a datagram is not understood. */
export interface HookProblem {
  readonly problem: string;
}

const GREETING = "tapnet/1";
const MOST_REQUEST_BYTES = 1024;
/** What `native/hook` makes room for. */
const MOST_REPLY_BYTES = 1024;

const KEYS: Readonly<Record<HookRequest["verb"], readonly string[]>> = {
  ifup: ["ifname"],
  ifdown: ["ifname"],
  capture: ["ifname"],
  helper: ["bridge", "guest", "vnet"],
};

export function parseHookRequest(bytes: Uint8Array): HookRequest | HookProblem {
  if (bytes.length > MOST_REQUEST_BYTES) return { problem: `the request has more than ${MOST_REQUEST_BYTES} bytes` };
  if (bytes.some((byte) => byte < 0x20 || byte > 0x7e)) return { problem: "the request has bytes that are no printable ASCII" };
  const [greeting, verb, ...words] = new TextDecoder().decode(bytes).split(" ");
  if (greeting !== GREETING)
    return { problem: `the request does not begin with ${GREETING}; are hook and daemon of one version?` };
  if (!isVerb(verb)) return { problem: `the verb ${verb || "(none)"} is not known` };
  const values = parseWords(words, KEYS[verb]);
  if ("problem" in values) return values;
  return verb === "helper" ? parseHelper(values.values) : parseInterface(verb, values.values);
}

function isVerb(word: string | undefined): word is HookRequest["verb"] {
  return word !== undefined && Object.hasOwn(KEYS, word);
}

function parseWords(
  words: readonly string[],
  known: readonly string[],
): { readonly values: ReadonlyMap<string, string> } | HookProblem {
  const values = new Map<string, string>();
  for (const word of words) {
    const split = word.indexOf("=");
    const key = word.slice(0, Math.max(split, 0));
    if (!known.includes(key)) return { problem: `${split < 0 ? word : key} is not a key of this request` };
    if (values.has(key)) return { problem: `${key} is given twice` };
    const value = decodeValue(word.slice(split + 1));
    if (value === undefined || value === "") return { problem: `the value of ${key} is empty or wrongly encoded` };
    values.set(key, value);
  }
  return { values };
}

function decodeValue(text: string): string | undefined {
  try {
    const value = decodeURIComponent(text);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    return /[\x00-\x1f\x7f]/.test(value) ? undefined : value;
  } catch {
    // A lone % or broken UTF-8: reported as a value that is wrongly encoded.
    return undefined;
  }
}

function parseInterface(verb: "ifup" | "ifdown" | "capture", values: ReadonlyMap<string, string>): HookRequest | HookProblem {
  const ifname = values.get("ifname");
  return ifname === undefined ? { problem: "ifname is missing" } : { verb, ifname };
}

function parseHelper(values: ReadonlyMap<string, string>): HookRequest | HookProblem {
  const bridge = values.get("bridge");
  const vnet = values.get("vnet") ?? "0";
  if (bridge === undefined) return { problem: "bridge is missing" };
  if (vnet !== "0" && vnet !== "1") return { problem: "vnet is neither 0 nor 1" };
  return { verb: "helper", bridge, guest: values.get("guest"), vnet: vnet === "1" };
}

export function emitHookRequest(request: HookRequest): Uint8Array {
  const words = [GREETING, request.verb];
  if (request.verb === "helper") {
    words.push(`bridge=${encodeValue(request.bridge)}`);
    if (request.guest !== undefined) words.push(`guest=${encodeValue(request.guest)}`);
    words.push(`vnet=${request.vnet ? 1 : 0}`);
  } else {
    words.push(`ifname=${encodeValue(request.ifname)}`);
  }
  return new TextEncoder().encode(words.join(" "));
}

function encodeValue(value: string): string {
  const encoded = Array.from(new TextEncoder().encode(value), (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9._-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  });
  return encoded.join("");
}

export function parseHookReply(bytes: Uint8Array): HookReply | HookProblem {
  const text = new TextDecoder().decode(bytes);
  if (text === "ok") return { ok: true, text: "" };
  if (text.startsWith("ok ")) return { ok: true, text: text.slice("ok ".length) };
  const [, code, message] = /^error ([A-Z0-9_]+) (.+)$/s.exec(text) ?? [];
  return code === undefined ? { problem: "the reply is not understood" } : { ok: false, code, message };
}

/** One line, cut where it would not fit into what the hooks read. */
export function emitHookReply(reply: HookReply): Uint8Array {
  const text = reply.ok ? `ok ${reply.text}` : `error ${reply.code} ${reply.message === "" ? "no reason given" : reply.message}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  const line = text.replaceAll(/[\x00-\x1f\x7f]+/g, " ").trimEnd();
  const buffer = new Uint8Array(MOST_REPLY_BYTES);
  const { written } = new TextEncoder().encodeInto(line, buffer);
  return buffer.slice(0, written);
}
