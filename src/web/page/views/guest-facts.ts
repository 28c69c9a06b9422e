/** What there is to say of a guest beside its traffic: its link, and what the configuration says of it. */
import type { LinkView } from "../../../control/views.js";

/** Names and values, in the words of `tapnet guest show`. */
export function describeLink(link: LinkView): [name: string, value: string][] {
  if (link.socket !== null) {
    return [
      ["MTU", String(link.mtu)],
      ["socket", `${link.socket.kind} at ${link.socket.path}: whole frames, without offloads`],
    ];
  }
  const offloads = link.offloads.length === 0 ? "none: its driver has asked for none" : link.offloads.join(", ");
  return [
    ["MTU", String(link.mtu)],
    ["queues", link.queues < link.queuesWanted ? `${link.queues} of ${link.queuesWanted}` : String(link.queues)],
    ["offloads", link.vnetHeader ? offloads : "none: the TAP has no vnet_hdr"],
  ];
}

/** Shown beside the network already. */
const KNOWN = new Set(["network", "ifname"]);

/** What the configuration says of a guest, a line a key, `limit.up` for what is nested. */
export function settingsOf(configuration: Readonly<Record<string, unknown>>, guest: string): [key: string, value: string][] {
  const { guests } = configuration as { guests?: Readonly<Record<string, unknown>> };
  if (guests === undefined || !Object.hasOwn(guests, guest)) return [];
  return flatten("", guests[guest]).filter(([key]) => !KNOWN.has(key));
}

function flatten(path: string, value: unknown): [key: string, value: string][] {
  if (Array.isArray(value)) return [[path, value.map(textOf).join(" ")]];
  if (typeof value !== "object" || value === null) return [[path, textOf(value)]];
  return Object.entries(value).flatMap(([key, inner]) => flatten(path === "" ? key : `${path}.${key}`, inner));
}

function textOf(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
