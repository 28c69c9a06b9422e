import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { Lab } from "../../support/lab.js";
import { needs, nft, qemu, root, tap } from "../../support/needs.js";
import { attachNamespace } from "../../support/port.js";
import { until } from "../../support/wait.js";

const configuration = (keys: string): string => `networks:\n  default: { kind: nat, ipv4: 10.77.0.0/24${keys} }\n`;

describe("the configuration's IPv6 prefix", needs(root, tap, nft, qemu), () => {
  test("comes, changes and goes by reloading, and the guest follows", async (t) => {
    const lab = new Lab(t);
    const [host, web] = [await lab.host("host"), await lab.host("web1")];
    const daemon = await new Daemon(host, configuration("")).start();
    await web.sysctl({ "ipv6/conf/default/accept_dad": 1, "ipv6/conf/all/accept_dad": 1 });
    await attachNamespace(host, web, "52:54:00:00:00:01");
    const reload = (keys: string): void => {
      daemon.configure(configuration(keys));
      daemon.process.signal("SIGHUP");
    };
    const shows = async (what: RegExp) =>
      until(String(what), async () => what.test(await web.ip("-6 address show dev eth0")), 10_000).catch((thrown: Error) =>
        assert.fail(`${thrown.message}\n${daemon.log}`),
      );
    const ping = async (gateway: string) => web.must("ping", "-6", "-n", "-c", "2", "-i", "0.2", "-W", "2", gateway);

    reload(', ipv6: "fd00:77::/64"');
    await shows(/fd00:77::5054:ff:fe00:1\/64 scope global dynamic mngtmpaddr/);
    await ping("fd00:77::1");

    reload(', ipv6: "fd00:88::/64"');
    await shows(/fd00:88::5054:ff:fe00:1\/64 scope global dynamic mngtmpaddr/);
    await shows(/fd00:77::5054:ff:fe00:1\/64 scope global deprecated/);
    await ping("fd00:88::1");
    assert.doesNotMatch(await host.ip("-6 route show"), /fd00:77:/);

    // Changed while nobody is there to tell: told at the start (RFC 9096 §3.3).
    await daemon.kill();
    daemon.configure(configuration(', ipv6: "fd00:99::/64"'));
    await daemon.start();
    await shows(/fd00:99::5054:ff:fe00:1\/64 scope global dynamic mngtmpaddr/);
    await shows(/fd00:88::5054:ff:fe00:1\/64 scope global deprecated/);

    const hasNoRouter = async (): Promise<boolean> => (await web.ip("-6 route show default")) === "";
    assert.ok(!(await hasNoRouter()));
    reload("");
    await until("the host to forget", async () => !/fd00:99:|fe80:/.test(await host.ip("-6 route show")), 5_000);
    await until("the farewell", hasNoRouter, 5_000);
    await shows(/fd00:99::5054:ff:fe00:1\/64 scope global deprecated/);
  });

  test("a clean-up says farewell: guests know that there is no router any more (RFC 4861 §6.2.5)", async (t) => {
    const lab = new Lab(t);
    const [host, web] = [await lab.host("host"), await lab.host("web1")];
    const daemon = await new Daemon(host, configuration(', ipv6: "fd00:77::/64"')).start();
    await attachNamespace(host, web, "52:54:00:00:00:01");
    const route = async (): Promise<string> => web.ip("-6 route show default");
    await until("the router", async () => (await route()).includes("via fe80::1"), 10_000);
    await daemon.stop();
    assert.match(await route(), /via fe80::1/, "a daemon that is only stopped leaves guests their router");
    await daemon.cleanup();
    await until("the farewell", async () => (await route()) === "", 5_000);
    assert.match(await web.ip("-6 address show dev eth0"), /fd00:77::5054:ff:fe00:1\/64 scope global deprecated/);
  });
});
