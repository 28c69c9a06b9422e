/**
 * Theory of operation
 *
 * How guests come and go: hooks and the control API say that a TAP is there or gone, the roster says whose it is, and `Ports`
 * does the work. A TAP that nobody can name (QEMU's own `tap0`) is set up and *awaited*: its first frame tells its MAC
 * address, that tells the guest, and then it is attached like any other. The frame itself is not lost: it is handled as the
 * guest's, and the reply that it leads to waits for the attach.
 */
import { TapnetError } from "../../base/errors.js";
import type { LinkState } from "../../base/kernel-objects.js";
import type { Logger } from "../../base/log.js";
import { formatMac, type Mac } from "../../base/mac.js";
import type { Link } from "../../frame/link.js";
import type { Ports } from "../../guest/ports.js";
import type { Kernel } from "../../network/kernel.js";
import type { Network, Port } from "../../network/model.js";
import { ALL_OFFLOADS, createTap, type Tap } from "../../os/tap.js";
import type { EventLog, Happening } from "./event-log.js";
import type { PortFrames, UnknownPort } from "./guest-services.js";
import { ANONYMOUS_PREFIX, type Claim, type Placement, PORT_PREFIX, type Roster } from "./roster.js";

/** Whether whoever made a TAP is one of these users. */
type MayBe = UnknownPort["mayBe"];

/** What qemu-helper asks for. */
export interface GrantRequest {
  readonly network: string;
  readonly guest: string | undefined;
  readonly vnetHdr: boolean;
  readonly mayBe: MayBe;
}

export interface GuestsParts {
  readonly kernel: Kernel;
  readonly ports: Ports;
  readonly frames: PortFrames;
  readonly roster: () => Roster;
  readonly network: (name: string) => Network | undefined;
  readonly events: EventLog;
  readonly log: Logger;
}

/** The same in each namespace. */
const LOOPBACK_IFINDEX = 1;
const ANY_PROTOCOL = 0;
/** `IFNAMSIZ` less the final zero. */
const IFNAME_BYTES = 15;
const ANONYMOUS_TAP = `${ANONYMOUS_PREFIX}%d`;

export class Guests {
  readonly #parts: GuestsParts;
  readonly #unknown = new Map<number, UnknownPort>();
  readonly #attaching = new Map<string, Promise<unknown>>();
  readonly #attachedAtMs = new Map<number, number>();

  constructor(parts: GuestsParts) {
    this.#parts = parts;
  }

  /** The attach that is under way for a guest. */
  attaching(guest: string, network: string): Promise<unknown> | undefined {
    return this.#attaching.get(`${network} ${guest}`);
  }

  /** When a port was attached, or found attached; milliseconds since 1970. */
  attachedAtMs(ifindex: number): number | undefined {
    return this.#attachedAtMs.get(ifindex);
  }

  /** Ports whose guests are not known yet. */
  unknown(): readonly UnknownPort[] {
    return [...this.#unknown.values()];
  }

  /** Attaches whoever has this TAP; undefined when its first frame has to tell. */
  async attach(claim: Claim, mayBe: MayBe = () => true): Promise<Port | undefined> {
    const link = this.#parts.kernel.link(claim.ifname);
    this.#refuseOwn(link);
    const placement = this.#parts.roster().place(claim);
    if (placement === undefined) {
      this.#await(claim, link, mayBe);
      return undefined;
    }
    return this.#attachPlaced(claim.ifname, placement, link);
  }

  /** Detaches the port of this TAP, or stops waiting for its first frame. Nothing to detach is TapnetError NOT_FOUND. */
  async detachInterface(ifname: string): Promise<Port | undefined> {
    for (const [ifindex, port] of this.#unknown) if (port.ifname === ifname) return this.#forget(ifindex);
    const port = this.#parts.ports.list().find((each) => each.ifname === ifname);
    if (port === undefined)
      throw new TapnetError("NOT_FOUND", `${ifname} is no guest's port: nothing to detach; see: tapnet guest list`);
    return this.#detach(port);
  }

  /** Detaches every port of a guest. */
  async detachGuest(guest: string): Promise<Port> {
    const ports = this.#parts.ports.list().filter((port) => port.guest === guest);
    if (ports.length === 0) throw new TapnetError("NOT_FOUND", `guest ${guest} is not attached; see: tapnet guest list`);
    for (const port of ports) await this.#detach(port);
    return ports[0];
  }

  /** Makes a TAP for a guest and attaches it. The caller closes the TAP once its descriptor was passed on. */
  async grant({ network, guest, vnetHdr, mayBe }: GrantRequest): Promise<{ tap: Tap; text: string }> {
    // Refused before anything is made.
    const placement = guest === undefined ? undefined : this.#parts.roster().place({ ifname: "", guest, network });
    if (placement !== undefined) refuseStranger(placement, mayBe);
    const tap = createTap({ name: tapName(placement), vnetHdr });
    try {
      // QEMU sets them anew when the guest's driver starts; other VMMs rely on what they find.
      if (vnetHdr) tap.setOffloads(ALL_OFFLOADS);
      const port = await this.attach({ ifname: tap.name, guest, network }, mayBe);
      return { tap, text: port === undefined ? `${tap.name} in ${network}` : `${port.guest} in ${network}` };
    } catch (thrown) {
      await tap.closeLater();
      throw thrown;
    }
  }

  /** The first frame of a port that was awaited. What cannot be attached is logged: nobody waits for an answer. */
  recognise(link: Link, mac: Mac): void {
    const port = this.#unknown.get(link.ifindex);
    if (port === undefined) {
      this.#recogniseStation(link, mac);
      return;
    }
    try {
      const placement = this.#parts.roster().placeByMac(mac, port.claimed);
      refuseStranger(placement, port.mayBe);
      const network = this.#networkOf(placement);
      this.#unknown.delete(link.ifindex);
      this.#parts.frames.recognise({ ifindex: link.ifindex, ifname: port.ifname, guest: placement.guest, network });
      this.#attachPlaced(port.ifname, placement).catch((thrown: unknown) => {
        this.#parts.frames.close(port);
        this.#parts.log.error(
          { ifname: port.ifname, guest: placement.guest, error: String(thrown) },
          "a recognised guest was not attached",
        );
      });
    } catch (thrown) {
      this.#parts.log.warn(
        { ifname: port.ifname, mac: formatMac(mac), error: String(thrown) },
        "a guest came that may not attach",
      );
    }
  }

  /** The first frame of a guest that is known, but for its MAC address: on a bridge where others give out addresses. */
  #recogniseStation({ ifindex, ifname }: Link, mac: Mac): void {
    const { ports, frames, log } = this.#parts;
    const outcome = ports.setStation(ifindex, mac);
    const port = ports.get(ifindex);
    if (port === undefined) return;
    frames.recognise(port);
    if (outcome === undefined)
      log.info({ guest: port.guest, ifname, mac: formatMac(mac) }, "a guest on a bridge is known by its MAC address now");
    else
      log.warn(
        { guest: port.guest, ifname, error: outcome.message },
        "a guest on a bridge may not send: attach it again with another MAC address",
      );
  }

  /** A port's interface is gone; `Ports` has forgotten it already. */
  gone(port: Port): void {
    this.#attachedAtMs.delete(port.ifindex);
    this.#tell("guest.detached", port, `${port.guest} is gone: ${port.ifname} was removed`);
  }

  /** The interface of an awaited port is gone. */
  linkGone(link: Link): void {
    if (this.#unknown.delete(link.ifindex)) this.#parts.frames.close(link);
  }

  /** Ports that were found attached at the start. */
  adopted(nowMs: number): void {
    for (const port of this.#parts.ports.list()) this.#attachedAtMs.set(port.ifindex, nowMs);
  }

  /** `link` where the kernel has just been asked for it. */
  async #attachPlaced(ifname: string, placement: Placement, link?: LinkState): Promise<Port> {
    const { guest } = placement;
    const network = this.#networkOf(placement);
    const mac = placement.configured?.mac ?? placement.mac;
    const attach = this.#parts.ports.attach({ ifname, guest, network, mac, link });
    const key = `${network.name} ${guest}`;
    this.#attaching.set(key, attach);
    try {
      const port = await attach;
      if (!this.#attachedAtMs.has(port.ifindex))
        this.#tell("guest.attached", port, `${guest} is attached to ${placement.network} through ${ifname}`);
      this.#attachedAtMs.set(port.ifindex, Date.now());
      return port;
    } finally {
      if (this.#attaching.get(key) === attach) this.#attaching.delete(key);
    }
  }

  /** What the host itself needs is nobody's port: it would lose its network, and a neighbour's frame would make a guest of him. */
  #refuseOwn(link: LinkState | undefined): void {
    if (link === undefined || link.kind === "tun") return;
    const isLoopback = link.ifindex === LOOPBACK_IFINDEX;
    const isUplink = this.#parts.kernel
      .dumpRoutes(ANY_PROTOCOL)
      .some((route) => route.ifindex === link.ifindex && route.prefix.prefixLength === 0);
    if (isLoopback || isUplink) {
      const what = isLoopback ? "this host's loopback" : "this host's way out (a default route goes by it)";
      throw new TapnetError("CONFLICT", `${link.name} is ${what}, not a guest's: give the TAP that the VMM has`);
    }
  }

  /** Sets an unnamed TAP up and waits for its first frame. */
  #await({ ifname, network }: Claim, link: LinkState | undefined, mayBe: MayBe): void {
    if (link === undefined)
      throw new TapnetError("NO_LINK", `there is no interface ${ifname}: create the TAP before attaching it`);
    if (this.#unknown.has(link.ifindex)) return;
    const name = network ?? this.#parts.roster().defaultNetwork(ifname);
    const unknown = {
      ifindex: link.ifindex,
      ifname,
      network: this.#networkOf({ network: name, guest: ifname }),
      claimed: network,
      mayBe,
    };
    const batch = this.#parts.kernel.batch();
    batch.setLink(link.ifindex, { up: true, ipv6AddressGeneration: "none" });
    const [failure] = batch.send();
    if (failure !== undefined) throw failure.error;
    this.#parts.frames.await(unknown);
    this.#unknown.set(link.ifindex, unknown);
  }

  #forget(ifindex: number): undefined {
    this.#unknown.delete(ifindex);
    this.#parts.frames.close({ ifindex });
    return undefined;
  }

  async #detach(port: Port): Promise<Port> {
    await this.#parts.ports.detach(port.ifindex);
    this.#attachedAtMs.delete(port.ifindex);
    this.#tell("guest.detached", port, `${port.guest} is detached from ${port.network.name}`);
    return port;
  }

  #networkOf({ network, guest }: Pick<Placement, "network" | "guest">): Network {
    const found = this.#parts.network(network);
    if (found === undefined)
      throw new TapnetError("NOT_FOUND", `guest ${guest}: there is no network ${network}; see: tapnet net list`);
    return found;
  }

  #tell(kind: Happening["kind"], port: Port, message: string): void {
    this.#parts.events.tell({ kind, network: port.network.name, guest: port.guest, message });
  }
}

/** A guest that belongs to certain users is nobody else's, whatever name or MAC address is claimed. */
function refuseStranger({ guest, configured }: Placement, mayBe: MayBe): void {
  if (configured?.users === undefined || mayBe(configured.users)) return;
  throw new TapnetError(
    "NOT_ALLOWED",
    `guest ${guest} belongs to ${configured.users.join(", ")}: its users: say who may take it`,
  );
}

/** The configured name, `tn-<guest>` where it fits, else one of the kernel's choice. */
export function tapName(placement: Placement | undefined): string {
  if (placement === undefined) return ANONYMOUS_TAP;
  const name = placement.configured?.ifname ?? PORT_PREFIX + placement.guest;
  return name.length <= IFNAME_BYTES ? name : ANONYMOUS_TAP;
}
