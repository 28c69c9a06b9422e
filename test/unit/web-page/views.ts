/** Values as the daemon has them. */
import type { GuestView, NetworkView } from "../../../src/control/views.js";

export function guest(of: Partial<GuestView>): GuestView {
  const name = of.name ?? "web1";
  return {
    name,
    network: "default",
    state: "attached",
    ifname: `tn-${name}`,
    mac: null,
    ipv4: ["10.0.0.2"],
    ipv6: [],
    public: [],
    names: [],
    attachedAt: null,
    sent: null,
    received: null,
    ...of,
  };
}

export const NETWORK: NetworkView = {
  name: "default",
  kind: "nat",
  ipv4: "10.77.0.0/24",
  gatewayIpv4: "10.77.0.1",
  ipv6: null,
  gatewayMac: "02:23:4b:43:85:ee",
  uplink: null,
  domain: "tapnet.internal",
  mtu: 1500,
  dataplane: "kernel",
  serves: [],
  guestsAttached: 1,
  leasesBound: 250,
  poolSize: 250,
};
