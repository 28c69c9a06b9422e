import { z } from "zod";
import { parseIpv4 } from "../../base/ipv4-address.js";
import { parseIpv6 } from "../../base/ipv6-address.js";
import { hostPrefix } from "../../base/kernel-objects.js";
import { type Prefix, parseIpv4Prefix, parseIpv6Prefix } from "../../base/prefix.js";
import type { PortRange, RuleTarget, TrafficRule } from "../configuration.js";
import { list, quote, Refusal, text } from "./scalars.js";

/** `any 53/udp`, `192.0.2.0/24`, `192.0.2.1 80,443/tcp`, `*.debian.org 443`, `network lab`, `guest db1 5432/tcp`, `any icmp`. */

const NAME = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]*$/;
const EXAMPLE = 'write one like "192.0.2.0/24 443/tcp", "*.debian.org 80,443", "network lab", "guest db1 5432" or "any icmp"';

function parseRule(written: string): TrafficRule | Refusal {
  const words = written.split(/\s+/);
  const named = words[0] === "network" || words[0] === "guest";
  const [targetWords, rest] = named ? [words.slice(0, 2), words.slice(2)] : [words.slice(0, 1), words.slice(1)];
  const target = parseTarget(targetWords);
  if (target === undefined || rest.length > 1) return new Refusal(`${quote(written)} is not a rule; ${EXAMPLE}`);
  const what = rest.length === 0 ? { protocol: undefined, ports: [] } : parseWhat(rest[0]);
  if (what === undefined) {
    return new Refusal(
      `${quote(written)}: ${quote(rest[0])} is neither ports nor a protocol; write 443, 80,443/tcp, 53/udp or icmp`,
    );
  }
  return { text: words.join(" "), target, ...what };
}

function parseTarget([first, second]: readonly string[]): RuleTarget | undefined {
  if (first === "any") return { kind: "any" };
  if (first === "network" || first === "guest") return second === undefined ? undefined : { kind: first, name: second };
  const prefix = parsePrefix(first);
  if (prefix !== undefined) return { kind: "prefix", prefix };
  const name = first.toLowerCase().replace(/\.$/, "");
  return NAME.test(name) ? { kind: "name", name } : undefined;
}

function parsePrefix(written: string): Prefix | undefined {
  const address = parseIpv4(written) ?? parseIpv6(written);
  if (address !== undefined) return hostPrefix(address);
  return written.includes(":") ? parseIpv6Prefix(written) : parseIpv4Prefix(written);
}

/** Ports without a protocol are those of TCP. */
function parseWhat(written: string): Pick<TrafficRule, "protocol" | "ports"> | undefined {
  if (written === "tcp" || written === "udp" || written === "icmp") return { protocol: written, ports: [] };
  const match = /^([\d,-]+)(?:\/(tcp|udp))?$/.exec(written);
  if (match === null) return undefined;
  const ports = match[1].split(",").map(parseRange);
  const sound = ports.filter((port) => port !== undefined);
  return sound.length === ports.length ? { protocol: match[2] === "udp" ? "udp" : "tcp", ports: sound } : undefined;
}

function parseRange(written: string): PortRange | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(written);
  if (match === null) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  return first >= 1 && last <= 65_535 && first <= last ? { first, last } : undefined;
}

const rule: z.ZodType<TrafficRule, unknown> = text("a rule", '"*.debian.org 80,443"', parseRule);

/** A list of rules; `none` is one that lets nothing. */
export const rules: z.ZodType<TrafficRule[], unknown> = z
  .preprocess((value) => (value === "none" ? [] : value), list(rule, '"*.debian.org 80,443"'))
  .meta({ type: ["string", "array"], items: { type: "string" } });
