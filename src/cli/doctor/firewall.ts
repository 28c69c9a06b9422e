import type { Finding, Host } from "./host.js";

interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

const OURS = "tapnet";
const CHECK = "forward-policy";
/** Links of ours by their group, as nft and as iptables say it. */
const GROUP = { nft: "1953366016/16", iptables: "0x746e0000/0xffff0000" } as const;
/** tapnetd puts in two: from guests, and to them; or DNS and ICMP of guests. */
const RULES_OF_OURS = 2;

/** Rules of others that drop what guests send: an accept of ours cannot undo another table's drop. */
export async function examineFirewall(host: Host): Promise<Finding[]> {
  if (host.uid !== 0) return [];
  const output = await host.run("nft", ["-j", "list", "chains"]);
  if (output === undefined || output.exitCode !== 0) return [];
  const chains = parseChains(output.stdout);
  const findings = chains.some(({ table }) => table === "firewalld") ? [firewalld()] : [];
  const dropping = chains.filter((chain) => chain.policy === "drop" && chain.table !== OURS);
  for (const chain of dropping) {
    if (chain.hook === "forward") findings.push(await examineChain(host, chain, chains));
    else if (chain.hook === "input" && !(await letsGuestsPass(host, chain))) findings.push(closedInput(chain, chains));
  }
  if (findings.length > 0) return findings;
  return [{ check: CHECK, result: "ok", message: "no other firewall drops forwarded packets by default", advice: null }];
}

async function examineChain(host: Host, chain: Chain, chains: readonly Chain[]): Promise<Finding> {
  const name = `${chain.family} ${chain.table} ${chain.name}`;
  if (await letsGuestsPass(host, chain)) {
    return { check: CHECK, result: "ok", message: `${name} drops forwarded packets by default, but not guests'`, advice: null };
  }
  const message = `forwarded packets are dropped by default in ${name}, guests' too`;
  return { check: CHECK, result: "warning", message, advice: adviceFor(chain, chains) };
}

/** Whether our rules stand in the chain: what iptables has made only iptables shows with its comment. */
async function letsGuestsPass(host: Host, { family, table, name }: Chain): Promise<boolean> {
  const listed = await host.run("nft", ["list", "chain", family, table, name]);
  if (count(listed?.stdout, /comment "tapnet"/g) >= RULES_OF_OURS) return true;
  if (table !== "filter" || (name !== "FORWARD" && name !== "INPUT")) return false;
  const saved = await host.run(family === "ip6" ? "ip6tables" : "iptables", ["-S", name]);
  return count(saved?.stdout, /--comment "?tapnet"? .*-j ACCEPT/g) >= RULES_OF_OURS;
}

function count(text: string | undefined, pattern: RegExp): number {
  return text?.match(pattern)?.length ?? 0;
}

function parseChains(text: string): Chain[] {
  const { nftables = [] } = JSON.parse(text) as { nftables?: { chain?: Chain }[] };
  return nftables.flatMap((entry) => (entry.chain === undefined ? [] : [entry.chain]));
}

const DAEMON_DOES = "tapnetd does this by itself, unless the configuration says other-firewalls: leave; by hand:";

function adviceFor({ family, table, name }: Chain, chains: readonly Chain[]): string {
  const names = new Set(chains.map((chain) => chain.name));
  const program = family === "ip6" ? "ip6tables" : "iptables";
  if (names.has("DOCKER-USER")) {
    const commands = ["--src-group", "--dst-group"].map(
      (which) => `${program} -I DOCKER-USER -m devgroup ${which} ${GROUP.iptables} -j ACCEPT`,
    );
    return `Docker did this; ${DAEMON_DOES} ${commands.join("; ")}`;
  }
  if (names.has("ufw-before-forward"))
    return `ufw did this; ${DAEMON_DOES} ufw route allow in on tn-+; ufw route allow out on tn-+`;
  if (table === "filter" && name === "FORWARD") {
    const commands = ["--src-group", "--dst-group"].map(
      (which) => `${program} -A FORWARD -m devgroup ${which} ${GROUP.iptables} -j ACCEPT`,
    );
    return `${DAEMON_DOES} ${commands.join("; ")}`;
  }
  const commands = ["iifgroup", "oifgroup"].map(
    (key) => `nft add rule ${family} ${table} ${name} meta ${key} ${GROUP.nft} accept`,
  );
  return `${DAEMON_DOES} ${commands.join("; ")}`;
}

/** Questions by UDP never come there; an answer that is too long for it is asked for again by TCP. */
function closedInput({ family, table, name }: Chain, chains: readonly Chain[]): Finding {
  const where = `${family} ${table} ${name}`;
  const message = `what comes in is dropped by default in ${where}, also DNS over TCP and pings of guests to their gateways`;
  const advice = adviceForInput({ family, table, name }, new Set(chains.map((chain) => chain.name)));
  return { check: CHECK, result: "warning", message, advice: `${DAEMON_DOES} ${advice}` };
}

function adviceForInput({ family, table, name }: Chain, names: ReadonlySet<string>): string {
  if (names.has("ufw-before-forward")) return "ufw allow in on tn-+ to any port 53 proto tcp";
  if (table === "filter" && name === "INPUT") {
    const [program, icmp] = family === "ip6" ? ["ip6tables", "ipv6-icmp"] : ["iptables", "icmp"];
    const rule = `${program} -A INPUT -m devgroup --src-group ${GROUP.iptables}`;
    return `${rule} -p tcp --dport 53 -j ACCEPT; ${rule} -p ${icmp} -j ACCEPT`;
  }
  const rule = `nft add rule ${family} ${table} ${name} meta iifgroup ${GROUP.nft}`;
  return `${rule} tcp dport 53 accept; ${rule} meta l4proto "{ icmp, ipv6-icmp }" accept`;
}

/** It refuses by a rule at its chain's end, which nothing after it can outweigh. */
function firewalld(): Finding {
  const message = "firewalld is in force: it refuses forwarded packets between zones, guests' too";
  const commands = ["--zone=trusted --add-interface=tn-+", "--zone=trusted --add-interface=tnp+"].map(
    (words) => `firewall-cmd --permanent ${words}`,
  );
  const advice = `put guests' interfaces into a zone that is trusted: ${commands.join("; ")}; firewall-cmd --reload`;
  return { check: CHECK, result: "warning", message, advice };
}
