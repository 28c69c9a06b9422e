import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { StatusView } from "../../../src/control/views.js";
import { Daemon } from "../../support/daemon.js";
import { Lab } from "../../support/lab.js";
import { needs, nft, root } from "../../support/needs.js";
import { until } from "../../support/wait.js";

const CONFIGURATION = "networks: { default: { kind: nat, ipv4: 10.77.0.0/24, uplink: up0.100 } }\n";

suite("an uplink that is not there", needs(root, nft), () => {
  test("is named with what to do, and used when it comes", async (context) => {
    const lab = new Lab(context);
    const host = await lab.host("host");
    const daemon = await new Daemon(host, CONFIGURATION).start();
    const warnings = async (): Promise<readonly string[]> => ((await daemon.tapnet("status")) as StatusView).warnings;
    const [warning, ...others] = await warnings();
    assert.match(
      warning,
      /network default: its uplink up0\.100 is not there.*ip link add link up0 name up0\.100 type vlan id 100/,
    );
    assert.deepEqual(others, []);
    assert.match(daemon.log, /its uplink up0\.100 is not there/);
    await host.ip("link add up0.100 type veth peer name other");
    const forwarding = "/proc/sys/net/ipv4/conf/up0.100/forwarding";
    await host.must("sh", "-c", `until grep -q 1 ${forwarding}; do sleep 0.05; done`);
    assert.deepEqual(await warnings(), []);
    await host.ip("link delete up0.100");
    await until("the warning", async () => (await warnings()).length > 0);
    assert.match((await warnings())[0], /its uplink up0\.100 is not there/);
  });
});
