import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as pcapng from "../../../src/wire/pcapng.js";
import { Host, Lab } from "../../support/lab.js";
import { command, needs, nft, qemu, root, tap } from "../../support/needs.js";
import { packageRoot, script } from "../../support/paths.js";
import { attachNamespace } from "../../support/port.js";
import type { RunningProcess } from "../../support/process.js";
import { makeSite, type Site } from "../../support/site.js";
import { until } from "../../support/wait.js";

const MAC = "52:54:00:00:00:01";
const GUEST = "10.77.0.10";
const GATEWAY = "10.77.0.1";
const NOBODY = 65534;
const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24 }
guests:
  web1: { mac: "${MAC}", ipv4: ${GUEST} }
`;

/** The blocks of a file, which must be one without a fault. */
function blocksOf(path: string): pcapng.Block[] {
  const bytes = readFileSync(path);
  const blocks = pcapng.parseFile(new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  if (typeof blocks === "string") throw new Error(`${path}: ${blocks}`);
  return blocks;
}

const needed = needs(root, tap, nft, qemu, command("tcpdump"), command("dig", "bind9-dnsutils"));

describe("tapnet capture", { ...needed, timeout: 90_000 }, () => {
  const lab = new Lab({ after });
  let site: Site;
  let web: Host;

  before(async () => {
    site = await makeSite(lab, CONFIGURATION);
    web = await lab.host("web1");
    await attachNamespace(site.host, web, MAC);
    await web.ip(`address add ${GUEST}/24 dev eth0`);
    await web.ip(`route add default via ${GATEWAY}`);
    await ping(1);
  });

  async function ping(count: number, ...words: string[]): Promise<void> {
    await web.must("ping", "-n", "-q", "-c", String(count), "-i", "0.01", "-W", "2", ...words, GATEWAY);
  }

  /** Starts a capture and waits until it sees frames. */
  async function begin(...words: string[]): Promise<RunningProcess> {
    const started = site.host.start([...script("src/cli/main"), "capture", "web1", ...words]);
    if (words.includes("-w")) await started.waitFor(/^capturing tn-web1; Ctrl-C ends it$/m);
    return started;
  }

  /** Ends it as Ctrl-C does; hands back what it said at its end. */
  async function end(started: RunningProcess): Promise<string> {
    assert.equal(await started.stop("SIGINT"), 0, started.output);
    return started.stderr;
  }

  test("writes both ways with interface, direction and counts; tcpdump reads it", async () => {
    const path = join(lab.folder, "both.pcapng");
    const capture = await begin("-w", path, "icmp");
    await ping(5);
    await web.must("dig", `@${GATEWAY}`, "+short", "+tries=1", "web1");
    assert.match(await end(capture), /^10 frames captured, 0 dropped by the kernel\nwritten to \S+both\.pcapng$/m);
    assert.equal(statSync(path).mode & 0o777, 0o600);

    const [section, port, ...rest] = blocksOf(path);
    assert.match(section.kind === "section" ? (section.application ?? "") : "", /^tapnet \d/);
    assert.equal(port.kind === "interface" && port.name, "tn-web1");
    const packets = rest.filter((block) => block.kind === "packet");
    assert.equal(packets[0].direction, "in");
    for (const way of ["in", "out"]) assert.equal(packets.filter(({ direction }) => direction === way).length, 5, way);
    const age = Date.now() - Number(packets[0].timestamp / 1_000_000n);
    assert.ok(age > 0 && age < 60_000, `${age} ms`);
    const statistics = rest.at(-1);
    assert.deepEqual(statistics?.kind === "statistics" && [statistics.received, statistics.dropped], [10, 0]);

    const read = await site.host.run(["tcpdump", "-n", "-r", path]);
    assert.equal(read.stdout.match(new RegExp(`${GUEST} > ${GATEWAY}: ICMP echo request`, "g"))?.length, 5, read.stderr);
  });

  test("prints a line a frame, and ends after as many as were asked for", async () => {
    const capture = await begin("-c", "4", "port 53 or arp");
    const asking = setInterval(() => void web.run(["dig", `@${GATEWAY}`, "+short", "+tries=1", "web1"]), 100);
    try {
      assert.equal(await capture.exited, 0, capture.output);
    } finally {
      clearInterval(asking);
    }
    const time = String.raw`^\d\d:\d\d:\d\d\.\d{6} tn-web1`;
    const [client, server] = [GUEST, GATEWAY].map((address) => address.replaceAll(".", "\\."));
    assert.match(
      capture.stdout,
      new RegExp(String.raw`${time} in  IP ${client}\.\d+ > ${server}\.53: \d+\+ .*A\? web1\. \(\d+\)$`, "m"),
    );
    assert.match(
      capture.stdout,
      new RegExp(String.raw`${time} out IP ${server}\.53 > ${client}\.\d+: \d+\*? .*A 10\.77\.0\.10`, "m"),
    );
    assert.equal(capture.stdout.trim().split("\n").length, 4);
    assert.match(capture.stderr, /^4 frames captured, 0 dropped by the kernel$/m);
  });

  test("files rotate by size, the youngest are kept, and each is whole in itself", async () => {
    const folder = lab.subfolder("rotating");
    const capture = await begin("-w", join(folder, "web1.pcapng"), "--rotate-size", "2k", "--keep", "3", "--snap", "60", "icmp");
    await ping(60, "-s", "500");
    assert.match(await end(capture), /^120 frames captured.*\nwritten to \S+web1-0000\d\d\.pcapng, the last of \d+$/m);
    const names = readdirSync(folder).sort();
    assert.equal(names.length, 3, names.join(" "));
    for (const name of names) {
      const path = join(folder, name);
      assert.ok(statSync(path).size <= 2_000 + 100, `${name}: ${statSync(path).size}`);
      const blocks = blocksOf(path);
      assert.deepEqual([blocks[0].kind, blocks[1].kind, blocks.at(-1)?.kind], ["section", "interface", "statistics"]);
      const packets = blocks.filter((block) => block.kind === "packet");
      assert.ok(packets.every(({ bytes, originalBytes }) => bytes.length === 60 && originalBytes === 542));
      assert.equal((await site.host.run(["tcpdump", "-n", "-r", path])).stdout.trim().split("\n").length, packets.length);
    }
  });

  test("files rotate by time, while frames come and while none do", async () => {
    const folder = lab.subfolder("by-time");
    const capture = await begin("-w", join(folder, "web1.pcapng"), "--rotate-time", "1s", "icmp");
    const pinging = web.must("ping", "-n", "-q", "-c", "15", "-i", "0.1", GATEWAY);
    await until("three files", () => readdirSync(folder).length >= 3, 20_000);
    await pinging;
    assert.match(await end(capture), /^30 frames captured.*\nwritten to \S+, the last of \d+$/m);
    let [frames, last] = [0, 0n];
    for (const name of readdirSync(folder).sort()) {
      const blocks = blocksOf(join(folder, name));
      assert.deepEqual([blocks[0].kind, blocks[1].kind, blocks.at(-1)?.kind], ["section", "interface", "statistics"]);
      const times = blocks.filter((block) => block.kind === "packet").map(({ timestamp }) => timestamp);
      frames += times.length;
      if (times.length === 0) continue;
      assert.ok(times[0] >= last, `${name}: ${times.join(" ")}`);
      last = times[times.length - 1];
    }
    assert.equal(frames, 30);
  });

  test("a disk that is full ends it with a sentence, and what was written is whole", async () => {
    const [folder, path] = [lab.subfolder("small"), join(lab.folder, "small", "web1.pcapng")];
    const steps = `mount -t tmpfs -o size=64k none ${folder}; "$@"; echo "status $?"; tcpdump -nr ${path} | wc -l`;
    const words = [...script("src/cli/main"), "capture", "web1", "-w", path, "icmp"];
    const capture = site.host.start(["unshare", "--mount", "sh", "-c", steps, "sh", ...words]);
    await capture.waitFor(/^capturing/m);
    await ping(60, "-s", "1000");
    await capture.exited;
    assert.match(
      capture.stderr,
      /^tapnet: cannot write \S+: no space left on device; its first \d+ bytes are whole; --rotate-size with --keep bounds what a capture needs$/m,
    );
    const [, status, frames] = /status (\d+)\n(\d+)/.exec(capture.stdout) ?? [];
    assert.equal(status, "1", capture.output);
    assert.ok(Number(frames) > 10 && Number(frames) < 60, frames);
    assert.doesNotMatch(capture.stderr, /truncated|cut off/);
  });

  test("a capture goes on while the daemon is killed and started again", async () => {
    const path = join(lab.folder, "killed.pcapng");
    const capture = await begin("-w", path, "icmp");
    await ping(2);
    await site.daemon.kill();
    await ping(2);
    await site.daemon.start();
    await ping(2);
    assert.match(await end(capture), /^12 frames captured/m);
  });

  test("standard output is a stream for other programs, which may end first", async () => {
    const program = `exec "$@" | head -c 400 | wc -c`;
    const words = [...script("src/cli/main"), "capture", "web1", "-w", "-"];
    const started = site.host.start(["sh", "-c", program, "sh", ...words]);
    const pinging = setInterval(() => void web.run(["ping", "-c", "1", GATEWAY]), 50);
    await started.exited;
    clearInterval(pinging);
    assert.equal(started.stdout.trim(), "400");
    assert.doesNotMatch(started.stderr, /at .*\.js:/, started.stderr);
  });

  test("what cannot be is said: another user, another guest, a mistake in the filter", async () => {
    const words = [...script("src/cli/main"), "capture"];
    const asNobody = ["setpriv", `--reuid=${NOBODY}`, "--clear-groups", "--", process.execPath, "-e"];
    // To another user the checkout may be closed where it is.
    const checkout = lab.subfolder("checkout");
    const path = JSON.stringify(join(checkout, "dist", "src", "capture", "open.js"));
    const run = JSON.stringify(site.daemon.runFolder);
    const program = `import(${path}).then((it) => it.openCapture(${run}, "tn-web1")).catch((e) => console.log(e.code, e.message))`;
    const refused = await site.host.run(Host.withOwnFiles([...asNobody, program], { replaced: { [checkout]: packageRoot } }));
    assert.match(refused.stdout, /^NOT_ALLOWED user 65534 may not capture: it takes root/, refused.stderr);
    const absent = await site.host.run([...words, "db1"]);
    assert.match(absent.stderr, /guest db1 is not attached; see: tapnet guest list/);
    const mistake = await site.host.run([...words, "web1", "prot", "53"]);
    assert.deepEqual([mistake.status, mistake.stdout], [2, ""]);
    assert.match(mistake.stderr, /at "prot" \(character 1\), is no word of a filter/);
    const nowhere = await site.host.run([...words, "web1", "-w", "/nonexistent/x.pcapng"]);
    assert.match(nowhere.stderr, /cannot write \/nonexistent\/x\.pcapng: no such file or directory/);
  });

  test(
    "Wireshark's reader takes it, with names, directions and losses",
    needs(command("tshark"), command("capinfos", "tshark")),
    async () => {
      const path = join(lab.folder, "shark.pcapng");
      const capture = await begin("-w", path);
      await ping(3);
      await end(capture);
      const fields = ["frame.interface_name", "frame.packet_flags_direction", "icmp.type"].flatMap((field) => ["-e", field]);
      const read = await site.host.run(["tshark", "-r", path, "-Y", "icmp", "-T", "fields", ...fields]);
      const rows = read.stdout
        .trim()
        .split("\n")
        .map((line) => line.split("\t"));
      const about = await site.host.run(["capinfos", path]);
      for (const line of [
        "Name = tn-web1",
        "Capture length = 262144",
        "Time precision = nanoseconds (9)",
        "Strict time order:   True",
      ])
        assert.ok(about.stdout.includes(line), `${line}: ${about.stdout}`);
      assert.deepEqual(rows.slice(0, 2), [
        ["tn-web1", "0x00000001", "8"],
        ["tn-web1", "0x00000002", "0"],
      ]);
    },
  );

  test("it ends by itself when the guest's TAP is gone", async () => {
    const capture = await begin("-w", join(lab.folder, "gone.pcapng"));
    await site.host.ip("link delete tn-web1");
    assert.equal(await capture.exited, 0);
    assert.match(capture.stderr, /^ended: tn-web1 is gone$/m);
  });
});
