/** A host with tapnetd between guests on several networks, a LAN and the world; guests are namespaces whose link is attached. */
import { Daemon } from "../../support/daemon.js";
import { type Host, Lab, type Scope } from "../../support/lab.js";

export const WORLD = { ipv4: "198.51.100.1", ipv6: "2001:db8:51::1" } as const;
/** The host on its uplink. */
export const UPLINK = { ipv4: "198.51.100.2", ipv6: "2001:db8:51::2" } as const;

export interface RuleGuest {
  readonly name: string;
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6?: string;
  /** Gateway, as the guest's routes have it. */
  readonly gateway: string;
  /** Its IPv6 gateway where the prefix, a /64, is on the link, as on a bridge; else that is `fe80::1`, and the address is alone. */
  readonly gatewayIpv6?: string;
}

/** A namespace as a guest of the configuration, at its port and set up as a DHCP client would do it. */
export async function joinGuest(daemon: Daemon, { name, mac, ipv4, ipv6, gateway, gatewayIpv6 }: RuleGuest): Promise<Host> {
  const { host } = daemon;
  const guest = await host.lab.host(name);
  await host.ip(`link add tn-${name} type veth peer name eth0 netns ${guest.namespace}`);
  await guest.sysctl({ "ipv6/conf/eth0/accept_ra": 0 });
  await guest.ip(`link set eth0 address ${mac} up`);
  await daemon.tapnet("guest", "attach", `tn-${name}`);
  await guest.ip(`address add ${ipv4}/24 dev eth0`);
  await guest.ip(`route add default via ${gateway}`);
  if (ipv6 === undefined) return guest;
  await guest.ip(`address add ${ipv6}/${gatewayIpv6 === undefined ? 128 : 64} dev eth0 nodad`);
  await guest.ip(`-6 route add default via ${gatewayIpv6 ?? "fe80::1"} dev eth0`);
  return guest;
}

export class RuleSite {
  readonly lab: Lab;
  readonly host: Host;
  readonly world: Host;
  readonly daemon: Daemon;
  readonly guests = new Map<string, Host>();

  private constructor(lab: Lab, host: Host, world: Host, daemon: Daemon) {
    this.lab = lab;
    this.host = host;
    this.world = world;
    this.daemon = daemon;
  }

  static async start(scope: Scope, configuration: string, prepare?: (host: Host) => Promise<void>): Promise<RuleSite> {
    const lab = new Lab(scope);
    const [host, world] = [await lab.host("host"), await lab.host("world")];
    await lab.link(
      { host, ifname: "up0", addresses: [`${UPLINK.ipv4}/24`, `${UPLINK.ipv6}/64`] },
      { host: world, ifname: "eth0", addresses: [`${WORLD.ipv4}/24`, `${WORLD.ipv6}/64`] },
    );
    await host.ip(`route add default via ${WORLD.ipv4}`);
    await host.ip(`-6 route add default via ${WORLD.ipv6}`);
    await prepare?.(host);
    const daemon = await new Daemon(host, configuration).start();
    return new RuleSite(lab, host, world, daemon);
  }

  async guest(guest: RuleGuest): Promise<Host> {
    const joined = await joinGuest(this.daemon, guest);
    this.guests.set(guest.name, joined);
    return joined;
  }
}
