import { z } from "zod";
import type { Dhcp6BootFile, Dhcp6NtpSource } from "../ipv6.js";
import { guestIpv6Prefix, ipv6, readIpv6 } from "./addresses.js";
import { boundedDuration, domain, readDomain } from "./names.js";
import { flag, list, quote, Refusal, section, text, wholeNumber } from "./scalars.js";

/** `dhcp6:` of a network: what DHCPv6 has and DHCPv4 has not. */

/** DHCP Unique Identifiers (RFC 8415 §11.1): two octets of type, then 1 to 128. */
const duid = text("a DUID, as octets", '"00:03:00:01:52:54:00:12:34:56"', (written) => {
  const hex = written.replaceAll(/[:-]/g, "").toLowerCase();
  const octets = /^(?:[0-9a-f]{2})+$/.test(hex) ? hex.length / 2 : 0;
  if (octets === 0) return new Refusal(`${quote(written)} is not a DUID; write octets like 00:03:00:01:52:54:00:12:34:56`);
  return octets >= 3 && octets <= 130 ? hex : new Refusal(`is ${octets} octets long; a DUID has 3 to 130`);
});

const ntpSource = text("an NTP server, by address or name", "ntp.example", (written): Dhcp6NtpSource | Refusal => {
  if (written.includes(":")) {
    const address = readIpv6(written);
    if (address instanceof Refusal) return address;
    return { kind: address >> 120n === 0xffn ? "multicast" : "address", address };
  }
  const name = readDomain(written);
  return name instanceof Refusal ? name : { kind: "name", name };
});

const url = text("a URL", '"tftp://[2001:db8:77::1]/grubx64.efi"', (written) =>
  /^[a-z][a-z0-9+.-]*:\S+$/i.test(written)
    ? written
    : new Refusal(`${quote(written)} is not a URL; write one like tftp://[…]/file`),
);

const bootFile = section({
  url,
  parameters: list(z.string(), "quiet").default([]),
  architecture: wholeNumber("an architecture type of RFC 5970", 0, 0xffff).optional(),
});

/** One URL alone, or several with what they are for. */
const bootFiles: z.ZodType<Dhcp6BootFile[], unknown> = z.preprocess(
  (value) => (typeof value === "string" ? [{ url: value }] : value),
  list(
    bootFile.transform((file): Dhcp6BootFile => ({ ...file, architecture: file.architecture })),
    "{ url: … }",
  ),
);

const reservation = section({ duid, ipv6: ipv6.optional(), prefix: guestIpv6Prefix.optional() });

const retry = (expected: string) => boundedDuration(expected, 60, 86_400, "from 1m to 24h (RFC 8415 §21.24)").optional();

export const dhcp6 = section({
  addresses: flag("gives addresses; without, guests make their own and get the rest here").optional(),
  pool: guestIpv6Prefix.optional().describe("where addresses are taken from; the whole prefix unless said"),
  preference: wholeNumber("which server clients choose among several", 0, 255).default(0),
  dns: list(ipv6, '"2001:db8::53"').optional().describe("DNS servers; the gateway unless said"),
  search: list(domain, "guests.example").optional().describe("search domains; the network's own unless said"),
  ntp: list(ntpSource, "ntp.example").default([]),
  sntp: list(ipv6, '"2001:db8::7b"').default([]),
  "boot-file": bootFiles.meta({ type: ["string", "array"], description: "what clients boot by network" }).default([]),
  refresh: boundedDuration(
    "how long clients without leases keep what they were told",
    600,
    0xffff_ffff,
    "10m at least",
  ).optional(),
  "sol-max-rt": retry("how slowly clients may ask for addresses"),
  "inf-max-rt": retry("how slowly clients may ask for configuration"),
  reservations: list(reservation, '{ duid: "00:03:…", ipv6: … }').default([]),
});

export type Dhcp6Input = z.output<typeof dhcp6>;
