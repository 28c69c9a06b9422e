import type { SetElement, SetKey } from "../base/set-element.js";
import type { NumberedPolicy } from "./policy.js";

/** An element and the set that it belongs to. */
export interface PlacedElement {
  readonly set: SetKey;
  readonly element: SetElement;
}

/** What happens to guests' traffic beyond what follows from their networks. */
export interface Traffic {
  /** Whether there are port forwards: they need rules, and connection tracking, that the others do without. */
  readonly forwards: boolean;
  /** Whether any guest may send or get so many packets in a second only, or have so many connections. */
  readonly packetLimits: boolean;
  readonly connectionLimits: boolean;
  /** Lists of who may be spoken to. */
  readonly policies: readonly NumberedPolicy[];
  /** What guests add to sets and maps, besides what they may send. */
  readonly elements: readonly PlacedElement[];
}

export const NO_TRAFFIC: Traffic = { forwards: false, packetLimits: false, connectionLimits: false, policies: [], elements: [] };

/** One text for one set. */
export function setText({ table, name }: SetKey): string {
  return `${table.family} ${name}`;
}

/** One text for equal elements, and for those only. */
export function elementText({ set, element }: PlacedElement): string {
  const part = ({ kind, value }: { kind: string; value: unknown }): string => `${kind} ${String(value)}`;
  const data = element.data === undefined ? "" : ` : ${part(element.data)}`;
  const limit = element.limit === undefined ? "" : ` ${JSON.stringify(element.limit)}`;
  return `${setText(set)} ${element.key.map(part).join(" . ")}${data}${limit}`;
}
