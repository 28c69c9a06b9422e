/** The site that the tests with guests play on: a host that serves guests, and a world beyond its uplink. */
import { Daemon } from "./daemon.js";
import { bootGuest, type Guest } from "./guest.js";
import type { Host, Lab } from "./lab.js";
import { hook, script } from "./paths.js";

export const WORLD_IPV4 = "198.51.100.1";
export const HOST_UPLINK_IPV4 = "198.51.100.2";

export interface Site {
  readonly lab: Lab;
  readonly host: Host;
  readonly world: Host;
  readonly daemon: Daemon;
}

/** Everything up but guests. The configuration is completed with the world's DNS server. */
export async function makeSite(lab: Lab, configuration: string): Promise<Site> {
  const host = await lab.host("host");
  const world = await lab.host("world");
  await lab.link(
    { host, ifname: "up0", addresses: [`${HOST_UPLINK_IPV4}/24`] },
    { host: world, ifname: "eth0", addresses: [`${WORLD_IPV4}/24`] },
  );
  await host.ip(`route add default via ${WORLD_IPV4}`);
  await world.start(script("test/support/dns-upstream").concat(WORLD_IPV4)).waitFor(/serving/);
  const daemon = await new Daemon(host, `${configuration}\ndns: { upstreams: [${WORLD_IPV4}] }\n`).start();
  return { lab, host, world, daemon };
}

/** A guest attached as most are: QEMU makes the TAP `tn-NAME` and calls our script. */
export async function bootScriptGuest(host: Host, name: string, mac: string): Promise<Guest> {
  const netdev = `tap,ifname=tn-${name},script=${hook("qemu-ifup")},downscript=${hook("qemu-ifdown")}`;
  return bootGuest(host, { name, nics: [{ netdev, mac }] });
}

/** A guest whose QEMU runs as a user without rights: the TAP comes from tapnetd, through our helper. */
export async function bootHelperGuest(host: Host, name: string, mac: string, user: number): Promise<Guest> {
  const netdev = `tap,br=default,helper=${host.lab.share(hook("qemu-helper"))} --guest=${name}`;
  return bootGuest(host, { name, nics: [{ netdev, mac }], user });
}
