/**
 * What RFC 9915 says of a server beside assigning (§18.3.6 to §18.3.8, §19), a check a statement, asked over a link by clients
 * and relays that know nothing of our code. Where RFC 8415 said more (unicast), that is asked as well.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Lab } from "../../../support/lab.js";
import { needs, nft, root } from "../../../support/needs.js";
import { type Answer, newDuid, newTransaction, type Sent } from "./asker.js";
import {
  address,
  asksFor,
  association,
  associations,
  CODE,
  data,
  has,
  hex,
  iaNa,
  iaPd,
  message,
  type Octets,
  option,
  relayed,
  STATUS,
  status,
  TYPE,
  u16,
  u32,
} from "./octets.js";
import { type RawSite, rawSite } from "./site.js";
import { addressIn, all, ask, client, lease, prefixIn, silent } from "./talk.js";

const HOUR = 3600;

describe("a DHCPv6 server beside assigning, by what RFC 9915 says of it", needs(root, nft), () => {
  const lab = new Lab({ after });
  let site: RawSite;
  before(async () => {
    site = await rawSite(lab);
  });

  describe("§18.3.6: Information-request", () => {
    const EVERYTHING = [23, 24, 31, 32, 56, 82, 83];

    test("what is asked for and configured comes, with our identifier and the client's", async () => {
      const answer = await ask(site.full, TYPE.informationRequest, client(), asksFor(...EVERYTHING));
      const codes = answer.options.map(({ code }) => code);
      assert.equal(answer.type, TYPE.reply);
      assert.deepEqual(new Set(codes), new Set([CODE.serverId, CODE.clientId, ...EVERYTHING]));
    });

    test("the values are the configured ones, as their own RFCs write them", async () => {
      const { options } = await ask(site.full, TYPE.informationRequest, client(), asksFor(...EVERYTHING));
      const servers = [...address("2001:db8:a::53"), ...address("2001:db8:a::54")];
      assert.deepEqual([...data(options, CODE.dnsServers)], servers);
      assert.deepEqual([...data(options, CODE.domainList)], [6, ...Buffer.from("guests"), 7, ...Buffer.from("example"), 0]);
      assert.deepEqual([...data(options, CODE.sntpServers)], [...address("2001:db8:a::7c")]);
      assert.deepEqual(
        [CODE.informationRefresh, CODE.solMaxRt, CODE.infMaxRt].map((code) => data(options, code).readUInt32BE()),
        [7200, 7200, 10_800],
      );
      const times = options.filter(({ code }) => code === CODE.ntpServer).map((one) => [...one.data]);
      const name = [3, ...Buffer.from("ntp"), 7, ...Buffer.from("example"), 0];
      assert.deepEqual(times, [
        [0, 1, 0, 16, ...address("2001:db8:a::7b")],
        [...u16(3), ...u16(name.length), ...name],
      ]);
    });

    test("what is not asked for does not come", async () => {
      const answer = await ask(site.full, TYPE.informationRequest, client(), asksFor(CODE.domainList));
      assert.deepEqual(
        answer.options.map(({ code }) => code).sort((one, other) => one - other),
        [CODE.clientId, CODE.serverId, CODE.domainList],
      );
    });

    test("§21.23, §21.25: refresh time and INF_MAX_RT come in no other answer, SOL_MAX_RT in all", async () => {
      const answers = [
        await ask(site.full, TYPE.solicit, client(), asksFor(...EVERYTHING), iaNa(1)),
        await ask(site.full, TYPE.request, client(), site.full.serverId, asksFor(...EVERYTHING), iaNa(1)),
      ];
      for (const { options } of answers) {
        assert.deepEqual(
          [32, 83, 82].map((code) => has(options, code)),
          [false, false, true],
        );
      }
    });

    test("a client that does not say who it is gets the same, without an identifier", async () => {
      const answer = await ask(site.full, TYPE.informationRequest, asksFor(CODE.dnsServers));
      assert.deepEqual([has(answer.options, CODE.clientId), has(answer.options, CODE.dnsServers)], [false, true]);
    });

    test("a network without addresses answers it as well", async () => {
      assert.equal((await ask(site.stateless, TYPE.informationRequest, client())).type, TYPE.reply);
    });

    test("§16.12: with an IA, or another server's identifier: silence; with ours: an answer", async () => {
      await silent(site.full, TYPE.informationRequest, client(), iaNa(1));
      await silent(site.full, TYPE.informationRequest, client(), option(CODE.serverId, newDuid()));
      assert.equal((await ask(site.full, TYPE.informationRequest, client(), site.full.serverId)).type, TYPE.reply);
    });
  });

  describe("§18.3.7: Release", () => {
    test("Success for the message, no IA in it, and the binding is over", async () => {
      const who = client();
      const [na, pd] = await lease(site.full, who, iaNa(1), iaPd(2));
      const answer = await ask(site.full, TYPE.release, who, site.full.serverId, iaNa(1, addressIn(na)), iaPd(2, prefixIn(pd)));
      assert.deepEqual([answer.type, status(answer.options), associations(answer).length], [TYPE.reply, STATUS.success, 0]);
      const renewed = await ask(site.full, TYPE.renew, who, site.full.serverId, iaNa(1, addressIn(na)), iaPd(2, prefixIn(pd)));
      assert.deepEqual(
        associations(renewed).map((one) => one.status),
        [STATUS.noBinding, STATUS.noBinding],
      );
    });

    test("an IA that has no binding: NoBinding in it and nothing else; Success for the message", async () => {
      const answer = await ask(site.full, TYPE.release, client(), site.full.serverId, iaNa(6, "2001:db8:a::1:6"), iaPd(7));
      assert.equal(status(answer.options), STATUS.success);
      assert.deepEqual(
        associations(answer).map(({ iaid, codes, status: said }) => [iaid, codes, said]),
        [
          [6, [CODE.status], STATUS.noBinding],
          [7, [CODE.status], STATUS.noBinding],
        ],
      );
    });

    test("an address that the IA does not have is passed over: the binding stays, and so does another client's", async () => {
      const [who, other] = [client(), client()];
      const [own] = await lease(site.full, who, iaNa(1));
      const [theirs] = await lease(site.full, other, iaNa(1));
      const answer = await ask(site.full, TYPE.release, who, site.full.serverId, iaNa(1, addressIn(theirs)));
      assert.equal(status(answer.options), STATUS.success);
      for (const [holder, held] of [
        [who, own],
        [other, theirs],
      ] as const) {
        const renewed = await ask(site.full, TYPE.renew, holder, site.full.serverId, iaNa(1, addressIn(held)));
        assert.equal(addressIn(association(renewed, 1)), addressIn(held));
      }
    });

    test("§16.9: to another server, or to none: silence, and the binding stays", async () => {
      const who = client();
      const [na] = await lease(site.full, who, iaNa(1));
      await silent(site.full, TYPE.release, who, iaNa(1, addressIn(na)));
      await silent(site.full, TYPE.release, who, option(CODE.serverId, newDuid()), iaNa(1, addressIn(na)));
      const renewed = await ask(site.full, TYPE.renew, who, site.full.serverId, iaNa(1, addressIn(na)));
      assert.equal(association(renewed, 1).leaves[0].valid, HOUR);
    });
  });

  describe("§18.3.8: Decline", () => {
    test("Success, and the address is given to nobody, not to its client either", async () => {
      const who = client();
      const [na] = await lease(site.full, who, iaNa(1));
      const answer = await ask(site.full, TYPE.decline, who, site.full.serverId, iaNa(1, addressIn(na)));
      assert.deepEqual([answer.type, status(answer.options)], [TYPE.reply, STATUS.success]);
      for (const next of [who, client()]) {
        assert.notEqual(addressIn((await lease(site.full, next, iaNa(1, addressIn(na))))[0]), addressIn(na));
      }
    });

    test("an IA that has no binding: NoBinding in it and nothing else", async () => {
      const answer = await ask(site.full, TYPE.decline, client(), site.full.serverId, iaNa(6, "2001:db8:a::1:6"));
      const unknown = association(answer, 6);
      assert.deepEqual([unknown.codes, unknown.status], [[CODE.status], STATUS.noBinding]);
    });

    test("another client's address is not quarantined for it", async () => {
      const [who, other] = [client(), client()];
      await lease(site.full, who, iaNa(1));
      const [theirs] = await lease(site.full, other, iaNa(1));
      await ask(site.full, TYPE.decline, who, site.full.serverId, iaNa(1, addressIn(theirs)));
      const renewed = await ask(site.full, TYPE.renew, other, site.full.serverId, iaNa(1, addressIn(theirs)));
      assert.equal(addressIn(association(renewed, 1)), addressIn(theirs));
    });
  });

  describe("what is sent to our own address (RFC 8415 §18.4)", () => {
    const unicast = async (type: number, ...options: readonly Octets[]): Promise<Answer[]> => {
      const transaction = newTransaction();
      const [hello] = await all(site.full, TYPE.informationRequest, client());
      return site.full.ask(message(type, transaction, ...options), transaction, { to: hello.from.split("%")[0] });
    };

    for (const type of ["request", "renew", "release", "decline"] as const) {
      test(`${type}: UseMulticast and the two identifiers, nothing else`, async () => {
        const [answer, ...more] = await unicast(TYPE[type], client(), site.full.serverId, iaNa(1, "2001:db8:a::1:9"));
        assert.deepEqual([status(answer.message.options), more.length], [STATUS.useMulticast, 0]);
        assert.deepEqual(
          new Set(answer.message.options.map(({ code }) => code)),
          new Set([CODE.serverId, CODE.clientId, CODE.status]),
        );
      });
    }

    for (const type of ["solicit", "confirm", "rebind", "informationRequest"] as const) {
      test(`${type}: silence`, async () => {
        const ias = type === "informationRequest" ? [] : [iaNa(1, "2001:db8:a::1:9")];
        assert.deepEqual(await unicast(TYPE[type], client(), ...ias), []);
      });
    }
  });

  describe("§19: relays", () => {
    const PEER = "fe80::5054:ff:fe00:77";
    const LINK = "2001:db8:a::ffff";
    const viaRelays = async (wrap: (inner: Octets) => Octets, how: Sent = {}, inner?: Octets): Promise<Answer[]> => {
      const transaction = newTransaction();
      const asked = inner ?? [client(), iaNa(1)].flat();
      return site.full.ask(wrap(message(TYPE.solicit, transaction, asked)), transaction, { port: 547, ...how });
    };
    const via = async (wrap: (inner: Octets) => Octets, how: Sent = {}): Promise<Answer> => {
      const answers = await viaRelays(wrap, how);
      assert.equal(answers.length, 1);
      return answers[0];
    };

    test("the answer is a Relay-reply to the relay's port 547, with its hop count, link and peer", async () => {
      const answer = await via((inner) => relayed(inner, 0, LINK, PEER));
      const [level] = answer.levels;
      assert.deepEqual([answer.levels.length, level.type, level.hops, answer.toPort], [1, TYPE.relayReply, 0, 547]);
      assert.deepEqual([hex([...level.link]), hex([...level.peer])], [hex(address(LINK)), hex(address(PEER))]);
      assert.equal(answer.message.type, TYPE.advertise);
    });

    test("§21.18: an Interface-Id comes back as it was, at its own level", async () => {
      const named = (name: string): Octets => option(CODE.interfaceId, Buffer.from(name).toJSON().data);
      const { levels } = await via((inner) =>
        relayed(relayed(inner, 0, LINK, PEER, named("port 7")), 1, "::", PEER, named("trunk")),
      );
      assert.deepEqual(
        levels.map(({ options }) => data(options, CODE.interfaceId).toString()),
        ["trunk", "port 7"],
      );
    });

    test("nothing that a relay says of a client comes back unasked", async () => {
      const remote = option(CODE.remoteId, u32(32_473), [1, 2, 3]);
      const { levels } = await via((inner) => relayed(inner, 0, LINK, PEER, remote, option(CODE.subscriberId, [9])));
      assert.deepEqual(
        levels[0].options.map(({ code }) => code),
        [CODE.relayMessage],
      );
    });

    test("RFC 4994: what a relay asks to have back comes back, once each, and nothing else", async () => {
      const remote = option(CODE.remoteId, u32(32_473), [1, 2, 3]);
      const name = option(CODE.interfaceId, [7]);
      const asked = option(CODE.echoRequest, u16(CODE.subscriberId), u16(CODE.interfaceId), u16(CODE.remoteId), u16(200), u16(9));
      const { levels, message: inner } = await via((sent) =>
        relayed(sent, 0, LINK, PEER, remote, name, asked, option(CODE.subscriberId, [9])),
      );
      const codes = levels[0].options.map(({ code }) => code).sort((one, other) => one - other);
      assert.deepEqual(codes, [CODE.relayMessage, CODE.interfaceId, CODE.remoteId, CODE.subscriberId]);
      assert.deepEqual([...data(levels[0].options, CODE.remoteId)], [...u32(32_473), 1, 2, 3]);
      assert.deepEqual([...data(levels[0].options, CODE.subscriberId)], [9]);
      assert.equal(inner.type, TYPE.advertise);
    });

    // RFC 9915 relays stop at 8, those of RFC 3315 at 32; a server answers both.
    for (const levels of [2, 8, 9, 32]) {
      test(`${levels} relays: each is answered, with what it sent`, async () => {
        const answer = await via((inner) => {
          let carried = inner;
          for (let hop = 0; hop < levels; hop++)
            carried = relayed(carried, hop, hop === 0 ? LINK : "::", `fe80::${(hop + 1).toString(16)}`);
          return carried;
        });
        assert.deepEqual(
          answer.levels.map(({ hops, peer }) => [hops, peer[15]]),
          Array.from({ length: levels }, (_, outer) => [levels - 1 - outer, levels - outer]),
        );
      });
    }

    test("33 relays: silence", async () => {
      const answers = await viaRelays((inner) => {
        let carried = inner;
        for (let hop = 0; hop < 33; hop++) carried = relayed(carried, hop, hop === 0 ? LINK : "::", PEER);
        return carried;
      });
      assert.deepEqual(answers, []);
    });

    test("a hop count that no relay would send is the relays' affair: it comes back", async () => {
      assert.equal((await via((inner) => relayed(inner, 255, LINK, PEER))).levels[0].hops, 255);
    });

    test("§13.1: the link address next to the client says of which network it is", async () => {
      const answer = await via((inner) => relayed(relayed(inner, 0, "2001:db8:f::1", PEER), 1, LINK, PEER));
      assert.match(association(answer.message, 1).leaves[0].address, /^20010db8000f0000/);
    });

    test("a link that we do not serve: silence", async () => {
      assert.deepEqual(await viaRelays((inner) => relayed(inner, 0, "2001:db8:5555::1", PEER)), []);
    });

    test("RFC 8357: a relay that says so is answered at the port it sent from", async () => {
      const sourcePort = option(CODE.relaySourcePort, u16(0));
      const answer = await via((inner) => relayed(inner, 0, LINK, PEER, sourcePort), { port: 5470 });
      assert.equal(answer.toPort, 5470);
      assert.deepEqual([...data(answer.levels[0].options, CODE.relaySourcePort)], [0, 0]);
    });

    test("§16.13, §16.14: a Relay-reply, an empty Relay Message, one without any: silence", async () => {
      const head = [0, ...address(LINK), ...address(PEER)];
      for (const wrap of [
        (inner: Octets) => [TYPE.relayReply, ...head, ...option(CODE.relayMessage, inner)],
        () => [TYPE.relayForward, ...head, ...option(CODE.relayMessage)],
        () => [TYPE.relayForward, ...head],
      ])
        assert.deepEqual(await viaRelays(wrap), []);
    });

    test("a relay at our own address is answered from it, whatever clients may not", async () => {
      const [hello] = await all(site.full, TYPE.informationRequest, client());
      const own = hello.from.split("%")[0];
      const answer = await via((inner) => relayed(inner, 0, LINK, PEER), { to: own });
      assert.equal(answer.from, hello.from);
    });
  });

  test("servers' messages are nobody's question: Advertise, Reply, Reconfigure, and types from the future: silence", async () => {
    for (const type of [TYPE.advertise, TYPE.reply, TYPE.reconfigure, 0, 36, 200, 255])
      await silent(site.full, type, client(), site.full.serverId, iaNa(1));
  });

  test("§18.3.11: through all of this, nobody was sent a Reconfigure", () => {
    const types = [...site.station.stdout.matchAll(/^546 \S+ \d+ (..)/gm)].map(([, type]) => Number.parseInt(type, 16));
    assert.ok(types.length > 100);
    assert.deepEqual(new Set(types), new Set([TYPE.advertise, TYPE.reply]));
  });
});
