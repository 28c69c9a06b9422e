/**
 * Theory of operation
 *
 * Guests whose NIC is a unix socket of QEMU's: `tapnet guest add web1 --socket` makes a persistent TAP that this process
 * holds, attaches it, and opens the socket (`user-plane.ts`). Which guests have one is in a file of the state directory, so
 * that they are there again after a restart: the TAPs and all that the kernel knows have stayed meanwhile, and guests on
 * datagram sockets have lost only what they sent while nobody listened. A stream's guest has to connect again.
 *
 * A guest has a socket for each of its interfaces; that of the first is called as the guest, others have their network behind it:
 * `web1.sock`, `web1@lan.sock`.
 *
 * Sockets lie in one directory that the control group may write to, because QEMU makes its end of a datagram socket itself.
 */
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { errorMessage, SystemError, TapnetError } from "../../base/errors.js";
import type { Logger } from "../../base/log.js";
import { formatMac, type Mac } from "../../base/mac.js";
import type { MakeTapRequest, SocketKind } from "../../control/index.js";
import type { Port } from "../../network/model.js";
import { createTap, openTap, type Tap } from "../../os/tap.js";
import { readWholeFile, writeWholeFile } from "../../os/whole-file.js";
import { type Guests, tapName } from "./guests.js";
import type { Roster } from "./roster.js";
import type { GuestSocket } from "./user-network.js";
import type { UserPlane } from "./user-plane.js";

export interface SocketGuestsParts {
  readonly guests: Guests;
  readonly plane: UserPlane;
  readonly roster: () => Roster;
  readonly runDirectory: string;
  readonly stateDirectory: string;
  /** Who may use the sockets beside root; undefined: nobody. */
  readonly gid: number | undefined;
  readonly log: Logger;
}

/** A line of the file. */
interface SocketGuest {
  readonly name: string;
  readonly guest: string;
  readonly network: string;
  readonly ifname: string;
  readonly socket: SocketKind;
}

interface Member {
  readonly entry: SocketGuest;
  readonly tap: Tap;
  readonly ifindex: number;
}

const FILE = "socket-guests.json";
const DIRECTORY = "guests";
/** Whoever makes a socket there may remove it, nobody else's. */
const DIRECTORY_MODE = 0o1770;
const ETHERNET_MTU = 1500;
/** What may stand in a path, and leads nowhere else. */
const FILE_NAME = /^[a-z0-9][a-z0-9._-]*$/i;

export class SocketGuests {
  readonly #parts: SocketGuestsParts;
  /** By the names of their sockets. */
  readonly #members = new Map<string, Member>();
  /** Entries that could not be brought back: kept for the next start. */
  #absent: SocketGuest[] = [];

  constructor(parts: SocketGuestsParts) {
    this.#parts = parts;
  }

  has(guest: string): boolean {
    return this.#of(guest).length > 0;
  }

  /** The socket behind a guest's TAP; null where it has none. */
  socketOf(guest: string, ifname: string): { kind: SocketKind; path: string } | null {
    const entry = this.#of(guest).find((member) => member.entry.ifname === ifname)?.entry;
    return entry === undefined ? null : { kind: entry.socket, path: this.#socketOf(entry).local };
  }

  /** Makes a guest's TAP and socket and attaches it; hands back its port, and the words with which QEMU connects. */
  async make(request: MakeTapRequest, socket: SocketKind): Promise<{ port: Port; qemu: readonly string[] }> {
    const { guest, network } = request;
    if (request.owner !== undefined || request.queues !== undefined)
      throw new TapnetError("BAD_REQUEST", "a guest on a socket has neither a TAP's owner nor queues: leave them out");
    if (!FILE_NAME.test(guest))
      throw new TapnetError("BAD_REQUEST", `${guest} cannot be the name of a socket: take letters and digits`);
    const roster = this.#parts.roster();
    const placement = roster.place({ ifname: "", guest, network });
    const on = placement?.network ?? "";
    this.#refuseSecond(guest, on, placement?.configured !== undefined);
    const number = roster.nicNumber(guest, on);
    const name = number === 0 ? guest : `${guest}@${on}`;
    const tap = create(tapName(placement));
    try {
      const entry = { name, guest, network: on, ifname: tap.name, socket };
      const port = await this.#attach(entry, tap);
      tap.setPersist(true);
      this.#save();
      return { port, qemu: qemuWords(port, this.#socketOf(entry), number, placement?.configured?.mac) };
    } catch (thrown) {
      this.#members.delete(name);
      await tap.closeLater();
      throw thrown;
    }
  }

  /** Takes away what `make` has made, of all of the guest's interfaces. */
  async remove(guest: string): Promise<Port> {
    let first: Port | undefined;
    for (const member of this.#of(guest)) {
      this.#members.delete(member.entry.name);
      this.#save();
      await this.#parts.plane.close(member.ifindex);
      const port = await this.#parts.guests.detachInterface(member.entry.ifname);
      member.tap.setPersist(false);
      await member.tap.closeLater();
      first ??= port;
    }
    if (first === undefined) throw new TapnetError("NOT_FOUND", `guest ${guest} has no socket; see: tapnet guest list`);
    return first;
  }

  /** Those of an earlier life. One that cannot be brought back is logged, and the others are there. */
  async recall(): Promise<void> {
    for (const entry of this.#load()) {
      let tap: Tap | undefined;
      try {
        tap = reopen(entry.ifname);
        await this.#attach(entry, tap);
      } catch (thrown) {
        this.#absent.push(entry);
        this.#parts.log.error({ guest: entry.guest, error: errorMessage(thrown) }, "a guest's socket could not be opened again");
        await tap?.closeLater();
      }
    }
  }

  /** Sockets go, TAPs stay for the next life. */
  async close(): Promise<void> {
    await this.#parts.plane.end();
    const taps = [...this.#members.values()].map(({ tap }) => tap.closeLater());
    this.#members.clear();
    await Promise.all(taps);
  }

  #of(guest: string): readonly Member[] {
    return [...this.#members.values()].filter(({ entry }) => entry.guest === guest);
  }

  #refuseSecond(guest: string, network: string, isConfigured: boolean): void {
    const sockets = this.#of(guest);
    if (sockets.some(({ entry }) => entry.network === network)) {
      const advice = `take it away first: tapnet guest remove ${guest}`;
      throw new TapnetError("CONFLICT", `guest ${guest} has a socket already on network ${network}; ${advice}`);
    }
    if (sockets.length === 0 || isConfigured) return;
    const advice = "for several interfaces put the guest into guests: of the configuration, with nics:";
    throw new TapnetError("CONFLICT", `guest ${guest} has a socket on network ${sockets[0].entry.network}; ${advice}`);
  }

  async #attach(entry: SocketGuest, tap: Tap): Promise<Port> {
    const { name, guest, network, ifname } = entry;
    const port = await this.#parts.guests.attach({ ifname, guest, network });
    if (port === undefined) throw new TapnetError("INTERNAL", `${ifname} was made for ${guest}, but is nobody's`);
    this.#makeDirectory();
    const socket = this.#socketOf(entry);
    try {
      await this.#parts.plane.open(port, tap.fd, socket);
    } catch (thrown) {
      await this.#parts.guests.detachInterface(ifname);
      throw thrown;
    }
    if (this.#parts.gid !== undefined) chownSync(socket.local, -1, this.#parts.gid);
    this.#members.set(name, { entry, tap, ifindex: port.ifindex });
    return port;
  }

  #socketOf({ name, socket }: SocketGuest): GuestSocket {
    const directory = join(this.#parts.runDirectory, DIRECTORY);
    const local = join(directory, `${name}.sock`);
    return socket === "stream" ? { kind: "stream", local } : { kind: "dgram", local, remote: join(directory, `${name}.qemu`) };
  }

  #makeDirectory(): void {
    const directory = join(this.#parts.runDirectory, DIRECTORY);
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, DIRECTORY_MODE);
    if (this.#parts.gid !== undefined) chownSync(directory, -1, this.#parts.gid);
  }

  #save(): void {
    const entries = [...this.#absent, ...[...this.#members.values()].map(({ entry }) => entry)];
    writeWholeFile(join(this.#parts.stateDirectory, FILE), `${JSON.stringify(entries, undefined, 2)}\n`);
  }

  #load(): readonly SocketGuest[] {
    const path = join(this.#parts.stateDirectory, FILE);
    try {
      const entries: unknown = JSON.parse(readWholeFile(path) ?? "[]");
      if (Array.isArray(entries) && entries.every(isEntry)) return entries;
      throw new TapnetError("STATE", "it does not hold what tapnetd writes there");
    } catch (thrown) {
      this.#parts.log.error({ path, error: errorMessage(thrown) }, "guests on sockets are not known: add them again");
      return [];
    }
  }
}

function isEntry(value: unknown): value is SocketGuest {
  if (typeof value !== "object" || value === null) return false;
  const { name, guest, network, ifname, socket } = value as Record<string, unknown>;
  const texts = [name, guest, network, ifname].every((text) => typeof text === "string" && text !== "");
  return texts && (socket === "stream" || socket === "dgram");
}

function create(name: string): Tap {
  try {
    return createTap({ name });
  } catch (thrown) {
    if (!(thrown instanceof SystemError) || thrown.code !== "EBUSY") throw thrown;
    const advice = `remove it first (ip link delete ${name})`;
    throw new TapnetError("CONFLICT", `there is an interface ${name} already: ${advice}`, { cause: thrown });
  }
}

/** The TAP of an earlier life, or a new one of its name. */
function reopen(ifname: string): Tap {
  try {
    return openTap(ifname);
  } catch (thrown) {
    if (!(thrown instanceof SystemError) || thrown.code !== "ENODEV") throw thrown;
    return createTap({ name: ifname, persist: true });
  }
}

/** QEMU's words for a socket that exists, of the guest's interface of this number. */
function qemuWords(
  { network, bindings }: Port,
  socket: GuestSocket,
  number: number,
  configuredMac: Mac | undefined,
): readonly string[] {
  const netdev = [socket.kind, `id=net${number}`];
  if (socket.kind === "stream") {
    netdev.push("server=off", "addr.type=unix", `addr.path=${socket.local}`);
  } else {
    netdev.push("local.type=unix", `local.path=${socket.remote}`, "remote.type=unix", `remote.path=${socket.local}`);
  }
  const device = ["virtio-net-pci", `netdev=net${number}`];
  const mac = bindings[0]?.mac ?? configuredMac;
  if (mac !== undefined) device.push(`mac=${formatMac(mac)}`);
  if (network.mtu !== ETHERNET_MTU) device.push(`host_mtu=${network.mtu}`);
  return ["-netdev", netdev.join(","), "-device", device.join(",")];
}
