import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Host } from "../../../src/cli/doctor/host.js";
import { slownessOf } from "../../../src/cli/doctor/links.js";
import { describeLink } from "../../../src/cli/link-speed.js";
import { holdersOf } from "../../../src/cli/tap-holders.js";
import type { LinkView } from "../../../src/control/index.js";

const FAST: LinkView = {
  guest: "web1",
  network: "default",
  ifname: "tn-web1",
  mtu: 1500,
  queues: 4,
  queuesWanted: 4,
  multiQueue: true,
  vnetHeader: true,
  offloads: ["checksum", "tso4", "tso6", "ecn", "uso"],
  persistent: true,
  socket: null,
};
const SLOW: LinkView = { ...FAST, guest: "db1", ifname: "tn-db1", queues: 1, vnetHeader: false, offloads: [] };
const IDLE: LinkView = { ...SLOW, queues: 0 };

function saidOf(link: LinkView, holder?: Parameters<typeof describeLink>[1]): Record<string, string> {
  return Object.fromEntries(describeLink(link, holder));
}

describe("what makes a guest's link fast", () => {
  it("is told when all of it is on", () => {
    assert.deepEqual(saidOf(FAST, { pid: 7, program: "qemu-system-x86", vhost: true }), {
      MTU: "1500",
      queues: "4",
      "to guest": "offloads: checksum, TSO, TSO for IPv6, TSO with ECN, USO",
      "from guest": "whatever its driver leaves to us",
      VMM: "qemu-system-x86, process 7, with vhost",
    });
    assert.deepEqual(slownessOf([FAST]), []);
  });

  it("is told when none of it is on", () => {
    const { queues, "to guest": toGuest, "from guest": fromGuest, VMM } = saidOf(SLOW);
    assert.deepEqual(
      [queues, toGuest, fromGuest, VMM],
      ["1 of 4", "no offloads: the TAP has no vnet_hdr", "none: the TAP has no vnet_hdr", "not to be seen by this user"],
    );
    assert.deepEqual(
      slownessOf([FAST, SLOW]).map(({ check, result }) => [check, result]),
      [
        ["vnet-header", "warning"],
        ["queues", "warning"],
      ],
    );
    assert.match(slownessOf([SLOW])[0].message, /^db1 \(tn-db1\): no offloads/);
  });

  it("is a note only where the driver has asked for none", () => {
    assert.deepEqual(
      slownessOf([{ ...FAST, offloads: [] }]).map(({ check, result }) => [check, result]),
      [["offloads", "note"]],
    );
  });

  it("is not asked of a TAP that tapnetd has open for a guest on a socket", () => {
    const relayed: LinkView = { ...SLOW, socket: { kind: "dgram", path: "/run/tapnet/guests/db1.sock" } };
    assert.deepEqual(slownessOf([relayed]), []);
    assert.deepEqual(saidOf(relayed), {
      MTU: "1500",
      socket: "dgram at /run/tapnet/guests/db1.sock: whole frames, without offloads",
    });
  });

  it("is nobody's fault where no VMM has the TAP open", () => {
    assert.deepEqual(slownessOf([IDLE]), []);
    assert.equal(saidOf(IDLE)["queues"], "none open, made for several");
  });

  it("names five of many guests", () => {
    const many = Array.from({ length: 7 }, (_, index) => ({ ...SLOW, guest: `g${index}` }));
    assert.match(slownessOf(many)[0].message, /^g0 \(tn-db1\), g1 .*g4 \(tn-db1\) and 2 others: no offloads/);
  });
});

describe("who has a TAP open", () => {
  const links: Readonly<Record<string, string>> = {
    "/proc/7/fd/9": "/dev/net/tun",
    "/proc/7/fd/10": "/dev/vhost-net",
    "/proc/8/fd/3": "/dev/net/tun",
    "/proc/9/fd/3": "/dev/net/tun",
    "/proc/11/fd/0": "/dev/null",
  };
  const files: Readonly<Record<string, string>> = {
    "/proc/7/fdinfo/9": "pos:\t0\niff:\ttn-web1\n",
    "/proc/7/comm": "qemu-system-x86\n",
    "/proc/8/fdinfo/3": "pos:\t0\niff:\ttn-db1\n",
  };
  const host: Host = {
    uid: 0,
    readText: (path) => files[path],
    list: (path) => {
      const names = Object.keys(links).filter((name) => name.startsWith(`${path}/`));
      return [...new Set(names.map((name) => name.slice(path.length + 1).split("/")[0])), "self"];
    },
    readLink: (path) => links[path],
    exists: () => false,
    mayReadAndWrite: () => false,
    run: async () => undefined,
  };

  it("is found in /proc, with what else the process has open", () => {
    assert.deepEqual(Object.fromEntries(holdersOf(host)), {
      "tn-web1": { pid: 7, program: "qemu-system-x86", vhost: true },
      "tn-db1": { pid: 8, program: "a program", vhost: false },
    });
  });
});
