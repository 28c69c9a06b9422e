/** Who reaches whom is as `docs/who-reaches-whom.md` has it. */
import { test } from "node:test";
import { command, needs, nft, root } from "../../support/needs.js";
import { assertTable, Matrix, pageTable } from "./matrix.js";

test("who reaches whom, by ICMP, TCP and UDP, IPv4 and IPv6", needs(root, nft, command("ping", "iputils-ping")), async (t) => {
  const matrix = await Matrix.make(t);
  assertTable(await matrix.table(), pageTable());
});
