import type { Finding, Host } from "./host.js";

interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

const OURS = "tapnet";

/** Rules of others that drop what guests send: an accept of ours cannot undo another table's drop. */
export async function examineFirewall(host: Host): Promise<Finding[]> {
  if (host.uid !== 0) return [];
  const output = await host.run("nft", ["-j", "list", "chains"]);
  if (output === undefined || output.exitCode !== 0) return [];
  const chains = parseChains(output.stdout);
  const dropping = chains.filter((chain) => chain.hook === "forward" && chain.policy === "drop" && chain.table !== OURS);
  const check = "forward-policy";
  if (dropping.length === 0)
    return [{ check, result: "ok", message: "no other firewall drops forwarded packets by default", advice: null }];
  const names = dropping.map((chain) => `${chain.family} ${chain.table} ${chain.name}`).join(", ");
  return [
    { check, result: "warning", message: `forwarded packets are dropped by default in ${names}`, advice: adviceFor(chains) },
  ];
}

function parseChains(text: string): Chain[] {
  const { nftables = [] } = JSON.parse(text) as { nftables?: { chain?: Chain }[] };
  return nftables.flatMap((entry) => (entry.chain === undefined ? [] : [entry.chain]));
}

function adviceFor(chains: readonly Chain[]): string {
  const names = new Set(chains.map((chain) => chain.name));
  if (names.has("DOCKER-USER")) {
    const commands = ["-i", "-o"].map((direction) => `iptables -I DOCKER-USER ${direction} tn-+ -j ACCEPT`);
    return `Docker did this; let guests through: ${commands.join("; ")}`;
  }
  if (names.has("ufw-before-forward"))
    return "ufw did this; let guests through: ufw route allow in on tn-+; ufw route allow out on tn-+";
  return "accept what comes in and goes out by tn-* in that chain, or give it policy accept";
}
