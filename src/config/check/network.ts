import { formatIpv4, type Ipv4Address } from "../../base/ipv4-address.js";
import { formatPrefix, type Ipv4Prefix, ipv4InPrefix, parseIpv4Prefix } from "../../base/prefix.js";
import type { DhcpConfiguration, NetworkConfiguration } from "../configuration.js";
import type { ConfigDocument } from "../document.js";
import { formatIpv4Range } from "../schema/addresses.js";
import type { NetworkInput } from "../schema/network.js";
import { checkBridge } from "./bridge.js";
import { checkDhcp } from "./dhcp.js";
import { checkIpv6 } from "./ipv6.js";
import { completeLimit } from "./limit.js";
import { explainUnusable, hostRange } from "./ranges.js";
import { checkVlan, nameOnVlan } from "./vlan.js";

/** The prefix of the network `default` where nothing else is said. */
const DEFAULT_PREFIX = parseIpv4Prefix("10.77.0.0/24");
const DEFAULT_DOMAIN = "tapnet.internal";
/** `65,535` less the Ethernet header (drivers/net/tun.c): who asks for more gets that, and so do DHCP and advertisements. */
const MOST_TAP_MTU = 65_521;
/** Kinds whose guests have nothing to ask the world. */
const INWARD = new Set(["isolated", "private"]);

/** One network against itself, completed with what follows from its other values. */
export function checkNetwork(name: string, input: NetworkInput, document: ConfigDocument): NetworkConfiguration {
  const path = ["networks", name];
  const ipv4 = input.ipv4 ?? (name === "default" && input.ipv6 === undefined ? DEFAULT_PREFIX : undefined);
  if (ipv4 === undefined && input.ipv6 === undefined && input.kind !== "bridge" && input.kind !== "private") {
    document.problem(path, "has no addresses; give ipv4: 10.78.0.0/24, ipv6: or both", "key");
  }
  if (input.uplink !== undefined && INWARD.has(input.kind)) {
    document.problem(
      [...path, "uplink"],
      `means nothing, since a network of kind ${input.kind} has no way out; remove it, or take kind: nat or routed`,
    );
  }
  if (input.dataplane === "user" && input.kind === "bridge") {
    document.problem([...path, "dataplane"], "user routes, and a bridge does not; take another kind:, or dataplane: kernel");
  }
  if (input["answer-on-uplink"] && (input.uplink === undefined || input.kind !== "routed")) {
    document.problem([...path, "answer-on-uplink"], "needs kind: routed and uplink: with the interface to answer on");
  }
  const servedUplink = input.serve.indexOf(nameOnVlan(input.uplink ?? "", input.vlan));
  if (servedUplink >= 0) {
    document.problem(
      [...path, "serve", servedUplink],
      `${input.uplink} is the uplink; serving DHCP there would disturb others, so name another interface`,
    );
  }
  const gatewayIpv4 = checkGateway(input, ipv4, name, document);
  const dhcp = completeDhcp(input, ipv4, gatewayIpv4, name, document);
  const ipv6 = checkIpv6(name, input, document);
  const answers = { dhcp: dhcp !== undefined || ipv6.dhcp6 !== undefined, dns: input.dns !== false };
  return {
    name,
    kind: input.kind,
    ipv4,
    gatewayIpv4,
    ...ipv6,
    gatewayMac: input["gateway-mac"],
    ...checkBridge(input, path, answers, document),
    uplink: input.uplink === undefined ? undefined : nameOnVlan(input.uplink, input.vlan),
    vlans: checkVlan(input, path, document),
    answerOnUplink: input["answer-on-uplink"],
    domain: input.domain ?? (name === "default" ? DEFAULT_DOMAIN : `${name.toLowerCase()}.${DEFAULT_DOMAIN}`),
    mtu: Math.min(input.mtu, MOST_TAP_MTU),
    egress: input.egress,
    ingress: input.ingress,
    limit: completeLimit(input.limit),
    guests: input.guests,
    isolateGuests: input.isolate === "guests",
    dataplane: input.dataplane,
    serve: input.serve,
    dhcp,
    dns:
      input.dns === false
        ? undefined
        : {
            forward: input.dns.forward ?? !INWARD.has(input.kind),
            upstreams: input.dns.upstreams,
            sees: input.dns.sees,
            logQueries: input.dns.log,
          },
  };
}

function completeDhcp(
  input: NetworkInput,
  prefix: Ipv4Prefix | undefined,
  gateway: Ipv4Address | undefined,
  name: string,
  document: ConfigDocument,
): DhcpConfiguration | undefined {
  if (input.dhcp === false || prefix === undefined || gateway === undefined) return undefined;
  return checkDhcp(input.dhcp, { document, path: ["networks", name, "dhcp"], prefix, gateway });
}

/** The gateway: what is written, else the first address. Outside the prefix only where guests get /32 and a route to it. */
function checkGateway(
  input: NetworkInput,
  prefix: Ipv4Prefix | undefined,
  name: string,
  document: ConfigDocument,
): Ipv4Address | undefined {
  const path = ["networks", name, "gateway"];
  if (prefix === undefined) {
    if (input.gateway !== undefined)
      document.problem(path, "needs ipv4: beside it; give the network's prefix, or remove gateway:");
    return undefined;
  }
  const usable = hostRange(prefix);
  if (input.gateway === undefined) return input.bridge?.existing === true ? undefined : usable.first;
  const offSubnet = input.dhcp !== false && input.dhcp.netmask === "host";
  if (!ipv4InPrefix(input.gateway, prefix)) {
    if (offSubnet) return input.gateway;
    const advice = `take one of ${formatIpv4Range(usable)}, or set dhcp.netmask: host, which allows it`;
    document.problem(path, `${formatIpv4(input.gateway)} is outside ${formatPrefix(prefix)}; ${advice}`);
    return usable.first;
  }
  const reason = explainUnusable(input.gateway, prefix);
  if (reason !== undefined && !offSubnet) {
    document.problem(path, `${formatIpv4(input.gateway)} ${reason}; take one of ${formatIpv4Range(usable)}`);
  }
  return input.gateway;
}
