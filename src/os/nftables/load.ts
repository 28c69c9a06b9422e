import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { TapnetError } from "../../base/errors.js";

const run = promisify(execFile);
const TIMEOUT_MS = 20_000;
/** Twenty thousand lists are 6 MB, and take nft 1 to 2 s; a busy machine several times that. */
const TIMEOUT_MS_PER_KB = 4;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** A ruleset as libnftables-json(5) has it: commands in order, carried out as a whole or not at all. */
export interface Ruleset {
  readonly nftables: readonly object[];
  /** What nft(8) has no JSON for, in its own language; carried out afterwards. */
  readonly text?: string | undefined;
}

/**
 * Carries out a ruleset with the program `nft`.
 *
 * It goes through a file of its own, because `nft -f -` cannot read one of Node's pipes. TapnetError `NFT_MISSING`,
 * `NFT_FORBIDDEN`, `NFT_UNSUPPORTED` or `NFT_REFUSED`, each with what to do. caps: NET_ADMIN
 */
export async function loadRuleset(nft: string, ruleset: Ruleset): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "tapnet-nft-"));
  try {
    const file = join(folder, "ruleset.json");
    const text = JSON.stringify(ruleset);
    await writeFile(file, text, { mode: 0o600 });
    await runNft(nft, ["-j", "-f", file], TIMEOUT_MS + (text.length / 1000) * TIMEOUT_MS_PER_KB);
    if (ruleset.text === undefined) return;
    const rest = join(folder, "ruleset.nft");
    await writeFile(rest, ruleset.text, { mode: 0o600 });
    await runNft(nft, ["-f", rest]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** All tables of this network namespace, in the form of libnftables-json(5), without the elements of sets. */
export async function listRuleset(nft: string): Promise<Ruleset> {
  const text = await runNft(nft, ["-j", "-t", "list", "ruleset"]);
  return JSON.parse(text) as Ruleset;
}

async function runNft(nft: string, args: readonly string[], timeoutMs = TIMEOUT_MS): Promise<string> {
  try {
    const { stdout } = await run(nft, [...args], { timeout: Math.ceil(timeoutMs), maxBuffer: OUTPUT_BYTES_MAX });
    return stdout;
  } catch (cause) {
    throw nftError(nft, timeoutMs, cause as NodeJS.ErrnoException & { stderr?: string; killed?: boolean });
  }
}

function nftError(
  nft: string,
  timeoutMs: number,
  cause: NodeJS.ErrnoException & { stderr?: string; killed?: boolean },
): TapnetError {
  const said = (cause.stderr ?? "").trim().split("\n").slice(0, 4).join(" ").trim();
  if (cause.code === "ENOENT" || cause.code === "EACCES") {
    return new TapnetError("NFT_MISSING", `the program ${nft} is not there: install the package nftables`, { cause });
  }
  if (cause.killed === true) {
    return new TapnetError(
      "NFT_TIMEOUT",
      `nft did not finish in ${Math.round(timeoutMs / 1000)} s: see what else holds nftables`,
      {
        cause,
      },
    );
  }
  if (/operation not permitted|permission denied|must be root/i.test(said)) {
    const advice = "run as root or with the capability CAP_NET_ADMIN";
    return new TapnetError("NFT_FORBIDDEN", `nftables may not be changed: ${advice} (nft said: ${said})`, { cause });
  }
  if (/not supported|unable to initialize|cache initialization failed/i.test(said)) {
    const advice = "load or enable nf_tables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET, CONFIG_NFT_MASQ, CONFIG_NFT_CT)";
    return new TapnetError(
      "NFT_UNSUPPORTED",
      `this kernel's nftables lacks what the guard needs: ${advice} (nft said: ${said})`,
      {
        cause,
      },
    );
  }
  return new TapnetError("NFT_REFUSED", `nft refused the ruleset: ${said === "" ? cause.message : said}`, { cause });
}
