import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { before, describe, test } from "node:test";
import { eachMessage, NetlinkSocket } from "../../../src/os/netlink.js";
import { unshareNetworkNamespace } from "../../../src/os/netns.js";
import { command, needs, root } from "../../support/needs.js";
import { until } from "../../support/wait.js";

const RTNLGRP_LINK = 1;
const RTNLGRP_IPV4_IFADDR = 5;
const RTM_NEWLINK = 16;
const RTM_NEWADDR = 20;

function ip(words: string, input = ""): void {
  execFileSync("ip", words.split(" "), { input });
}

describe("netlink notifications", needs(root, command("ip", "iproute2")), () => {
  before(() => unshareNetworkNamespace());

  test("come as they happen, and end with the subscription", async (t) => {
    const socket = new NetlinkSocket("route");
    const types: number[] = [];
    const subscription = socket.subscribe([RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR], {
      onMessages: (messages) => eachMessage(messages, (type) => types.push(type)),
      onOverrun: () => assert.fail("an overrun"),
    });
    t.after(() => subscription.close());
    socket.close();
    ip("link set lo up");
    ip("address add 192.0.2.1/32 dev lo");
    await until("both", () => types.includes(RTM_NEWLINK) && types.includes(RTM_NEWADDR));
    subscription.close();
    subscription.close();
    const seen = types.length;
    ip("link set lo down");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(types.length, seen);
  });

  test("more than the listener can take is told as an overrun, and then it goes on", async (t) => {
    const socket = new NetlinkSocket("route");
    t.after(() => socket.close());
    let overruns = 0;
    let messages = 0;
    const subscription = socket.subscribe([RTNLGRP_IPV4_IFADDR], {
      onMessages: () => messages++,
      onOverrun: () => overruns++,
    });
    t.after(() => subscription.close());
    // Synchronous: the event loop hears nothing of it until the queue has overflowed.
    const adding = Array.from({ length: 20_000 }, (_, n) => `address add 10.${n >> 16}.${(n >> 8) & 255}.${n & 255}/32 dev lo`);
    ip("-batch -", `${adding.join("\n")}\n`);
    ip("address flush dev lo");
    await until("the overrun", () => overruns > 0);
    const heard = messages;
    ip("address add 192.0.2.2/32 dev lo");
    await until("the next notification", () => messages > heard);
  });

  test("a subscription can be closed from inside its listener", async () => {
    let called = 0;
    const socket = new NetlinkSocket("route");
    const subscription = socket.subscribe([RTNLGRP_LINK], {
      onMessages() {
        called++;
        subscription.close();
      },
      onOverrun() {},
    });
    ip("link set lo up");
    ip("link set lo down");
    await until("the first", () => called === 1);
    ip("link set lo up");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(called, 1);
    socket.close();
  });

  test("a batch is for the namespace that the socket was opened in", () => {
    const socket = new NetlinkSocket("route");
    ip("tuntap add tn-here mode tap");
    const getLinks = (): Uint8Array => new Uint8Array(Uint32Array.of(32, 18, 0, 0, 0, 0, 0, 0).buffer);
    const lengthBefore = socket.dump(getLinks()).length;
    unshareNetworkNamespace();
    assert.equal(socket.dump(getLinks()).length, lengthBefore);
    const fresh = new NetlinkSocket("route");
    assert.ok(fresh.dump(getLinks()).length < lengthBefore);
    socket.close();
    fresh.close();
  });
});
