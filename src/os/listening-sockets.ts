import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { IpAddress } from "../base/kernel-objects.js";
import { HOST_LITTLE_ENDIAN } from "./netlink.js";

/** A socket of this network namespace that takes connections, or datagrams from anybody. */
export interface ListeningSocket {
  readonly protocol: "tcp" | "udp";
  readonly address: IpAddress;
  readonly port: number;
}

/** The kernel's tables of sockets, and the state in which a socket waits for strangers (`TCP_LISTEN`, `TCP_CLOSE`). */
const TABLES = [
  { file: "tcp", protocol: "tcp", state: "0A" },
  { file: "tcp6", protocol: "tcp", state: "0A" },
  { file: "udp", protocol: "udp", state: "07" },
  { file: "udp6", protocol: "udp", state: "07" },
] as const;
const INODE_FIELD = 9;

/**
 * Those that are asked for, but for this process's own. One that listens to both families shows as IPv6. Which are our own takes
 * a look at all our descriptors, one or two a guest: only where any is asked for.
 */
export function listeningSockets(isAsked: (socket: ListeningSocket) => boolean = () => true, proc = "/proc"): ListeningSocket[] {
  const found = TABLES.flatMap(({ file, protocol, state }) => {
    const lines = readTable(`${proc}/self/net/${file}`);
    return lines.flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      if (fields[3] !== state) return [];
      const [address, port] = fields[1].split(":");
      const socket: ListeningSocket = { protocol, address: parseAddress(address), port: Number.parseInt(port, 16) };
      return isAsked(socket) ? [{ socket, inode: fields[INODE_FIELD] }] : [];
    });
  });
  if (found.length === 0) return [];
  const own = ownSockets(proc);
  return found.flatMap(({ socket, inode }) => (own.has(inode) ? [] : [socket]));
}

function readTable(path: string): string[] {
  try {
    return readFileSync(path, "latin1")
      .split("\n")
      .slice(1)
      .filter((line) => line.trim() !== "");
  } catch (thrown) {
    // A kernel without IPv6 has no tables of it.
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return [];
    throw thrown;
  }
}

function ownSockets(proc: string): Set<string> {
  const inodes = readdirSync(`${proc}/self/fd`).map((descriptor) => inodeOf(`${proc}/self/fd/${descriptor}`));
  return new Set(inodes.filter((inode) => inode !== undefined));
}

function inodeOf(link: string): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1];
  } catch {
    // The descriptor by which the folder itself was read is gone again.
    return undefined;
  }
}

/** Words of 32 bits, each printed as the machine's own number, though they are in network order. */
function parseAddress(hex: string): IpAddress {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => {
    const octets = Buffer.from(word, "hex");
    return HOST_LITTLE_ENDIAN ? octets.readUInt32LE(0) : octets.readUInt32BE(0);
  });
  if (words.length === 1) return words[0];
  return words.reduce((address, word) => (address << 32n) | BigInt(word), 0n);
}
