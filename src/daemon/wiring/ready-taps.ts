/**
 * TAPs that are made beforehand, for a VMM that may not make its own or wants what QEMU cannot ask a helper for: many queues.
 *
 * Such a TAP is persistent and belongs to a user; it is attached at once and waits for its VMM. All that makes a TAP fast is on:
 * the header before each frame, offloads, and as many queues as the guest has.
 */
import { SystemError, TapnetError } from "../../base/errors.js";
import { formatMac, type Mac } from "../../base/mac.js";
import { hostAccounts, type MakeTapRequest } from "../../control/index.js";
import type { Port } from "../../network/model.js";
import { Rtnetlink } from "../../os/rtnetlink.js";
import { ALL_OFFLOADS, createTap, openTap, type Tap } from "../../os/tap.js";
import { type Guests, tapName } from "./guests.js";
import { hasVhost } from "./port-links.js";
import type { Roster } from "./roster.js";

export interface ReadyTapsParts {
  readonly guests: Guests;
  readonly roster: () => Roster;
  readonly ports: () => readonly Port[];
}

const ETHERNET_MTU = 1500;

export class ReadyTaps {
  readonly #parts: ReadyTapsParts;
  readonly #accounts = hostAccounts();

  constructor(parts: ReadyTapsParts) {
    this.#parts = parts;
  }

  /** Makes a guest's TAP and attaches it; hands back its port, and the words with which QEMU takes it. */
  async make({ guest, network, owner, queues }: MakeTapRequest): Promise<{ port: Port; qemu: readonly string[] }> {
    const roster = this.#parts.roster();
    const placement = roster.place({ ifname: "", guest, network });
    const wanted = queues ?? placement?.configured?.queues ?? 1;
    const tap = create(tapName(placement), this.#userId(owner), wanted > 1);
    try {
      tap.setOffloads(ALL_OFFLOADS);
      const port = await this.#parts.guests.attach({ ifname: tap.name, guest, network });
      if (port === undefined) throw new TapnetError("INTERNAL", `${tap.name} was made for ${guest}, but is nobody's`);
      tap.setPersist(true);
      const number = roster.nicNumber(guest, port.network.name);
      return { port, qemu: qemuWords(port, { number, queues: wanted, mac: placement?.configured?.mac }) };
    } finally {
      // What is persistent by now stays; what is not has failed, and goes.
      await tap.closeLater();
    }
  }

  /** Removes the TAP of a guest's only port, and so detaches it. Refused while a VMM has it open, or where it goes by itself. */
  async remove(guest: string): Promise<Port> {
    const ports = this.#parts.ports().filter((port) => port.guest === guest);
    if (ports.length === 0) throw new TapnetError("NOT_FOUND", `guest ${guest} is not attached; see: tapnet guest list`);
    for (const port of ports) {
      const tap = openToRemove(port);
      await this.#parts.guests.detachInterface(port.ifname);
      tap.setPersist(false);
      await tap.closeLater();
    }
    return ports[0];
  }

  #userId(owner: string | undefined): number | undefined {
    if (owner === undefined) return undefined;
    const uid = this.#accounts.userId(owner);
    if (uid === undefined) throw new TapnetError("NOT_FOUND", `there is no user ${owner} on this host`);
    return uid;
  }
}

function create(name: string, owner: number | undefined, multiQueue: boolean): Tap {
  try {
    return createTap({ name, owner, multiQueue, vnetHdr: true });
  } catch (thrown) {
    if (!(thrown instanceof SystemError) || thrown.code !== "EBUSY") throw thrown;
    const advice = `attach it (tapnet guest attach ${name}), or remove it (ip link delete ${name})`;
    throw new TapnetError("CONFLICT", `there is an interface ${name} already: ${advice}`, { cause: thrown });
  }
}

function openToRemove({ ifname, ifindex, guest }: Port): Tap {
  const route = new Rtnetlink();
  try {
    const tun = route.tun(ifindex);
    if (tun === undefined || !tun.persistent) {
      throw new TapnetError("CONFLICT", `${ifname} goes when the VMM of ${guest} ends; until then: tapnet guest detach ${guest}`);
    }
    const busy = tun.multiQueue ? tun.queues !== 0 : route.link(ifindex)?.carrier === true;
    if (busy) throw new TapnetError("CONFLICT", `a VMM has ${ifname} open: stop the guest ${guest} first`);
    return openTap(ifname, { vnetHdr: tun.vnetHeader, multiQueue: tun.multiQueue });
  } finally {
    route.close();
  }
}

/** QEMU's words for a TAP that exists. `vectors`: two for each queue, and two. */
function qemuWords(
  { ifname, network, bindings }: Port,
  nic: { readonly number: number; readonly queues: number; readonly mac: Mac | undefined },
): readonly string[] {
  const { number, queues } = nic;
  const netdev = ["tap", `id=net${number}`, `ifname=${ifname}`, "script=no", "downscript=no"];
  const device = ["virtio-net-pci", `netdev=net${number}`];
  const mac = bindings[0]?.mac ?? nic.mac;
  if (mac !== undefined) device.push(`mac=${formatMac(mac)}`);
  if (queues > 1) {
    netdev.push(`queues=${queues}`);
    device.push("mq=on", `vectors=${queues * 2 + 2}`);
  }
  if (hasVhost()) netdev.push("vhost=on");
  if (network.mtu !== ETHERNET_MTU) device.push(`host_mtu=${network.mtu}`);
  return ["-netdev", netdev.join(","), "-device", device.join(",")];
}
