import type { HookApi, Peer, TapGrant } from "../../control/index.js";
import type { DaemonParts } from "./parts.js";

/** What QEMU's hooks ask for. */
export class DaemonHooks implements HookApi {
  readonly #daemon: DaemonParts;

  constructor(daemon: DaemonParts) {
    this.#daemon = daemon;
  }

  hasNetwork(name: string): boolean {
    return this.#daemon.roster.network(name) !== undefined;
  }

  async ifup(ifname: string): Promise<string> {
    const port = await this.#daemon.guests.attach({ ifname });
    return port === undefined ? `${ifname}, waiting for its first frame` : `${port.guest} in ${port.network.name}`;
  }

  async ifdown(ifname: string): Promise<string> {
    const port = await this.#daemon.guests.detachInterface(ifname);
    return port === undefined ? ifname : `${port.guest} in ${port.network.name}`;
  }

  async helper({
    network,
    guest,
    vnet,
  }: {
    network: string;
    guest: string | undefined;
    vnet: boolean;
    peer: Peer;
  }): Promise<TapGrant> {
    const { tap, text } = await this.#daemon.guests.grant(network, guest, vnet);
    return { fd: tap.fd, text, settled: () => void tap.closeLater() };
  }
}
