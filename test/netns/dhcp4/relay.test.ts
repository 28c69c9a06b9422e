/** A client behind a relay agent (dnsmasq's) on a router: it gets an address of its own subnet, renews through the router, and only where it may. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { Lab } from "../../support/lab.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";
import { until } from "../../support/wait.js";
import { udhcpc } from "../interop/clients.js";

const SERVER = "10.77.0.1";
const ROUTER = "10.88.0.1";
const OBTAINED = /lease of (\S+) obtained/g;

const configuration = (relay: boolean): string => `
networks:
  default:
    kind: isolated
    ipv4: 10.77.0.0/24
    serve: [lan0]
  far:
    kind: isolated
    ipv4: 10.88.0.0/24
    gateway: 10.88.0.254
    dhcp: { ranges: [10.88.0.50-10.88.0.59], relay: ${relay}, options: { router: ${ROUTER} } }
`;

test("through a relay agent", needs(root, tap, nft, udhcpc.requirement, command("dnsmasq", "dnsmasq-base")), async (t) => {
  const lab = new Lab(t);
  const server = await lab.host("server");
  const router = await lab.host("router", { forwarding: true });
  const client = await lab.host("client");
  await lab.link({ host: server, ifname: "lan0" }, { host: router, ifname: "eth0", addresses: ["10.77.0.2/24"] });
  await lab.link({ host: router, ifname: "eth1", addresses: [`${ROUTER}/24`] }, { host: client, ifname: "eth0" });
  const daemon = await new Daemon(server, configuration(false)).start();
  const options = ["--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file=", "--log-facility=-", "--log-dhcp"];
  const relay = router.start(["dnsmasq", "--keep-in-foreground", ...options, `--dhcp-relay=${ROUTER},${SERVER}`]);
  await relay.waitFor(/DHCP relay from/);

  const running = udhcpc.start(client);
  const obtained = (): string[] => [...running.process.output.matchAll(OBTAINED)].map(([, address]) => address);
  const explain = (): string => `${running.process.output}\n${relay.output}\n${daemon.log}`;
  await daemon.process.waitFor(/a relay on lan0 asks for addresses of far: to allow it, set relay: true/);
  assert.deepEqual(obtained(), []);

  daemon.configure(configuration(true));
  daemon.process.signal("SIGHUP");
  await until("a lease", () => obtained().length === 1, 15_000).catch((thrown: Error) =>
    assert.fail(`${thrown.message}\n${explain()}`),
  );
  assert.match(obtained()[0], /^10\.88\.0\.5\d$/);
  // udhcpc says that it has a lease before its script has set the route.
  await until("the route", async () => (await client.ip("route show default")).includes(`via ${ROUTER} dev eth0`));

  running.process.signal("SIGUSR1");
  await until("the renewal", () => obtained().length === 2, 15_000).catch((thrown: Error) =>
    assert.fail(`${thrown.message}\n${explain()}`),
  );
  assert.equal(obtained()[1], obtained()[0]);
  assert.match(running.process.output, new RegExp(`sending renew to server ${SERVER.replaceAll(".", "\\.")}`));
  await running.release();
  await until(
    "the release",
    async () => ((await daemon.tapnet("lease", "list", "--state", "released")) as object[]).length === 1,
    5000,
  );
});
