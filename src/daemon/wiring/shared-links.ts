/**
 * Theory of operation
 *
 * Interfaces that the configuration says to serve (`serve: br0`): bridges, veths, physical ones, with many clients behind
 * each. One may come later than the daemon, or go and come again, so the kernel's notifications are followed: an interface of a
 * served name is listened to as long as it is there. A bridge of ours is served without being named: who is on it and is no guest
 * of ours is a client like those behind any shared link. Guests' questions end at their ports and do not come here.
 */
import { errorMessage } from "../../base/errors.js";
import { isLinkLocalIpv6 } from "../../base/ipv6-address.js";
import type { InterfaceAddress, LinkState } from "../../base/kernel-objects.js";
import type { Logger } from "../../base/log.js";
import type { NetworkConfiguration } from "../../config/configuration.js";
import type { FramePath } from "../../frame/frame-path.js";
import { type Link, makeLink } from "../../frame/link.js";
import type { Kernel, Subscription } from "../../network/kernel.js";
import type { Network } from "../../network/model.js";

export interface SharedLinksParts {
  readonly kernel: Kernel;
  readonly path: FramePath;
  readonly log: Logger;
  /** Told of each interface that is listened to, and when it no longer is. */
  readonly follower: { openedShared(link: Link): void; closedShared(slot: number): void };
}

interface Served {
  readonly network: Network;
  /** The interface that is listened to now. */
  link: Link | undefined;
}

export class SharedLinks {
  readonly #parts: SharedLinksParts;
  readonly #served = new Map<string, Served>();
  #subscription: Subscription | undefined;

  constructor(parts: SharedLinksParts) {
    this.#parts = parts;
  }

  /** Serves these networks' interfaces and no others. */
  configure(networks: readonly NetworkConfiguration[], byName: (name: string) => Network | undefined): void {
    this.close();
    for (const { name, serve } of networks) {
      const network = byName(name);
      if (network === undefined) continue;
      const { bridge } = network;
      // What is a port of the bridge is heard through the bridge.
      const served = serve.filter((ifname) => bridge?.ports.includes(ifname) !== true);
      if (bridge?.existing === false && (bridge.dhcp || bridge.dns)) served.push(bridge.name);
      for (const ifname of new Set(served)) this.#served.set(ifname, { network, link: undefined });
    }
    if (this.#served.size === 0) return;
    this.#subscription = this.#parts.kernel.watch({
      onLink: (link, deleted) => this.#onLink(link, deleted),
      onAddress: (address) => this.#onAddress(address),
      onRoute() {},
      onOverrun: () => this.#look(),
    });
    this.#look();
    for (const [ifname, { link }] of this.#served) {
      if (link === undefined)
        this.#parts.log.warn({ ifname }, `interface ${ifname} is to be served but does not exist yet: waiting for it`);
    }
  }

  /** Stops listening to all of them. May be called again. */
  close(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
    for (const served of this.#served.values()) this.#remove(served);
    this.#served.clear();
  }

  #look(): void {
    for (const link of this.#parts.kernel.dumpLinks()) this.#onLink(link, false);
  }

  #onLink(link: LinkState, deleted: boolean): void {
    const served = this.#served.get(link.name);
    if (served === undefined) return;
    if (deleted) {
      this.#remove(served);
      return;
    }
    if (served.link?.ifindex === link.ifindex) return;
    this.#remove(served);
    this.#add(link, served);
  }

  #add({ ifindex, name, mac }: LinkState, served: Served): void {
    const { path, log } = this.#parts;
    const { network } = served;
    const slot = path.links.freeSlot();
    try {
      const link = makeLink({
        slot,
        ifindex,
        ifname: name,
        network: network.name,
        guest: undefined,
        gatewayMac: mac ?? network.gatewayMac,
        gatewayIpv4: network.gatewayIpv4 ?? 0,
        gatewayIpv6: network.gatewayIpv6 ?? 0n,
        ...this.#linkLocalOf(ifindex),
      });
      path.addLink(link, "shared");
      served.link = link;
      this.#parts.follower.openedShared(link);
      log.info({ ifname: name, network: network.name }, `serving ${network.name} on ${name}`);
    } catch (thrown) {
      log.error({ ifname: name, error: errorMessage(thrown) }, "an interface cannot be served");
    }
  }

  /** We speak from the interface's own address there: `fe80::1` may be another router's. */
  #linkLocalOf(ifindex: number): Pick<Link, "linkLocalIpv6"> {
    const own = this.#parts.kernel.dumpAddresses().find((address) => address.ifindex === ifindex && isUsableLinkLocal(address));
    return typeof own?.address === "bigint" ? { linkLocalIpv6: own.address } : {};
  }

  /** An interface gets its link-local address a moment after it comes up, or another one later. */
  #onAddress({ ifindex, address }: InterfaceAddress): void {
    if (typeof address !== "bigint" || !isLinkLocalIpv6(address)) return;
    for (const served of this.#served.values()) {
      if (served.link?.ifindex !== ifindex) continue;
      const { linkLocalIpv6 } = this.#linkLocalOf(ifindex);
      if (linkLocalIpv6 === undefined || linkLocalIpv6 === served.link.linkLocalIpv6) continue;
      served.link = makeLink({ ...served.link, linkLocalIpv6 });
      this.#parts.path.updateLink(served.link);
      this.#parts.follower.openedShared(served.link);
    }
  }

  #remove(served: Served): void {
    if (served.link === undefined) return;
    const { slot } = served.link;
    served.link = undefined;
    this.#parts.follower.closedShared(slot);
    this.#parts.path.removeLink(slot);
  }
}

function isUsableLinkLocal({ address, tentative }: InterfaceAddress): boolean {
  return typeof address === "bigint" && isLinkLocalIpv6(address) && !tentative;
}
