import type { Clock } from "../../base/clock.js";
import { formatIpv4, type Ipv4Address } from "../../base/ipv4-address.js";
import { formatIpv6, type Ipv6Address } from "../../base/ipv6-address.js";
import { ipv4Bytes, ipv6Bytes } from "./addresses.js";

/** Where an upstream server is, and how it is asked. */
export interface UpstreamAddress {
  readonly family: 4 | 6;
  readonly address: Ipv4Address | Ipv6Address;
  readonly port: number;
  /** Ask only through this interface, which is also the scope of a link-local address; undefined: as the host's routes say. */
  readonly interface: string | undefined;
  /** The name that the server's certificate must have (DNS over TLS, RFC 7858); undefined: no TLS. */
  readonly tlsName: string | undefined;
}

export const DNS_PORT = 53;

/** As the configuration has it: `192.0.2.53`, `[2001:db8::53]:5353@eth0`, `tls://192.0.2.53:853#dns.example`. */
export function formatUpstream(upstream: UpstreamAddress): string {
  const { address, port, interface: device, tlsName } = upstream;
  const host = typeof address === "bigint" ? `[${formatIpv6(address)}]` : formatIpv4(address);
  const where = `${host}:${port}${device === undefined ? "" : `@${device}`}`;
  return tlsName === undefined ? where : `tls://${where}#${tlsName}`;
}

/** First wait for an answer where nothing is known, the least and most of what is learnt; in steps, which timers like. */
const TIMEOUT_MS = { unknown: 800, least: 300, most: 1600, step: 50 } as const;
/** So many unanswered questions in a row, and a server is left alone, at first this long and each time twice as long. */
const FAILURES_TO_REST = 2;
const REST_MS = { first: 2000, most: 60_000 } as const;
/** A server that did not understand EDNS is asked with it again after this long (RFC 6891 §6.2.2 wants a retry some time). */
const NO_EDNS_MS = 10 * 60_000;
/** An upstream that sent our own question back to us is left alone for this long. */
const LOOP_REST_MS = 60_000;

/**
 * One upstream server and what we have learnt of it.
 *
 * Answer times are smoothed as TCP does it (RFC 6298 §2). A server that leaves questions unanswered rests; when the rest is over
 * it is tried beside a healthy one, so nobody waits for it, and it is back with its first answer.
 */
export class Upstream {
  readonly address: UpstreamAddress;
  readonly text: string;
  /** The address in network order. */
  readonly addressBytes: Uint8Array;
  readonly clientCookie: Uint8Array;
  /** The server cookie that it gave us last; undefined where it gave none (RFC 7873 §5.1). */
  serverCookie: Uint8Array | undefined = undefined;
  /** Whether it has answered with OPT: then it knows EDNS, and a FORMERR of its own is about one question. */
  speaksEdns = false;
  /** Whether it sends the question back in the case in which we wrote it. */
  keepsCase = true;
  questions = 0;
  answers = 0;
  timeouts = 0;
  smoothedMs = 0;
  #variationMs = 0;
  #failures = 0;
  #rests = 0;
  #restsUntilMs = 0;
  #noEdnsUntilMs = 0;
  #probing = false;
  readonly #clock: Clock;

  constructor(address: UpstreamAddress, clientCookie: (address: Uint8Array) => Uint8Array, clock: Clock) {
    this.address = address;
    this.text = formatUpstream(address);
    this.addressBytes = typeof address.address === "bigint" ? ipv6Bytes(address.address) : ipv4Bytes(address.address);
    this.clientCookie = clientCookie(this.addressBytes);
    this.#clock = clock;
  }

  get isStream(): boolean {
    return this.address.tlsName !== undefined;
  }

  get isHealthy(): boolean {
    return this.#restsUntilMs === 0;
  }

  get usesEdns(): boolean {
    return this.#clock.monotonicMs() >= this.#noEdnsUntilMs;
  }

  /** How long to wait for its answer; `attempt` counts from 0. */
  timeoutMs(attempt: number): number {
    const learnt = this.smoothedMs === 0 ? TIMEOUT_MS.unknown : this.smoothedMs + 4 * this.#variationMs;
    const waited = Math.min(TIMEOUT_MS.most, Math.max(TIMEOUT_MS.least, learnt) * 2 ** attempt);
    return Math.ceil(waited / TIMEOUT_MS.step) * TIMEOUT_MS.step;
  }

  noteAnswer(elapsedMs: number): void {
    this.answers++;
    this.#failures = 0;
    this.#rests = 0;
    this.#restsUntilMs = 0;
    this.#probing = false;
    if (this.smoothedMs === 0) {
      this.smoothedMs = Math.max(1, elapsedMs);
      this.#variationMs = elapsedMs / 2;
      return;
    }
    this.#variationMs += (Math.abs(elapsedMs - this.smoothedMs) - this.#variationMs) / 4;
    this.smoothedMs = Math.max(1, this.smoothedMs + (elapsedMs - this.smoothedMs) / 8);
  }

  /** An unanswered question, or a connection that failed. */
  noteFailure(): void {
    this.timeouts++;
    this.#probing = false;
    if (++this.#failures >= FAILURES_TO_REST) this.rest(Math.min(REST_MS.most, REST_MS.first * 2 ** this.#rests++));
  }

  noteNoEdns(): void {
    this.#noEdnsUntilMs = this.#clock.monotonicMs() + NO_EDNS_MS;
    this.serverCookie = undefined;
  }

  noteLoop(): void {
    this.rest(LOOP_REST_MS);
  }

  rest(durationMs: number): void {
    this.#restsUntilMs = this.#clock.monotonicMs() + durationMs;
  }

  /** True once for each rest that is over: the caller then sends a copy of a question, to see whether it is back. */
  takeProbe(): boolean {
    if (this.isHealthy || this.#probing || this.#clock.monotonicMs() < this.#restsUntilMs) return false;
    this.#probing = true;
    return true;
  }
}
