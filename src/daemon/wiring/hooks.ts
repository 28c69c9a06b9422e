import { TapnetError } from "../../base/errors.js";
import type { HookApi, Peer, TapGrant } from "../../control/index.js";
import { CaptureSocket } from "../../os/capture-socket.js";
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

  async capture(ifname: string): Promise<TapGrant> {
    const { ports, guests } = this.#daemon;
    const known = ports.list().find((port) => port.ifname === ifname) ?? guests.unknown().find((port) => port.ifname === ifname);
    if (known === undefined)
      throw new TapnetError("NOT_FOUND", `${ifname} is no guest's port: nothing to capture; see: tapnet guest list`);
    const socket = CaptureSocket.open(known.ifindex);
    return { fd: socket.fd, text: `${ifname} in ${known.network.name}`, settled: () => socket.close() };
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
