import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Host, Lab } from "../../support/lab.js";
import { command, needs, nft, root } from "../../support/needs.js";
import { attachVeth } from "../../support/port.js";
import { makeSite, type Site, WORLD_IPV4 } from "../../support/site.js";
import { until } from "../../support/wait.js";
import { udhcpc } from "../interop/clients.js";

const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24, ipv6: "fd00:77::/64", serve: lan0 }
  lab: { kind: isolated, ipv4: 10.78.0.0/24, serve: lan1 }
`;
const GATEWAY = "10.77.0.1";

describe(
  "clients behind an interface that is served",
  needs(root, nft, udhcpc.requirement, command("dig", "bind9-dnsutils")),
  () => {
    const lab = new Lab({ after });
    let site: Site;
    let [client, guest, inmate]: Host[] = [];
    const reaches = async (from: Host, to: string): Promise<boolean> =>
      (await from.run(["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", to])).status === 0;
    const addressOf = async (host: Host): Promise<string> =>
      /inet ([\d.]+)/.exec(await host.ip("-4 address show dev eth0"))?.[1] ?? "";

    before(async () => {
      site = await makeSite(lab, CONFIGURATION);
      [client, guest, inmate] = [await lab.host("client"), await lab.host("web1"), await lab.host("inmate")];
      // The host has no address and no route there: the network brings them.
      await lab.link({ host: site.host, ifname: "lan0" }, { host: client, ifname: "eth0", mac: "52:54:00:00:00:0c" });
      await lab.link({ host: site.host, ifname: "lan1" }, { host: inmate, ifname: "eth0", mac: "52:54:00:00:00:0d" });
      await attachVeth(site.host, guest, "52:54:00:00:00:0a");
      for (const host of [client, guest, inmate]) await udhcpc.start(host).process.waitFor(/lease of|obtained/i);
      await client.ip("address add fd00:77::c/64 dev eth0");
    });

    test("reach the gateway, the guests and the world, and are reached by the guests and the host", async () => {
      for (const target of [GATEWAY, "fd00:77::1", await addressOf(guest), WORLD_IPV4]) {
        await until(`the client to reach ${target}`, () => reaches(client, target), 8_000);
      }
      assert.equal(await reaches(guest, await addressOf(client)), true);
      for (const target of [await addressOf(client), "fd00:77::c"]) assert.equal(await reaches(site.host, target), true, target);
      assert.match(await site.host.ip(`route get ${await addressOf(client)}`), /src 10\.77\.0\.1/);
    });

    test("ask for names by UDP and TCP", async () => {
      for (const how of ["+notcp", "+tcp"]) {
        const answer = await client.must("dig", `@${GATEWAY}`, how, "+short", "+time=2", "+tries=2", "web1.tapnet.internal");
        assert.equal(answer.trim(), await addressOf(guest));
      }
    });

    test("of an isolated network reach its gateway and nobody else", async () => {
      await site.host.sysctl({ "ipv4/ip_forward": 1 });
      await until("the inmate to reach its gateway", () => reaches(inmate, "10.78.0.1"), 8_000);
      await inmate.ip("route replace default via 10.78.0.1");
      for (const target of [WORLD_IPV4, await addressOf(guest), await addressOf(client)])
        assert.equal(await reaches(inmate, target), false, target);
    });

    test("an address that nobody has is asked for on that link alone, and routes are put back", async () => {
      await site.host.ip("route del 10.77.0.0/24 dev lan0");
      for (let tries = 0; tries < 40 && !(await reaches(client, GATEWAY)); tries++);
      assert.equal(await reaches(client, GATEWAY), true);
      await site.host.ip("link delete lan0");
      assert.match(await site.host.ip("route show 10.77.0.0/24"), /unreachable/);
    });
  },
);
