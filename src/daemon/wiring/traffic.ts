/** What happens to guests' traffic beyond what their networks say: forwards, limits, rules; followed from port to port. */
import type { Clock } from "../../base/clock.js";
import type { Logger } from "../../base/log.js";
import type { Configuration } from "../../config/index.js";
import type { Names } from "../../guest/services.js";
import { Forwards, type ForwardsOptions } from "../../network/forwards.js";
import { Limits } from "../../network/limits.js";
import type { Port } from "../../network/model.js";
import { type LearntAddress, Policies } from "../../network/policies.js";
import { type Policy, policyOf, type TrafficRule } from "../../network/policy.js";
import type { Traffic } from "../../network/traffic.js";
import type { DnsService } from "../../services/dns/service.js";
import { parse } from "../../wire/dns/message.js";
import { TYPE } from "../../wire/dns/numbers.js";
import type { KernelParts } from "./kernel.js";
import type { Roster } from "./roster.js";

export interface GuestTrafficParts {
  readonly kernel: KernelParts;
  readonly clock: Clock;
  readonly log: Logger;
  readonly roster: () => Roster;
  /** The packet filter refused a change. */
  readonly onRefused: () => void;
  /** Who carries forwards besides the packet filter. */
  readonly follow: NonNullable<ForwardsOptions["follow"]>;
}

type Listed = { readonly egress: readonly TrafficRule[] | undefined; readonly ingress: readonly TrafficRule[] | undefined };

export class GuestTraffic implements Names {
  readonly forwards: Forwards;
  readonly #limits: Limits;
  readonly #policies: Policies;

  constructor({ kernel, clock, log, roster, onRefused, follow }: GuestTrafficParts) {
    const { firewall, shaper } = kernel;
    const settingsOf = (guest: string, network: string) => roster().guest(guest, network) ?? roster().network(network);
    this.forwards = new Forwards({
      firewall,
      log,
      configured: (name) => {
        const guest = roster().guest(name);
        return [guest?.ipv4, guest?.ipv6].filter((address) => address !== undefined);
      },
      publics: (name) => roster().guest(name)?.publics ?? [],
      home: (name) => roster().guest(name)?.network,
      onRefused,
      follow,
    });
    this.#limits = new Limits({
      firewall,
      shaper,
      log,
      limitOf: (guest, network) => settingsOf(guest, network)?.limit,
      onRefused,
    });
    this.#policies = new Policies({
      firewall,
      clock,
      log,
      policiesOf: (guest, network) => {
        const { egress, ingress } = settingsOf(guest, network) ?? { egress: undefined, ingress: undefined };
        return {
          egress: egress === undefined ? undefined : policyOf("egress", egress),
          ingress: ingress === undefined ? undefined : policyOf("ingress", ingress),
        };
      },
      onRefused,
    });
  }

  get traffic(): Traffic {
    const parts = [this.forwards.traffic, this.#limits.traffic, this.#policies.traffic] as const;
    return { ...parts[0], ...parts[1], ...parts[2], elements: parts.flatMap(({ elements }) => elements) };
  }

  /** What rules there have to be from now on; ports are to be told again (`add`). */
  configure({ networks, guests }: Configuration, dns: DnsService): void {
    const all = [...networks, ...guests];
    this.#limits.configure(all.map(({ limit }) => limit));
    const kinds = new Map(networks.map(({ name, kind }) => [name, kind]));
    const onBridges = [
      ...networks.filter(({ kind }) => kind === "bridge"),
      ...guests.filter(({ network }) => kinds.get(network) === "bridge"),
    ];
    this.#policies.configure(all.flatMap(policiesIn), new Set(onBridges.flatMap(policiesIn).map(({ digest }) => digest)));
    dns.answerer.told = this.#policies.learns ? (reply, asker) => this.#learn(reply, asker) : undefined;
  }

  /** The packet filter has our sets: from now on changes are carried there. */
  open(): void {
    for (const part of [this.forwards, this.#limits, this.#policies]) part.open();
  }

  add(port: Port): void {
    for (const part of [this.forwards, this.#limits, this.#policies]) part.add(port);
  }

  remove(port: Port): void {
    for (const part of [this.forwards, this.#limits, this.#policies]) part.remove(port);
  }

  /** Somebody is about to be told this. */
  #learn(reply: Uint8Array, asker: string): void {
    const message = parse(reply);
    if (typeof message === "string" || message.questions.length === 0) return;
    const addresses = message.answers.flatMap(({ name, type, ttlSeconds, data }): LearntAddress[] => {
      if ((type !== TYPE.A && type !== TYPE.AAAA) || data instanceof Uint8Array) return [];
      const { address } = data;
      return typeof address === "number" || typeof address === "bigint" ? [{ name, address, ttlSeconds }] : [];
    });
    this.#policies.learn(asker, message.questions[0].name.toLowerCase(), addresses);
  }
}

function policiesIn({ egress, ingress }: Listed): Policy[] {
  return [
    ...(egress === undefined ? [] : [policyOf("egress", egress)]),
    ...(ingress === undefined ? [] : [policyOf("ingress", ingress)]),
  ];
}
