import type { SetKey } from "../kernel.js";
import type { Traffic } from "../traffic.js";
import { BRIDGE_TABLE, PRIORITY, TABLE, type TableWriter } from "./table.js";
import { count, DROP, inSet, is, meta, REJECT, type Word } from "./words.js";

const key = (name: string, table = TABLE): SetKey => ({ table, name });

/** Links of guests with limits; each element counts for itself, so a packet looks up its own and no other. */
export const LIMIT_SETS = {
  packetsFrom: key("packets_from"),
  packetsTo: key("packets_to"),
  connectionsFrom: key("connections_from"),
  connectionsTo: key("connections_to"),
} as const;
/** Of guests on bridges, whose links the host's own rules do not see. */
export const BRIDGE_LIMIT_SETS = {
  packetsFrom: key("packets_from", BRIDGE_TABLE),
  packetsTo: key("packets_to", BRIDGE_TABLE),
} as const;

/** Elements bring their own numbers; a set has to be declared with some. */
const PACKETS: Word = { limit: { rate: 1, burst: 1, per: "second", inv: true } };
const CONNECTIONS: Word = { "ct count": { val: 1, inv: true } };
const NEW = is({ ct: { key: "state" } }, "new");

/** The limits' sets that a ruleset has: to declare one that counts connections is to have every packet of the host tracked. */
export function limitSets({ connectionLimits }: Pick<Traffic, "connectionLimits">): readonly SetKey[] {
  const { packetsFrom, packetsTo, connectionsFrom, connectionsTo } = LIMIT_SETS;
  const packets = [packetsFrom, packetsTo, ...Object.values(BRIDGE_LIMIT_SETS)];
  return connectionLimits ? [...packets, connectionsFrom, connectionsTo] : packets;
}

/**
 * Limits of packets in a second and of connections at a time. Packets are counted after the guard has let them in, and where they
 * go out to the guest; what the frame socket answers never comes here.
 */
export function composeLimits(table: TableWriter, { packetLimits, connectionLimits }: Traffic): void {
  composePackets(table, packetLimits);
  if (connectionLimits) {
    for (const set of [LIMIT_SETS.connectionsFrom, LIMIT_SETS.connectionsTo])
      table.set(set.name, { type: "iface_index", statement: CONNECTIONS });
    table.chain("limit_connections", { type: "filter", hook: "forward", priority: PRIORITY.filter - 1 });
    for (const [link, set] of [
      ["iif", LIMIT_SETS.connectionsFrom],
      ["oif", LIMIT_SETS.connectionsTo],
    ] as const)
      table.rule("limit_connections", NEW, is(meta(link), inSet(set.name)), count("over_limit"), REJECT);
    // What the host begins with a guest; without root, that is what came by the guest's forwards.
    table.chain("limit_connections_out", { type: "filter", hook: "output", priority: PRIORITY.filter - 1 });
    const toGuest = is(meta("oif"), inSet(LIMIT_SETS.connectionsTo.name));
    table.rule("limit_connections_out", NEW, toGuest, count("over_limit"), REJECT);
  }
}

/** On a bridge all frames of a guest's link are counted, from port to port too. Connections are not: that takes tracking at the bridge. */
export function composeBridgeLimits(table: TableWriter, { packetLimits }: Traffic): void {
  composePackets(table, packetLimits);
}

function composePackets(table: TableWriter, inUse: boolean): void {
  const { packetsFrom, packetsTo } = LIMIT_SETS;
  for (const { name } of [packetsFrom, packetsTo]) table.set(name, { type: "iface_index", statement: PACKETS });
  table.counter("over_limit");
  if (!inUse) return;
  table.chain("limit_from", { type: "filter", hook: "prerouting", priority: PRIORITY.raw + 1 });
  table.rule("limit_from", is(meta("iif"), inSet(packetsFrom.name)), count("over_limit"), DROP);
  table.chain("limit_to", { type: "filter", hook: "postrouting", priority: PRIORITY.filter });
  table.rule("limit_to", is(meta("oif"), inSet(packetsTo.name)), count("over_limit"), DROP);
}
