import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Host, Lab } from "../../support/lab.js";
import { command, needs, nft, root } from "../../support/needs.js";
import { attachVeth } from "../../support/port.js";
import { makeSite, type Site } from "../../support/site.js";
import { until } from "../../support/wait.js";
import { dhclient } from "../ipv6/dhcp6-clients.js";

const CONFIGURATION = `
networks:
  default:
    kind: nat
    ipv4: 10.77.0.0/24
    ipv6: "fd00:77::/64"
    delegate: { pool: "fd00:80::/40", length: 56 }
    ra: { served: true }
    serve: lan0
`;
const GATEWAY = "fd00:77::1";

describe(
  "an interface that is served, in IPv6",
  needs(root, nft, dhclient.requirement, command("rdisc6", "ndisc6"), command("radvdump", "radvd")),
  () => {
    const lab = new Lab({ after });
    let site: Site;
    let [client, guest]: Host[] = [];
    let leasing: ReturnType<typeof dhclient.start>;
    /** An address of the prefix that was delegated to the client. */
    let behind: string;
    let prefix: string;

    const reaches = async (from: Host, to: string): Promise<boolean> =>
      (await from.run(["ping", "-6", "-n", "-c", "2", "-i", "0.2", "-W", "1", to])).status === 0;
    const routes = async (): Promise<string> => site.host.ip(`-6 route show ${prefix}`);
    const linkLocalOf = async (host: Host, ifname: string): Promise<string> =>
      /inet6 (fe80::[0-9a-f:]+)/.exec(await host.ip(`-6 address show dev ${ifname} scope link`))?.[1] ?? "";

    before(async () => {
      site = await makeSite(lab, CONFIGURATION);
      [client, guest] = [await lab.host("client"), await lab.host("web1")];
      await lab.link({ host: site.host, ifname: "lan0" }, { host: client, ifname: "eth0", mac: "52:54:00:00:00:0c" });
      await attachVeth(site.host, guest, "52:54:00:00:00:0a");
      for (const host of [client, guest]) await until(`an address for ${host.name}`, async () => reaches(host, GATEWAY), 10_000);
    });

    test("is advertised on from its own link-local address, as rdisc6 and radvdump read it", async () => {
      const router = await linkLocalOf(site.host, "lan0");
      const dump = client.start(["radvdump"]);
      let told = "";
      await until("radvdump to have heard it", async () => {
        told = await client.must("rdisc6", "-1", "-w", "1000", "eth0");
        return dump.stdout.includes("prefix fd00:77::/64");
      });
      await dump.stop();
      assert.match(told, new RegExp(`from ${router}$`, "m"));
      assert.match(told, /Stateful address conf\. *: +Yes/);
      assert.match(told, /Prefix +: fd00:77::\/64\n +On-link +: +Yes\n +Autonomous address conf\.: +Yes/);
      assert.match(told, /Recursive DNS server +: fd00:77::1/);
      assert.match(dump.stdout, /AdvOnLink on;\s+AdvAutonomous on;/);
      assert.match(dump.stdout, /RDNSS fd00:77::1/);
      assert.match(await client.ip("-6 route show default"), new RegExp(`via ${router} dev eth0`));
    });

    test("ndisc6 finds the gateway and the router at the interface's own MAC address", async () => {
      const mac = (await site.host.must("cat", "/sys/class/net/lan0/address")).trim();
      for (const address of [GATEWAY, await linkLocalOf(site.host, "lan0")]) {
        const found = await client.must("ndisc6", "-q", "-1", "-w", "2000", address, "eth0");
        assert.equal(found.trim().toLowerCase(), mac);
      }
    });

    test("a prefix that is delegated to a client there is reached by the host and the guests", async () => {
      leasing = dhclient.start(client);
      await until("a prefix", async () => {
        const leases = (await site.daemon.tapnet("lease", "list")) as { readonly address: string }[];
        prefix = leases.find(({ address }) => address.startsWith("fd00:80:"))?.address ?? "";
        return prefix !== "";
      });
      behind = prefix.replace(/::\/56$/, "::7");
      await client.ip(`-6 address add ${behind}/128 dev lo`);
      assert.match(await routes(), /via fe80::\S+ dev lan0 proto (157|tapnet)/);
      await site.world.ip("-6 address add 2001:db8:5::1/64 dev eth0");
      await site.host.ip("-6 address add 2001:db8:5::2/64 dev up0");
      await until("the way to the world", async () => reaches(client, "2001:db8:5::1"));
      assert.equal((await client.run(["ping", "-6", "-n", "-c", "1", "-W", "2", "-I", behind, "2001:db8:5::1"])).status, 0);
      for (const from of [site.host, guest]) assert.equal(await reaches(from, behind), true, from.name);
    });

    test("its route is put back, and stays when the daemon is killed with -9 and started again", async () => {
      await site.host.ip(`-6 route delete ${prefix}`);
      await until("the route to be put back", async () => (await routes()).includes("dev lan0"));
      await site.daemon.process.stop("SIGKILL");
      assert.equal(await reaches(guest, behind), true);
      await site.daemon.start();
      assert.match(await routes(), /dev lan0/);
      assert.equal(await reaches(guest, behind), true);
    });

    test("it leads nowhere when the client has given it back", async () => {
      await leasing.release?.();
      await until("the route to go", async () => !(await routes()).includes("dev lan0"));
      assert.equal(await reaches(site.host, behind), false);
    });
  },
);
