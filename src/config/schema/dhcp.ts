import { z } from "zod";
import { ipv4, ipv4Prefix, ipv4Range, mac } from "./addresses.js";
import { dhcpOptions } from "./dhcp-options.js";
import { boundedDuration, identifier, label } from "./names.js";
import { choice, flag, list, quote, Refusal, section, text, wholeNumber } from "./scalars.js";

/** `dhcp:` of a network. */

export const leaseDuration = boundedDuration("how long a lease lasts", 1, 0xffff_ffff, "a lease lasts 1s at least");

const pattern = text("a text, with * at its start or end for anything", "PXEClient*", (written) => {
  const inner = written.replace(/^\*/, "").replace(/\*$/, "");
  return inner === "" || inner.includes("*")
    ? new Refusal(`${quote(written)} is not a pattern; * may only stand first or last`)
    : written;
});

const macPrefix = text("the first octets of a MAC address", '"52:54:00"', (written) => {
  const digits = written.replace(/[:-]\*$/, "").replaceAll(/[:-]/g, "");
  const usable = /^(?:[0-9a-f]{2}){1,6}$/i.test(digits);
  return usable
    ? digits.toLowerCase()
    : new Refusal(`${quote(written)} is not the start of a MAC address; write octets like 52:54:00`);
});

const match = section({
  vendor: pattern.optional(),
  user: pattern.optional(),
  architecture: z
    .preprocess(
      (value) => (Array.isArray(value) ? value : [value]),
      list(wholeNumber("an architecture type of RFC 4578", 0, 0xffff), "7"),
    )
    .meta({ type: ["integer", "array"], items: { type: "integer" }, description: "architecture types of RFC 4578 §2.1" })
    .optional(),
  mac: macPrefix.optional(),
  "circuit-id": identifier.optional(),
  "remote-id": identifier.optional(),
});

const dhcpClass = section({
  name: label,
  match,
  lease: leaseDuration.optional(),
  ranges: list(ipv4Range, "10.77.0.100-10.77.0.199").optional(),
  options: dhcpOptions.default([]),
});

const reservation = section({
  mac: mac.optional(),
  "client-id": identifier.optional(),
  "circuit-id": identifier.optional(),
  "remote-id": identifier.optional(),
  ipv4,
  name: label.optional(),
  lease: leaseDuration.optional(),
  options: dhcpOptions.default([]),
});

const route = section({ to: ipv4Prefix, via: ipv4.optional() });

export const dhcp = section({
  ranges: list(ipv4Range, "10.77.0.10-10.77.0.99").optional(),
  exclude: list(ipv4Range, "10.77.0.5").default([]),
  lease: leaseDuration.default(3600),
  "shortest-lease": leaseDuration.optional().describe("what a client gets that asks for a shorter lease"),
  "longest-lease": leaseDuration.optional().describe("what a client gets that asks for a longer lease"),
  renew: leaseDuration.optional().describe("T1: when clients renew their lease"),
  rebind: leaseDuration.optional().describe("T2: when clients ask any server"),
  offer: boundedDuration("how long an offer is held", 1, 3600, "an offer is held from 1s to 1h").default(60),
  quarantine: boundedDuration("how long a declined address rests", 0, 604_800, "7d is the most").default(86_400),
  netmask: choice("what guests get as netmask", ["network", "host"]).default("network"),
  authoritative: flag("answers NAK to clients that ask for what they cannot have").default(true),
  "rapid-commit": flag("two messages instead of four, RFC 4039").default(true),
  probe: flag("probes an address by ARP before it is offered").default(false),
  relay: flag("gives addresses through relays on other networks' interfaces").default(false),
  routes: list(route, "{ to: 192.0.2.0/24 }").default([]),
  "routes-replace-router": flag("leaves option 3 out for clients that get their routes by option 121, RFC 3442").default(true),
  options: dhcpOptions.default([]),
  classes: list(dhcpClass, "{ name: pxe, match: { vendor: PXEClient* } }").default([]),
  reservations: list(reservation, "{ mac: …, ipv4: … }").default([]),
});

export type DhcpInput = z.output<typeof dhcp>;
export type ReservationInput = z.output<typeof reservation>;
