import type { Clock } from "../../base/clock.js";
import { parseIpv4 } from "../../base/ipv4-address.js";
import { parseIpv6 } from "../../base/ipv6-address.js";
import { DNS_PORT, type UpstreamAddress } from "./upstream.js";
import { type FileSource, WatchedFile } from "./watched-file.js";

const SERVERS_MOST = 8;
/** systemd-resolved's own listeners: behind them stand the servers that its second file names. */
const RESOLVED_STUBS = new Set([0x7f00_0035, 0x7f00_0036]);

export const RESOLV_CONF_PATHS = { main: "/etc/resolv.conf", resolved: "/run/systemd/resolve/resolv.conf" } as const;

/** What a `resolv.conf` says. */
export interface HostServers {
  readonly servers: readonly UpstreamAddress[];
  /** The host's own domains, in lower case. */
  readonly search: readonly string[];
}

const NOTHING: HostServers = { servers: [], search: [] };

/** The `nameserver` lines of a file in the form of resolv.conf(5), in their order; what is no address is left out. */
export function parseResolvConf(text: string): UpstreamAddress[] {
  const servers: UpstreamAddress[] = [];
  for (const line of text.split("\n")) {
    const match = /^nameserver\s+([0-9a-f.:]+)(?:%(\S{1,15}))?\s*$/i.exec(line.replace(/[#;].*/, "").trimEnd());
    if (match === null || servers.length === SERVERS_MOST) continue;
    const address = match[1].includes(":") ? parseIpv6(match[1]) : parseIpv4(match[1]);
    if (address === undefined) continue;
    const family = typeof address === "bigint" ? 6 : 4;
    servers.push({ family, address, port: DNS_PORT, interface: match[2], tlsName: undefined });
  }
  return servers;
}

/** The domains of the last `search` or `domain` line, in lower case and without final dots. */
export function parseSearch(text: string): string[] {
  const lines = [...text.matchAll(/^(?:search|domain)[ \t]+([^#;\n]*)/gm)];
  const words = (lines.at(-1)?.[1] ?? "").toLowerCase().split(/\s+/);
  return words.map((word) => word.replace(/\.$/, "")).filter((word) => word !== "");
}

function parseFile(text: string): HostServers {
  return { servers: parseResolvConf(text), search: parseSearch(text) };
}

/**
 * The servers of the host's `resolv.conf`, followed as it changes. Where it only names systemd-resolved, the servers that
 * resolved asks are taken: through resolved we might be asked what we ask.
 */
export class ResolvConf {
  readonly #main: WatchedFile;
  readonly #resolved: WatchedFile;
  readonly #onChange: (host: HostServers) => void;
  #said = NOTHING;
  #behindResolved = NOTHING;

  constructor(
    clock: Clock,
    files: FileSource,
    onChange: (host: HostServers) => void,
    paths: { main: string; resolved: string } = RESOLV_CONF_PATHS,
  ) {
    this.#onChange = onChange;
    this.#main = new WatchedFile(paths.main, clock, files, (text) => {
      this.#said = parseFile(text);
      this.#changed();
    });
    this.#resolved = new WatchedFile(paths.resolved, clock, files, (text) => {
      this.#behindResolved = parseFile(text);
      this.#changed();
    });
  }

  async start(): Promise<void> {
    await this.#resolved.start();
    await this.#main.start();
  }

  stop(): void {
    this.#main.stop();
    this.#resolved.stop();
  }

  /** Looks at both files now. */
  async look(): Promise<void> {
    await this.#resolved.look();
    await this.#main.look();
  }

  #changed(): void {
    const isStub = ({ address }: UpstreamAddress) => typeof address === "number" && RESOLVED_STUBS.has(address);
    const { servers } = this.#said;
    const onlyStubs = servers.length > 0 && servers.every(isStub);
    this.#onChange(onlyStubs && this.#behindResolved.servers.length > 0 ? this.#behindResolved : this.#said);
  }
}
