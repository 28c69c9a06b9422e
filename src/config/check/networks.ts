import { formatPrefix, lastIpv4, lastIpv6, type Prefix } from "../../base/prefix.js";
import { bridgeNameOf } from "../../network/define.js";
import type { NetworkConfiguration } from "../configuration.js";
import type { ConfigDocument } from "../document.js";
import { suggestion } from "../spelling.js";
import { checkSourcesTogether } from "./ipv6.js";

/** What networks must not do to each other. `names` are all that are written, also those with mistakes of their own. */
export function checkNetworksTogether(
  networks: readonly NetworkConfiguration[],
  names: readonly string[],
  document: ConfigDocument,
): void {
  checkOverlaps(networks, "ipv4", document);
  checkOverlaps(networks, "ipv6", document);
  checkBridges(networks, document);
  checkSourcesTogether(networks, document);
  const servedBy = new Map<string, string>();
  for (const network of networks) {
    for (const [index, ifname] of network.serve.entries()) {
      const other = servedBy.get(ifname);
      const path = ["networks", network.name, "serve", index];
      if (other !== undefined)
        document.problem(path, `${ifname} is served by ${other} already; an interface belongs to one network`);
      servedBy.set(ifname, network.name);
    }
    for (const [index, seen] of (network.dns?.sees ?? []).entries()) {
      if (names.includes(seen)) continue;
      document.problem(
        ["networks", network.name, "dns", "sees", index],
        `there is no network ${seen}; ${suggestion(seen, names)}`,
      );
    }
  }
}

/** A bridge, and a port of one, belongs to one network; and what is a port of a bridge is nothing else. */
function checkBridges(networks: readonly NetworkConfiguration[], document: ConfigDocument): void {
  const owners = new Map<string, string>();
  const take = (ifname: string, owner: string, path: readonly (string | number)[]): void => {
    const other = owners.get(ifname);
    if (other !== undefined) document.problem(path, `${ifname} belongs to network ${other} already; each network needs its own`);
    owners.set(ifname, owner);
  };
  for (const { name, bridge } of networks) {
    if (bridge === undefined) continue;
    take(bridge.name ?? bridgeNameOf(name), name, ["networks", name, "bridge", "name"]);
    for (const [index, port] of bridge.ports.entries()) take(port, name, ["networks", name, "bridge", "ports", index]);
  }
  for (const { name, uplink } of networks) {
    const owner = uplink === undefined ? undefined : owners.get(uplink);
    if (owner === undefined || networks.find((network) => network.name === owner)?.bridge?.ports.includes(uplink ?? "") !== true)
      continue;
    document.problem(
      ["networks", name, "uplink"],
      `${uplink} is a port of the bridge of network ${owner}; take the bridge itself`,
    );
  }
}

interface Span {
  readonly network: string;
  /** Where it stands in its network. */
  readonly path: readonly string[];
  readonly prefix: Prefix;
  readonly first: bigint;
  readonly last: bigint;
}

/** Sorted by first address, a prefix overlaps an earlier one exactly when it begins before the furthest end so far. */
function checkOverlaps(networks: readonly NetworkConfiguration[], key: "ipv4" | "ipv6", document: ConfigDocument): void {
  const spans = networks.flatMap((network) => [
    ...spanOf(network, [key], network[key]),
    ...(key === "ipv6" ? spanOf(network, ["delegate", "pool"], network.delegation?.pool) : []),
  ]);
  spans.sort((left, right) => (left.first < right.first ? -1 : left.first > right.first ? 1 : 0));
  let furthest: Span | undefined;
  for (const span of spans) {
    if (furthest !== undefined && span.first <= furthest.last) {
      const [earlier, later] = inFileOrder(networks, furthest, span);
      const shared = `${formatPrefix(later.prefix)} overlaps ${formatPrefix(earlier.prefix)} of network ${earlier.network}`;
      document.problem(
        ["networks", later.network, ...later.path],
        `${shared}; each address can belong to one network, so take another prefix`,
      );
    }
    if (furthest === undefined || span.last > furthest.last) furthest = span;
  }
}

function spanOf(network: NetworkConfiguration, path: readonly string[], prefix: Prefix | undefined): Span[] {
  if (prefix === undefined) return [];
  const last = prefix.family === 4 ? lastIpv4(prefix) : lastIpv6(prefix);
  return [{ network: network.name, path, prefix, first: BigInt(prefix.address), last: BigInt(last) }];
}

function inFileOrder(networks: readonly NetworkConfiguration[], left: Span, right: Span): readonly [Span, Span] {
  const position = (span: Span): number => networks.findIndex((network) => network.name === span.network);
  return position(left) < position(right) ? [left, right] : [right, left];
}
