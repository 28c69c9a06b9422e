import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { command, needs, root } from "../../support/needs.js";
import { until } from "../../support/wait.js";
import { type Dhcp6Client, dhclient, dhcp6c, dhcpcd, dibbler, networkd } from "./dhcp6-clients.js";
import { site } from "./site.js";

/** Short enough that the lease would be gone before the test ends, had the client not renewed it. */
const LEASE_SECONDS = 6;

/** Takes an address from neighbour discovery out of the way of the one that DHCPv6 gives. */
const WITHOUT_SLAAC = { "ipv6/conf/eth0/autoconf": 0 } as const;

/** What each client is asked for here: all take an address, not all a prefix. */
const CLIENTS: readonly { readonly client: Dhcp6Client; readonly prefix: boolean }[] = [
  { client: dhclient, prefix: true },
  { client: dhcpcd, prefix: true },
  { client: dhcp6c, prefix: true },
  { client: dibbler, prefix: true },
  { client: networkd, prefix: false },
];

describe("DHCPv6 clients get, renew and release", { concurrency: 5 }, () => {
  for (const guestName of ["web1", undefined]) {
    for (const { client, prefix } of CLIENTS) {
      const where = guestName === undefined ? "on a shared link" : "on a port";
      test(`${client.name} ${where}`, needs(root, client.requirement), async (t) => leaseLife(t, client, guestName, prefix));
    }
  }
});

async function leaseLife(t: TestContext, client: Dhcp6Client, guestName: string | undefined, prefix: boolean): Promise<void> {
  const { guest, serving } = await site(t, guestName, LEASE_SECONDS);
  await guest.sysctl(WITHOUT_SLAAC);
  await guest.ip("link set eth0 up");
  await until("a link-local address", async () => {
    const addresses = await guest.ip("-6 address show dev eth0");
    return addresses.includes("fe80::") && !addresses.includes("tentative");
  });

  const running = client.start(guest);
  const explained = async <Outcome>(act: Promise<Outcome>, what: string): Promise<Outcome> =>
    act.catch((thrown: Error) =>
      assert.fail(`${what}: ${thrown.message}\nclient:\n${running.process.output}\nserver:\n${serving.output}`),
    );

  const identity = guestName === undefined ? "id:" : "guest:web1";
  const [, address] = await explained(
    serving.waitFor(new RegExp(`^bound ${identity}\\S* (2001:db8:77:\\S+) `, "m"), 20_000),
    "the lease",
  );
  if (prefix)
    await explained(serving.waitFor(new RegExp(`^bound ${identity}\\S* 2001:db8:1\\S+/56 `, "m"), 10_000), "the prefix");
  await explained(
    until("the address", async () => (await guest.ip("-6 address show dev eth0")).includes(`${address}/`), 5000),
    "the address on the interface",
  );

  const renewedByMs = performance.now() + LEASE_SECONDS * 1500;
  await until("a lease time and a half", () => performance.now() > renewedByMs, LEASE_SECONDS * 2000);
  assert.doesNotMatch(serving.output, /^unbound/m, `not renewed\n${running.process.output}`);

  await explained(running.release(), "the release");
  await explained(serving.waitFor(new RegExp(`^unbound ${identity}\\S* ${address} `, "m"), 5000), "the end of the lease");
}

test(
  "dhclient -6 -S is told names and servers alone",
  needs(root, command("dhclient", "isc-dhcp-client")),
  async (t: TestContext) => {
    const { guest, serving } = await site(t, "web1");
    await guest.sysctl(WITHOUT_SLAAC);
    await guest.ip("link set eth0 up");
    await until("a link-local address", async () => {
      const addresses = await guest.ip("-6 address show dev eth0");
      return addresses.includes("fe80::") && !addresses.includes("tentative");
    });
    const told = await guest.must(
      "dhclient",
      "-6",
      "-S",
      "-1",
      "-v",
      "-lf",
      "/dev/null",
      "-pf",
      "/dev/null",
      "-cf",
      "/dev/null",
      "-sf",
      "/usr/bin/env",
      "eth0",
    );
    assert.match(told, /new_dhcp6_name_servers=2001:db8:77::1/);
    assert.match(told, /new_dhcp6_domain_search=tapnet\.internal/);
    assert.doesNotMatch(serving.output, /^bound/m);
  },
);
