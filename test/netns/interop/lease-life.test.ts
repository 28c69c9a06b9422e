import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Daemon } from "../../support/daemon.js";
import { type Host, Lab } from "../../support/lab.js";
import { needs, nft, qemu, root, tap } from "../../support/needs.js";
import { attachNamespace } from "../../support/port.js";
import { pause, until } from "../../support/wait.js";
import { type DhcpClient, dhclient, dhcpcd, networkd, udhcpc } from "./clients.js";

/**
 * Short enough that the lease would be gone before the test ends, had the client not renewed it; long enough for udhcpc, which
 * takes any lease for one of 16 seconds at least.
 */
const LEASE_SECONDS = 20;
const ONLY_ADDRESS = "10.77.0.50";
const GATEWAY = "10.77.0.1";

/** One address for all: who comes second gets it only after the first has released it. */
const configuration = (serve: string): string => `
networks:
  default:
    kind: nat
    ipv4: 10.77.0.0/24
    ${serve}
    dhcp: { ranges: [${ONLY_ADDRESS}-${ONLY_ADDRESS}], lease: ${LEASE_SECONDS}s }
`;

const MACS = ["52:54:00:00:00:01", "52:54:00:00:00:02"];

/** How a client's frames reach tapnetd. */
interface Attachment {
  readonly name: string;
  readonly configuration: string;
  /** tapnetd routes to the client. On a shared link that is the matter of whoever owns the link. */
  readonly routed: boolean;
  /** Done for all clients before tapnetd starts. */
  prepare(server: Host, clients: readonly Host[]): Promise<void>;
  /** Done for one client when it is its turn. */
  attach(server: Host, client: Host, mac: string): Promise<void>;
}

const sharedLink: Attachment = {
  name: "on a shared link",
  configuration: configuration("serve: [lan0, lan1]"),
  routed: false,
  async prepare(server, clients) {
    for (const [index, host] of clients.entries()) {
      await server.lab.link({ host: server, ifname: `lan${index}` }, { host, ifname: "eth0", mac: MACS[index] });
    }
  },
  async attach() {},
};

const port: Attachment = {
  name: "as the guest of a port",
  configuration: configuration(""),
  routed: true,
  async prepare() {},
  attach: attachNamespace,
};

for (const attachment of [sharedLink, port]) {
  describe(`clients ${attachment.name} get, renew and release`, { concurrency: true }, () => {
    for (const client of [udhcpc, dhclient, dhcpcd, networkd]) {
      test(client.name, needs(root, tap, nft, qemu, client.requirement, udhcpc.requirement), async (t) =>
        leaseLife(t, client, attachment),
      );
    }
  });
}

async function leaseLife(t: TestContext, client: DhcpClient, attachment: Attachment): Promise<void> {
  const lab = new Lab(t);
  const server = await lab.host("server", { forwarding: true });
  const [first, second] = [await lab.host("first"), await lab.host("second")];
  await attachment.prepare(server, [first, second]);
  const daemon = await new Daemon(server, attachment.configuration).start();
  await attachment.attach(server, first, MACS[0]);

  const running = client.start(first);
  const explain = (what: string): string =>
    `${what}\n${client.name} printed:\n${running.process.output}\ntapnetd logged:\n${daemon.log}`;
  const explained = async <Outcome>(act: Promise<Outcome>, what: string): Promise<Outcome> =>
    act.catch((thrown: Error) => assert.fail(explain(`${what}: ${thrown.message}`)));

  await explained(
    until("the address", async () => (await addresses(first)).includes(ONLY_ADDRESS), 15_000),
    "no lease",
  );
  assert.match(await first.ip("route show default"), new RegExp(`via ${GATEWAY} dev eth0`), explain("no route"));
  if (attachment.routed) await explained(first.must("ping", "-c", "1", "-W", "2", GATEWAY), "no answer from the gateway");

  await pause((LEASE_SECONDS + 2) * 1000);
  assert.deepEqual(await addresses(first), [ONLY_ADDRESS], explain("not renewed"));
  if (attachment.routed) await explained(first.must("ping", "-c", "1", "-W", "2", GATEWAY), "no answer after the renewal");

  await running.release();
  // More than half of the lease was left when it was released: who gets the address now has got a released one.
  await attachment.attach(server, second, MACS[1]);
  const other = udhcpc.start(second);
  const obtained = other.process.waitFor(new RegExp(`lease of ${ONLY_ADDRESS} obtained`, "i"), (LEASE_SECONDS / 2 - 1) * 1000);
  await explained(obtained, "not released");
}

async function addresses(host: Host): Promise<string[]> {
  const links = JSON.parse(await host.ip("-j -4 address show dev eth0")) as { addr_info?: { local: string }[] }[];
  return links.flatMap((link) => link.addr_info ?? []).map(({ local }) => local);
}
