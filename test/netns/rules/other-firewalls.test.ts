/** Behind other firewalls that drop forwarded packets by default it is as `docs/who-reaches-whom.md` has it, too. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, suite, test } from "node:test";
import type { StatusView } from "../../../src/control/views.js";
import type { Host } from "../../support/lab.js";
import { command, needs, nft, type Requirement, root } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { until } from "../../support/wait.js";
import { assertTable, Matrix, pageTable } from "./matrix.js";

const iptables: Requirement = () => {
  const probe = spawnSync("unshare", ["--net", "iptables", "-S"], { encoding: "utf8" });
  return probe.status === 0 ? undefined : "needs iptables, and a kernel that has what it takes";
};

/** What these rulesets are about: who is forwarded. */
const ROWS = ["nat", "routed", "the world"];

const NATIVE = `table inet mine {
  chain forward { type filter hook forward priority filter; policy drop; ct state invalid drop; }
}
`;

/** As Docker 24 leaves it with one published port. */
const DOCKER = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
`;

/** As `ufw enable` leaves the forward hook: what is not allowed is denied. */
const UFW = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-before-logging-forward - [0:0]
:ufw-before-forward - [0:0]
:ufw-after-forward - [0:0]
:ufw-after-logging-forward - [0:0]
:ufw-reject-forward - [0:0]
:ufw-track-forward - [0:0]
:ufw-user-forward - [0:0]
-A FORWARD -j ufw-before-logging-forward
-A FORWARD -j ufw-before-forward
-A FORWARD -j ufw-after-forward
-A FORWARD -j ufw-after-logging-forward
-A FORWARD -j ufw-reject-forward
-A FORWARD -j ufw-track-forward
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
-A ufw-user-forward -d 192.0.2.80/32 -p tcp -m tcp --dport 6666 -j DROP
COMMIT
`;

suite("behind other firewalls", needs(root, nft, iptables, command("ping", "iputils-ping")), () => {
  const ends: (() => Promise<void>)[] = [];
  let matrix: Matrix;
  let expected: string[];

  before(async () => {
    const prepare = async (host: Host): Promise<void> => load(host, NATIVE, ["nft", "-f"]);
    matrix = await Matrix.make({ after: (run) => void ends.push(run) }, { prepare });
    expected = pageTable().filter((line, index) => index < 2 || ROWS.some((row) => line.startsWith(`| ${row} |`)));
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  async function load(host: Host, ruleset: string, loader: readonly string[]): Promise<void> {
    await host.must(
      "sh",
      "-e",
      "-c",
      `printf %s "$1" >"$0"; shift; exec "$@" "$0"`,
      `${host.lab.folder}/ruleset`,
      ruleset,
      ...loader,
    );
  }

  /** What iptables itself says, which fails where a rule in its table is none that it can read. */
  const saved = async (program: string): Promise<string> => matrix.host.must(program, "-S", "FORWARD");
  const passes = (text: string): boolean => text.match(/--comment tapnet -j ACCEPT/g)?.length === 2;

  test("a ruleset by hand that dropped before we came", async () => {
    assertTable(await matrix.table(ROWS), expected);
    assert.deepEqual(((await matrix.daemon.tapnet("status")) as StatusView).warnings, []);
  });

  for (const [name, ruleset] of [
    ["Docker's", DOCKER],
    ["ufw's", UFW],
  ] as const) {
    test(`${name}, loaded while we run`, async () => {
      await matrix.host.run(["nft", "delete", "table", "inet", "mine"]);
      for (const program of ["iptables", "ip6tables"]) {
        const text = program === "iptables" ? ruleset : ruleset.replace(/^.*(?:172\.17|192\.0\.2).*\n/gm, "");
        await load(matrix.host, text, [`${program}-restore`]);
        await until("guests to pass", async () => passes(await saved(program)));
      }
      assertTable(await matrix.table(ROWS), expected);
      const doctor = await matrix.host.run([...script("src/cli/main"), "doctor"]);
      assert.match(doctor.stdout, /FORWARD drops forwarded packets by default, but not guests'/);
    });
  }

  test("what such a firewall drops by a rule of its own stays dropped; our rules stand last and once", async () => {
    await matrix.host.must("iptables", "-A", "ufw-user-forward", "-d", "192.0.2.80", "-j", "DROP");
    assert.match((await matrix.table(["nat"])).at(-1) ?? "", /IPv4: –; IPv6: all \|$/);
    await matrix.host.must("iptables", "-D", "ufw-user-forward", "-d", "192.0.2.80", "-j", "DROP");
    const rules = (await saved("iptables")).trim().split("\n");
    assert.ok(
      rules.slice(-2).every((rule) => rule.includes("--comment tapnet")),
      rules.join("\n"),
    );
    assert.ok(passes(rules.join("\n")));
  });

  test("cleaning up takes our rules away, and nothing else", async () => {
    await matrix.daemon.stop();
    const folders = ["--run", matrix.daemon.runFolder, "--state", matrix.daemon.stateFolder];
    await matrix.host.must(...script("src/daemon/main"), "--cleanup", ...folders);
    for (const program of ["iptables", "ip6tables"]) {
      const rules = await saved(program);
      assert.doesNotMatch(rules, /tapnet/);
      assert.match(rules, /-A FORWARD -j ufw-track-forward/);
    }
  });
});
