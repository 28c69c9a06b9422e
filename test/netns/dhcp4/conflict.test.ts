/** An address that somebody uses without a lease, on a shared link whose network wants addresses probed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { Lab } from "../../support/lab.js";
import { command, needs, nft, root, tap } from "../../support/needs.js";

const TAKEN = "10.77.0.50";
const FREE = "10.77.0.51";

const configuration = (probe: boolean): string => `
networks:
  default:
    kind: nat
    ipv4: 10.77.0.0/24
    serve: [lan0]
    dhcp: { ranges: [${TAKEN}-${FREE}], probe: ${probe} }
`;

test(
  "it is not offered, from when the configuration says so; the next one is",
  needs(root, tap, nft, command("udhcpc")),
  async (t) => {
    const lab = new Lab(t);
    const server = await lab.host("server", { forwarding: true });
    const client = await lab.host("client");
    const squatter = await lab.host("squatter");
    await server.ip("link add lan0 type bridge");
    await server.ip("link set lan0 up");
    for (const [index, host] of [client, squatter].entries()) {
      await lab.link({ host: server, ifname: `port${index}` }, { host, ifname: "eth0" });
      await server.ip(`link set port${index} master lan0`);
    }
    await squatter.ip(`address add ${TAKEN}/24 dev eth0`);
    const daemon = await new Daemon(server, configuration(false)).start();
    daemon.configure(configuration(true));
    daemon.process.signal("SIGHUP");
    await daemon.process.waitFor(/is in effect/);
    const ask = ["udhcpc", "-f", "-q", "-n", "-t", "5", "-T", "2", "-i", "eth0", "-s", "/bin/true"];
    const { stdout, stderr, status } = await client.run([...ask, "-r", TAKEN]);
    assert.equal(status, 0, `${stdout}${stderr}\n${daemon.log}`);
    assert.match(stdout + stderr, new RegExp(`lease of ${FREE} obtained`), daemon.log);
    const [declined] = (await daemon.tapnet("lease", "list", "--state", "declined")) as { address: string }[];
    assert.equal(declined.address, TAKEN);
  },
);
