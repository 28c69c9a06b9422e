import type { PortForward } from "../../config/index.js";
import type { ForwardView } from "../../control/index.js";

/** A forward that somebody wants, and where that stands. */
export interface ForwardEntry {
  readonly guest: string;
  readonly forward: PortForward;
  readonly source: ForwardView["source"];
}

/** Forwards that are in force, by guest and by port of the host: one more costs its own ports, whatever the others have. */
export class ForwardIndex {
  readonly #byPort = new Map<string, ForwardEntry>();
  readonly #byGuest = new Map<string, ForwardEntry[]>();
  /** Those that came later than others with one of their ports. */
  readonly overruled: ForwardEntry[] = [];

  /** Earlier entries go before later ones. Of the configuration all are taken: what overlaps there has been refused before. */
  constructor(entries: Iterable<ForwardEntry>) {
    for (const entry of entries) {
      if (entry.source === "configuration" || this.overlapping(entry.forward) === undefined) this.add(entry);
      else this.overruled.push(entry);
    }
  }

  get guests(): ReadonlyMap<string, readonly ForwardEntry[]> {
    return this.#byGuest;
  }

  all(): ForwardEntry[] {
    return [...this.#byGuest.values()].flat();
  }

  of(guest: string): readonly ForwardEntry[] {
    return this.#byGuest.get(guest) ?? [];
  }

  /**
   * One that has a port of this one's already. One from a certain address of the host goes before one from all of them, so these
   * two do not meet; `bySockets`: those of two sockets do.
   */
  overlapping(forward: PortForward, bySockets = false): ForwardEntry | undefined {
    for (const port of portsOf(forward)) {
      const entry = this.#byPort.get(port);
      if (entry !== undefined) return entry;
    }
    return bySockets ? this.all().find((entry) => sharesSocket(entry.forward, forward)) : undefined;
  }

  add(entry: ForwardEntry): void {
    for (const port of portsOf(entry.forward)) this.#byPort.set(port, entry);
    const list = this.#byGuest.get(entry.guest);
    if (list === undefined) this.#byGuest.set(entry.guest, [entry]);
    else list.push(entry);
  }

  remove(entry: ForwardEntry): void {
    for (const port of portsOf(entry.forward)) this.#byPort.delete(port);
    const rest = this.of(entry.guest).filter((each) => each.forward !== entry.forward);
    if (rest.length > 0) this.#byGuest.set(entry.guest, rest);
    else this.#byGuest.delete(entry.guest);
  }
}

function* portsOf({ protocol, address, firstPort, lastPort }: PortForward): Generator<string> {
  for (let port = firstPort; port <= lastPort; port++) yield `${protocol} ${address ?? ""} ${port}`;
}

function sharesSocket(one: PortForward, other: PortForward): boolean {
  return (
    one.protocol === other.protocol &&
    (one.address === undefined || other.address === undefined) &&
    one.firstPort <= other.lastPort &&
    other.firstPort <= one.lastPort
  );
}
