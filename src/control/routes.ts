import { type Answer, type ControlApi, SOCKET_KINDS, type SocketKind } from "./api.js";
import {
  badRequest,
  type Fields,
  readBoolean,
  readObject,
  readOptionalFlag,
  readOptionalNumber,
  readOptionalText,
  readQuery,
  readText,
} from "./fields.js";
import type { Route } from "./router.js";
import { LEASE_STATES, type LeaseImport } from "./views.js";

/** What was asked, already read. */
export interface Call {
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

export interface Handler {
  /** `change`: something is different afterwards. */
  readonly access: "read" | "change";
  readonly mostBodyBytes: number;
  /** The answer as JSON value, or `events`: the connection becomes a stream of them. */
  readonly answer: "events" | ((api: ControlApi, call: Call) => Answer<unknown>);
}

/** `MAX_TAP_QUEUES` (drivers/net/tun.c). */
const MOST_QUEUES = 256;
const SMALL_BODY_BYTES = 64 * 1024;
/** Lease files of another server: fifty thousand leases are about ten megabytes. */
const IMPORT_BODY_BYTES = 64 * 1024 * 1024;

function get(path: string, answer: Handler["answer"]): Route<Handler> {
  return { method: "GET", path, handler: { access: "read", mostBodyBytes: 0, answer } };
}

function change(
  method: "POST" | "DELETE",
  path: string,
  answer: Handler["answer"],
  mostBodyBytes = SMALL_BODY_BYTES,
): Route<Handler> {
  return { method, path, handler: { access: "change", mostBodyBytes, answer } };
}

function query(call: Call, ...known: string[]): Fields {
  return readQuery(call.query, known);
}

/** All of `/v1`. */
export const ROUTES: readonly Route<Handler>[] = [
  get("/v1/version", (api) => api.version()),
  get("/v1/status", (api) => api.status()),
  get("/v1/config", (api) => api.configuration()),
  get("/v1/events", "events"),
  get("/v1/networks", (api) => api.networks()),
  get("/v1/guests", (api, call) => {
    const { names, others } = readNames(call.query);
    return api.guests({ network: readOptionalText(readQuery(others, ["network", "guest"]), "network"), names });
  }),
  get("/v1/traffic", (api, call) => {
    const { names, others } = readNames(call.query);
    readQuery(others, ["guest"]);
    return api.traffic(names);
  }),
  change("POST", "/v1/guests", (api, call) => {
    const fields = readObject(call.body, ["ifname", "guest", "network"]);
    return api.attach({
      ifname: readText(fields, "ifname"),
      guest: readOptionalText(fields, "guest"),
      network: readOptionalText(fields, "network"),
    });
  }),
  change("DELETE", "/v1/guests/:name", (api, call) => api.detach(call.parameters.name)),
  get("/v1/mac", (api, call) => {
    const fields = query(call, "guest", "network");
    return api.mac({ guest: readText(fields, "guest"), network: readOptionalText(fields, "network") });
  }),
  get("/v1/links", (api, call) => api.links({ guest: readOptionalText(query(call, "guest"), "guest") })),
  change("POST", "/v1/taps", (api, call) => {
    const fields = readObject(call.body, ["guest", "network", "owner", "queues", "socket"]);
    return api.makeTap({
      guest: readText(fields, "guest"),
      network: readOptionalText(fields, "network"),
      owner: readOptionalText(fields, "owner"),
      queues: readOptionalNumber(fields, "queues", 1, MOST_QUEUES),
      socket: readSocketKind(fields),
    });
  }),
  change("DELETE", "/v1/taps/:guest", (api, call) => api.removeTap(call.parameters.guest)),
  get("/v1/forwards", (api, call) => api.forwards(readOptionalText(query(call, "guest"), "guest"))),
  change("POST", "/v1/forwards", (api, call) => {
    const fields = readObject(call.body, ["guest", "forward", "permanent"]);
    return api.addForward({
      guest: readText(fields, "guest"),
      forward: readText(fields, "forward"),
      permanent: readOptionalFlag(fields, "permanent"),
    });
  }),
  change("DELETE", "/v1/forwards/:guest/:forward", (api, call) =>
    api.removeForward(call.parameters.guest, call.parameters.forward),
  ),
  get("/v1/leases", (api, call) => {
    const fields = query(call, "network", "guest", "address", "state");
    const state = readOptionalText(fields, "state");
    if (state !== undefined && !LEASE_STATES.some((known) => known === state)) {
      throw badRequest(`state ${state} is none; known: ${LEASE_STATES.join(", ")}`);
    }
    return api.leases({
      network: readOptionalText(fields, "network"),
      guest: readOptionalText(fields, "guest"),
      address: readOptionalText(fields, "address"),
      state,
    });
  }),
  change("POST", "/v1/leases", (api, call) => api.importLeases(readImports(call.body)), IMPORT_BODY_BYTES),
  change("DELETE", "/v1/leases/:address", (api, call) =>
    api.releaseLease(call.parameters.address, readOptionalText(query(call, "network"), "network")),
  ),
  get("/v1/leases/history", (api, call) => {
    const fields = query(call, "address", "guest", "at");
    return api.leaseHistory({
      address: readOptionalText(fields, "address"),
      guest: readOptionalText(fields, "guest"),
      at: readTime(fields, "at"),
    });
  }),
  get("/v1/dns/names", (api, call) => api.dnsNames(readOptionalText(query(call, "network"), "network"))),
  get("/v1/dns/query", (api, call) => {
    const fields = query(call, "name", "type", "network");
    return api.dnsQuery(readText(fields, "name"), readOptionalText(fields, "type") ?? "A", readOptionalText(fields, "network"));
  }),
  get("/v1/dns/stats", (api) => api.dnsStats()),
  get("/v1/dns/logs", (api) => api.dnsLogs()),
  change("POST", "/v1/dns/logs", (api, call) => {
    const fields = readObject(call.body, ["guest", "network", "on"]);
    const guest = readOptionalText(fields, "guest");
    const network = readOptionalText(fields, "network");
    if ((guest === undefined) === (network === undefined)) throw badRequest("give either guest or network");
    return api.setDnsLog({ guest, network, on: readBoolean(fields, "on") });
  }),
  change("DELETE", "/v1/dns/cache", (api, call) => api.dnsFlush(readOptionalText(query(call, "name"), "name"))),
];

/** `guest`, which may be there several times, and what else there is. */
function readNames(parameters: URLSearchParams): { names: readonly string[] | undefined; others: URLSearchParams } {
  const others = new URLSearchParams(parameters);
  others.delete("guest");
  return { names: parameters.has("guest") ? parameters.getAll("guest") : undefined, others };
}

function readSocketKind(fields: Fields): SocketKind | undefined {
  const text = readOptionalText(fields, "socket");
  const kind = SOCKET_KINDS.find((known) => known === text);
  if (text !== undefined && kind === undefined) throw badRequest(`socket ${text} is none; known: ${SOCKET_KINDS.join(", ")}`);
  return kind;
}

function readTime(fields: Fields, name: string): string | undefined {
  const text = readOptionalText(fields, name);
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw badRequest(`${name} is not a time; write one like 2025-01-31T12:00:00Z`);
  return new Date(time).toISOString();
}

function readImports(body: unknown): LeaseImport[] {
  const { leases } = readObject(body, ["leases"]);
  if (!Array.isArray(leases)) throw badRequest("field leases is not a list");
  return leases.map((lease: unknown) => {
    const fields = readObject(lease, ["address", "mac", "clientId", "hostname", "expiresAt"]);
    return {
      address: readText(fields, "address"),
      mac: readOptionalText(fields, "mac") ?? null,
      clientId: readOptionalText(fields, "clientId") ?? null,
      hostname: readOptionalText(fields, "hostname") ?? null,
      expiresAt: readTime(fields, "expiresAt") ?? null,
    };
  });
}
