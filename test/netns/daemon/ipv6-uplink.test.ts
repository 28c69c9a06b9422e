import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { Lab } from "../../support/lab.js";
import { needs, nft, qemu, root, tap } from "../../support/needs.js";
import { attachNamespace } from "../../support/port.js";
import { until } from "../../support/wait.js";
import { dhclient } from "../ipv6/dhcp6-clients.js";

/** The host has one /64 on its uplink and nothing routed to it: guests have a part of that, and the host answers for them. */
const CONFIGURATION = `
networks:
  pub: { kind: routed, ipv6: "2001:db8:5:0:77::/80", uplink: up0, answer-on-uplink: true }
`;
const WORLD = "2001:db8:5::1";
const ADDRESS = /2001:db8:5:0:77:[0-9a-f:]+/;

describe("a guest with an address of the uplink's own /64", needs(root, tap, nft, qemu, dhclient.requirement), () => {
  test("is reached from there, and reaches it, as itself", async (t) => {
    const lab = new Lab(t);
    const [host, world, guest] = [await lab.host("host"), await lab.host("world"), await lab.host("web1")];
    await lab.link(
      { host, ifname: "up0", addresses: ["2001:db8:5::2/64"] },
      { host: world, ifname: "eth0", addresses: [`${WORLD}/64`] },
    );
    const daemon = await new Daemon(host, CONFIGURATION).start();
    await attachNamespace(host, guest, "52:54:00:00:00:01");
    const client = dhclient.start(guest);
    const own = async (): Promise<string | undefined> => ADDRESS.exec(await guest.ip("-6 address show dev eth0"))?.[0];
    await until("the lease", async () => (await own()) !== undefined, 15_000).catch((thrown: Error) =>
      assert.fail(`${thrown.message}\n${client.process.output}\n${daemon.log}`),
    );
    const address = (await own()) ?? assert.fail("no address");

    await until("the default route", async () => (await guest.ip("-6 route show default")).includes("via fe80::1"));
    await world.must("ping", "-6", "-n", "-c", "3", "-i", "0.2", "-W", "2", address);
    await guest.must("ping", "-6", "-n", "-c", "3", "-i", "0.2", "-W", "2", WORLD);
    assert.match(await host.ip("-6 neighbour show proxy"), new RegExp(`${address} dev up0`));

    await daemon.tapnet("guest", "detach", "web1");
    assert.doesNotMatch(await host.ip("-6 neighbour show proxy"), new RegExp(address));
  });
});

describe("guests that share the uplink's own prefix", needs(root, tap, nft, qemu), () => {
  /** A guest that has made its address of the first of two prefixes. `path` comes before the host's own. */
  const makeSite = async (t: TestContext, path?: (lab: Lab) => string) => {
    const lab = new Lab(t);
    const [host, world, guest] = [await lab.host("host"), await lab.host("world"), await lab.host("web1")];
    await lab.link(
      { host, ifname: "up0", addresses: ["2001:db8:5::2/64"] },
      { host: world, ifname: "eth0", addresses: ["2001:db8:5::1/64", "2001:db8:6::1/64"] },
    );
    if (path !== undefined) host.env["PATH"] = `${path(lab)}:${process.env["PATH"] ?? ""}`;
    const daemon = await new Daemon(host, "networks:\n  pub: { kind: routed, uplink: up0, ipv6: uplink }\n").start();
    await guest.sysctl({ "ipv6/conf/default/accept_dad": 1, "ipv6/conf/all/accept_dad": 1 });
    await attachNamespace(host, guest, "52:54:00:00:00:01");
    const explained = async (what: string, condition: () => Promise<boolean>, ms: number): Promise<unknown> =>
      until(what, condition, ms).catch((thrown: Error) => assert.fail(`${thrown.message}\n${daemon.log}`));
    const shows = async (what: RegExp): Promise<unknown> =>
      explained(String(what), async () => what.test(await guest.ip("-6 address show dev eth0")), 10_000);
    const renumber = async (): Promise<void> => {
      await host.ip("-6 address add 2001:db8:6::2/64 dev up0");
      await host.ip("-6 address delete 2001:db8:5::2/64 dev up0");
      await shows(/2001:db8:6:0:5054:ff:fe00:1\/64 scope global dynamic/);
    };
    await shows(/2001:db8:5:0:5054:ff:fe00:1\/64 scope global dynamic/);
    return { host, world, guest, explained, shows, renumber };
  };

  test("make addresses of it, are reached there, and renumber with it", async (t) => {
    const { host, world, guest, shows, renumber } = await makeSite(t);
    const pingBothWays = async (own: string, other: string): Promise<void> => {
      await world.must("ping", "-6", "-n", "-c", "3", "-i", "0.2", "-W", "2", own);
      await guest.must("ping", "-6", "-n", "-c", "3", "-i", "0.2", "-W", "2", other);
    };
    await pingBothWays("2001:db8:5:0:5054:ff:fe00:1", "2001:db8:5::1");
    await renumber();
    await shows(/2001:db8:5:0:5054:ff:fe00:1\/64 scope global deprecated/);
    await pingBothWays("2001:db8:6:0:5054:ff:fe00:1", "2001:db8:6::1");
    assert.doesNotMatch(await host.ip("-6 neighbour show proxy"), /2001:db8:5:/);
  });

  test("are reached at a new address that they take while its prefix is still being put into effect", async (t) => {
    // The packet filter takes its time, once there is a file that says so.
    let slow = "";
    const { world, explained, renumber } = await makeSite(t, (lab) => {
      const folder = lab.subfolder("slow");
      slow = join(folder, "slow");
      const script = `#!/bin/sh\n[ ! -e ${slow} ] || sleep 3\nPATH=\${PATH#*:} exec nft "$@"\n`;
      writeFileSync(join(folder, "nft"), script, { mode: 0o755 });
      return folder;
    });
    writeFileSync(slow, "");
    await renumber();
    const ping = ["ping", "-6", "-n", "-c", "1", "-W", "1", "2001:db8:6:0:5054:ff:fe00:1"];
    await explained("the new address to be reached", async () => (await world.run(ping)).status === 0, 15_000);
  });
});
