/** Where the page may be served. */
import { TapnetError } from "../../base/errors.js";
import { parseIpv4 } from "../../base/ipv4-address.js";
import { parseIpv6 } from "../../base/ipv6-address.js";

export interface ListenAddress {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

const LOOPBACK_IPV4 = 127;
const LOOPBACK_IPV6 = 1n;

/** Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `8080`. Throws USAGE. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "127.0.0.1";
  const port = Number(match?.[3]);
  const known = host === "localhost" || (match?.[1] === undefined ? parseIpv4(host) : parseIpv6(host)) !== undefined;
  if (match === null || !known || port > 65_535) {
    throw new TapnetError("USAGE", `--listen ${text}: write an address and a port, like 127.0.0.1:8080, [::1]:8080 or 8080`);
  }
  return { host: host === "localhost" ? "127.0.0.1" : host, port };
}

export function isLoopback(host: string): boolean {
  const ipv4 = parseIpv4(host);
  if (ipv4 !== undefined) return ipv4 >>> 24 === LOOPBACK_IPV4;
  return parseIpv6(host) === LOOPBACK_IPV6;
}

/** Refuses what others could reach, unless that is asked for: there is no encryption here. Throws USAGE. */
export function checkListenAddress({ host, port }: ListenAddress, exposed: boolean): void {
  if (exposed || isLoopback(host)) return;
  const tunnel = `ssh -L 8080:127.0.0.1:${port === 0 ? "PORT" : port} THIS-HOST`;
  throw new TapnetError(
    "USAGE",
    `--listen ${host}: others could reach it there, and read along, since it is not encrypted. ` +
      `From another machine: ${tunnel}. If it is meant all the same, add --expose`,
  );
}

/** `127.0.0.1:8080`, `[::1]:8080`. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
