/**
 * Whose lease an identity association is about.
 *
 * On a shared link: DUID and IAID together. On a port: the guest, whatever it calls itself, so that a re-imaged guest finds its
 * address again. A guest that sends several associations has several leases, numbered by *slot*: one that names an address which
 * a slot has is about that slot; the others take the lowest slots left, in the order of the message. Nothing of that has to be
 * remembered, and what a guest can take is bounded, whatever IAIDs it makes up.
 */
import type { LeaseBook } from "../../lease/book.js";
import * as option from "../../wire/dhcp6/option.js";
import type { Exchange } from "./exchange.js";
import type { IaKind } from "./ia-kind.js";

/** Leases of one kind that one guest may have. */
export const SLOTS_PER_GUEST = 4;

/** Finds the slot of every association of this kind in the message. A shared link has none. */
export function assignSlots(exchange: Exchange, kind: IaKind, book: LeaseBook): void {
  const { request, slot, link } = exchange;
  if (link.guest === undefined) return;
  let used = 0;
  for (let index = 0; index < request.iaCount; index++) {
    if (request.iaCode[index] !== kind.code) continue;
    const named = namedSlot(exchange, kind, book, index, used);
    slot[index] = named;
    if (named >= 0) used |= 1 << named;
  }
  for (let index = 0; index < request.iaCount; index++) {
    if (request.iaCode[index] !== kind.code || slot[index] >= 0) continue;
    slot[index] = lowestFree(used);
    if (slot[index] >= 0) used |= 1 << slot[index];
  }
}

function namedSlot(exchange: Exchange, kind: IaKind, book: LeaseBook, index: number, used: number): number {
  const { request } = exchange;
  for (let at = request.firstInIa(index, kind.leafCode); at >= 0; at = request.nextInIa(index, at)) {
    const holder = book.at(kind.address(request.view, at + option.HEADER_BYTES));
    if (holder === undefined) continue;
    for (let slot = 0; slot < SLOTS_PER_GUEST; slot++) {
      if ((used & (1 << slot)) === 0 && holder.identity === guestIdentity(exchange, slot)) return slot;
    }
  }
  return -1;
}

function lowestFree(used: number): number {
  for (let slot = 0; slot < SLOTS_PER_GUEST; slot++) if ((used & (1 << slot)) === 0) return slot;
  return -1;
}

function guestIdentity(exchange: Exchange, slot: number): string {
  return slot === 0 ? `guest:${exchange.link.guest}` : `guest:${exchange.link.guest}/${slot}`;
}

/** The identity of an association after `assignSlots`; undefined when the guest has used up its slots. */
export function identityOf(exchange: Exchange, index: number): string | undefined {
  if (exchange.link.guest === undefined) return `id:${exchange.duid}/${exchange.request.iaid(index)}`;
  return exchange.slot[index] < 0 ? undefined : guestIdentity(exchange, exchange.slot[index]);
}
