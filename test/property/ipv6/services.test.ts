/** Whatever a guest sends, the services neither throw nor answer what they must not. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { IPV6_ANY } from "../../../src/base/ipv6-address.js";
import { AddressLearner } from "../../../src/services/nd/address-learner.js";
import { RouterAdvertiser } from "../../../src/services/ra/advertiser.js";
import { MESSAGE, OPTION } from "../../../src/wire/dhcp6/codes.js";
import * as dhcp6 from "../../../src/wire/dhcp6/message.js";
import type { Option } from "../../../src/wire/dhcp6/option-repr.js";
import * as ndp from "../../../src/wire/ndp/message.js";
import { BRIDGE, clientId, Dhcp6Lab, DUID_1, iaNa, iaPd, prefix, serverId } from "../../support/dhcp6-lab.js";
import { GUEST_LINK_LOCAL, PORT_LINK_LOCAL } from "../../support/frames.js";
import { fuzz } from "../../support/fuzz.js";
import { NdLab, NETWORK, WEB1, WEB2 } from "../../support/nd-lab.js";
import { address, dhcp6Message, dhcp6Option, ndpMessage, nearly } from "./arbitraries.js";

/** Messages that a server may well answer. */
const plausible: fc.Arbitrary<dhcp6.ClientServerMessage> = fc
  .tuple(
    fc.constantFrom(1, 3, 4, 5, 6, 8, 9, 11),
    fc.nat(0xff_ffff),
    fc.boolean(),
    fc.array(
      fc.oneof(
        fc.tuple(fc.nat(3), address).map(([iaid, hint]) => iaNa(iaid, hint)),
        fc.nat(3).map((iaid) => iaPd(iaid)),
        dhcp6Option,
      ),
      {
        maxLength: 5,
      },
    ),
  )
  .map(([type, transactionId, named, options]) => {
    const kept = options.filter((one) => one.code !== OPTION.clientId && one.code !== OPTION.serverId);
    const needsServer =
      type === MESSAGE.request || type === MESSAGE.renew || type === MESSAGE.release || type === MESSAGE.decline;
    const head: Option[] = needsServer ? [clientId(DUID_1), serverId()] : [clientId(DUID_1)];
    return { type, transactionId, options: named ? [...head, ...kept] : kept };
  });

describe("the DHCPv6 server", () => {
  test("answers with the transaction and the identifiers that it was asked with", async () => {
    const lab = new Dhcp6Lab();
    await fc.assert(
      fc.asyncProperty(plausible, fc.boolean(), async (message, shared) => {
        const answer = await lab.send(message, shared ? { link: BRIDGE } : {});
        assert.equal(lab.dispatcher.counters.get("service-fault"), 0);
        if (answer === undefined) return;
        assert.ok(!dhcp6.isRelay(answer.message) && answer.message.transactionId === message.transactionId);
        const identifiers = answer.message.options.filter((one) => one.kind === "duid");
        const asked = message.options.filter((one) => one.code === OPTION.clientId);
        assert.deepEqual(identifiers, [serverId(), ...asked]);
        assert.equal(
          answer.message.type === MESSAGE.advertise,
          message.type === MESSAGE.solicit && answer.message.type !== MESSAGE.reply,
        );
      }),
      fuzz(),
    );
  });

  test("survives any bytes, and counts each message once: answered, or dropped for one reason", async () => {
    const lab = new Dhcp6Lab();
    await fc.assert(
      fc.asyncProperty(nearly(fc.oneof(plausible, dhcp6Message).map(dhcp6.toBytes)), async (bytes) => {
        await lab.sendBytes(bytes.subarray(0, 1400));
        assert.equal(lab.dispatcher.counters.get("service-fault"), 0);
      }),
      fuzz(),
    );
    const { counters } = lab.service;
    const kinds = [
      "solicit",
      "request",
      "confirm",
      "renew",
      "rebind",
      "release",
      "decline",
      "information-request",
      "relayed",
      "none-left",
    ] as const;
    const outcomes = counters.names.filter((name) => !(kinds as readonly string[]).includes(name));
    const total = outcomes.reduce((sum, name) => sum + counters.get(name), 0);
    assert.equal(total, lab.dispatcher.counters.get("received"));
  });
});

describe("router advertisements and address learning", () => {
  const everything = [
    "routerSolicitation",
    "neighbourSolicitation",
    "neighbourAdvertisement",
    "routerAdvertisement",
    "redirect",
    "listenerReport",
    "listenerReportV2",
  ] as const;
  const sound = fc.oneof(ndpMessage.map(ndp.toBytes), fc.uint8Array({ minLength: 4, maxLength: 80 }));
  const hostile = nearly(sound).map((bytes) => {
    const message = bytes.length < 4 ? new Uint8Array(4) : bytes;
    if (message[0] < 130 || (message[0] > 137 && message[0] !== 143)) message[0] = 131 + (message[0] % 7);
    message[1] = 0;
    return message;
  });

  for (const name of ["advertiser", "learner"] as const) {
    test(`the ${name} survives any message`, () => {
      const lab = new NdLab();
      const advertiser = new RouterAdvertiser({ clock: lab.clock, random: lab.random, sender: lab.sender });
      const events = { learned: () => undefined, forgotten: () => undefined };
      const learner = new AddressLearner({ clock: lab.clock, sender: lab.sender, events, owner: () => undefined });
      advertiser.setNetwork(NETWORK);
      for (const link of [WEB1, WEB2]) {
        advertiser.addLink(link);
        learner.addLink(link, [prefix("::/0")]);
      }
      lab.bind(name === "advertiser" ? advertiser : learner, everything);
      fc.assert(
        fc.property(hostile, fc.boolean(), fc.nat(5000), (bytes, anonymous, laterMs) => {
          lab.hearIcmpv6(WEB1, bytes, { source: anonymous ? IPV6_ANY : GUEST_LINK_LOCAL, destination: PORT_LINK_LOCAL });
          lab.clock.advance(laterMs);
          assert.equal(lab.dispatcher.counters.get("service-fault"), 0);
          assert.ok(learner.addresses(WEB1.slot).length <= 8);
        }),
        fuzz(),
      );
    });
  }
});
