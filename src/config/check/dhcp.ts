import { formatIpv4, type Ipv4Address } from "../../base/ipv4-address.js";
import { formatMac } from "../../base/mac.js";
import { formatPrefix, type Ipv4Prefix, ipv4InPrefix } from "../../base/prefix.js";
import type { DhcpConfiguration, DhcpReservation, Ipv4Range } from "../configuration.js";
import type { ConfigDocument } from "../document.js";
import type { KeyPath } from "../problems.js";
import { formatIpv4Range } from "../schema/addresses.js";
import type { DhcpInput, ReservationInput } from "../schema/dhcp.js";
import { explainUnusable, hostRange, overlap, withoutHoles } from "./ranges.js";

/** Where a network's `dhcp:` stands and what it hangs on. */
export interface DhcpContext {
  readonly document: ConfigDocument;
  readonly path: KeyPath;
  readonly prefix: Ipv4Prefix;
  readonly gateway: Ipv4Address;
}

/** `dhcp:` against the network's prefix, completed with the ranges that follow from it. */
export function checkDhcp(input: DhcpInput, context: DhcpContext): DhcpConfiguration {
  const holes = [...input.exclude, { first: context.gateway, last: context.gateway }];
  checkRanges(input.ranges ?? [], "ranges", input.netmask, context);
  const ranges = withoutHoles(input.ranges ?? [hostRange(context.prefix)], holes);
  if (ranges.length === 0) {
    const taken = `${formatPrefix(context.prefix)} has no address left besides the gateway and what is excluded`;
    context.document.problem(
      [...context.path, input.exclude.length > 0 ? "exclude" : "ranges"],
      `${taken}; take a shorter prefix, or exclude less`,
    );
  }
  for (const [index, range] of input.exclude.entries()) inPrefix(range, ["exclude", index], context);
  checkTimes(input, context);
  for (const [index, route] of input.routes.entries()) {
    if (route.via !== undefined) hostOf(route.via, ["routes", index, "via"], context);
  }
  checkReservations(input.reservations, context);
  return {
    ranges,
    leaseSeconds: input.lease,
    shortestLeaseSeconds: input["shortest-lease"],
    longestLeaseSeconds: input["longest-lease"],
    renewSeconds: input.renew,
    rebindSeconds: input.rebind,
    offerSeconds: input.offer,
    quarantineSeconds: input.quarantine,
    netmask: input.netmask,
    authoritative: input.authoritative,
    rapidCommit: input["rapid-commit"],
    probe: input.probe,
    relay: input.relay,
    routes: input.routes.map((route) => ({ to: route.to, via: route.via })),
    routesReplaceRouter: input["routes-replace-router"],
    options: input.options,
    classes: input.classes.map((entry, index) => completeClass(entry, index, holes, input.netmask, context)),
    reservations: input.reservations.map(completeReservation),
  };
}

function checkRanges(
  ranges: readonly Ipv4Range[],
  key: string,
  netmask: "network" | "host",
  context: DhcpContext,
  at: KeyPath = [],
): void {
  for (const [index, range] of ranges.entries()) {
    const path = [...at, key, index];
    if (!inPrefix(range, path, context)) continue;
    for (const end of [range.first, range.last]) {
      const reason = explainUnusable(end, context.prefix);
      if (reason === undefined || netmask === "host") continue;
      const usable = formatIpv4Range(hostRange(context.prefix));
      context.document.problem(
        [...context.path, ...path],
        `${formatIpv4(end)} ${reason}; stay within ${usable}, or set netmask: host`,
      );
      break;
    }
    const earlier = ranges.slice(0, index).find((other) => overlap(other, range));
    if (earlier === undefined) continue;
    context.document.problem(
      [...context.path, ...path],
      `${formatIpv4Range(range)} overlaps ${formatIpv4Range(earlier)}; make them one, or part them`,
    );
  }
}

function inPrefix(range: Ipv4Range, path: KeyPath, context: DhcpContext): boolean {
  const outside = [range.first, range.last].find((end) => !ipv4InPrefix(end, context.prefix));
  if (outside === undefined) return true;
  const usable = formatIpv4Range(hostRange(context.prefix));
  context.document.problem(
    [...context.path, ...path],
    `${formatIpv4(outside)} is outside ${formatPrefix(context.prefix)}; stay within ${usable}`,
  );
  return false;
}

function hostOf(address: Ipv4Address, path: KeyPath, context: DhcpContext): void {
  inPrefix({ first: address, last: address }, path, context);
}

/** T1 < T2 < lease time (RFC 2131 §4.4.5), and what a client gets unasked within what it may ask for. */
function checkTimes(input: DhcpInput, context: DhcpContext): void {
  const { "shortest-lease": shortest, "longest-lease": longest } = input;
  if (shortest !== undefined && shortest > input.lease) {
    context.document.problem([...context.path, "shortest-lease"], "is longer than lease:; write a time that is not");
  }
  if (longest !== undefined && longest < input.lease) {
    context.document.problem([...context.path, "longest-lease"], "is shorter than lease:; write a time that is not");
  }
  const rebind = input.rebind ?? input.lease;
  if (input.rebind !== undefined && input.rebind >= input.lease) {
    context.document.problem([...context.path, "rebind"], "is not before the end of the lease; write a time shorter than lease:");
  }
  if (input.renew !== undefined && input.renew >= rebind) {
    context.document.problem([...context.path, "renew"], "is not before rebind: and the end of the lease; write a shorter time");
  }
}

function completeClass(
  input: DhcpInput["classes"][number],
  index: number,
  holes: readonly Ipv4Range[],
  netmask: "network" | "host",
  context: DhcpContext,
): DhcpConfiguration["classes"][number] {
  const at = ["classes", index];
  const { match } = input;
  if (Object.values(match).every((value) => value === undefined)) {
    context.document.problem(
      [...context.path, ...at, "match"],
      "matches every client; name what it must have, like { vendor: PXEClient* }",
    );
  }
  if (input.ranges !== undefined) checkRanges(input.ranges, "ranges", netmask, context, at);
  return {
    name: input.name,
    match: {
      vendor: match.vendor,
      user: match.user,
      architectures: match.architecture,
      macPrefix: match.mac,
      circuitId: match["circuit-id"],
      remoteId: match["remote-id"],
    },
    leaseSeconds: input.lease,
    ranges: input.ranges === undefined ? undefined : withoutHoles(input.ranges, holes),
    options: input.options,
  };
}

function checkReservations(reservations: readonly ReservationInput[], context: DhcpContext): void {
  const addresses = new Map<Ipv4Address, number>();
  const macs = new Map<number, number>();
  for (const [index, reservation] of reservations.entries()) {
    const path = [...context.path, "reservations", index];
    checkReservedAddress(reservation.ipv4, [...path, "ipv4"], context);
    const earlier = addresses.get(reservation.ipv4);
    if (earlier !== undefined) {
      context.document.problem(
        [...path, "ipv4"],
        `${formatIpv4(reservation.ipv4)} is reserved twice, also by entry ${earlier + 1} of the list`,
      );
    }
    addresses.set(reservation.ipv4, index);
    const { mac, "client-id": clientId, "circuit-id": circuitId, "remote-id": remoteId } = reservation;
    if (mac === undefined && clientId === undefined && circuitId === undefined && remoteId === undefined) {
      context.document.problem(path, "says for whom it is in no way; give mac:, client-id:, circuit-id: or remote-id:");
    }
    if (mac === undefined || clientId !== undefined) continue;
    const sameMac = macs.get(mac);
    if (sameMac !== undefined) {
      context.document.problem(
        [...path, "mac"],
        `${formatMac(mac)} has a reservation already, entry ${sameMac + 1} of the list; remove one`,
      );
    }
    macs.set(mac, index);
  }
}

/** An address that one client shall have: inside the prefix, and nobody else's by its nature. */
export function checkReservedAddress(address: Ipv4Address, path: KeyPath, context: Omit<DhcpContext, "path">): void {
  const usable = formatIpv4Range(hostRange(context.prefix));
  if (!ipv4InPrefix(address, context.prefix)) {
    context.document.problem(
      path,
      `${formatIpv4(address)} is outside the network's ${formatPrefix(context.prefix)}; take one of ${usable}`,
    );
  } else if (address === context.gateway) {
    context.document.problem(path, `${formatIpv4(address)} is the network's gateway; take another one of ${usable}`);
  }
}

function completeReservation(input: ReservationInput): DhcpReservation {
  return {
    mac: input.mac,
    clientId: input["client-id"],
    circuitId: input["circuit-id"],
    remoteId: input["remote-id"],
    ipv4: input.ipv4,
    name: input.name,
    leaseSeconds: input.lease,
    options: input.options,
  };
}
