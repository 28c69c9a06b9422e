import { request as httpRequest, type IncomingMessage } from "node:http";
import { errorMessage, TapnetError } from "../base/errors.js";
import type {
  AttachRequest,
  DnsLogRequest,
  ForwardRequest,
  GuestFilter,
  LeaseFilter,
  LinkFilter,
  MacRequest,
  MakeTapRequest,
  TenureFilter,
} from "./api.js";
import { controlSocket } from "./paths.js";
import type {
  DnsAnswerView,
  DnsFlushView,
  DnsLogView,
  DnsNameView,
  DnsStatsView,
  ErrorView,
  EventView,
  ForwardView,
  GuestView,
  LeaseImport,
  LeaseImportResult,
  LeaseView,
  LinkView,
  MacView,
  MadeTapView,
  NetworkView,
  StatusView,
  TenureView,
  TrafficListView,
  VersionView,
} from "./views.js";

/** A list is a parameter that is given several times. */
type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Where a daemon is asked that does not answer: long enough for an attach on a busy host. */
const DEFAULT_TIMEOUT_MS = 30_000;

export interface EventOptions {
  /** Called when the daemon has taken the call: of what happens from then on nothing is missed. */
  readonly onOpen?: () => void;
  /** Ends the stream also while nothing comes; the consumer gets an error then. */
  readonly ended?: AbortSignal;
}

/**
 * The calls of `ControlApi`, made over a daemon's `control.sock`.
 *
 * Failures are TapnetErrors: `ABSENT` when no daemon listens, `NOT_ALLOWED` when the caller may not open the socket, `TIMEOUT`,
 * `PROTOCOL` when the answer is no answer, else the code that the daemon gave.
 */
export class ControlClient {
  readonly #socketPath: string;
  readonly #timeoutMs: number;

  constructor(runDirectory: string, options: { timeoutMs?: number } = {}) {
    this.#socketPath = controlSocket(runDirectory);
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  version(): Promise<VersionView> {
    return this.#call("GET", "/v1/version");
  }

  status(): Promise<StatusView> {
    return this.#call("GET", "/v1/status");
  }

  configuration(): Promise<Record<string, unknown>> {
    return this.#call("GET", "/v1/config");
  }

  networks(): Promise<NetworkView[]> {
    return this.#call("GET", "/v1/networks");
  }

  guests(filter: GuestFilter = {}): Promise<GuestView[]> {
    return this.#call("GET", "/v1/guests", { network: filter.network, guest: filter.names });
  }

  traffic(names?: readonly string[]): Promise<TrafficListView> {
    return this.#call("GET", "/v1/traffic", { guest: names });
  }

  attach(request: AttachRequest): Promise<GuestView> {
    return this.#call("POST", "/v1/guests", {}, request);
  }

  detach(guest: string): Promise<GuestView> {
    return this.#call("DELETE", `/v1/guests/${encodeURIComponent(guest)}`);
  }

  mac(request: MacRequest): Promise<MacView> {
    return this.#call("GET", "/v1/mac", { ...request });
  }

  links(filter: LinkFilter = {}): Promise<LinkView[]> {
    return this.#call("GET", "/v1/links", { ...filter });
  }

  makeTap(request: MakeTapRequest): Promise<MadeTapView> {
    return this.#call("POST", "/v1/taps", {}, request);
  }

  removeTap(guest: string): Promise<GuestView> {
    return this.#call("DELETE", `/v1/taps/${encodeURIComponent(guest)}`);
  }

  forwards(guest?: string): Promise<ForwardView[]> {
    return this.#call("GET", "/v1/forwards", { guest });
  }

  addForward(request: ForwardRequest): Promise<ForwardView> {
    return this.#call("POST", "/v1/forwards", {}, request);
  }

  removeForward(guest: string, forward: string): Promise<ForwardView> {
    return this.#call("DELETE", `/v1/forwards/${encodeURIComponent(guest)}/${encodeURIComponent(forward)}`);
  }

  leases(filter: LeaseFilter = {}): Promise<LeaseView[]> {
    return this.#call("GET", "/v1/leases", { ...filter });
  }

  releaseLease(address: string, network?: string): Promise<LeaseView> {
    return this.#call("DELETE", `/v1/leases/${encodeURIComponent(address)}`, { network });
  }

  leaseHistory(filter: TenureFilter = {}): Promise<TenureView[]> {
    return this.#call("GET", "/v1/leases/history", { ...filter });
  }

  importLeases(leases: readonly LeaseImport[]): Promise<LeaseImportResult> {
    return this.#call("POST", "/v1/leases", {}, { leases });
  }

  dnsNames(network?: string): Promise<DnsNameView[]> {
    return this.#call("GET", "/v1/dns/names", { network });
  }

  dnsQuery(name: string, type: string, network?: string): Promise<DnsAnswerView> {
    return this.#call("GET", "/v1/dns/query", { name, type, network });
  }

  dnsFlush(name?: string): Promise<DnsFlushView> {
    return this.#call("DELETE", "/v1/dns/cache", { name });
  }

  dnsStats(): Promise<DnsStatsView> {
    return this.#call("GET", "/v1/dns/stats");
  }

  dnsLogs(): Promise<DnsLogView[]> {
    return this.#call("GET", "/v1/dns/logs");
  }

  setDnsLog(request: DnsLogRequest): Promise<DnsLogView> {
    return this.#call("POST", "/v1/dns/logs", {}, request);
  }

  /** Events as they happen, until the daemon goes away or the consumer stops. `kinds`: `lease` for all of `lease.*`. */
  async *events(kinds: readonly string[] = [], { onOpen, ended }: EventOptions = {}): AsyncGenerator<EventView> {
    const query = kinds.map((kind) => `kind=${encodeURIComponent(kind)}`).join("&");
    const response = await this.#open("GET", `/v1/events${query === "" ? "" : `?${query}`}`, undefined, 0);
    response.setEncoding("utf8");
    ended?.addEventListener("abort", () => response.destroy(), { once: true });
    if (ended?.aborted === true) response.destroy();
    onOpen?.();
    try {
      let rest = "";
      for await (const part of response as AsyncIterable<string>) {
        const lines = (rest + part).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line.startsWith("data: ")) yield JSON.parse(line.slice("data: ".length));
      }
    } finally {
      response.destroy();
    }
  }

  /**
   * Any call, with the answer as it comes, whatever its status: for those who hand it on. `path` with its query. Throws where
   * nothing answers.
   */
  send(method: string, path: string, body?: unknown): Promise<IncomingMessage> {
    return this.#send(method, path, body, this.#timeoutMs);
  }

  async #call<Value>(method: string, path: string, query: Query = {}, body?: unknown): Promise<Value> {
    const parameters = Object.entries(query).flatMap(([name, value = []]) =>
      [value].flat().map((each): [string, string] => [name, each]),
    );
    const search = parameters.length === 0 ? "" : `?${new URLSearchParams(parameters).toString()}`;
    const response = await this.#open(method, path + search, body, this.#timeoutMs);
    return (await this.#json(response)) as Value;
  }

  /** Sends a request; gives the response when its head is there and is no error. `timeoutMs` of silence, 0 for any. */
  async #open(method: string, path: string, body: unknown, timeoutMs: number): Promise<IncomingMessage> {
    const response = await this.#send(method, path, body, timeoutMs);
    if (response.statusCode === 200) return response;
    const view = (await this.#json(response)) as Partial<ErrorView>;
    throw new TapnetError(
      view.error?.code ?? "PROTOCOL",
      view.error?.message ?? `tapnetd answered with status ${response.statusCode}`,
    );
  }

  #send(method: string, path: string, body: unknown, timeoutMs: number): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    return new Promise<IncomingMessage>((resolve, reject) => {
      const request = httpRequest({ socketPath: this.#socketPath, method, path, headers, agent: false }, resolve);
      request.setTimeout(timeoutMs, () => {
        const seconds = timeoutMs / 1000;
        request.destroy(
          new TapnetError(
            "TIMEOUT",
            `tapnetd at ${this.#socketPath} did not answer within ${seconds} s; see journalctl -u tapnetd`,
          ),
        );
      });
      request.once("error", (error) => reject(this.#unreachable(error)));
      request.end(text);
    });
  }

  async #json(response: IncomingMessage): Promise<unknown> {
    try {
      const parts: Buffer[] = [];
      for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
      return JSON.parse(Buffer.concat(parts).toString("utf8"));
    } catch (thrown) {
      const message = `what answers at ${this.#socketPath} is not tapnetd, or went away: ${errorMessage(thrown)}`;
      throw new TapnetError("PROTOCOL", message, { cause: thrown });
    }
  }

  #unreachable(error: NodeJS.ErrnoException): TapnetError {
    if (error instanceof TapnetError) return error;
    const options = { cause: error };
    switch (error.code) {
      case "ENOENT":
      case "ECONNREFUSED":
        return new TapnetError(
          "ABSENT",
          `tapnetd is not running: nothing listens at ${this.#socketPath}; start it: ${howToStart()}`,
          options,
        );
      case "EACCES":
      case "EPERM":
        return new TapnetError(
          "NOT_ALLOWED",
          `you may not open ${this.#socketPath}; be root, or join the group tapnet and log in again`,
          options,
        );
      default:
        return new TapnetError("PROTOCOL", `cannot speak with tapnetd at ${this.#socketPath}: ${error.message}`, options);
    }
  }
}

/** A user without rights may start one of her own. */
function howToStart(): string {
  return process.getuid?.() === 0 ? "systemctl start tapnetd" : "systemctl start tapnetd, or one of your own: tapnetd --rootless";
}
