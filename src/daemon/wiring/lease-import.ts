/**
 * Leases of another server, taken over one by one: each becomes the lease of whoever will ask for it here. That is the guest
 * that is configured with its MAC address, and otherwise a client of a shared link, by its identifier or MAC address. What no
 * client could keep at its next renewal is refused with the reason, instead of being a lease that ends in a NAK.
 */
import { formatMac, type Mac, parseMac } from "../../base/mac.js";
import type { LeaseImport } from "../../control/index.js";
import type { LeaseBook } from "../../lease/book.js";
import type { LeaseAddress } from "../../lease/lease.js";
import { cleanHostName } from "../../services/dhcp4/host-name.js";
import { guestIdentity } from "../../services/dhcp4/identity.js";
import type { DaemonParts } from "./parts.js";
import { timeText } from "./views.js";

const OCTETS = /^(?:[0-9a-f]{2}){1,255}$/;

/** Takes over one lease into the network's book; returns why not. */
export function takeOverLease(
  lease: LeaseImport,
  address: LeaseAddress,
  book: LeaseBook,
  daemon: DaemonParts,
): string | undefined {
  const mac = lease.mac === null ? undefined : parseMac(lease.mac);
  if (lease.mac !== null && mac === undefined) return `${lease.mac} is not a MAC address`;
  const clientId = lease.clientId?.replaceAll(":", "").toLowerCase();
  if (clientId !== undefined && !OCTETS.test(clientId)) return `client identifier ${lease.clientId} is not hex`;
  if (mac === undefined && clientId === undefined) return "neither MAC address nor client identifier: nobody could ask for it";
  const nowMs = daemon.clock.nowMs();
  const expiresAtMs = lease.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(lease.expiresAt);
  if (expiresAtMs <= nowMs) return `expired at ${timeText(expiresAtMs) ?? "?"}`;
  const guest = guestWith(mac, book.network, daemon);
  const client = { address, guest, mac, clientId };
  const unusable = book.family === 4 ? daemon.leases.dhcp4.explainNotFor(book.network, client) : undefined;
  if (unusable !== undefined) return unusable;
  const taken = book.take({
    network: book.network,
    family: book.family,
    kind: "address",
    address,
    prefixLength: book.prefixLength,
    identity: identityOf(client),
    state: "bound",
    mac: mac ?? 0,
    clientId: clientId ?? "",
    hostname: cleanHostName(lease.hostname ?? ""),
    boundAtMs: nowMs,
    renewedAtMs: nowMs,
    expiresAtMs,
  });
  return taken ? undefined : "somebody else has it now";
}

function guestWith(mac: Mac | undefined, network: string, { configuration }: DaemonParts): string | undefined {
  if (mac === undefined) return undefined;
  return configuration.guests.find((guest) => guest.mac === mac && guest.network === network)?.name;
}

interface Client {
  readonly guest: string | undefined;
  readonly mac: Mac | undefined;
  readonly clientId: string | undefined;
}

function identityOf({ guest, mac, clientId }: Client): string {
  if (guest !== undefined) return guestIdentity(guest);
  return clientId === undefined ? `mac:${formatMac(mac ?? 0)}` : `id:${clientId}`;
}
