import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { type Host, Lab } from "../../support/lab.js";
import { needs, nft, qemu, root, tap } from "../../support/needs.js";
import { attachNamespace } from "../../support/port.js";
import { until } from "../../support/wait.js";

const CONFIGURATION = `
networks:
  default: { kind: isolated, ipv6: "fd00:77::/64", dhcp: false }
`;
const GATEWAY = "fd00:77::1";

describe("guests of an isolated network in IPv6", needs(root, tap, nft, qemu), () => {
  test("have no router, and reach each other and the gateway", async (t) => {
    const lab = new Lab(t);
    const [host, web, db] = [await lab.host("host"), await lab.host("web1"), await lab.host("db1")];
    const daemon = await new Daemon(host, CONFIGURATION).start();
    for (const [index, guest] of [web, db].entries()) {
      await guest.sysctl({ "ipv6/conf/default/accept_dad": 1, "ipv6/conf/all/accept_dad": 1 });
      await attachNamespace(host, guest, `52:54:00:00:00:0${index + 1}`);
    }
    const own = [1, 2].map((number) => `fd00:77::5054:ff:fe00:${number}`);
    for (const [index, guest] of [web, db].entries()) {
      await until(own[index], async () => isUsable(guest, own[index]), 10_000).catch((thrown: Error) =>
        assert.fail(`${thrown.message}\n${daemon.log}`),
      );
      assert.equal(await guest.ip("-6 route show default"), "");
    }
    for (const [guest, other] of [
      [web, own[1]],
      [db, own[0]],
    ] as const) {
      for (const target of [other, GATEWAY]) await guest.must("ping", "-6", "-n", "-c", "3", "-i", "0.2", "-W", "2", target);
    }
  });
});

async function isUsable(host: Host, address: string): Promise<boolean> {
  const shown = await host.ip(`-6 address show dev eth0 to ${address}`);
  return shown.includes(address) && !shown.includes("tentative");
}
