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
    assert.match(warning, /network default: its uplink up0\.100 is not there.*makes a VLAN itself with uplink: up0, vlan: 100/);
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

  test("a VLAN of it is made where the kernel has VLANs, and where it has none the rest works and it is said", async (context) => {
    const lab = new Lab(context);
    const host = await lab.host("host");
    const yaml = "networks: { default: { kind: nat, ipv4: 10.77.0.0/24, uplink: up0, vlan: 100 } }\n";
    const daemon = await new Daemon(host, yaml).start();
    const warnings = async (): Promise<readonly string[]> => ((await daemon.tapnet("status")) as StatusView).warnings;
    assert.deepEqual(await warnings(), ["network default: up0 is not there, so neither is its VLAN 100"]);
    await host.ip("link add up0 type veth peer name other");
    await host.ip("link set up0 up");
    const isMade = async (): Promise<boolean> => (await host.run(["ip", "link", "show", "dev", "up0.100"])).status === 0;
    await until("the VLAN, or why not", async () => (await isMade()) || (await warnings()).join().includes("cannot be made"));
    const has = (await host.run(["ip", "link", "add", "link", "up0", "name", "mine", "type", "vlan", "id", "7"])).status === 0;
    assert.equal(await isMade(), has);
    if (has) assert.deepEqual(await warnings(), []);
    else
      assert.match(
        (await warnings()).join(),
        /VLAN 100 of up0 cannot be made: this kernel has no VLANs now; as root: modprobe 8021q/,
      );
    assert.match(await host.must("ip", "address", "show", "dev", "lo"), /10\.77\.0\.1\/32/);
    assert.doesNotMatch(daemon.log, /the kernel refused a change|part of the plan/);
    await daemon.stop();
    await daemon.cleanup();
    assert.equal(await isMade(), false);
  });
});
