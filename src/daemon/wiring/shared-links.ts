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
import type { LinkState } from "../../base/kernel-objects.js";
import type { Logger } from "../../base/log.js";
import type { NetworkConfiguration } from "../../config/configuration.js";
import type { FramePath } from "../../frame/frame-path.js";
import type { Link } from "../../frame/link.js";
import type { Kernel, Subscription } from "../../network/kernel.js";
import type { Network } from "../../network/model.js";

export interface SharedLinksParts {
  readonly kernel: Kernel;
  readonly path: FramePath;
  readonly log: Logger;
}

interface Served {
  readonly network: Network;
  /** Slot of the interface that is listened to now. */
  slot: number | undefined;
  ifindex: number;
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
      for (const ifname of new Set(served)) this.#served.set(ifname, { network, slot: undefined, ifindex: 0 });
    }
    if (this.#served.size === 0) return;
    this.#subscription = this.#parts.kernel.watch({
      onLink: (link, deleted) => this.#onLink(link, deleted),
      onAddress() {},
      onRoute() {},
      onOverrun: () => this.#look(),
    });
    this.#look();
    for (const [ifname, { slot }] of this.#served) {
      if (slot === undefined)
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
    if (served.slot !== undefined && served.ifindex === link.ifindex) return;
    this.#remove(served);
    this.#add(link, served);
  }

  #add({ ifindex, name, mac }: LinkState, served: Served): void {
    const { path, log } = this.#parts;
    const { network } = served;
    const slot = path.links.freeSlot();
    try {
      path.addLink(
        {
          slot,
          ifindex,
          ifname: name,
          network: network.name,
          guest: undefined,
          gatewayMac: mac ?? network.gatewayMac,
          gatewayIpv4: network.gatewayIpv4 ?? 0,
          gatewayIpv6: network.gatewayIpv6 ?? 0n,
          ...this.#linkLocalOf(ifindex),
        },
        "shared",
      );
      served.slot = slot;
      served.ifindex = ifindex;
      log.info({ ifname: name, network: network.name }, `serving ${network.name} on ${name}`);
    } catch (thrown) {
      log.error({ ifname: name, error: errorMessage(thrown) }, "an interface cannot be served");
    }
  }

  /** We speak from the interface's own address there: `fe80::1` may be another router's. */
  #linkLocalOf(ifindex: number): Pick<Link, "linkLocalIpv6"> {
    for (const { ifindex: on, address } of this.#parts.kernel.dumpAddresses()) {
      if (on === ifindex && typeof address === "bigint" && isLinkLocalIpv6(address)) return { linkLocalIpv6: address };
    }
    return {};
  }

  #remove(served: Served): void {
    if (served.slot !== undefined) this.#parts.path.removeLink(served.slot);
    served.slot = undefined;
  }
}
