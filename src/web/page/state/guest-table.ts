/** Which guests a table shows, in which order: pure, so that five thousand of them can be tested. */
import type { GuestView } from "../../../control/views.js";

export const SORTS = ["name", "network", "address", "sent", "received"] as const;
export type Sort = (typeof SORTS)[number];

export interface TableState {
  readonly search: string;
  readonly network: string;
  readonly sort: Sort;
  readonly descending: boolean;
  readonly page: number;
}

export interface TablePage {
  readonly rows: readonly GuestView[];
  /** How many match. */
  readonly total: number;
  /** From 0; never beyond the last. */
  readonly page: number;
  readonly pages: number;
}

export const PAGE_ROWS = 50;

/** web2 before web10. */
const collator = new Intl.Collator("en", { numeric: true });

export type Rates = (guest: string, network: string) => readonly [sent: number, received: number];

/** All that match, in order: work for each guest there is, done when guests or what is wanted of them have changed. */
export function findGuests(guests: readonly GuestView[], state: TableState, rates: Rates): readonly GuestView[] {
  return guests.filter((guest) => matches(guest, state.search, state.network)).toSorted(order(state, rates));
}

export function pageOf(sorted: readonly GuestView[], state: TableState): TablePage {
  const pages = Math.max(1, Math.ceil(sorted.length / PAGE_ROWS));
  const page = Math.min(Math.max(0, state.page), pages - 1);
  return { rows: sorted.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS), total: sorted.length, page, pages };
}

/** Every word must be somewhere in what the table shows of a guest. */
export function matches(guest: GuestView, search: string, network: string): boolean {
  if (network !== "" && guest.network !== network) return false;
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length === 0) return true;
  const texts = [guest.name, guest.network, guest.state, guest.mac ?? "", guest.ifname ?? ""];
  const all = [...texts, ...guest.ipv4, ...guest.ipv6, ...guest.public, ...guest.names].join("\n").toLowerCase();
  return words.every((word) => all.includes(word));
}

function order({ sort, descending }: TableState, rates: Rates): (one: GuestView, other: GuestView) => number {
  const byName = (one: GuestView, other: GuestView): number =>
    collator.compare(one.name, other.name) || collator.compare(one.network, other.network);
  const turn = descending ? -1 : 1;
  const by = comparison(sort, rates);
  return (one, other) => turn * by(one, other) || byName(one, other);
}

function comparison(sort: Sort, rates: Rates): (one: GuestView, other: GuestView) => number {
  switch (sort) {
    case "name":
      return (one, other) => collator.compare(one.name, other.name);
    case "network":
      return (one, other) => collator.compare(one.network, other.network);
    case "address":
      return (one, other) => compareAddresses(addressOf(one), addressOf(other));
    case "sent":
      return (one, other) => rates(one.name, one.network)[0] - rates(other.name, other.network)[0];
    case "received":
      return (one, other) => rates(one.name, one.network)[1] - rates(other.name, other.network)[1];
  }
}

function addressOf({ ipv4, ipv6 }: GuestView): string {
  return ipv4[0] ?? ipv6[0] ?? "";
}

/** Guests without an address come last. */
function compareAddresses(one: string, other: string): number {
  return Number(one === "") - Number(other === "") || collator.compare(one, other);
}

/** Takes the views of `names` out of a list and puts these in. */
export function replaceGuests(all: readonly GuestView[], names: ReadonlySet<string>, fresh: readonly GuestView[]): GuestView[] {
  return [...all.filter(({ name }) => !names.has(name)), ...fresh];
}
