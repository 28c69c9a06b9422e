import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, fileReason } from "../base/errors.js";
import { checkAccessRule } from "./check/access.js";
import { checkGuests } from "./check/guests.js";
import { checkNetwork } from "./check/network.js";
import { checkNetworksTogether } from "./check/networks.js";
import type { KnownNetworks } from "./check/nics.js";
import { checkRules } from "./check/rules.js";
import type { AccessRule, Configuration, DnsConfiguration, NetworkConfiguration } from "./configuration.js";
import { ConfigDocument } from "./document.js";
import { ConfigurationError } from "./problems.js";
import { accessRule } from "./schema/access.js";
import { type DnsInput, dns } from "./schema/dns.js";
import { guest } from "./schema/guest.js";
import { explainLabel } from "./schema/names.js";
import { network } from "./schema/network.js";
import { outline } from "./schema/root.js";
import { readSection } from "./sections.js";

/** Where the configuration of a machine is. */
export const INSTALLED_PATH = "/etc/tapnet/tapnet.yaml";

/** Whom a configuration is for. */
export interface ConfigurationUse {
  /** A user's own daemon, which cannot do all that root's can. */
  readonly rootless?: boolean | undefined;
}

/** What is served when nothing is configured. */
const EMBEDDED = "networks: { default: { kind: nat, ipv4: 10.77.0.0/24 } }\n";
const EMBEDDED_SOURCE = "embedded default";
const MOST_BYTES = 32 * 1024 * 1024;
/** A network's name is part of interface aliases and a label of its domain. */
const MOST_NETWORK_NAME = 32;
const MOST_GUEST_NAME = 63;

/**
 * Reads a configuration; without a path the embedded default. Throws `ConfigurationError` with all that is wrong in the file, or
 * `ConfigError` where it cannot be read.
 */
export function loadConfiguration(path: string | undefined, use: ConfigurationUse = {}): Configuration {
  if (path === undefined) return parseConfiguration(EMBEDDED, EMBEDDED_SOURCE, use);
  return parseConfiguration(readText(path), path, use);
}

/** The machine's own configuration where there is one. */
export function installedConfiguration(): string | undefined {
  return statSync(INSTALLED_PATH, { throwIfNoEntry: false }) === undefined ? undefined : INSTALLED_PATH;
}

/** Where the configuration of a user's own daemon is (XDG Base Directory Specification), whether it is there or not. */
export function ownConfigurationPath(environment: NodeJS.ProcessEnv): string {
  const { XDG_CONFIG_HOME: config, HOME: home = "/" } = environment;
  const folder = config?.startsWith("/") === true ? config : join(home, ".config");
  return join(folder, "tapnet", "tapnet.yaml");
}

function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > MOST_BYTES) throw new ConfigError(`is ${size} bytes large; ${MOST_BYTES} is the most`, { path });
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (thrown) {
    if (thrown instanceof ConfigError) throw thrown;
    const reason = thrown instanceof TypeError ? "is not UTF-8 text; save it as UTF-8" : `cannot be read: ${fileReason(thrown)}`;
    throw new ConfigError(reason, { path, cause: thrown });
  }
}

/** As `loadConfiguration`, from a text; `source` is what messages call it. */
export function parseConfiguration(text: string, source: string, use: ConfigurationUse = {}): Configuration {
  const document = new ConfigDocument(text);
  const configuration = document.value === undefined && document.problems.length > 0 ? undefined : read(document, source, use);
  if (configuration === undefined || document.problems.length > 0) throw new ConfigurationError(source, text, document.problems);
  return configuration;
}

function read(document: ConfigDocument, source: string, { rootless = false }: ConfigurationUse): Configuration | undefined {
  const general = readSection(outline, document.value, [], document);
  const written = isSection(document.value) ? document.value : {};
  const networks = readNetworks(written.networks, document);
  const inputs = readEntries(written.guests, "guests", guest, MOST_GUEST_NAME, document);
  const guests = checkGuests(inputs, networks, rootless, document);
  checkRules(networks, guests, isSection(written.guests) ? Object.keys(written.guests) : [], document);
  const access = readAccess(written.access, networks.names, document);
  const dnsInput = readSection(dns, written.dns, ["dns"], document);
  if (general === undefined || dnsInput === undefined) return undefined;
  return {
    source,
    stateDirectory: general.state,
    runDirectory: general.run,
    logLevel: general.log,
    controlGroup: general.group,
    otherFirewalls: general["other-firewalls"],
    bridgeConf: general["bridge-conf"],
    historySeconds: general.history,
    networks: [...networks.sound.values()],
    guests,
    access,
    dns: completeDns(dnsInput),
  };
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readNetworks(written: unknown, document: ConfigDocument): KnownNetworks {
  const some = isSection(written) && Object.keys(written).length === 0 ? undefined : (written ?? undefined);
  const entries = some === undefined ? { default: {} } : some;
  const names = isSection(entries) ? Object.keys(entries) : [];
  const inputs = readEntries(entries, "networks", network, MOST_NETWORK_NAME, document);
  const sound = new Map<string, NetworkConfiguration>();
  for (const [name, input] of inputs) sound.set(name, checkNetwork(name, input, document));
  checkNetworksTogether([...sound.values()], names, document);
  return { names, sound };
}

/** The entries of `networks:` or `guests:` that are sound by themselves. */
function readEntries<Input>(
  written: unknown,
  key: string,
  schema: Parameters<typeof readSection<Input>>[0],
  mostNameCharacters: number,
  document: ConfigDocument,
): Map<string, Input> {
  const entries = new Map<string, Input>();
  if (written === undefined || written === null) return entries;
  if (!isSection(written)) {
    document.problem([key], "is not a section; write names, each with its own section behind it");
    return entries;
  }
  for (const [name, value] of Object.entries(written)) {
    const reason = explainLabel(name, mostNameCharacters);
    if (reason !== undefined) document.problem([key, name], reason, "key");
    const input = readSection(schema, value, [key, name], document);
    if (input !== undefined && reason === undefined) entries.set(name, input);
  }
  return entries;
}

function readAccess(written: unknown, names: readonly string[], document: ConfigDocument): AccessRule[] {
  if (written === undefined || written === null) return [];
  if (!Array.isArray(written)) {
    document.problem(["access"], "is not a list; write entries like - { user: alice, networks: [default] }");
    return [];
  }
  return written.flatMap((value, index) => {
    const input = readSection(accessRule, value, ["access", index], document);
    const rule = input === undefined ? undefined : checkAccessRule(input, index, names, document);
    return rule === undefined ? [] : [rule];
  });
}

function completeDns(input: DnsInput): DnsConfiguration {
  return {
    upstreams: input.upstreams,
    domains: Object.entries(input.domains).map(([domain, upstreams]) => ({
      domain: domain.toLowerCase().replace(/\.$/, ""),
      upstreams,
    })),
    records: input.records,
    hostsFiles: input.hosts,
    cacheBytes: input.cache,
    tellResolved: input.resolved,
    staleSeconds: input.stale,
    rebindAllowed: input["allow-private"],
    rateLimit: input.rate,
    openLimit: input.open,
  };
}
