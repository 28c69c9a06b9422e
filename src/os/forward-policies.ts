/**
 * Theory of operation
 *
 * Chains of other firewalls that drop packets unless a rule accepts them, and two rules of ours at their end that accept guests':
 * of what is forwarded, all from guests and all to them; of what comes in, TCP to port 53 and ICMP, which is what our own table
 * lets to the gateways and to nothing else. A table that `iptables` looks after is only touched through `iptables`: a rule that
 * it cannot read makes it refuse all its work, and then Docker and ufw fail. Links are told by their group where `iptables` has
 * the match for it, else by the names that we give.
 */
import { execFile } from "node:child_process";
import { TapnetError } from "../base/errors.js";

export interface DroppingChain {
  /** Who has to be asked to change it. */
  readonly tool: "nft" | "iptables" | "ip6tables";
  readonly family: "ip" | "ip6" | "inet";
  readonly table: string;
  readonly name: string;
  readonly hook: Hook;
}

type Hook = "forward" | "input";

/** What links of ours are known by: their group and its mask, and what their names begin with. */
export interface OurLinks {
  readonly group: number;
  readonly groupMask: number;
  readonly namePrefixes: readonly string[];
}

interface Output {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 10_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const COMMENT = "tapnet";
const DNS_PORT = "53";
const OURS = "tapnet";
const IPTABLES = { ip: "iptables", ip6: "ip6tables" } as const;
/** `iptables` waits so long for another that is at work. */
const LOCK_SECONDS = "5";

/** Chains, but for our own, that drop by default what is forwarded or comes in. Without `nft` or the right to use it there are none. */
export async function droppingChains(): Promise<DroppingChain[]> {
  const listed = await run("nft", ["-j", "list", "chains"]);
  const chains = listed.status === 0 ? parseChains(listed.stdout) : [];
  const [ipv4, ipv6] = await Promise.all([backendOf("iptables"), backendOf("ip6tables")]);
  const found = chains.map((chain): DroppingChain => {
    const backend = chain.family === "ip" ? ipv4 : chain.family === "ip6" ? ipv6 : undefined;
    const isTheirs =
      backend === "nft" && chain.table === "filter" && chain.name === chain.hook.toUpperCase() && chain.family !== "inet";
    return isTheirs ? { ...chain, tool: IPTABLES[chain.family] } : chain;
  });
  for (const [family, backend] of [
    ["ip", ipv4],
    ["ip6", ipv6],
  ] as const) {
    if (backend !== "legacy") continue;
    const { stdout } = await run(IPTABLES[family], ["-w", LOCK_SECONDS, "-S"]);
    for (const hook of ["forward", "input"] as const) {
      const name = hook.toUpperCase();
      if (stdout.includes(`-P ${name} DROP`)) found.push({ tool: IPTABLES[family], family, table: "filter", name, hook });
    }
  }
  return found;
}

/** Lets guests' packets pass; returns whether that changed anything. TapnetError FOREIGN_FIREWALL. */
export async function openChain(chain: DroppingChain, links: OurLinks): Promise<boolean> {
  return chain.tool === "nft" ? openNft(chain, links) : openIptables(chain, links);
}

/** Takes our rules out of a chain again; where there are none, that is well. */
export async function closeChain(chain: DroppingChain): Promise<void> {
  if (chain.tool === "nft") {
    for (const handle of await ourHandles(chain)) {
      await must("nft", ["delete", "rule", chain.family, chain.table, chain.name, "handle", String(handle)]);
    }
    return;
  }
  for (const words of await ourIptablesRules(chain)) await must(chain.tool, ["-w", LOCK_SECONDS, "-D", ...words]);
}

async function openNft(chain: DroppingChain, { group, groupMask }: OurLinks): Promise<boolean> {
  const present = await ourHandles(chain);
  if (present.length >= 2) return false;
  await closeChain(chain);
  const linkOf = (key: string): string[] => ["meta", key, "&", String(groupMask), "==", String(group)];
  const icmp = { ip: "icmp", ip6: "ipv6-icmp", inet: "{ icmp, ipv6-icmp }" }[chain.family];
  const matches =
    chain.hook === "forward"
      ? [linkOf("iifgroup"), linkOf("oifgroup")]
      : [
          ["tcp", "dport", DNS_PORT],
          ["meta", "l4proto", icmp],
        ].map((what) => [...linkOf("iifgroup"), ...what]);
  for (const match of matches) {
    await must("nft", ["add", "rule", chain.family, chain.table, chain.name, ...match, "accept", "comment", `"${COMMENT}"`]);
  }
  return true;
}

async function ourHandles({ family, table, name }: DroppingChain): Promise<number[]> {
  const { stdout, status } = await run("nft", ["-j", "-a", "list", "chain", family, table, name]);
  if (status !== 0) return [];
  const { nftables = [] } = JSON.parse(stdout) as { nftables?: { rule?: { comment?: string; handle: number } }[] };
  return nftables.flatMap(({ rule }) => (rule?.comment === COMMENT ? [rule.handle] : []));
}

async function openIptables(chain: DroppingChain, links: OurLinks): Promise<boolean> {
  if ((await ourIptablesRules(chain)).length >= 2) return false;
  await closeChain(chain);
  const mask = `0x${links.group.toString(16)}/0x${links.groupMask.toString(16)}`;
  const byGroup = iptablesMatches(chain, [`-m devgroup --src-group ${mask}`], [`-m devgroup --dst-group ${mask}`]);
  const added = await addIptablesRules(chain, byGroup);
  if (added.status === 0) return true;
  await closeChain(chain);
  const [from, to] = ["-i", "-o"].map((way) => links.namePrefixes.map((prefix) => `${way} ${prefix}+`));
  const byName = iptablesMatches(chain, from, to);
  const again = await addIptablesRules(chain, byName);
  if (again.status !== 0) throw refused(chain.tool, again);
  return true;
}

/** `from` and `to` say how our links are told. */
function iptablesMatches({ hook, tool }: DroppingChain, from: readonly string[], to: readonly string[]): string[] {
  if (hook === "forward") return [...from, ...to];
  const what = [`-p tcp --dport ${DNS_PORT}`, `-p ${tool === "ip6tables" ? "ipv6-icmp" : "icmp"}`];
  return from.flatMap((link) => what.map((words) => `${link} ${words}`));
}

async function addIptablesRules({ tool, name }: DroppingChain, matches: readonly string[]): Promise<Output> {
  for (const match of matches) {
    const words = [...match.split(" "), "-m", "comment", "--comment", COMMENT, "-j", "ACCEPT"];
    const output = await run(tool, ["-w", LOCK_SECONDS, "-A", name, ...words]);
    if (output.status !== 0) return output;
  }
  return { status: 0, stdout: "", stderr: "" };
}

/** The words of each rule of ours, chain first. */
async function ourIptablesRules({ tool, name }: DroppingChain): Promise<string[][]> {
  const { stdout } = await run(tool, ["-w", LOCK_SECONDS, "-S", name]);
  const lines = stdout.split("\n").filter((line) => line.startsWith(`-A ${name} `) && line.includes(`--comment ${COMMENT} `));
  return lines.map((line) => line.split(" ").slice(1));
}

function parseChains(text: string): DroppingChain[] {
  interface Listed {
    readonly family: string;
    readonly table: string;
    readonly name: string;
    readonly hook?: string;
    readonly policy?: string;
  }
  const { nftables = [] } = JSON.parse(text) as { nftables?: { chain?: Listed }[] };
  return nftables.flatMap(({ chain }) => {
    if (chain === undefined || chain.policy !== "drop" || chain.table === OURS) return [];
    const { family, table, name, hook } = chain;
    if (hook !== "forward" && hook !== "input") return [];
    return family === "ip" || family === "ip6" || family === "inet" ? [{ tool: "nft", family, table, name, hook } as const] : [];
  });
}

/** What the program changes: nftables, or the tables before it. Undefined where there is no such program. */
async function backendOf(program: string): Promise<"nft" | "legacy" | undefined> {
  const { status, stdout } = await run(program, ["--version"]);
  if (status !== 0) return undefined;
  return stdout.includes("nf_tables") ? "nft" : "legacy";
}

async function must(program: string, args: readonly string[]): Promise<void> {
  const output = await run(program, args);
  if (output.status !== 0) throw refused(program, output);
}

function refused(program: string, { stderr, status }: Output): TapnetError {
  const said = stderr.trim().split("\n", 1)[0];
  return new TapnetError("FOREIGN_FIREWALL", `${program} refused a rule: ${said === "" ? `status ${status}` : said}`);
}

function run(program: string, args: readonly string[]): Promise<Output> {
  return new Promise((resolve) => {
    const options = { timeout: TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX, env: { ...process.env, LC_ALL: "C" } };
    execFile(program, [...args], options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === "number" ? error.code : 127;
      resolve({ status, stdout, stderr: stderr === "" && error !== null ? error.message : stderr });
    });
  });
}
