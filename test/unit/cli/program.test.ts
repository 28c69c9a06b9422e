import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { silentLogger } from "../../../src/base/log.js";
import { runProgram } from "../../../src/cli/program.js";
import type { Terminal } from "../../../src/cli/terminal.js";
import { ControlServer, controlSocket } from "../../../src/control/index.js";
import { FakeApi } from "../control/fake-api.js";

interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly notes: string;
}

let run = "";

async function tapnet(...args: string[]): Promise<Ran> {
  const out: string[] = [];
  const notes: string[] = [];
  const terminal: Terminal = {
    print: (text) => void out.push(text),
    note: (text) => void notes.push(text),
    paint: (_, text) => text,
    colours: false,
  };
  const exitCode = await runProgram(args, terminal, { TAPNET_RUN: run });
  return { exitCode, out: out.join("\n"), notes: stripVTControlCharacters(notes.join("\n")) };
}

describe("tapnet with a daemon", () => {
  const api = new FakeApi();
  let server: ControlServer;

  before(async () => {
    run = mkdtempSync(join(tmpdir(), "tapnet-cli-"));
    server = await ControlServer.listen({
      api,
      runDirectory: run,
      socketPath: controlSocket(run),
      gid: undefined,
      log: silentLogger,
    });
  });
  after(async () => {
    await server.close();
    rmSync(run, { recursive: true });
  });

  const shown: readonly (readonly [command: string, out: RegExp])[] = [
    [
      "status",
      /^tapnetd {8}0\.1\.0, process \d+, up .*\nconfiguration {2}embedded default\nguests {9}1 attached, 0 configured\nleases {9}1 bound\n\nNETWORK /,
    ],
    [
      "guest list",
      /^GUEST {2}NETWORK {2}STATE {5}ADDRESSES {3}MAC .*\nweb1 {3}default {2}attached {2}10\.77\.0\.10 {2}52:54:00:12:34:56 {2}tn-web1/,
    ],
    ["guest ls -q", /^web1$/],
    ["guest show web1", /^guest {7}web1\nnetwork {5}default\nstate {7}attached since [\s\S]*10\.77\.0\.10[\s\S]*ADDRESS/],
    ["guest show web1", /^MTU {9}1500\nqueues {6}1 of 4\nto guest {4}offloads: checksum, TSO$/m],
    ["guest add web1 --queues 4", /^guest {6}web1[\s\S]*\n\nqemu-system-x86_64 … -netdev tap,id=net0,ifname=tn-web1$/],
    ["guest remove web1", /^web1: what guest add had made is removed; its lease stays$/],
    ["guest attach tn-web1", /^guest {6}web1/],
    ["guest mac web1", /^52:54:00:12:34:56$/],
    ["guest detach web1", /^web1 is detached from default$/],
    [
      "lease list",
      /^ADDRESS {5}NETWORK {2}OWNER .*\n10\.77\.0\.10 {2}default {2}guest:web1 {2}52:54:00:12:34:56 {2}web1 {2}bound {2}never$/,
    ],
    ["lease show 10.77.0.10", /^address {4}10\.77\.0\.10\n[\s\S]*expires {4}never$/],
    ["lease release 10.77.0.10", /^10\.77\.0\.10 of guest:web1 in default is released$/],
    ["lease export -f dnsmasq", /^0 52:54:00:12:34:56 10\.77\.0\.10 web1 \*$/],
    ["net list", /^NETWORK {2}KIND {2}IPV4 .*\ndefault {2}nat {3}10\.77\.0\.0\/24 .* 1\/253$/],
    ["network show default", /^network {6}default\nkind {9}nat/],
    ["dns list", /^NAME .*\nweb1\.tapnet\.internal {2}A {5}10\.77\.0\.10 {3}60 {2}default {2}lease$/],
    ["dns query web1 a", /^NAME .*\nweb1 {2}A {6}60 {2}10\.77\.0\.10$/],
    ["dns query 10.77.0.10", /^NAME .*\n10\.77\.0\.10 {2}PTR /],
    ["dns flush", /^3 answers forgotten$/],
    ["dns stats", /^queries {2}12\nhits {5}9$/],
    ["dns log", /^NETWORK {2}GUEST\ndefault {2}web1$/],
    ["dns log web1 on", /^the questions of web1 in default are logged$/],
    ["dns log -n lab off", /^the questions of all guests of lab are not logged$/],
    ["config show", /^networks:\n {2}default:\n {4}kind: nat/],
    ["version", /^tapnet {3}\d+\.\d+\.\d+\ntapnetd {2}0\.1\.0, process \d+/],
  ];
  for (const [command, out] of shown) {
    it(command, async () => {
      const ran = await tapnet(...command.split(" "));
      assert.equal(ran.exitCode, 0, ran.notes);
      assert.match(ran.out, out);
    });
  }

  const asJson = [
    "status",
    "guest list",
    "guest show web1",
    "guest attach tn-web1",
    "guest detach web1",
    "guest mac web1",
    "guest add web1",
    "guest remove web1",
    "lease list",
    "lease show 10.77.0.10",
  ]
    .concat(["lease release 10.77.0.10", "lease history 10.77.0.10", "lease export", "net list", "net show default", "dns list"])
    .concat([
      "dns query web1",
      "dns flush",
      "dns stats",
      "dns log",
      "dns log web1 on",
      "config show",
      "config schema",
      "config check",
      "version",
      "doctor",
    ]);
  for (const command of asJson) {
    it(`${command} --json prints JSON and nothing else`, async () => {
      const ran = await tapnet(...command.split(" "), "--json");
      assert.equal(typeof JSON.parse(ran.out), "object");
      assert.equal(ran.notes, "");
    });
  }

  it("prints exactly what the daemon said with --json", async () => {
    assert.deepEqual(JSON.parse((await tapnet("--json", "guest", "list")).out), api.guests({}));
  });

  it("says what the daemon refuses, with exit code 1", async () => {
    const ran = await tapnet("guest", "attach", "tn-none");
    assert.deepEqual([ran.exitCode, ran.notes], [1, "tapnet: there is no interface tn-none"]);
  });

  it("says it as JSON with --json", async () => {
    const ran = await tapnet("guest", "attach", "tn-none", "--json");
    assert.deepEqual(JSON.parse(ran.notes), { error: { code: "NOT_FOUND", message: "there is no interface tn-none" } });
  });

  it("does not find a guest that is not there", async () => {
    const ran = await tapnet("guest", "show", "web9");
    assert.deepEqual([ran.exitCode, ran.notes], [1, "tapnet: there is no guest web9; see: tapnet guest list"]);
  });

  it("takes leases over from a file of dnsmasq", async () => {
    const file = join(run, "dnsmasq.leases");
    writeFileSync(file, "1738324800 52:54:00:00:00:01 10.77.0.20 db *\n");
    const ran = await tapnet("lease", "import", file);
    assert.deepEqual([ran.exitCode, ran.out], [0, `1 of 1 lease taken over from ${file} (dnsmasq)`]);
  });

  it("takes nothing over from a file that it does not understand", async () => {
    const file = join(run, "garbage.leases");
    writeFileSync(file, "1738324800 52:54:00:00:00:01 10.77.0.20 db *\nhello\n");
    const asked = api.asked.length;
    const ran = await tapnet("lease", "import", file);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.notes, /garbage\.leases:2: has not the five words[\s\S]*nothing was taken over/);
    assert.equal(api.asked.length, asked);
  });
});

describe("tapnet without a daemon", () => {
  before(() => {
    run = mkdtempSync(join(tmpdir(), "tapnet-cli-"));
  });
  after(() => rmSync(run, { recursive: true }));

  it("says so in one sentence, with exit code 3", async () => {
    const ran = await tapnet("status");
    assert.equal(ran.exitCode, 3);
    assert.match(
      ran.notes,
      /^tapnet: tapnetd is not running: nothing listens at .*control\.sock; start it: systemctl start tapnetd(?:, or one of your own: tapnetd --rootless)?$/,
    );
  });

  it("still knows its own version", async () => {
    const ran = await tapnet("version");
    assert.equal(ran.exitCode, 0);
    assert.match(ran.out, /tapnetd {2}not running/);
  });

  it("checks a configuration", async () => {
    const file = join(run, "good.yaml");
    writeFileSync(file, "networks: { lan: { ipv4: 10.1.0.0/24 } }\nguests: { web1: {} }\n");
    const ran = await tapnet("config", "check", file);
    assert.deepEqual([ran.exitCode, ran.out], [0, `${file} is good: 1 network, 1 guest`]);
  });

  it("reports what is wrong with one, with exit code 1", async () => {
    const file = join(run, "bad.yaml");
    writeFileSync(file, "networks:\n  lan: { ipv4: 10.1.0.0/33 }\n");
    const ran = await tapnet("config", "check", file);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.notes, /bad\.yaml:2:16: networks\.lan\.ipv4: 10\.1\.0\.0\/33 is too long[\s\S]*\^{11}/);
    const { problems, valid } = JSON.parse((await tapnet("config", "check", file, "--json")).out);
    assert.deepEqual([valid, problems[0].line, problems[0].column], [false, 2, 16]);
  });

  for (const [name, args] of [
    ["an unknown command", ["statsu"]],
    ["an unknown subcommand", ["guest", "lst"]],
    ["an unknown option", ["status", "--colour"]],
    ["a missing argument", ["guest", "show"]],
    ["an argument too many", ["status", "now"]],
    ["a format that is none", ["lease", "export", "-f", "isc"]],
    ["history of everything", ["lease", "history"]],
    ["a time that is none", ["lease", "history", "--at", "noon"]],
    ["events that there are not", ["events", "lease.boun"]],
    ["nothing", []],
    ["help for what is none", ["help", "statsu"]],
    ["help for what is none of a group", ["help", "guest", "lst"]],
    ["--help behind what is none", ["statsu", "--help"]],
    ["--help behind what is none of a group", ["guest", "lst", "--help"]],
    ["a number that is none", ["guest", "add", "web1", "--queues", "many"]],
    ["an address that is none", ["lease", "show", "10.77.0"]],
  ] as const) {
    it(`answers ${name} with exit code 2`, async () => {
      const ran = await tapnet(...args);
      assert.equal(ran.exitCode, 2);
      assert.notEqual(ran.notes, "");
      assert.equal(ran.out, "");
    });

    it(`answers ${name} as JSON with --json`, async () => {
      const ran = await tapnet(...args, "--json");
      assert.deepEqual([ran.exitCode, ran.out], [2, ""]);
      const { error } = JSON.parse(ran.notes);
      assert.equal(error.code, "USAGE");
      assert.doesNotMatch(error.message, /^error|\n/);
    });
  }

  it("leads to the help of the command that was used wrongly", async () => {
    assert.match((await tapnet("guest", "show")).notes, /^Try: tapnet guest show --help$/m);
    assert.match((await tapnet("guest", "lst")).notes, /^Try: tapnet guest --help$/m);
  });

  it("says its version as tapnetd does", async () => {
    for (const flag of ["--version", "-V"]) {
      const ran = await tapnet(flag);
      assert.equal(ran.exitCode, 0);
      assert.match(ran.out, /^tapnet \d+\.\d+\.\d+$/);
    }
  });

  for (const [asked, usage] of [
    ["help", "tapnet "],
    ["help guest", "tapnet guest "],
    ["help guest ls", "tapnet guest list|ls "],
    ["help network show", "tapnet net show "],
    ["guest help list", "tapnet guest list|ls "],
    ["help status now", "tapnet status "],
  ] as const) {
    it(`${asked} is the help of that command`, async () => {
      const ran = await tapnet(...asked.split(" "));
      assert.equal(ran.exitCode, 0, ran.notes);
      assert.equal(ran.out.startsWith(`Usage: ${usage}`), true, ran.out);
    });
  }

  it("says why a file cannot be read, without what Node.js calls it", async () => {
    const ran = await tapnet("lease", "import", "/nonexistent");
    assert.deepEqual([ran.exitCode, ran.notes], [1, "tapnet: /nonexistent cannot be read: no such file or directory"]);
  });

  it("suggests the command that was meant", async () => {
    assert.match((await tapnet("statsu")).notes, /^tapnet: unknown command 'statsu'[\s\S]*Did you mean status\?/);
  });

  it("shows its help with exit code 0", async () => {
    const ran = await tapnet("--help");
    assert.equal(ran.exitCode, 0);
    assert.match(ran.out, /Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the daemon is not reachable, 4 not allowed/);
  });
});
