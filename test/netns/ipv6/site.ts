import { type Host, Lab, type Scope } from "../../support/lab.js";
import { script } from "../../support/paths.js";
import type { RunningProcess } from "../../support/process.js";
import { until } from "../../support/wait.js";

export const GUEST_MAC = "52:54:00:12:34:56";
export const ROUTER_MAC = "02:00:00:00:00:01";

/** A router that serves one link, and a host on it whose `eth0` is down until somebody brings it up. */
export interface Site {
  readonly lab: Lab;
  readonly router: Host;
  readonly guest: Host;
  readonly serving: RunningProcess;
}

/** `guestName` makes the link that guest's port; without it is shared. */
export async function site(scope: Scope, guestName: string | undefined, leaseSeconds = 3600): Promise<Site> {
  const lab = new Lab(scope);
  const router = await lab.host("router", { forwarding: true });
  const guest = await lab.host("guest");
  await guest.sysctl({ "ipv6/conf/default/accept_dad": 1, "ipv6/conf/all/accept_dad": 1 });
  await router.sysctl({ "ipv6/conf/default/addr_gen_mode": 1, "ipv6/conf/default/accept_ra": 0 });
  await lab.link(
    { host: router, ifname: "port0", mac: ROUTER_MAC, addresses: ["fe80::1/64"] },
    { host: guest, ifname: "eth0", mac: GUEST_MAC },
  );
  await guest.ip("link set eth0 down");
  const serving = router.start([...script("test/netns/ipv6/serve"), "port0", guestName ?? "-", String(leaseSeconds)]);
  await serving.waitFor(/^serving/m);
  return { lab, router, guest, serving };
}

/** Brings the guest's link up and waits until its link-local address serves. */
export async function bringUp(guest: Host): Promise<void> {
  await guest.ip("link set eth0 up");
  await until("a link-local address", async () => {
    const addresses = await guest.ip("-6 address show dev eth0");
    return addresses.includes("fe80::") && !addresses.includes("tentative");
  });
}
