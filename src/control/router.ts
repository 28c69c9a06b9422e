/** One call: what it is reached by, and what answers it. */
export interface Route<Handler> {
  readonly method: "GET" | "POST" | "DELETE";
  /** `/v1/guests/:name`: a part that begins with `:` stands for anything. */
  readonly path: string;
  readonly handler: Handler;
}

export type Match<Handler> =
  | { readonly kind: "found"; readonly handler: Handler; readonly parameters: Readonly<Record<string, string>> }
  | { readonly kind: "other-method"; readonly allowed: readonly string[] }
  | { readonly kind: "unknown" };

interface Compiled<Handler> extends Route<Handler> {
  readonly segments: readonly string[];
}

/** Finds the route of a path, segment by segment. A few dozen routes need no cleverness. */
export class Router<Handler> {
  readonly #routes: readonly Compiled<Handler>[];

  constructor(routes: readonly Route<Handler>[]) {
    this.#routes = routes.map((route) => ({ ...route, segments: route.path.split("/") }));
  }

  /** `path` is percent-encoded, as it came. */
  match(method: string, path: string): Match<Handler> {
    const segments = decodeSegments(path);
    if (segments === undefined) return { kind: "unknown" };
    const allowed: string[] = [];
    for (const route of this.#routes) {
      const parameters = fit(route.segments, segments);
      if (parameters === undefined) continue;
      if (route.method === method) return { kind: "found", handler: route.handler, parameters };
      allowed.push(route.method);
    }
    return allowed.length === 0 ? { kind: "unknown" } : { kind: "other-method", allowed };
  }
}

function decodeSegments(path: string): string[] | undefined {
  try {
    return path.split("/").map(decodeURIComponent);
  } catch {
    // A lone % or broken UTF-8: no route has such a path.
    return undefined;
  }
}

function fit(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index];
    if (part.startsWith(":") && segment !== "") parameters[part.slice(1)] = segment;
    else if (part !== segment) return undefined;
  }
  return parameters;
}
