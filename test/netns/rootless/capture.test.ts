/** Captures of a user who is root nowhere: her guests' TAPs are in her namespace. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Site } from "../../support/docs/site.js";
import { Lab } from "../../support/lab.js";
import { command, needs, nft, qemu, root, tap } from "../../support/needs.js";

const START_MS = 20_000;
const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24 }
guests:
  web1: { network: default, ipv4: 10.77.0.10 }
`;
const PINGS = 5;

describe("capture without root", needs(root, tap, nft, qemu, command("pasta", "passt"), command("tcpdump")), () => {
  const lab = new Lab();
  let site: Site;

  before(async () => {
    site = await Site.make(lab);
    const write = "mkdir -p ~/.config/tapnet; cat >~/.config/tapnet/tapnet.yaml";
    await site.host.run("alice", ["sh", "-c", write], { input: CONFIGURATION });
    await site.host.start("alice", ["tapnetd", "--rootless"]).waitFor(/"msg":"serving"/, START_MS);
    const netdev = 'tap,id=net0,br=default,helper="/usr/lib/tapnet/qemu-helper --guest=web1"';
    const text = `qemu-system-x86_64 -name web1 -m 64 -netdev ${netdev} -device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01`;
    await site.play({ kind: "command", line: 0, machine: "host", user: "alice", text, expected: undefined });
  });
  after(async () => lab.dispose());

  test("a file has both ways of a guest's pings, and other programs read it", async () => {
    const words = ["sh", "-c", `exec tapnet capture web1 -c ${2 * PINGS} -w ~/web1.pcapng icmp`];
    const capture = site.host.start("alice", words);
    await capture.waitFor(/^capturing tn-web1/m);
    await site.machine("web1").must("ping", "-n", "-q", "-c", String(PINGS), "-i", "0.01", "-W", "2", "10.77.0.1");
    assert.equal(await capture.exited, 0, capture.output);
    assert.match(capture.stderr, /^10 frames captured, 0 dropped by the kernel\nwritten to \S+web1\.pcapng$/m);
    const read = await site.host.run("alice", ["sh", "-c", "tcpdump -n -r ~/web1.pcapng"]);
    const lines = read.stdout.trim().split("\n");
    const requests = lines.filter((line) => line.includes("10.77.0.10 > 10.77.0.1: ICMP echo request"));
    const replies = lines.filter((line) => line.includes("10.77.0.1 > 10.77.0.10: ICMP echo reply"));
    assert.deepEqual([lines.length, requests.length, replies.length], [2 * PINGS, PINGS, PINGS], read.stdout);
  });

  test("on the terminal it is text, a line a frame", async () => {
    const capture = site.host.start("alice", ["sh", "-c", "exec tapnet capture web1 -c 2 icmp"]);
    // It says nothing before its first frame.
    await site.machine("web1").must("ping", "-n", "-q", "-c", "100", "-i", "0.05", "-W", "2", "10.77.0.1");
    assert.equal(await capture.exited, 0, capture.output);
    assert.match(capture.stdout, /10\.77\.0\.10.*10\.77\.0\.1/);
  });

  test("a guest that is not there is said so", async () => {
    const { status, stderr } = await site.host.run("alice", ["tapnet", "capture", "nobody"]);
    assert.notEqual(status, 0);
    assert.match(stderr, /guest nobody is not attached/);
  });
});
