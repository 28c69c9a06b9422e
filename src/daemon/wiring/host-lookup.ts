/**
 * Theory of operation
 *
 * This host resolves its guests' names by itself where it has systemd-resolved: our domains, and only those, are asked of us.
 * Resolved takes servers for an interface that is up and has an address, and never for `lo`, where the gateways' addresses are.
 * So there is an interface for it, a TAP that nobody reads, which has the gateway's address a second time and lives as long as
 * this process holds it: after a crash it is gone, and resolved has forgotten what it was told.
 *
 * Its index is drawn at random, far above those that the kernel hands out. Resolved may be another network namespace's, reached
 * all the same by its bus; there the index means nothing, and what we tell is refused instead of changing another interface.
 */
import { execFile } from "node:child_process";
import type { Clock, Timer } from "../../base/clock.js";
import { errorMessage } from "../../base/errors.js";
import { formatAddress, type IpAddress } from "../../base/kernel-objects.js";
import type { Logger } from "../../base/log.js";
import type { Random } from "../../base/random.js";
import type { Kernel } from "../../network/kernel.js";
import { createTap, type Tap } from "../../os/tap.js";
import { type Exec, instruction, ResolvedRegistration } from "../../services/dns/resolved.js";

const IFNAME = "tapnet-dns";
/** Linux counts interfaces from 1 and has never come so far. */
const INDEX = { least: 0x4000_0000, count: 0x3000_0000 } as const;
const COMMAND_MS = 5000;
/** What a start and an end wait for the host's resolver, which may hang. */
const SETTLE_MS = 500;

export interface HostLookupParts {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What this host asks us: where, and for which domains. */
export interface OwnZones {
  readonly servers: readonly IpAddress[];
  readonly domains: readonly string[];
}

export class HostLookups {
  readonly #parts: HostLookupParts;
  readonly #registration: ResolvedRegistration;
  /** Ends what is still running when we are to end. */
  readonly #ending = new AbortController();
  #tap: Tap | undefined;
  /** What was told last, so that a reload without a change tells nothing. */
  #told = "";
  #turn: Promise<void> = Promise.resolve();

  constructor(parts: HostLookupParts) {
    this.#parts = parts;
    this.#registration = new ResolvedRegistration(runUntil(this.#ending.signal), parts.clock, parts.log);
  }

  /** Tells this host's resolver, or the log what to do instead; nobody has to wait for it. */
  serve(zones: OwnZones): void {
    this.#inTurn(() => this.#serve(zones));
  }

  /** Takes everything back. A resolver that hangs forgets by itself, when it sees that the interface is gone. */
  async close(): Promise<void> {
    this.#inTurn(() => this.#remove());
    await this.settled();
    this.#ending.abort();
    await this.#turn;
  }

  /** When what was asked for so far is done or has been warned of, or after half a second. */
  async settled(): Promise<void> {
    const { clock } = this.#parts;
    let timer: Timer;
    const limit = new Promise<void>((resolve) => {
      timer = clock.after(SETTLE_MS, resolve);
    });
    await Promise.race([this.#turn, limit]);
    clock.cancel(timer);
  }

  #inTurn(step: () => Promise<void>): void {
    this.#turn = this.#turn.then(step).catch((thrown: unknown) => {
      this.#parts.log.warn({ error: errorMessage(thrown) }, "this host's resolver could not be told of guests' names");
    });
  }

  async #serve({ servers, domains }: OwnZones): Promise<void> {
    const told = JSON.stringify([servers.map(formatAddress), domains]);
    if (told === this.#told) return;
    this.#told = told;
    if (servers.length === 0 || domains.length === 0) return this.#remove();
    const server = formatAddress(servers[0]);
    if (!(await this.#registration.isPresent())) {
      this.#parts.log.info({ server }, instruction({ server, domains }));
      return;
    }
    this.#carry(servers[0]);
    if (await this.#registration.register({ ifname: IFNAME, server, domains })) {
      this.#parts.log.info({ domains, server }, "this host resolves guests' names by systemd-resolved");
    } else {
      await this.#remove();
    }
  }

  /** Has the interface, with this address. */
  #carry(address: IpAddress): void {
    const { kernel, random } = this.#parts;
    this.#tap ??= createTap({ name: IFNAME, index: INDEX.least + (random.uint32() % INDEX.count) });
    const { ifindex } = this.#tap;
    const prefixLength = typeof address === "number" ? 32 : 128;
    const batch = kernel.batch();
    batch.setLink(ifindex, { ipv6AddressGeneration: "none" });
    batch.setLink(ifindex, { up: true });
    for (const old of kernel.dumpAddresses()) {
      if (old.ifindex === ifindex && old.address !== address) batch.deleteAddress(old);
    }
    // Not marked as ours: that is for what the plan holds.
    batch.addAddress({ ifindex, address, prefixLength, protocol: 0 });
    for (const { error } of batch.send()) throw error;
  }

  async #remove(): Promise<void> {
    await this.#registration.remove();
    const tap = this.#tap;
    this.#tap = undefined;
    await tap?.closeLater();
  }
}

/** Runs programs, each for five seconds at most and not beyond the signal. */
function runUntil(signal: AbortSignal): Exec {
  return (command, args) =>
    new Promise((resolve) => {
      execFile(command, [...args], { timeout: COMMAND_MS, signal }, (error, _stdout, stderr) => {
        if (error === null) resolve({ code: 0, stderr });
        else resolve({ code: typeof error.code === "number" ? error.code : 127, stderr });
      });
    });
}
