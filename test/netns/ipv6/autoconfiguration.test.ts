import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { command, needs, root } from "../../support/needs.js";
import { until } from "../../support/wait.js";
import { bringUp, ROUTER_MAC, site } from "./site.js";

const EUI64 = "2001:db8:77:0:5054:ff:fe12:3456";

describe("a guest without any DHCP client", () => {
  test("makes its address from the advertisement, and is learnt, reached and forgotten", needs(root), async (t: TestContext) => {
    const { router, guest, serving } = await site(t, "web1");
    await guest.sysctl({ "ipv6/conf/eth0/accept_ra_rt_info_max_plen": 64 });
    await guest.ip("link set eth0 up");
    await serving.waitFor(new RegExp(`^learned web1 ${EUI64}$`, "m"));
    await until("the address", async () => (await guest.ip("-6 address show dev eth0")).includes(`${EUI64}/64`));
    const routes = await guest.ip("-6 route show");
    assert.match(routes, /^default via fe80::1 dev eth0 proto ra/m);
    assert.match(routes, /^2001:db8:9::\/48 via fe80::1 dev eth0 proto ra/m);
    assert.doesNotMatch(routes, /^2001:db8:77::\/64/m);

    await router.ip(`-6 route add ${EUI64}/128 dev port0`);
    await router.ip("address add 2001:db8:77::1/128 dev lo");
    await router.must("ping", "-6", "-c", "1", "-W", "5", "-I", "2001:db8:77::1", EUI64);
    await guest.must("ping", "-6", "-c", "1", "-W", "5", "2001:db8:77::1");

    await guest.ip("link set eth0 down");
    await serving.waitFor(new RegExp(`^forgotten web1 ${EUI64}$`, "m"));
  });

  test("gets a privacy address learnt beside it", needs(root), async (t: TestContext) => {
    const { guest, serving } = await site(t, "web1");
    await guest.sysctl({ "ipv6/conf/eth0/use_tempaddr": 2 });
    await guest.ip("link set eth0 up");
    await serving.waitFor(/^learned[\s\S]*^learned/m);
    const temporary = await until("a privacy address", async () => {
      return /inet6 (2001:db8:77:\S+)\/64 scope global temporary dynamic/.exec(await guest.ip("-6 address show dev eth0"))?.[1];
    });
    await serving.waitFor(new RegExp(`^learned web1 ${temporary}$`, "m"));
  });

  test("that takes our own address is told that it is taken", needs(root), async (t: TestContext) => {
    const { guest, serving } = await site(t, "web1");
    await guest.ip("link set eth0 up");
    await serving.waitFor(/^learned/m);
    await guest.ip("address add 2001:db8:77::1/64 dev eth0");
    await until("the failed detection", async () =>
      /2001:db8:77::1\/64[^\n]*dadfailed/.test(await guest.ip("-6 address show dev eth0")),
    );
  });
});

test("rdisc6 is told everything at once", needs(root, command("rdisc6", "ndisc6")), async (t: TestContext) => {
  const { guest } = await site(t, "web1");
  await guest.sysctl({ "ipv6/conf/eth0/accept_ra": 0 });
  await bringUp(guest);
  const told = await guest.must("rdisc6", "-1", "-w", "3000", "eth0");
  for (const line of [
    /Hop limit +: +64/,
    /Stateful address conf\. +: +Yes/,
    /Stateful other conf\. +: +Yes/,
    /Router preference +: +medium/,
    /Router lifetime +: +1800/,
    new RegExp(`Source link-layer address: ${ROUTER_MAC}`, "i"),
    /MTU +: +1500 bytes/,
    /Prefix +: 2001:db8:77::\/64/,
    /On-link +: +No/,
    /Autonomous address conf\.: +Yes/,
    /Valid time +: +86400/,
    /Pref\. time +: +14400/,
    /Route +: 2001:db8:9::\/48/,
    /Route preference +: +low/,
    /Recursive DNS server +: 2001:db8:77::1/,
    /DNS search list +: tapnet\.internal/,
    /from fe80::1/,
  ]) {
    assert.match(told, line);
  }
});
