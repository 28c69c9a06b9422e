import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { command, needs, root } from "../../support/needs.js";
import { pause, until } from "../../support/wait.js";
import type { DhcpClient } from "../interop/clients.js";
import { dhclient, dhcp6c, dhcpcd, dibbler, networkd } from "./dhcp6-clients.js";
import { bringUp, site } from "./site.js";

/** Short enough that the lease would be gone before the test ends, had the client not renewed it. */
const LEASE_SECONDS = 12;

/** Takes an address from neighbour discovery out of the way of the one that DHCPv6 gives. */
const WITHOUT_SLAAC = { "ipv6/conf/eth0/autoconf": 0 } as const;

/** Longer than anybody waits for a renewal here. */
const LONG_LEASE_SECONDS = 60;

interface Case {
  readonly client: DhcpClient;
  readonly leaseSeconds: number;
  readonly end: "released" | "expired";
}

/** All take an address and a prefix. dhcp6c renews after eighteen seconds at the earliest; networkd 252 leaves without a word. */
const CASES: readonly Case[] = [
  { client: dhclient, leaseSeconds: LEASE_SECONDS, end: "released" },
  { client: dhcpcd, leaseSeconds: LEASE_SECONDS, end: "released" },
  { client: dhcp6c, leaseSeconds: LONG_LEASE_SECONDS, end: "released" },
  { client: dibbler, leaseSeconds: LEASE_SECONDS, end: "released" },
  { client: networkd, leaseSeconds: LEASE_SECONDS, end: "expired" },
];

describe("DHCPv6 clients get, renew and release", { concurrency: 5 }, () => {
  for (const guestName of ["web1", undefined]) {
    for (const one of CASES) {
      const where = guestName === undefined ? "on a shared link" : "on a port";
      test(`${one.client.name} ${where}`, needs(root, one.client.requirement), async (t) => leaseLife(t, one, guestName));
    }
  }
});

async function leaseLife(t: TestContext, { client, leaseSeconds, end }: Case, guestName: string | undefined): Promise<void> {
  const { guest, serving } = await site(t, guestName, leaseSeconds);
  await guest.sysctl(WITHOUT_SLAAC);
  await bringUp(guest);

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
  await explained(serving.waitFor(new RegExp(`^bound ${identity}\\S* 2001:db8:1\\S+/56 `, "m"), 10_000), "the prefix");
  await explained(
    until("the address", async () => (await guest.ip("-6 address show dev eth0")).includes(`${address}/`), 5000),
    "the address on the interface",
  );

  if (leaseSeconds === LEASE_SECONDS) await pause(LEASE_SECONDS * 1250);
  assert.doesNotMatch(serving.output, /^unbound/m, `not renewed\n${running.process.output}`);

  await explained(running.release(), "the release");
  await explained(
    serving.waitFor(new RegExp(`^unbound ${identity}\\S* ${address} ${end}$`, "m"), LEASE_SECONDS * 2000),
    "the end of the lease",
  );
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
