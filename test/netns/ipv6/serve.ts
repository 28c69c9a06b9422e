/**
 * A whole IPv6 network served on one link: `node serve.js IFNAME GUEST|- [LEASE-SECONDS]`. With a guest's name the link is its
 * port, with `-` it is shared. Prints a line for whatever the wiring would have to do: `bound`, `unbound`, `learned`,
 * `forgotten`.
 */
import { readFileSync } from "node:fs";
import { systemClock } from "../../../src/base/clock.js";
import { formatIpv6, IPV6_ANY } from "../../../src/base/ipv6-address.js";
import { silentLogger } from "../../../src/base/log.js";
import { parseMac } from "../../../src/base/mac.js";
import { systemRandom } from "../../../src/base/random.js";
import { FramePath } from "../../../src/frame/frame-path.js";
import type { Link } from "../../../src/frame/link.js";
import type { LeaseEvent } from "../../../src/lease/events.js";
import { GroupCommit } from "../../../src/lease/group-commit.js";
import { formatLeaseAddress } from "../../../src/lease/lease.js";
import { MemoryStore } from "../../../src/lease/memory-store.js";
import { Dhcp6Service } from "../../../src/services/dhcp6/service.js";
import { AddressLearner, type GuestAddress } from "../../../src/services/nd/address-learner.js";
import { RouterAdvertiser } from "../../../src/services/ra/advertiser.js";
import { DHCP6_PORT } from "../../../src/wire/dhcp6/codes.js";
import { NETWORK as DHCP6_NETWORK, ip, SERVER_DUID } from "../../support/dhcp6-lab.js";
import { NETWORK, PREFIX } from "../../support/nd-lab.js";

const [ifname, guest, leaseSeconds = "3600"] = process.argv.slice(2);
const say = (...words: readonly string[]): void => console.log(words.join(" "));

const link: Link = {
  slot: 0,
  ifindex: Number(readFileSync(`/sys/class/net/${ifname}/ifindex`, "utf8")),
  ifname,
  network: "default",
  guest: guest === "-" ? undefined : guest,
  gatewayMac: parseMac(readFileSync(`/sys/class/net/${ifname}/address`, "utf8").trim()) ?? 0,
  gatewayIpv4: 0,
  gatewayIpv6: DHCP6_NETWORK.gateway,
};

const applied = (event: LeaseEvent): void => {
  const { identity, hostname } = event.lease;
  say(event.kind, identity, formatLeaseAddress(event.lease), event.kind === "bound" ? hostname : event.reason);
};
const commit = new GroupCommit({
  store: new MemoryStore(),
  events: {
    apply(all) {
      all.forEach(applied);
      return undefined;
    },
  },
  clock: systemClock,
  log: silentLogger,
});
const path = new FramePath({
  commit: () => commit.commit(),
  clock: systemClock,
  log: silentLogger,
  listener: { onFirstFrame: () => undefined, onLinkGone: () => process.exit(0) },
});
const dhcp6 = new Dhcp6Service({
  serverDuid: SERVER_DUID,
  secret: new Uint8Array(32),
  commit,
  clock: systemClock,
  log: silentLogger,
});
dhcp6.setNetwork({ ...DHCP6_NETWORK, leaseSeconds: Number(leaseSeconds), preferredSeconds: Number(leaseSeconds) });
const advertiser = new RouterAdvertiser({ clock: systemClock, random: systemRandom(), sender: path.sender });
const told =
  (what: string) =>
  (taken: GuestAddress): void =>
    say(what, taken.link.guest ?? "-", formatIpv6(taken.address));
const learner = new AddressLearner({
  clock: systemClock,
  sender: path.sender,
  events: { learned: told("learned"), forgotten: told("forgotten") },
  owner: (_network, address) => {
    if (address === DHCP6_NETWORK.gateway) return "";
    const lease = dhcp6.book("default", "address")?.at(address);
    return lease?.state === "bound" ? (link.guest ?? "") : undefined;
  },
  idleMs: 3000,
});

path.open({
  datagrams: [{ family: 6, port: DHCP6_PORT.server, reach: "link", service: dhcp6 }],
  packets: [
    { message: "routerSolicitation", service: advertiser },
    ...(["neighbourSolicitation", "neighbourAdvertisement", "listenerReport", "listenerReportV2"] as const).map((message) => {
      return { message, service: learner };
    }),
  ],
});
path.addLink(link, link.guest === undefined ? "shared" : "port");
const routes = [{ prefix: ip("2001:db8:9::"), prefixLength: 48, preference: "low", lifetimeSeconds: 600 }] as const;
const pref64 = { prefix: ip("64:ff9b::"), prefixLength: 96, lifetimeSeconds: 1800 };
advertiser.setNetwork({ ...NETWORK, routes, pref64 });
advertiser.addLink(link);
if (link.guest !== undefined) learner.addLink(link, [PREFIX.prefix]);
say("serving", formatIpv6(link.gatewayIpv6 === IPV6_ANY ? 0n : link.gatewayIpv6));
