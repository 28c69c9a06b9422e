import { closeSync } from "node:fs";
import { TapnetError } from "../../base/errors.js";
import type { HelperRequest, HookApi, TapGrant } from "../../control/index.js";
import { CaptureSocket } from "../../os/capture-socket.js";
import type { DaemonParts } from "./parts.js";

/** What QEMU's hooks ask for. */
export class DaemonHooks implements HookApi {
  readonly #daemon: DaemonParts;

  constructor(daemon: DaemonParts) {
    this.#daemon = daemon;
  }

  networkNamed(name: string): { readonly name: string; readonly bridge: string | undefined } | undefined {
    const { networks } = this.#daemon;
    const found = networks.find((network) => network.name === name) ?? networks.find(({ bridge }) => bridge?.name === name);
    return found && { name: found.name, bridge: found.bridge?.name };
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
    const { ports, guests, plane } = this.#daemon;
    const known = ports.list().find((port) => port.ifname === ifname) ?? guests.unknown().find((port) => port.ifname === ifname);
    if (known === undefined)
      throw new TapnetError("NOT_FOUND", `${ifname} is no guest's port: nothing to capture; see: tapnet guest list`);
    const text = `${ifname} in ${known.network.name}`;
    const feed = await plane.capture(known.ifindex);
    if (feed !== undefined) return { fd: feed, text, settled: () => closeSync(feed) };
    const socket = CaptureSocket.open(known.ifindex);
    return { fd: socket.fd, text, settled: () => socket.close() };
  }

  async helper({ network, guest, vnet, mayBe }: HelperRequest): Promise<TapGrant> {
    const { tap, text } = await this.#daemon.guests.grant({ network, guest, vnetHdr: vnet, mayBe });
    return { fd: tap.fd, text, settled: () => void tap.closeLater() };
  }
}
