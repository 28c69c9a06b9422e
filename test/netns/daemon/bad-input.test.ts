import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { type Host, Lab } from "../../support/lab.js";
import { needs, nft, qemu, root, tap } from "../../support/needs.js";
import { withoutNftables } from "../../support/older-kernel.js";
import { hook, script } from "../../support/paths.js";
import { attachNamespace } from "../../support/port.js";
import type { Result } from "../../support/process.js";
import { udhcpc } from "../interop/clients.js";

const START_LIMIT_MS = 30_000;

/** A way in which the machine or its owner is not as tapnetd needs it, and what it says then. */
interface BadStart {
  readonly name: string;
  readonly status: number;
  readonly says: RegExp;
  /** The command that starts tapnetd so; `daemon` is the plain one. */
  readonly start: (daemon: readonly string[], folder: string, lab: Lab) => readonly string[] | Promise<readonly string[]>;
}

/** Runs the command in a mount namespace of its own, after `prepare`. */
function afterMounting(prepare: string, command: readonly string[]): string[] {
  return ["unshare", "--mount", "sh", "-c", `${prepare} && exec "$@"`, "sh", ...command];
}

function withConfiguration(text: string, daemon: readonly string[], folder: string): string[] {
  const path = join(folder, "tapnet.yaml");
  writeFileSync(path, text);
  return [...daemon, "--config", path];
}

const BAD_STARTS: readonly BadStart[] = [
  {
    name: "a configuration that is no YAML",
    status: 2,
    says: /tapnet\.yaml:1:\d+: /,
    start: (daemon, folder) => withConfiguration("networks: [", daemon, folder),
  },
  {
    name: "a configuration with two mistakes: both, with line and column",
    status: 2,
    says: /tapnet\.yaml:3:11: .*\/33 is too long[\s\S]*tapnet\.yaml:4:5: .*did you mean kind\?/,
    start: (daemon, folder) => withConfiguration("networks:\n  lan:\n    ipv4: 10.0.0.0/33\n    knid: nat\n", daemon, folder),
  },
  {
    name: "a guest on a network that is not there",
    status: 2,
    says: /tapnet\.yaml:1:\d+: .*lab/,
    start: (daemon, folder) => withConfiguration("guests: { web1: { network: lab } }\n", daemon, folder),
  },
  {
    name: "a configuration that is not there",
    status: 2,
    says: /cannot be read: no such file or directory$/m,
    start: (daemon) => [...daemon, "--config", "/nowhere.yaml"],
  },
  {
    name: "an option that it does not have",
    status: 2,
    says: /^tapnetd: unknown option '--frob'\nTry: tapnetd --help$/m,
    start: (daemon) => [...daemon, "--frob"],
  },
  {
    name: "no /dev/net/tun",
    status: 1,
    says: /there is no \/dev\/net\/tun: load the module/,
    start: (daemon) => afterMounting("mount -t tmpfs none /dev/net", daemon),
  },
  {
    name: "/dev/net/tun forbidden",
    status: 1,
    says: /may not make TAPs: .*CAP_NET_ADMIN/,
    start: (daemon) => ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", ...daemon],
  },
  {
    name: "no nftables",
    status: 1,
    says: /nft is not there: install the package nftables/,
    start: (daemon, folder) => {
      mkdirSync(join(folder, "bin"));
      symlinkSync(process.execPath, join(folder, "bin", "node"));
      return ["env", `PATH=${join(folder, "bin")}`, ...daemon];
    },
  },
  {
    name: "a kernel without nftables",
    status: 1,
    says: /this kernel has no nftables.*modprobe nf_tables/,
    start: (daemon, _folder, lab) => withoutNftables(lab, daemon),
  },
  {
    name: "a state folder that is read-only",
    status: 1,
    says: /leases cannot be written here/,
    start: (daemon, folder) => afterMounting(`mount -t tmpfs -o ro none ${folder}/state`, daemon),
  },
  {
    name: "a state folder that is full",
    status: 1,
    says: /no space left for leases/,
    start: (daemon, folder) => {
      const fill = `dd if=/dev/zero of=${folder}/state/full bs=1k count=64 2>/dev/null`;
      return afterMounting(`mount -t tmpfs -o size=16k none ${folder}/state && { ${fill}; true; }`, daemon);
    },
  },
  {
    name: "a run folder that cannot be made",
    status: 1,
    says: /the directory \/dev\/null\/run cannot be made/,
    start: (daemon) => [...daemon, "--run", "/dev/null/run"],
  },
];

/** What tapnetd could have left on the host: an address, a route, a table, a TAP. */
async function traces(host: Host): Promise<string> {
  const looks = [
    ["ip", "-brief", "address"],
    ["ip", "route"],
    ["ip", "-6", "route", "show", "proto", "157"],
    ["nft", "list", "tables"],
  ];
  const seen = await Promise.all(looks.map((command) => host.run(command)));
  return seen.map(({ stdout }) => stdout).join("");
}

async function startBadly(t: TestContext, bad: BadStart): Promise<Result> {
  const lab = new Lab(t);
  const host = await lab.host("host");
  const folder = lab.subfolder("host");
  mkdirSync(join(folder, "state"));
  const before = await traces(host);
  const daemon = [...script("src/daemon/main"), "--run", join(folder, "run"), "--state", join(folder, "state")];
  const result = await host.run(await bad.start(daemon, folder, lab), { timeoutMs: START_LIMIT_MS });
  assert.equal(await traces(host), before, "something was left behind");
  return result;
}

describe("what keeps tapnetd from starting is said in a sentence, and nothing is left half-made", needs(root, tap, nft), () => {
  for (const bad of BAD_STARTS) {
    test(bad.name, async (t) => {
      const { status, stderr } = await startBadly(t, bad);
      assert.equal(status, bad.status, stderr);
      assert.match(stderr, bad.says);
      assert.doesNotMatch(stderr, /\n\s+at /, "a stack trace is nothing for a user");
    });
  }
});

test("a network that is not there: hooks and commands say so, and nothing is made", needs(root, tap, nft), async (t) => {
  const lab = new Lab(t);
  const host = await lab.host("host");
  await new Daemon(host).start();
  await host.ip("tuntap add tn-web1 mode tap");
  const attach = await host.run([...script("src/cli/main"), "guest", "attach", "tn-web1", "--network", "nowhere"]);
  assert.equal(attach.status, 1);
  assert.match(attach.stderr, /there is no network nowhere; see: tapnet net list/);
  const absent = await host.run([hook("qemu-ifup"), "tn-absent"]);
  assert.notEqual(absent.status, 0);
  assert.match(absent.stderr, /there is no interface tn-absent/);
  assert.match((await host.run(["ip", "-o", "link", "show", "tn-web1"])).stdout, /state DOWN/);
  assert.doesNotMatch((await host.run(["ip", "-d", "link", "show", "tn-web1"])).stdout, /alias/);
});

test("what the host itself needs becomes no guest's port", needs(root, tap, nft), async (t) => {
  const lab = new Lab(t);
  const host = await lab.host("host");
  await lab.link(
    { host, ifname: "eth0", addresses: ["192.0.2.2/24"] },
    { host: await lab.host("world"), ifname: "eth0", addresses: [] },
  );
  await host.ip("route add default via 192.0.2.1");
  await new Daemon(host).start();
  const before = await host.must("ip", "-details", "link", "show", "eth0");
  for (const [words, says] of [
    [["lo"], /lo is this host's loopback/],
    [["eth0"], /eth0 is this host's way out/],
    [["eth0", "--guest", "web1"], /eth0 is this host's way out/],
  ] as const) {
    const { status, stderr } = await host.run([...script("src/cli/main"), "guest", "attach", ...words]);
    assert.equal(status, 1, stderr);
    assert.match(stderr, says);
  }
  assert.equal(await host.must("ip", "-details", "link", "show", "eth0"), before);
  const list = await host.run([...script("src/cli/main"), "guest", "list", "--network", "nowhere"]);
  assert.match(list.stderr, /there is no network nowhere; see: tapnet net list/);
});

test(
  "a pool that is full: the next guest gets no address, and the log says why",
  needs(root, tap, nft, qemu, udhcpc.requirement),
  async (t) => {
    const lab = new Lab(t);
    const host = await lab.host("host");
    const daemon = await new Daemon(
      host,
      "networks: { default: { kind: nat, ipv4: 10.77.0.0/24, dhcp: { ranges: [10.77.0.9-10.77.0.9] } } }\n",
    ).start();
    const statuses: number[] = [];
    for (const [index, name] of ["one", "two"].entries()) {
      const guest = await lab.host(name);
      await attachNamespace(host, guest, `52:54:00:00:00:0${index + 1}`);
      const asked = await guest.run(["udhcpc", "-f", "-q", "-n", "-t", "3", "-T", "1", "-i", "eth0", "-s", "/bin/true"], {
        timeoutMs: START_LIMIT_MS,
      });
      statuses.push(asked.status);
    }
    assert.deepEqual([statuses[0] === 0, statuses[1] === 0], [true, false]);
    assert.match(daemon.log, /default.*(pool|addresses).*(full|used up)|(full|used up).*default|no (free )?address/i);
  },
);
