/** `tapnet lease …` against a real daemon: leases of other servers come in, are kept by whoever they belong to, and go out again. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { type Host, Lab } from "../../support/lab.js";
import { command, needs, nft, qemu, root, tap } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import { attachNamespace } from "../../support/port.js";

const CONFIGURATION = `
networks:
  default:
    kind: nat
    ipv4: 10.77.0.0/24
    serve: [lan0]
    dhcp:
      ranges: [10.77.0.10-10.77.0.99]
      reservations:
        - { mac: "52:54:00:00:00:09", ipv4: 10.77.0.200 }
        - { mac: "52:54:00:00:00:0a", ipv4: 10.77.0.201 }
guests:
  web1: { network: default, mac: "52:54:00:00:00:01" }
`;

const WEB1_MAC = "52:54:00:00:00:01";
const CLIENT_MAC = "52:54:00:00:00:02";
const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3600;

interface Row {
  readonly address: string;
  readonly identity: string;
  readonly hostname: string | null;
}

interface DnsAnswer {
  readonly status: string;
  readonly answers: readonly { readonly value: string }[];
}

describe("tapnet lease", needs(root, tap, nft, qemu, command("udhcpc")), () => {
  let lab: Lab;
  let server: Host;
  let client: Host;
  let daemon: Daemon;

  before(async () => {
    lab = new Lab();
    server = await lab.host("server", { forwarding: true });
    client = await lab.host("client");
    await lab.link({ host: server, ifname: "lan0" }, { host: client, ifname: "eth0", mac: CLIENT_MAC });
    daemon = await new Daemon(server, CONFIGURATION).start();
  });
  after(() => lab.dispose());

  const tapnet = (...words: string[]) => server.run([...script("src/cli/main"), ...words]);
  const askFrom = async (host: Host, address: string): Promise<void> => {
    const { stdout, stderr } = await host.run(["udhcpc", "-f", "-q", "-n", "-i", "eth0", "-s", "/bin/true"]);
    assert.match(stdout + stderr, new RegExp(`lease of ${address} obtained`), daemon.log);
  };
  const file = (lines: readonly string[]): string => {
    const path = join(lab.folder, "leases");
    writeFileSync(path, `${lines.join("\n")}\n`);
    return path;
  };

  test("import takes what its clients can keep, and says of the rest why not", async () => {
    const until = inAnHour();
    const { status, stdout, stderr } = await tapnet(
      "lease",
      "import",
      file([
        `${until} ${WEB1_MAC} 10.77.0.20 old-name *`,
        `${until} ${CLIENT_MAC} 10.77.0.21 My_Printer.example 01:${CLIENT_MAC}`,
        `${until} 52:54:00:00:00:09 10.77.0.200 * *`,
        `${until} 52:54:00:00:00:03 10.77.0.1 * *`,
        `${until} 52:54:00:00:00:04 10.77.0.150 * *`,
        `${until} 52:54:00:00:00:05 10.77.0.201 * *`,
        `${until} 52:54:00:00:00:06 192.0.2.9 * *`,
        `${until} 52:54:00:00:00:07 10.77.0.21 * *`,
        `1 52:54:00:00:00:08 10.77.0.30 * *`,
      ]),
    );
    assert.equal(status, 1);
    assert.match(stdout, /^3 of 9 leases taken over/);
    assert.deepEqual(stderr.trimEnd().split("\n"), [
      "10.77.0.1: is outside the ranges of default: widen ranges:, or reserve it",
      "10.77.0.150: is outside the ranges of default: widen ranges:, or reserve it",
      "10.77.0.201: is reserved for somebody else",
      "192.0.2.9: no network has this address to give",
      "10.77.0.21: somebody else has it now",
      "10.77.0.30: expired at 1970-01-01T00:00:01.000Z",
    ]);
    const rows = (await daemon.tapnet("lease", "list")) as Row[];
    const shown = new Map(rows.map(({ address, identity, hostname }) => [address, [identity, hostname]]));
    assert.deepEqual(
      shown,
      new Map([
        ["10.77.0.20", ["guest:web1", "old-name"]],
        ["10.77.0.21", [`id:01${CLIENT_MAC.replaceAll(":", "")}`, "my-printer"]],
        ["10.77.0.200", ["mac:52:54:00:00:00:09", null]],
      ]),
    );
  });

  test("who they belong to keeps them: the guest on its port, the client on the shared link", async () => {
    const guest = await lab.host("web1");
    await attachNamespace(server, guest, WEB1_MAC);
    await askFrom(guest, "10.77.0.20");
    await askFrom(client, "10.77.0.21");
  });

  test("the client on the shared link has its names, also those that nobody asked for before a restart", async () => {
    const ask = async (name: string, type = "A"): Promise<string> => {
      const { stdout } = await tapnet("--json", "dns", "query", name, type);
      const { status, answers } = JSON.parse(stdout) as DnsAnswer;
      return answers.length === 0 ? status : answers.map(({ value }) => value).join();
    };
    const listed = (await daemon.tapnet("dns", "list")) as { name: string; value: string }[];
    const names = listed.filter(({ value }) => value === "10.77.0.21").map(({ name }) => name);
    assert.deepEqual(names, ["host-10-77-0-21.tapnet.internal", "my-printer.tapnet.internal"]);
    for (const life of [1, 2]) {
      assert.equal(await ask("my-printer.tapnet.internal"), "10.77.0.21", `life ${life}`);
      assert.equal(await ask("host-10-77-0-21.tapnet.internal"), "10.77.0.21");
      assert.equal(await ask("21.0.77.10.in-addr.arpa", "PTR"), "host-10-77-0-21.tapnet.internal.");
      assert.equal(await ask("my-printer"), "10.77.0.21");
      assert.equal(await ask("host-10-77-0-22.tapnet.internal"), "NXDOMAIN");
      if (life === 1) await daemon.stop();
      if (life === 1) await daemon.start();
    }
    assert.equal((await tapnet("lease", "release", "10.77.0.21")).status, 0);
    assert.equal(await ask("my-printer.tapnet.internal"), "NXDOMAIN");
    assert.equal(await ask("21.0.77.10.in-addr.arpa", "PTR"), "NXDOMAIN");
    await askFrom(client, "10.77.0.21");
    assert.equal(await ask("my-printer.tapnet.internal"), "10.77.0.21");
  });

  test("export writes what import reads", async () => {
    const held = ((await daemon.tapnet("lease", "list")) as Row[]).map(({ address }) => address).sort();
    for (const format of ["json", "dnsmasq", "kea"]) {
      const { stdout } = await tapnet("lease", "export", "--format", format);
      const { stdout: read, status } = await tapnet("--json", "lease", "import", "--dry-run", file([stdout]));
      assert.equal(status, 0, read);
      assert.deepEqual((JSON.parse(read) as Row[]).map(({ address }) => address).sort(), held, format);
    }
  });

  test("release ends a lease, and history tells who had it", async () => {
    assert.equal((await tapnet("lease", "release", "10.77.0.21")).status, 0);
    assert.match((await tapnet("lease", "release", "10.77.0.21")).stderr, /nobody has a lease of 10\.77\.0\.21/);
    const tenures = (await daemon.tapnet("lease", "history", "10.77.0.21")) as { identity: string; reason: string }[];
    assert.deepEqual(
      tenures.map(({ identity, reason }) => [identity, reason]),
      Array.from({ length: 2 }, () => [`id:01${CLIENT_MAC.replaceAll(":", "")}`, "released"]),
    );
    const now = (await daemon.tapnet("lease", "history", "10.77.0.20")) as { endedAt: string | null }[];
    assert.deepEqual(
      now.map(({ endedAt }) => endedAt),
      [null],
    );
  });

  test("a state that is none is refused", async () => {
    const { status, stderr } = await tapnet("lease", "list", "--state", "gone");
    assert.equal(status, 2);
    assert.match(stderr, /Allowed choices are offered, bound, released, expired, declined/);
  });
});
