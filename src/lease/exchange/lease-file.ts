import { type Ipv4Address, parseIpv4 } from "../../base/ipv4-address.js";
import { type Ipv6Address, parseIpv6 } from "../../base/ipv6-address.js";
import { formatMac, type Mac, parseMac } from "../../base/mac.js";
import type { LeaseRecord, StoredState } from "../lease.js";

/** What reading another server's lease file gave. */
export interface ImportedLeases {
  readonly leases: readonly LeaseRecord[];
  /** Lines that hold no lease that could be taken over, and why. Lines count from 1. */
  readonly problems: readonly { readonly line: number; readonly message: string }[];
}

/** What the files have in common, each field as its server writes it. */
export interface ForeignLease {
  readonly address: string;
  readonly mac: string;
  /** DHCPv4 client identifier or DUID in hex, with or without colons; empty for none. */
  readonly clientId: string;
  /** DHCPv6 only. */
  readonly iaid?: number | undefined;
  readonly prefixLength?: number | undefined;
  readonly hostname: string;
  /** Seconds since 1970; `Infinity` for ever. */
  readonly expiresSeconds: number;
  /** Undefined where the file does not say. */
  readonly leaseSeconds?: number | undefined;
  readonly state?: StoredState | undefined;
}

export interface ImportTarget {
  readonly network: string;
  readonly nowMs: number;
}

/** Collects leases: of two at one address the later one counts. */
export class ImportCollector {
  readonly #target: ImportTarget;
  readonly #leases = new Map<Ipv4Address | Ipv6Address, LeaseRecord>();
  readonly #problems: { line: number; message: string }[] = [];

  constructor(target: ImportTarget) {
    this.#target = target;
  }

  get result(): ImportedLeases {
    return { leases: [...this.#leases.values()], problems: this.#problems };
  }

  add(line: number, foreign: ForeignLease): void {
    const lease = this.#convert(foreign);
    if (typeof lease === "string") this.refuse(line, lease);
    else this.#leases.set(lease.address, lease);
  }

  /** A later line takes the lease at this address back. */
  remove(address: string): void {
    const parsed = parseIpv4(address) ?? parseIpv6(address);
    if (parsed !== undefined) this.#leases.delete(parsed);
  }

  refuse(line: number, message: string): void {
    this.#problems.push({ line, message });
  }

  #convert(foreign: ForeignLease): LeaseRecord | string {
    const ipv4 = parseIpv4(foreign.address);
    const address = ipv4 ?? parseIpv6(foreign.address);
    if (address === undefined) return `${JSON.stringify(foreign.address)} is not an address`;
    const mac = foreign.mac === "" ? 0 : parseMac(foreign.mac);
    if (mac === undefined) return `${JSON.stringify(foreign.mac)} is not a MAC address`;
    const clientId = foreign.clientId.replaceAll(":", "").toLowerCase();
    if (!/^(?:[0-9a-f]{2})*$/.test(clientId)) return `${JSON.stringify(foreign.clientId)} is not a client identifier in hex`;
    if (Number.isNaN(foreign.expiresSeconds)) return "has no usable time of expiry";
    const identity = identityOf(mac, clientId, foreign.iaid);
    if (identity === undefined) return "has neither MAC address nor client identifier";
    const expiresAtMs = foreign.expiresSeconds * 1000;
    const isOver = expiresAtMs <= this.#target.nowMs;
    const boundAtMs = Math.min(this.#target.nowMs, startOf(expiresAtMs, foreign.leaseSeconds, this.#target.nowMs));
    const family = ipv4 === undefined ? 6 : 4;
    const whole = family === 4 ? 32 : 128;
    const prefixLength = foreign.prefixLength ?? whole;
    const kind = prefixLength === whole ? "address" : "prefix";
    const state = foreign.state ?? (isOver ? "expired" : "bound");
    const hostname = foreign.hostname.split(".", 1)[0].toLowerCase();
    const { network } = this.#target;
    return {
      network,
      family,
      kind,
      address,
      prefixLength,
      identity,
      state,
      mac,
      clientId,
      hostname,
      boundAtMs,
      renewedAtMs: boundAtMs,
      expiresAtMs,
    };
  }
}

function startOf(expiresAtMs: number, leaseSeconds: number | undefined, nowMs: number): number {
  return leaseSeconds === undefined || expiresAtMs === Number.POSITIVE_INFINITY ? nowMs : expiresAtMs - leaseSeconds * 1000;
}

/** As our own services make them, so that an imported client is recognised. */
function identityOf(mac: Mac, clientId: string, iaid: number | undefined): string | undefined {
  if (clientId !== "") return iaid === undefined ? `id:${clientId}` : `id:${clientId}/${iaid}`;
  return mac === 0 ? undefined : `mac:${formatMac(mac)}`;
}
