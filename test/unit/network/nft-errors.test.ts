import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import type { TapnetError } from "../../../src/base/errors.js";
import { listRuleset, loadRuleset } from "../../../src/os/nftables/load.js";

const RULESET = { nftables: [{ add: { table: { family: "inet", name: "tapnet" } } }] };

suite("what nft says becomes an error that says what to do", () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "tnt-nft-"));
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  function program(body: string): string {
    const path = join(folder, "nft");
    writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return path;
  }

  const rows: readonly (readonly [said: string, code: string, advice: RegExp])[] = [
    ["Operation not permitted (you must be root)", "NFT_FORBIDDEN", /root or with the capability CAP_NET_ADMIN/],
    ["netlink: Error: cache initialization failed: Operation not permitted", "NFT_FORBIDDEN", /CAP_NET_ADMIN/],
    ["Error: Could not process rule: Operation not supported", "NFT_UNSUPPORTED", /CONFIG_NF_TABLES/],
    ["src/mnl.c:60: Unable to initialize Netlink socket: Protocol not supported", "NFT_UNSUPPORTED", /CONFIG_NF_TABLES/],
    ["Error: syntax error, unexpected string", "NFT_REFUSED", /syntax error/],
  ];
  for (const [said, code, advice] of rows) {
    test(said, async () => {
      const nft = program(`echo '${said}' >&2; exit 1`);
      await assert.rejects(loadRuleset(nft, RULESET), (error: TapnetError) => error.code === code && advice.test(error.message));
    });
  }

  test("no nft at all", async () => {
    await assert.rejects(loadRuleset(join(folder, "nowhere"), RULESET), (error: TapnetError) => {
      return error.code === "NFT_MISSING" && /install the package nftables/.test(error.message);
    });
  });

  test("the ruleset comes in a file of its own that is gone afterwards", async () => {
    const copy = join(folder, "copy");
    await loadRuleset(program(`test "$1 $2" = "-j -f" && cp "$3" '${copy}' && echo "$3" > '${copy}.path'`), RULESET);
    const list = await listRuleset(program(`cat '${copy}'`));
    assert.deepEqual(list, RULESET);
    await assert.rejects(listRuleset(program(`cat "$(cat '${copy}.path')"`)));
  });
});
