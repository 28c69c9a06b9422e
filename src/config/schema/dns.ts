import { isIPv6 } from "node:net";
import type { z } from "zod";
import { parseIpv4 } from "../../base/ipv4-address.js";
import { parseIpv6 } from "../../base/ipv6-address.js";
import type { DnsUpstream } from "../configuration.js";
import { dnsRecord } from "./dns-records.js";
import { boundedDuration, domain, label, path, readDomain, readIfname } from "./names.js";
import { flag, list, mapping, quote, Refusal, section, text, textOrNumber, wholeNumber } from "./scalars.js";

/** `dns:` of the whole configuration and of a network. */

const PORT_DNS = 53;
/** RFC 7858 §3.1. */
const PORT_DNS_OVER_TLS = 853;
const SIZE_UNITS: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** `192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:5353`, with `@eth0` behind it, `tls://192.0.2.53#dns.example` for TLS. */
function readUpstream(written: string): DnsUpstream | Refusal {
  const parts = /^(tls:\/\/)?(\[[^\]]*\]|[^#@[\]]*?)(?::(\d{1,5}))?(?:@([^#]+))?(?:#(.+))?$/.exec(
    isIPv6(written) ? `[${written}]` : written,
  );
  if (parts === null) return notAnUpstream(written);
  const [, tls, host, portText, interfaceName, certificateName] = parts;
  const hostText = host.startsWith("[") ? host.slice(1, -1) : host;
  const address = parseIpv4(hostText) ?? parseIpv6(hostText);
  if (address === undefined) return notAnUpstream(written);
  const port = portText === undefined ? (tls === undefined ? PORT_DNS : PORT_DNS_OVER_TLS) : Number(portText);
  if (port < 1 || port > 65_535) return new Refusal(`${quote(written)} has port ${portText}; a port is 1 to 65535`);
  if (tls === undefined && certificateName !== undefined)
    return new Refusal(`${quote(written)} names a certificate but not TLS; begin it with tls://`);
  if (tls !== undefined && certificateName === undefined) {
    return new Refusal(`${quote(written)} does not say whose certificate to expect; write tls://${host}#dns.example`);
  }
  const device = interfaceName === undefined ? undefined : readIfname(interfaceName);
  if (device instanceof Refusal) return device;
  const tlsName = certificateName === undefined ? undefined : readDomain(certificateName);
  if (tlsName instanceof Refusal) return tlsName;
  return { family: typeof address === "number" ? 4 : 6, address, port, interface: device, tlsName };
}

function notAnUpstream(written: string): Refusal {
  return new Refusal(`${quote(written)} is not the address of a DNS server; write one like 192.0.2.53 or 192.0.2.53:5353`);
}

const upstream = text("the address of a DNS server", "192.0.2.53", readUpstream);
const upstreams = list(upstream, "192.0.2.53");

const size = textOrNumber("a size in bytes", "16M", (written) => {
  const match = /^(\d{1,12})([kmg])?(?:i?b)?$/i.exec(written);
  if (match === null) return new Refusal(`${quote(written)} is not a size; write one like 16M`);
  const bytes = Number(match[1]) * (match[2] === undefined ? 1 : SIZE_UNITS[match[2].toLowerCase()]);
  return bytes <= SIZE_UNITS.g ? bytes : new Refusal(`${written} is more than 1G, which is the most`);
});

export const dns = section({
  upstreams: upstreams.optional(),
  domains: mapping(upstreams, '"corp.example: [192.0.2.53]"').default({}),
  records: list(dnsRecord, "{ name: api.example, type: A, value: 10.77.0.9 }").default([]),
  hosts: list(path, "/etc/hosts").default(["/etc/hosts"]),
  cache: size.default(8 * SIZE_UNITS.m),
  stale: boundedDuration("how long expired answers are served while no upstream answers", 0, 604_800, "7d is the most").default(
    86_400,
  ),
  resolved: flag("this host's systemd-resolved asks tapnetd for guests' names").default(true),
  "allow-private": list(domain, "corp.example").default([]),
  rate: wholeNumber("questions per second of one guest", 1, 1_000_000).default(1000),
  open: wholeNumber("questions that one guest may have open", 1, 100_000).default(256),
});

export const networkDns = section({
  forward: flag("questions about other names go to the upstreams").optional(),
  upstreams: upstreams.optional(),
  sees: list(label, "default").default([]),
  log: flag("writes each question to the log").default(false),
});

/** `dns:` of a guest. */
export const guestDns = section({
  log: flag("writes each question of this guest to the log").default(false),
});

export type DnsInput = z.output<typeof dns>;
