/** Six kinds of client: what they said is read as it was then, and answered, byte for byte, as it was then. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import * as message from "../../../src/wire/dhcp4/message.js";
import { BRIDGE, Dhcp4Lab } from "../../support/dhcp4-lab.js";
import { packageRoot } from "../../support/paths.js";
import { hexOf, viewOf } from "../../support/pieces.js";
import { GOLDEN_NETWORK } from "./network.js";
import { describeUtterance, readTranscript, type Utterance } from "./transcript.js";

const FOLDER = join(packageRoot, "test/golden/dhcp4");

function read(file: string): { readonly utterance: Utterance; readonly line: string }[] {
  return readTranscript(readFileSync(join(FOLDER, file), "utf8"));
}

const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".transcript"));

test("all six kinds are there", () => {
  const kinds = FILES.map((file) => file.replace(".transcript", "")).sort((a, b) => (a < b ? -1 : 1));
  assert.deepEqual(kinds, ["dhclient", "dhcpcd", "ipxe", "networkd", "udhcpc", "windows"]);
});

for (const file of FILES) {
  describe(file, () => {
    test("every message means what it meant, and survives being taken apart", () => {
      for (const { utterance, line } of read(file)) {
        assert.equal(describeUtterance(utterance), line);
        const parsed = message.parse(viewOf(utterance.bytes), 0, utterance.bytes.length);
        assert.ok(typeof parsed === "object");
        const again = message.toBytes(parsed);
        assert.deepEqual(message.parse(viewOf(again), 0, again.length), parsed);
      }
    });

    test("the server says what it said", async () => {
      const lab = new Dhcp4Lab({ networks: [GOLDEN_NETWORK] });
      const said = read(file).map(({ utterance }) => utterance);
      for (const [index, { from, bytes, mac, source, destination }] of said.entries()) {
        if (from === "server") continue;
        const to = destination === 0xffff_ffff ? {} : { destination };
        const answer = await lab.sendBytes(bytes, { link: BRIDGE, mac, source, ...to });
        const expected = said[index + 1]?.from === "server" ? said[index + 1] : undefined;
        const shown = (payload: Uint8Array | undefined): string => (payload === undefined ? "silence" : hexOf(payload));
        assert.equal(shown(answer?.payload), shown(expected?.bytes));
        assert.equal(answer?.destination, expected?.destination);
      }
    });
  });
}
