import { parseIpv4 } from "../base/ipv4-address.js";
import { parseIpv6 } from "../base/ipv6-address.js";
import { formatMac, parseMac } from "../base/mac.js";
import { type EndReason, formatLeaseAddress, type LeaseRecord, type StoredState, type Tenure } from "./lease.js";

/**
 * Leases as JSON: what people export, what history files hold, and what the API shows. Addresses as text, times in ISO 8601,
 * `null` for a lease without end.
 */

export interface LeaseJson {
  readonly network: string;
  readonly address: string;
  readonly identity: string;
  readonly state: StoredState;
  readonly mac: string;
  readonly clientId: string;
  readonly hostname: string;
  readonly boundAt: string;
  readonly renewedAt: string;
  readonly expiresAt: string | null;
}

export interface TenureJson extends LeaseJson {
  readonly endedAt: string;
  readonly reason: EndReason;
}

const STATES: readonly StoredState[] = ["bound", "released", "expired", "declined"];
const REASONS: readonly EndReason[] = ["released", "expired", "declined", "reassigned", "removed"];

export function leaseToJson(lease: LeaseRecord): LeaseJson {
  return {
    network: lease.network,
    address: formatLeaseAddress(lease),
    identity: lease.identity,
    state: lease.state,
    mac: formatMac(lease.mac),
    clientId: lease.clientId,
    hostname: lease.hostname,
    boundAt: new Date(lease.boundAtMs).toISOString(),
    renewedAt: new Date(lease.renewedAtMs).toISOString(),
    expiresAt: lease.expiresAtMs === Number.POSITIVE_INFINITY ? null : new Date(lease.expiresAtMs).toISOString(),
  };
}

export function tenureToJson(tenure: Tenure): TenureJson {
  return { ...leaseToJson(tenure.lease), endedAt: new Date(tenure.endedAtMs).toISOString(), reason: tenure.reason };
}

/** The lease, or what is wrong with the value, in words. */
export function leaseFromJson(value: unknown): LeaseRecord | string {
  if (typeof value !== "object" || value === null) return "is not an object";
  const json = value as Readonly<Record<string, unknown>>;
  const key = parseAddress(json["address"]);
  if (key === undefined) return `has no usable address: ${JSON.stringify(json["address"])}`;
  const mac = typeof json["mac"] === "string" ? parseMac(json["mac"]) : 0;
  if (mac === undefined) return `has no usable mac: ${JSON.stringify(json["mac"])}`;
  const state = STATES.find((known) => known === json["state"]);
  if (state === undefined) return `has no usable state: ${JSON.stringify(json["state"])}`;
  const boundAtMs = parseTime(json["boundAt"]);
  const renewedAtMs = parseTime(json["renewedAt"]);
  const expiresAtMs = json["expiresAt"] === null ? Number.POSITIVE_INFINITY : parseTime(json["expiresAt"]);
  if (boundAtMs === undefined || renewedAtMs === undefined || expiresAtMs === undefined) return "has a time that is not ISO 8601";
  const network = text(json["network"]);
  const identity = text(json["identity"]);
  if (network === "" || identity === "") return "has no network or no identity";
  const clientId = text(json["clientId"]);
  const hostname = text(json["hostname"]);
  return { network, ...key, identity, state, mac, clientId, hostname, boundAtMs, renewedAtMs, expiresAtMs };
}

/** The tenure, or what is wrong with the value, in words. */
export function tenureFromJson(value: unknown): Tenure | string {
  const lease = leaseFromJson(value);
  if (typeof lease === "string") return lease;
  const json = value as Readonly<Record<string, unknown>>;
  const endedAtMs = parseTime(json["endedAt"]);
  const reason = REASONS.find((known) => known === json["reason"]);
  if (endedAtMs === undefined || reason === undefined) return "has no usable end";
  return { lease, endedAtMs, reason };
}

function parseAddress(value: unknown): Pick<LeaseRecord, "family" | "kind" | "address" | "prefixLength"> | undefined {
  if (typeof value !== "string") return undefined;
  const [address, length] = value.split("/", 2);
  const kind = length === undefined ? "address" : "prefix";
  const ipv4 = parseIpv4(address);
  if (ipv4 !== undefined) return length === undefined ? { family: 4, kind, address: ipv4, prefixLength: 32 } : undefined;
  const ipv6 = parseIpv6(address);
  const prefixLength = length === undefined ? 128 : Number(length);
  if (ipv6 === undefined || !Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > 128) return undefined;
  return { family: 6, kind, address: ipv6, prefixLength };
}

function parseTime(value: unknown): number | undefined {
  const timeMs = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
