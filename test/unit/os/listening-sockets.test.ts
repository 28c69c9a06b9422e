import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { listeningSockets } from "../../../src/os/listening-sockets.js";

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const row = (local: string, state: string, inode: number): string =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000\n`;

suite("sockets that wait for strangers", () => {
  let proc: string;

  before(() => {
    proc = mkdtempSync(join(tmpdir(), "tnt-proc-"));
    mkdirSync(join(proc, "self/net"), { recursive: true });
    mkdirSync(join(proc, "self/fd"));
    symlinkSync("socket:[77]", join(proc, "self/fd/3"));
    symlinkSync("/dev/null", join(proc, "self/fd/4"));
    writeFileSync(
      join(proc, "self/net/tcp"),
      HEAD +
        row("0100007F:0050", "0A", 1) +
        row("00000000:1F90", "0A", 2) +
        row("0200007F:0051", "01", 3) +
        row("0100A8C0:0052", "0A", 77),
    );
    writeFileSync(join(proc, "self/net/tcp6"), HEAD + row("B80D0120000000000000000001000000:0016", "0A", 4));
    writeFileSync(join(proc, "self/net/udp"), HEAD + row("020A4D0A:0035", "07", 5) + row("00000000:0044", "01", 6));
  });

  after(() => rmSync(proc, { recursive: true }));

  test("by protocol, address and port; not those of connections, nor our own; no tables, no sockets", () => {
    assert.deepEqual(
      listeningSockets(() => true, proc),
      [
        { protocol: "tcp", address: 0x7f00_0001, port: 80 },
        { protocol: "tcp", address: 0, port: 8080 },
        { protocol: "tcp", address: (0x2001_0db8n << 96n) | 1n, port: 22 },
        { protocol: "udp", address: 0x0a4d_0a02, port: 53 },
      ],
    );
  });

  test("of the real machine, not this process's", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    assert.ok(!listeningSockets().some((socket) => socket.protocol === "tcp" && socket.port === port));
    server.close();
  });
});
