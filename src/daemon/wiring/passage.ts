/**
 * Theory of operation
 *
 * Other firewalls on this host may drop forwarded packets by default (Docker, ufw, a hand-written ruleset), and no rule of
 * ours outweighs that. So guests' packets are let pass at the end of such chains, where the configuration does not forbid
 * it: behind all rules of theirs, so what they drop on purpose stays dropped. Looked at in the start, and again whenever
 * somebody has changed another table of nftables, a moment later, since a reload comes as a storm. What we cannot or may
 * not open is a warning.
 */
import type { Clock, Timer } from "../../base/clock.js";
import { errorMessage } from "../../base/errors.js";
import type { Logger } from "../../base/log.js";
import type { Configuration } from "../../config/index.js";
import { GROUP_BASE, GROUP_PREFIX_LENGTH } from "../../network/define.js";
import type { Firewall, Subscription } from "../../network/kernel.js";
import { closeChain, type DroppingChain, droppingChains, type OurLinks, openChain } from "../../os/forward-policies.js";
import { ANONYMOUS_PREFIX, PORT_PREFIX } from "./roster.js";

export interface PassageParts {
  readonly firewall: Firewall;
  readonly clock: Clock;
  readonly log: Logger;
  readonly configuration: () => Configuration;
}

const SETTLE_MS = 200;
const GROUP_BITS = 32;

const LINKS: OurLinks = {
  group: GROUP_BASE,
  groupMask: (-1 << (GROUP_BITS - GROUP_PREFIX_LENGTH)) >>> 0,
  namePrefixes: [PORT_PREFIX, ANONYMOUS_PREFIX],
};

export class Passage {
  readonly #parts: PassageParts;
  #warnings: readonly string[] = [];
  #watch: Subscription | undefined;
  #timer: Timer | undefined;
  /** Looks go one after another. */
  #looking: Promise<void> = Promise.resolve();

  constructor(parts: PassageParts) {
    this.#parts = parts;
  }

  /** What stands in guests' way, in sentences with what to do. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** Opens what is closed now, and from now on. */
  async start(): Promise<void> {
    this.#watch = this.#parts.firewall.watch({
      onChange: (tables) => {
        if (tables.some(({ name }) => name !== "tapnet")) this.#lookSoon();
      },
      onOverrun: () => this.#lookSoon(),
    });
    await this.look();
  }

  /** The rules stay: guests do not notice. May be called again. */
  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
    if (this.#timer !== undefined) this.#parts.clock.cancel(this.#timer);
    this.#timer = undefined;
  }

  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look()).catch((thrown: unknown) => this.#failed(thrown));
    return this.#looking;
  }

  /** Takes our rules out of all chains of others. */
  async cleanup(): Promise<void> {
    for (const chain of await droppingChains()) await closeChain(chain);
  }

  async #look(): Promise<void> {
    const open = this.#parts.configuration().otherFirewalls === "open";
    const warnings: string[] = [];
    for (const chain of await droppingChains()) {
      const refusal = open ? await this.#open(chain) : "the configuration says other-firewalls: leave";
      if (refusal !== undefined) warnings.push(describe(chain, refusal));
    }
    for (const warning of warnings) if (!this.#warnings.includes(warning)) this.#parts.log.warn({}, warning);
    this.#warnings = warnings;
  }

  /** Undefined when guests pass, else why they do not. */
  async #open(chain: DroppingChain): Promise<string | undefined> {
    const where = nameOf(chain);
    try {
      if (await openChain(chain, LINKS)) {
        this.#parts.log.info({ chain: where }, "a chain that drops packets by default lets guests pass now");
      }
      return undefined;
    } catch (thrown) {
      return errorMessage(thrown);
    }
  }

  #failed(thrown: unknown): void {
    this.#parts.log.error({ error: errorMessage(thrown) }, "other firewalls could not be looked at");
  }

  #lookSoon(): void {
    const { clock } = this.#parts;
    if (this.#timer !== undefined) clock.cancel(this.#timer);
    this.#timer = clock.after(SETTLE_MS, () => {
      this.#timer = undefined;
      void this.look();
    });
  }
}

function nameOf({ family, table, name }: DroppingChain): string {
  return `${family} ${table} ${name}`;
}

function describe(chain: DroppingChain, why: string): string {
  if (chain.hook === "input") {
    const link = chain.tool === "nft" ? "meta iifgroup" : "-m devgroup --src-group";
    return (
      `${nameOf(chain)} drops by default what comes in, also DNS over TCP and pings of guests to their gateways (${why}); ` +
      `let them in there, by their links (${link} ${groupOf(chain)}): TCP port 53 and ICMP`
    );
  }
  const group = groupOf(chain);
  const command =
    chain.tool === "nft"
      ? `nft add rule ${nameOf(chain)} meta iifgroup ${group} accept, and the same with oifgroup`
      : `${chain.tool} -A ${chain.name} -m devgroup --src-group ${group} -j ACCEPT, and the same with --dst-group`;
  return `${nameOf(chain)} drops forwarded packets by default, guests' too (${why}); let them pass: ${command}`;
}

function groupOf({ tool }: DroppingChain): string {
  if (tool === "nft") return `${LINKS.group}/${GROUP_PREFIX_LENGTH}`;
  return `0x${LINKS.group.toString(16)}/0x${LINKS.groupMask.toString(16)}`;
}
