/** DHCPv4 served on one interface, from memory: `node serve.js IFNAME`. Prints a line for every lease that begins or ends. */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { systemClock } from "../../../src/base/clock.js";
import { silentLogger } from "../../../src/base/log.js";
import { parseMac } from "../../../src/base/mac.js";
import { FramePath } from "../../../src/frame/frame-path.js";
import type { Link } from "../../../src/frame/link.js";
import { GroupCommit } from "../../../src/lease/group-commit.js";
import { formatLeaseAddress } from "../../../src/lease/lease.js";
import { MemoryStore } from "../../../src/lease/memory-store.js";
import { Dhcp4Service } from "../../../src/services/dhcp4/service.js";
import { BRIDGE } from "../../support/dhcp4-lab.js";
import { GOLDEN_NETWORK } from "./network.js";

const [ifname] = process.argv.slice(2);

const link: Link = {
  ...BRIDGE,
  slot: 0,
  ifindex: Number(readFileSync(`/sys/class/net/${ifname}/ifindex`, "utf8")),
  ifname,
  gatewayMac: parseMac(readFileSync(`/sys/class/net/${ifname}/address`, "utf8").trim()) ?? 0,
};

const commit = new GroupCommit({
  store: new MemoryStore(),
  events: {
    apply(events) {
      for (const { kind, lease } of events) console.log(kind, formatLeaseAddress(lease), lease.identity, lease.hostname);
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
const service = new Dhcp4Service({ commit, clock: systemClock, log: silentLogger });
service.configure([GOLDEN_NETWORK]);
path.open({ datagrams: [{ family: 4, port: 67, reach: "link", service }], packets: [] });
path.addLink(link, "shared");
// Keeps the kernel from answering the unicasts that we hear on the frame socket with "port unreachable".
createSocket("udp4").bind(67, () => console.log("serving", ifname));
