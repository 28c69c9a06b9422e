import { formatIpv4, type Ipv4Address } from "../../base/ipv4-address.js";
import { formatPrefix, type Ipv4Prefix, ipv4InPrefix } from "../../base/prefix.js";
import type { BridgeConfiguration, NetworkConfiguration } from "../configuration.js";
import type { ConfigDocument } from "../document.js";
import type { KeyPath } from "../problems.js";
import type { NetworkInput } from "../schema/network.js";
import { nameOnVlan } from "./vlan.js";

/** What the kernel has where a spanning tree is wanted and nothing is said. */
const SPANNING_TREE_DELAY_SECONDS = 15;
const LEAST_SPANNING_TREE_DELAY_SECONDS = 2;

type BridgePart = Pick<NetworkConfiguration, "bridge" | "wayOut" | "router">;

/** What only networks of kind `bridge` have; for the others, complaints about what they must not have. */
export function checkBridge(
  input: NetworkInput,
  path: KeyPath,
  served: { readonly dhcp: boolean; readonly dns: boolean },
  document: ConfigDocument,
): BridgePart {
  if (input.kind !== "bridge") {
    for (const key of ["bridge", "way-out", "router"] as const) {
      if (input[key] !== undefined) document.problem([...path, key], "is only for networks of kind: bridge; remove it", "key");
    }
    return { bridge: undefined, wayOut: undefined, router: undefined };
  }
  const wayOut = input["way-out"] ?? "none";
  if (input.bridge?.existing === true) checkExisting(input, path, document);
  if (wayOut !== "none" && input.ipv4 === undefined && input.ipv6 === undefined) {
    document.problem([...path, "way-out"], "needs addresses: give ipv4: 10.78.0.0/24, ipv6: or both");
  }
  if (input.uplink !== undefined && wayOut === "none") {
    document.problem([...path, "uplink"], "means nothing without way-out: nat or routed; physical ports go into bridge: ports:");
  }
  if (input.delegate !== undefined) {
    document.problem(
      [...path, "delegate"],
      "is not for bridges: the host has no route to a single guest there; remove it",
      "key",
    );
  }
  checkRouter(input, path, document);
  return { bridge: completeBridge(input, path, served, document), wayOut, router: input.router };
}

function completeBridge(
  { bridge, serve, vlan }: NetworkInput,
  path: KeyPath,
  { dhcp, dns }: { readonly dhcp: boolean; readonly dns: boolean },
  document: ConfigDocument,
): BridgeConfiguration {
  const { name, existing = false, stp = false } = bridge ?? {};
  const ports = (bridge?.ports ?? []).map((port) => nameOnVlan(port, vlan));
  const delaySeconds = bridge?.["forward-delay"] ?? (stp ? SPANNING_TREE_DELAY_SECONDS : 0);
  if (stp && delaySeconds < LEAST_SPANNING_TREE_DELAY_SECONDS) {
    document.problem(
      [...path, "bridge", "forward-delay"],
      `is too short with stp: true; write ${LEAST_SPANNING_TREE_DELAY_SECONDS}s or more`,
    );
  }
  const served = serve.filter((ifname) => ports.includes(ifname));
  return { name, existing, ports, stp, forwardDelayMs: delaySeconds * 1000, dhcp, dns, served };
}

/** A bridge that others make is theirs to set up. */
function checkExisting(input: NetworkInput, path: KeyPath, document: ConfigDocument): void {
  const { bridge } = input;
  const below = [...path, "bridge"];
  if (bridge?.name === undefined) document.problem(below, "says existing: true but not which bridge; give its name:", "key");
  const theirs = "is the business of whoever makes the bridge; remove it, or existing: true";
  if ((bridge?.ports.length ?? 0) > 0) document.problem([...below, "ports"], theirs, "key");
  if (bridge?.stp === true) document.problem([...below, "stp"], theirs, "key");
  if (bridge?.["forward-delay"] !== undefined) document.problem([...below, "forward-delay"], theirs, "key");
  if (input["gateway-mac"] !== undefined) document.problem([...path, "gateway-mac"], theirs, "key");
  if ((input["way-out"] ?? "none") !== "none") document.problem([...path, "way-out"], theirs, "key");
  const answers = input.dhcp !== false || input.dns !== false;
  if (input.ipv4 !== undefined && input.gateway === undefined && answers) {
    document.problem(
      [...path, "gateway"],
      "is missing: on a bridge of others, give the host's own address there, from which DHCP and DNS answer; " +
        "or switch both off: dhcp: false, dns: false",
    );
  }
}

function checkRouter({ router, ipv4, "way-out": wayOut = "none" }: NetworkInput, path: KeyPath, document: ConfigDocument): void {
  if (router === undefined) return;
  if (wayOut !== "none") document.problem([...path, "router"], `means nothing beside way-out: ${wayOut}; remove one of them`);
  else if (ipv4 === undefined) document.problem([...path, "router"], "needs ipv4: beside it; give the network's prefix");
  else if (!ipv4InPrefix(router, ipv4)) document.problem([...path, "router"], explainOutside(router, ipv4));
}

function explainOutside(address: Ipv4Address, prefix: Ipv4Prefix): string {
  return `${formatIpv4(address)} is outside ${formatPrefix(prefix)}; guests could not reach it`;
}
