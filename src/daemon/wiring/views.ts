/** What is shown of leases, guests and networks: plain values from the daemon's own. */
import { formatIpv4 } from "../../base/ipv4-address.js";
import { formatIpv6 } from "../../base/ipv6-address.js";
import { formatAddress } from "../../base/kernel-objects.js";
import { formatMac, type Mac } from "../../base/mac.js";
import { formatPrefix } from "../../base/prefix.js";
import type { GuestConfiguration, NetworkConfiguration } from "../../config/configuration.js";
import type { GuestView, LeaseView, NetworkView, TenureView } from "../../control/index.js";
import type { LeaseBook } from "../../lease/book.js";
import { formatLeaseAddress, type LeaseRecord, type LeaseState, type Tenure } from "../../lease/lease.js";
import type { Lease } from "../../lease/lease-entry.js";
import type { Network, Port } from "../../network/model.js";
import type { LinkCounters } from "../../os/link-counters.js";
import { isGlobalIpv6 } from "./guest-services.js";

/** ISO 8601; null for "never" and "unknown". */
export function timeText(ms: number | undefined): string | null {
  return ms === undefined || !Number.isFinite(ms) ? null : new Date(ms).toISOString();
}

function macText(mac: Mac): string | null {
  return mac === 0 ? null : formatMac(mac);
}

/** An offer has no record yet: of it only address and owner are known. */
export function leaseView(lease: Lease, book: LeaseBook): LeaseView {
  if (lease.record !== undefined) return recordView(lease.record, lease.state);
  const { network, kind, prefixLength } = book;
  return {
    network,
    address: formatLeaseAddress({ address: lease.address, kind, prefixLength }),
    state: lease.state,
    identity: lease.identity,
    mac: null,
    clientId: null,
    hostname: null,
    boundAt: null,
    renewedAt: null,
    expiresAt: timeText(lease.untilMs),
  };
}

function recordView(record: LeaseRecord, state: LeaseState): LeaseView {
  return {
    network: record.network,
    address: formatLeaseAddress(record),
    state,
    identity: record.identity,
    mac: macText(record.mac),
    clientId: record.clientId || null,
    hostname: record.hostname || null,
    boundAt: timeText(record.boundAtMs),
    renewedAt: timeText(record.renewedAtMs),
    expiresAt: timeText(record.expiresAtMs),
  };
}

export function tenureView({ lease, endedAtMs, reason }: Omit<Tenure, "reason"> & { reason: string | null }): TenureView {
  return {
    network: lease.network,
    address: formatLeaseAddress(lease),
    identity: lease.identity,
    mac: macText(lease.mac),
    hostname: lease.hostname || null,
    boundAt: new Date(lease.boundAtMs).toISOString(),
    endedAt: timeText(endedAtMs),
    reason,
  };
}

export function networkView(
  network: Network,
  configured: NetworkConfiguration,
  counts: Pick<NetworkView, "guestsAttached" | "leasesBound" | "poolSize">,
): NetworkView {
  return {
    name: network.name,
    kind: network.kind,
    ipv4: network.ipv4 === undefined ? null : formatPrefix(network.ipv4),
    gatewayIpv4: network.gatewayIpv4 === undefined ? null : formatIpv4(network.gatewayIpv4),
    ipv6: network.ipv6 === undefined ? null : formatPrefix(network.ipv6),
    gatewayMac: formatMac(network.gatewayMac),
    uplink: network.uplink ?? null,
    domain: configured.domain,
    mtu: network.mtu,
    dataplane: configured.dataplane,
    serves: configured.serve,
    ...counts,
  };
}

/** A guest at its port. */
export function attachedView(
  port: Port,
  configured: GuestConfiguration | undefined,
  names: readonly string[],
  attachedAtMs: number | undefined,
  counters: LinkCounters | undefined,
): GuestView {
  const addresses = port.bindings.map(({ address }) => address);
  const mac = port.bindings[0]?.mac ?? configured?.mac;
  return {
    name: port.guest,
    network: port.network.name,
    state: "attached",
    ifname: port.ifname,
    mac: mac === undefined ? null : formatMac(mac),
    ipv4: addresses.filter((address) => typeof address === "number").map(formatAddress),
    ipv6: addresses.filter((address) => isGlobalIpv6(address, port.network)).map(formatAddress),
    public: (port.network.publics.get(port.guest) ?? []).map(formatAddress),
    names,
    attachedAt: timeText(attachedAtMs),
    // What comes in by the link the guest has sent.
    sent: counters?.received ?? null,
    received: counters?.sent ?? null,
  };
}

/** A guest that the configuration names and that is not here. */
export function absentView(guest: GuestConfiguration, names: readonly string[]): GuestView {
  const { name, network, mac, ipv4, ipv6, publics, ifname } = guest;
  return {
    name,
    network,
    state: "configured",
    ifname: ifname ?? null,
    mac: mac === undefined ? null : formatMac(mac),
    ipv4: ipv4 === undefined ? [] : [formatIpv4(ipv4)],
    ipv6: ipv6 === undefined ? [] : [formatIpv6(ipv6)],
    public: publics.map(formatAddress),
    names,
    attachedAt: null,
    sent: null,
    received: null,
  };
}
