/**
 * Theory of operation
 *
 * What guests may use, by guest: bits in a second each way are shaped at the guest's link (`Shaper`), packets in a second and
 * connections at a time are counted by elements of sets (`ruleset/limits.ts`). So a packet meets its own guest's limit only, and
 * a guest without limits is not slowed by those of others. Told of ports as DNS is of names; what is in force already costs
 * nothing again.
 */

import { errorMessage } from "../base/errors.js";
import type { Logger } from "../base/log.js";
import type { SetKey } from "../base/set-element.js";
import type { Firewall } from "./kernel.js";
import type { Port } from "./model.js";
import { BRIDGE_LIMIT_SETS, LIMIT_SETS, limitSets } from "./ruleset/limits.js";
import { elementText, type PlacedElement, type Traffic } from "./traffic.js";

/** What is undefined is not limited. */
export interface GuestLimit {
  /** From the guest, and to it. */
  readonly upBitsPerSecond: number | undefined;
  readonly downBitsPerSecond: number | undefined;
  /** How much may go at once after a pause; undefined: what the rate needs. */
  readonly burstBytes: number | undefined;
  /** Each way. */
  readonly packetsPerSecond: number | undefined;
  /** At a time: those that the guest begins, and as many that others begin with it. */
  readonly connections: number | undefined;
}

export interface Rate {
  readonly bitsPerSecond: number;
  readonly burstBytes: number | undefined;
}

/** Lets links have so many bits in a second, by queueing what is too much. */
export interface Shaper {
  /** What is undefined is not limited (any more). */
  shape(ifindex: number, fromGuest: Rate | undefined, toGuest: Rate | undefined): void;
  /** The link is gone, or nobody's. */
  release(ifindex: number): void;
}

export interface LimitsOptions {
  readonly firewall: Firewall;
  readonly shaper: Shaper;
  readonly log: Logger;
  readonly limitOf: (guest: string, network: string) => GuestLimit | undefined;
  /** The packet filter refused a change. */
  onRefused(): void;
}

interface Limited {
  readonly limit: GuestLimit;
  readonly elements: ReadonlyMap<string, PlacedElement>;
}

/** Of packets that may come at once, as part of a second's. */
const PACKET_BURST_PART = 10;

export class Limits {
  readonly #options: LimitsOptions;
  readonly #ports = new Map<number, Limited>();
  #open = false;
  #packets = false;
  #connections = false;

  constructor(options: LimitsOptions) {
    this.#options = options;
  }

  get traffic(): Pick<Traffic, "packetLimits" | "connectionLimits" | "elements"> {
    const elements = [...this.#ports.values()].flatMap((limited) => [...limited.elements.values()]);
    return { packetLimits: this.#packets, connectionLimits: this.#connections, elements };
  }

  /** Which limits there are at all: for these the rules are loaded. */
  configure(limits: readonly (GuestLimit | undefined)[]): void {
    this.#packets = limits.some((limit) => limit?.packetsPerSecond !== undefined);
    this.#connections = limits.some((limit) => limit?.connections !== undefined);
  }

  /** The packet filter has our sets: from now on changes are carried there. */
  open(): void {
    this.#open = true;
  }

  /** A port is there, or its limits may have changed. */
  add({ ifindex, guest, network }: Pick<Port, "ifindex" | "guest" | "network">): void {
    const before = this.#ports.get(ifindex);
    const limit = this.#options.limitOf(guest, network.name);
    if (limit === undefined && before === undefined) return;
    if (limit !== undefined && before !== undefined && sameLimit(limit, before.limit)) return;
    const elements = new Map(elementsOf(ifindex, network, limit).map((placed) => [elementText(placed), placed]));
    if (limit === undefined) this.#ports.delete(ifindex);
    else this.#ports.set(ifindex, { limit, elements });
    if (shapes(limit) || shapes(before?.limit)) this.#shape(guest, ifindex, limit);
    this.#carry(guest, before?.elements ?? new Map(), elements);
  }

  remove({ ifindex, guest }: Pick<Port, "ifindex" | "guest">): void {
    const before = this.#ports.get(ifindex);
    if (before === undefined) return;
    this.#ports.delete(ifindex);
    if (shapes(before.limit)) this.#options.shaper.release(ifindex);
    this.#carry(guest, before.elements, new Map());
  }

  #shape(guest: string, ifindex: number, limit: GuestLimit | undefined): void {
    try {
      this.#options.shaper.shape(
        ifindex,
        rateOf(limit?.upBitsPerSecond, limit?.burstBytes),
        rateOf(limit?.downBitsPerSecond, limit?.burstBytes),
      );
    } catch (thrown) {
      this.#options.log.error({ guest, error: errorMessage(thrown) }, "a guest's rate could not be limited");
    }
  }

  #carry(guest: string, before: ReadonlyMap<string, PlacedElement>, after: ReadonlyMap<string, PlacedElement>): void {
    if (!this.#open || (before.size === 0 && after.size === 0)) return;
    const batch = this.#options.firewall.batch();
    // Sets for connections are there while a guest is limited so; with the last limit they went, elements and all.
    const sets = new Set(limitSets({ connectionLimits: this.#connections }));
    for (const [text, { set, element }] of before) if (!after.has(text) && sets.has(set)) batch.remove(set, element);
    for (const [text, { set, element }] of after) if (!before.has(text) && sets.has(set)) batch.put(set, element);
    const refused = batch.send();
    if (refused === undefined) return;
    this.#options.log.error({ guest, error: refused.message }, "a guest's limits could not be changed in the kernel");
    this.#options.onRefused();
  }
}

function elementsOf(ifindex: number, { bridge }: Port["network"], limit: GuestLimit | undefined): PlacedElement[] {
  const { packetsPerSecond, connections } = limit ?? {};
  const elements: PlacedElement[] = [];
  const put = (set: SetKey, counted: PlacedElement["element"]["limit"]): void => {
    elements.push({ set, element: { key: [{ kind: "ifindex", value: ifindex }], limit: counted } });
  };
  if (packetsPerSecond !== undefined) {
    const burst = Math.max(1, Math.round(packetsPerSecond / PACKET_BURST_PART));
    const { packetsFrom, packetsTo } = bridge === undefined ? LIMIT_SETS : BRIDGE_LIMIT_SETS;
    for (const set of [packetsFrom, packetsTo]) put(set, { kind: "packets", perSecond: packetsPerSecond, burst });
  }
  if (connections !== undefined) {
    for (const set of [LIMIT_SETS.connectionsFrom, LIMIT_SETS.connectionsTo])
      put(set, { kind: "connections", most: connections });
  }
  return elements;
}

function shapes(limit: GuestLimit | undefined): boolean {
  return limit?.upBitsPerSecond !== undefined || limit?.downBitsPerSecond !== undefined;
}

function rateOf(bitsPerSecond: number | undefined, burstBytes: number | undefined): Rate | undefined {
  return bitsPerSecond === undefined ? undefined : { bitsPerSecond, burstBytes };
}

function sameLimit(one: GuestLimit, other: GuestLimit): boolean {
  return (Object.keys(one) as (keyof GuestLimit)[]).every((name) => one[name] === other[name]);
}
