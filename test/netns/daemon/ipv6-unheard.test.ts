import assert from "node:assert/strict";
import { test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { Lab } from "../../support/lab.js";
import { needs, nft, root } from "../../support/needs.js";
import { attachVeth } from "../../support/port.js";
import { until } from "../../support/wait.js";

const CONFIGURATION = `
networks:
  default: { kind: routed, uplink: up0, ipv6: "2001:db8:77::/64", dhcp6: { addresses: false } }
`;
const GATEWAY = "2001:db8:77::1";
const MADE = "2001:db8:77:0:5054:ff:fe00:1";
/** Not made from the MAC address, so that nobody can guess it; nearer to the gateway's, so that it is used first. */
const TAKEN = "2001:db8:77::1234";

test("an address that a guest has taken while the daemon was down is found when it starts, before the guest says a word", {
  ...needs(root, nft),
}, async (t) => {
  const lab = new Lab(t);
  const [host, guest, world] = [await lab.host("host"), await lab.host("web1"), await lab.host("world")];
  await lab.link({ host, ifname: "up0" }, { host: world, ifname: "eth0" });
  const daemon = await new Daemon(host, CONFIGURATION).start();
  await attachVeth(host, guest, "52:54:00:00:00:01");
  const known = async (): Promise<string> => JSON.stringify(await daemon.tapnet("guest", "show", "web1"));
  await until("the address that it makes itself", async () => (await known()).includes(MADE), 10_000);
  await daemon.kill();
  await guest.ip(`-6 address add ${TAKEN}/128 dev eth0 nodad`);
  const reaches = async (): Promise<boolean> =>
    (await guest.run(["ping", "-6", "-n", "-c", "1", "-W", "1", "-I", TAKEN, GATEWAY])).status === 0;
  assert.equal(await reaches(), false, "the guard lets nobody speak from an address that is not known");
  await daemon.start();
  await until("the address to be learnt", async () => (await known()).includes(TAKEN), 10_000).catch(async (thrown: Error) =>
    assert.fail(`${thrown.message}\n${await known()}\n${JSON.stringify(await daemon.tapnet("status"))}`),
  );
  assert.equal(await reaches(), true);
  assert.match(await known(), new RegExp(MADE));
});
