import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { IPV6_ANY, solicitedNode } from "../../../src/base/ipv6-address.js";
import { AddressLearner } from "../../../src/services/nd/address-learner.js";
import type { Message } from "../../../src/wire/ndp/message.js";
import { ip, prefix } from "../../support/dhcp6-lab.js";
import { PORT_LINK_LOCAL } from "../../support/frames.js";
import { NdLab, WEB1, WEB2 } from "../../support/nd-lab.js";

const PREFIX = prefix("2001:db8:77::/64");
const SLAAC = ip("2001:db8:77::abcd:1");
const [FIRST, SECOND, THIRD] = ["fe80::a", "fe80::b", "fe80::c"].map(ip);

function setUp() {
  const lab = new NdLab();
  const log: string[] = [];
  const learner = new AddressLearner({
    clock: lab.clock,
    sender: lab.sender,
    owner: (_network, address) => (address === WEB1.gatewayIpv6 ? "" : undefined),
    mostLinkLocal: 2,
    most: 1,
    events: {
      learned: ({ link, address }) => void log.push(`+${link.guest} ${address.toString(16).slice(-1)}`),
      forgotten: ({ link, address }) => void log.push(`-${link.guest} ${address.toString(16).slice(-1)}`),
    },
  });
  lab.bind(learner, ["neighbourSolicitation", "neighbourAdvertisement"]);
  for (const link of [WEB1, WEB2]) learner.addLink(link, [PREFIX]);
  const detect = (link: typeof WEB1, target: bigint) => {
    const solicitation: Message = { kind: "neighbour-solicitation", target, options: [] };
    return lab.hear(link, solicitation, { source: IPV6_ANY, destination: solicitedNode(target) });
  };
  return { lab, learner, log, detect };
}

describe("a link-local address", () => {
  test("is learnt from a detection, and from the source of a solicitation", () => {
    const { lab, log, detect } = setUp();
    detect(WEB1, FIRST);
    const solicitation: Message = { kind: "neighbour-solicitation", target: PORT_LINK_LOCAL, options: [] };
    lab.hear(WEB1, solicitation, { source: SECOND, destination: solicitedNode(PORT_LINK_LOCAL) });
    assert.deepEqual(log, ["+web1 a", "+web1 b"]);
  });

  test("may be on every port of the network", () => {
    const { learner, detect } = setUp();
    for (const link of [WEB1, WEB2]) assert.deepEqual(detect(link, FIRST), []);
    learner.removeLink(WEB1.slot);
    assert.deepEqual(learner.addresses(WEB2.slot), [FIRST]);
  });

  test("is not the gateway's: that is taken, by a router", () => {
    const { learner, detect } = setUp();
    for (const target of [PORT_LINK_LOCAL, WEB1.gatewayIpv6]) {
      const { message } = detect(WEB1, target)[0];
      assert.ok(message.kind === "neighbour-advertisement" && message.router && message.override && !message.solicited);
    }
    assert.deepEqual(learner.addresses(WEB1.slot), []);
  });

  test("has its own bound, and takes no place from the others", () => {
    const { lab, learner, detect } = setUp();
    for (const address of [FIRST, SECOND, SLAAC]) detect(WEB1, address);
    assert.equal(lab.during(() => void detect(WEB1, THIRD)).length, 2, "both are asked whether they are there");
    lab.clock.advance(10_000);
    assert.deepEqual(learner.addresses(WEB1.slot), [SLAAC, THIRD]);
  });

  test("goes when the port has IPv6 no more", () => {
    const { learner, log, detect } = setUp();
    detect(WEB1, FIRST);
    learner.updateLink({ ...WEB1, gatewayMac: 0x0200_0000_0055 }, []);
    assert.deepEqual(log, ["+web1 a", "-web1 a"]);
  });
});

test("who believes that the gateway's address is on the link is answered", () => {
  const { lab } = setUp();
  const solicitation: Message = { kind: "neighbour-solicitation", target: WEB1.gatewayIpv6, options: [] };
  const told = lab.hear(WEB1, solicitation, { source: SLAAC, destination: solicitedNode(WEB1.gatewayIpv6) });
  assert.deepEqual(
    told.map(({ message }) => (message.kind === "neighbour-advertisement" ? [message.router, message.solicited] : message.kind)),
    [[true, true]],
  );
  assert.equal(told[0].etherSource, WEB1.gatewayMac);
});
