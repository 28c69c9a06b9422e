/**
 * Guests that send anything on their sockets, next to two that are honest: a real tapnetd, user data plane. Whatever comes, the
 * daemon stays up, the honest ones reach each other and the host, and nobody gets what is not for him. The hostile ones act
 * from one seed; `TAPNET_FUZZ_SECONDS` says for how long.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Mac } from "../../../src/base/mac.js";
import { type Random, seededRandom } from "../../../src/base/random.js";
import { icmpPayload, ipv4Frame, ipv6Frame, readIpv4, udpPayload } from "../../support/forward-lab.js";
import { Lab } from "../../support/lab.js";
import { needs, nft, root, tap } from "../../support/needs.js";
import { makeSite, type Site } from "../../support/site.js";
import { gatewayMacOf, SocketGuest } from "../../support/socket-guest.js";
import { pause, until } from "../../support/wait.js";

const SEED = 20_261_129;
const PATIENCE_MS = 20_000;
const SECONDS = Number(process.env["TAPNET_FUZZ_SECONDS"] ?? 6);
const GATEWAY = 0x0a4d_0001;
const WEB = { slot: 0, mac: 0x5254_0000_0001, ipv4: 0x0a4d_000a, ipv6: 0n } as const;
const DB = { slot: 1, mac: 0x5254_0000_0002, ipv4: 0x0a4d_000b, ipv6: 0n } as const;
const EVIL = { slot: 2, mac: 0x5254_0000_0003, ipv4: 0x0a4d_000c, ipv6: 0n } as const;
/** Every honest packet carries this; no hostile one does. */
const MARK = Buffer.from("honest packet of this test");
const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24, ipv6: "fd00:77::/64", dataplane: user }
guests:
  web1: { mac: "52:54:00:00:00:01", ipv4: 10.77.0.10 }
  db1: { mac: "52:54:00:00:00:02", ipv4: 10.77.0.11 }
  evil1: { mac: "52:54:00:00:00:03", ipv4: 10.77.0.12 }
  evil2: { mac: "52:54:00:00:00:04", ipv4: 10.77.0.13 }
  deaf1: { mac: "52:54:00:00:00:05", ipv4: 10.77.0.14 }
`;

class Hostile {
  readonly #random: Random;
  readonly #gateway: Mac;

  constructor(random: Random, gateway: Mac) {
    this.#random = random;
    this.#gateway = gateway;
  }

  below(limit: number): number {
    return this.#random.uint32() % limit;
  }

  /** A frame that looks like one, and is spoiled in some place more often than not; or noise. */
  frame(): Uint8Array {
    const frame = this.#whole();
    for (let spoiled = this.below(4); spoiled > 0; spoiled--) {
      // The head is where decisions are made.
      frame[this.below(this.below(4) === 0 ? frame.length : Math.min(frame.length, 80))] = this.below(256);
    }
    return this.below(5) === 0 ? frame.subarray(0, this.below(frame.length + 1)) : frame;
  }

  #whole(): Uint8Array {
    const to = [WEB, DB][this.below(2)].ipv4;
    const etherDestination = this.#gateway;
    switch (this.below(7)) {
      case 0:
        return this.noise(this.below(2000));
      case 1:
        return ipv6Frame({ from: EVIL, to: (0xfd00_0077n << 96n) | BigInt(this.below(20)), etherDestination });
      case 2:
        return ipv4Frame({ from: EVIL, to, etherDestination, options: this.noise(4 * this.below(11)) });
      case 3:
        return ipv4Frame({ from: EVIL, to, etherDestination, flags: this.below(8), fragmentOffsetBytes: this.below(8192) * 8 });
      case 4:
        return ipv4Frame({ from: EVIL, to: GATEWAY, etherDestination, protocol: 1, payload: icmpPayload(this.below(256)) });
      case 5:
        return ipv4Frame({ from: EVIL, to, source: [WEB, DB][this.below(2)].ipv4, etherDestination, payload: udpPayload(60) });
      default:
        return ipv4Frame({ from: EVIL, to, etherDestination, ttl: this.below(3), payload: udpPayload(this.below(3000)) });
    }
  }

  noise(bytes: number): Uint8Array {
    return Uint8Array.from({ length: bytes }, () => this.below(256));
  }
}

/** Bytes on a stream's socket: frames, lengths that lie, half of a frame and then the end, or nothing ever read. */
class HostileStream {
  readonly #path: string;
  readonly #hostile: Hostile;
  #socket: Socket | undefined;
  connections = 0;

  constructor(path: string, hostile: Hostile) {
    this.#path = path;
    this.#hostile = hostile;
  }

  act(): void {
    const socket = this.#connected();
    const below = (limit: number): number => this.#hostile.below(limit);
    switch (below(12)) {
      case 0:
        socket.end();
        this.#socket = undefined;
        break;
      case 1:
        socket.destroy();
        this.#socket = undefined;
        break;
      case 2:
        socket.write(this.#hostile.noise(below(3000)));
        break;
      case 3:
        this.#write(below(2) === 0 ? 0xffff_ffff : below(0x2_0000), this.#hostile.noise(below(100)));
        break;
      case 4:
        for (let index = 0; index < 500; index++) this.#write(0, new Uint8Array(0));
        break;
      default:
        for (let index = below(30); index >= 0; index--) {
          const frame = this.#hostile.frame();
          this.#write(frame.length, frame);
        }
    }
  }

  end(): void {
    this.#socket?.destroy();
  }

  #write(length: number, frame: Uint8Array): void {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(length);
    this.#socket?.write(Buffer.concat([prefix, frame]));
  }

  #connected(): Socket {
    if (this.#socket !== undefined && !this.#socket.destroyed) return this.#socket;
    this.connections++;
    const socket = connect({ path: this.#path, allowHalfOpen: true });
    socket.on("error", () => socket.destroy());
    if (this.#hostile.below(2) === 0) socket.on("data", () => undefined);
    this.#socket = socket;
    return socket;
  }
}

function isMarked(frame: Uint8Array): boolean {
  return Buffer.from(frame).includes(MARK);
}

describe("guests that send anything", { ...needs(root, tap, nft), timeout: (SECONDS + 120) * 1000 }, () => {
  const lab = new Lab({ after });
  let site: Site;
  let web: SocketGuest;
  let db: SocketGuest;
  let evil: SocketGuest;
  let gateway: Mac;
  let counters: () => Promise<Readonly<Record<string, number>>>;

  before(async () => {
    site = await makeSite(lab, CONFIGURATION);
    [web, db, evil] = [
      await SocketGuest.add(site.daemon, "web1"),
      await SocketGuest.add(site.daemon, "db1"),
      await SocketGuest.add(site.daemon, "evil1"),
    ];
    for (const name of ["evil2", "deaf1"]) await site.daemon.tapnet("guest", "add", name, "--socket", "stream");
    gateway = await gatewayMacOf(site.daemon, "web1");
    counters = async () =>
      ((await site.daemon.tapnet("status")) as { counters: Record<string, Record<string, number>> }).counters["user"];
  });

  after(() => Promise.all([web, db, evil].map((guest) => guest.close())));

  const honest = (to: number): Uint8Array =>
    ipv4Frame({ from: WEB, to, etherDestination: gateway, payload: Uint8Array.from([...udpPayload(0), ...MARK]) });

  async function honestReachEachOther(): Promise<void> {
    const arrived = db.received.length;
    await until(
      "an honest packet to arrive",
      () => {
        web.send(honest(DB.ipv4));
        return db.received.slice(arrived).some(isMarked);
      },
      PATIENCE_MS,
    );
    const answered = web.received.length;
    await until(
      "the gateway to answer a ping",
      () => {
        web.send(ipv4Frame({ from: WEB, to: GATEWAY, etherDestination: gateway, protocol: 1, payload: icmpPayload(8) }));
        return web.received.slice(answered).some((frame) => frame[23] === 1 && readIpv4(frame).source === GATEWAY);
      },
      PATIENCE_MS,
    );
  }

  test(`${SECONDS} s of hostile frames and streams harm nobody else`, async (t) => {
    await honestReachEachOther();
    const memoryBefore = memoryOf(site.daemon.process.pid);
    const hostile = new Hostile(seededRandom(SEED), gateway);
    const streams = ["evil2", "deaf1"].map(
      (name) => new HostileStream(join(site.daemon.runFolder, "guests", `${name}.sock`), hostile),
    );
    t.after(() => streams.map((stream) => stream.end()));
    const end = Date.now() + SECONDS * 1000;
    let frames = 0;
    for (let round = 0; Date.now() < end; round++) {
      const sent = Array.from({ length: 40 }, () => hostile.frame());
      frames += sent.length;
      evil.send(...sent.filter(({ length }) => length > 0));
      for (const stream of streams) stream.act();
      // Towards somebody who may never read.
      evil.send(...Array.from({ length: 20 }, () => ipv4Frame({ from: EVIL, to: 0x0a4d_000e, etherDestination: gateway })));
      await pause(5);
      if (round % 40 === 0) await honestReachEachOther();
      for (const guest of [web, db]) {
        for (const frame of guest.received.splice(0))
          assert.ok(isFor(guest, frame), `${guest.name} got ${Buffer.from(frame).toString("hex")}`);
      }
      assert.ok(!evil.received.splice(0).some(isMarked), "evil1 has seen what is not for it");
    }
    await honestReachEachOther();
    assert.ok(site.daemon.process.running);
    const memory = memoryOf(site.daemon.process.pid);
    assert.ok(memory < memoryBefore + 150 * 2 ** 20, `tapnetd had ${memoryBefore} bytes and has ${memory}`);
    assert.doesNotMatch(site.daemon.log, /"level":(50|60)/);
    const became = Object.entries(await counters()).filter(([, count]) => count > 0);
    t.diagnostic(`${frames} frames, ${streams.map(({ connections }) => connections).join(" and ")} connections`);
    t.diagnostic(became.map(([reason, count]) => `${reason} ${count}`).join(", "));
    for (const reason of ["spoofed", "ipv4-checksum", "forwarded", "hops-exceeded"]) {
      assert.ok(
        became.some(([name]) => name === reason),
        reason,
      );
    }
  });
});

/** To its MAC address, or to many. */
function isFor({ name }: SocketGuest, frame: Uint8Array): boolean {
  const mac = name === "web1" ? WEB.mac : DB.mac;
  return (frame[0] & 1) === 1 || Buffer.from(frame).readUIntBE(0, 6) === mac;
}

/** Resident, in bytes. */
function memoryOf(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}
