import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Daemon } from "../support/daemon.js";
import { Lab } from "../support/lab.js";
import { command, needs, nft, qemu, root, tap } from "../support/needs.js";
import { hook, packageRoot } from "../support/paths.js";
import { until } from "../support/wait.js";

const KINDS = ["nat", "routed", "isolated", "private", "bridge"] as const;
const CONFIGURATION = `
networks:
${KINDS.map((kind, index) => `  ${kind}: { kind: ${kind}, ipv4: 10.${70 + index}.0.0/24 }`).join("\n")}
guests:
  web1: { nics: [${KINDS.map((network, index) => `{ network: ${network}, mac: "52:54:00:00:01:0${index}" }`).join(", ")}] }
`;
/** libvirtd looks at QEMU before it answers. */
const STARTED_WITHIN_MS = 40_000;
/** At the first guest it looks at QEMU again, model by model. */
const CREATED_WITHIN_MS = 90_000;
const BOOTED_WITHIN_MS = 40_000;

const libvirt = [command("/usr/sbin/libvirtd", "libvirt-daemon"), command("virsh", "libvirt-clients")];

describe("a guest of a real libvirtd", needs(root, tap, nft, qemu, ...libvirt), () => {
  test("has an interface on a network of each kind", { timeout: 240_000 }, async (t) => {
    const lab = new Lab({ after });
    const host = await lab.host("host");
    const daemon = await new Daemon(host, CONFIGURATION).start();
    const sockets = lab.subfolder("libvirt");
    const programs = join(packageRoot, "test/support/docs/bin");
    // Its QEMUs are nobody's children and know nothing of the test: they end with their process namespace.
    const alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    // The first process of a namespace has to bury the others, which libvirtd does not.
    const first = 'sh "$@" & while :; do wait; sleep 1; done';
    const libvirtd = host.start([...alone, "sh", "-c", first, "sh", join(programs, "libvirtd"), sockets]);
    const virsh = ["virsh", "-c", `qemu+unix:///system?socket=${join(sockets, "libvirt-sock")}`];
    await until(
      "libvirtd to answer",
      async () => (await host.run([...virsh, "list"], { timeoutMs: STARTED_WITHIN_MS })).status === 0 || !libvirtd.running,
      STARTED_WITHIN_MS,
    );
    assert.ok(libvirtd.running, libvirtd.output);

    // libvirt hands on no environment: the script says where our daemon is.
    const script = join(lab.folder, "ifup");
    writeFileSync(script, `#!/bin/sh\nexec '${hook("qemu-ifup")}' --run='${daemon.runFolder}' "$@"\n`, { mode: 0o755 });
    const interfaces = KINDS.map((_, index) => {
      const target = index === 0 ? "tn-web1" : `tn-web1.${index + 1}`;
      const own = `<mac address="52:54:00:00:01:0${index}"/><target dev="${target}"/><script path="${script}"/><model type="virtio"/>`;
      return `<interface type="ethernet">${own}</interface>`;
    });
    const nics = KINDS.map((_, index) => `eth${index}`).join(",");
    const domain = join(lab.folder, "web1.xml");
    writeFileSync(domain, await host.must("sh", join(programs, "libvirt-domain"), "web1", nics, interfaces.join("")));
    const created = await host.run([...virsh, "create", domain], { timeoutMs: CREATED_WITHIN_MS });
    assert.equal(created.status, 0, created.stderr + libvirtd.output);
    t.after(() => host.run([...virsh, "destroy", "web1"]));

    const leased = async (): Promise<string[]> =>
      ((await daemon.tapnet("lease", "list")) as { network: string; state: string }[])
        .filter(({ state }) => state === "bound")
        .map(({ network }) => network);
    await until("a lease on each", async () => new Set(await leased()).size === KINDS.length, BOOTED_WITHIN_MS);
    const guests = (await daemon.tapnet("guest", "list")) as { name: string; network: string; state: string; ipv4: string[] }[];
    assert.deepEqual(new Set(guests.map(({ network }) => network)), new Set(KINDS));
    for (const { name, state, ipv4 } of guests) {
      assert.deepEqual([name, state], ["web1", "attached"]);
      const answers = async (): Promise<boolean> => (await host.run(["ping", "-n", "-c", "1", "-W", "1", ipv4[0]])).status === 0;
      await until(`${ipv4[0]} to answer`, answers, 10_000);
    }

    await host.must(...virsh, "destroy", "web1");
    await until("it to be gone", async () => !/tn-web1/.test(await host.ip("link show")));
    const left = (await daemon.tapnet("guest", "list")) as { state: string }[];
    assert.ok(left.every(({ state }) => state === "configured"));
  });
});
