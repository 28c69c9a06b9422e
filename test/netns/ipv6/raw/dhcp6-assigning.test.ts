/**
 * What RFC 9915 says of a server that assigns (§18.3.1 to §18.3.5), a check a statement, asked over a link by clients that know
 * nothing of our code.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Lab } from "../../../support/lab.js";
import { needs, nft, root } from "../../../support/needs.js";
import { type Asker, newDuid } from "./asker.js";
import {
  type Association,
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
  type Octets,
  option,
  STATUS,
  status,
  TYPE,
  u16,
  u32,
} from "./octets.js";
import { type RawSite, RESERVED, rawSite } from "./site.js";
import { addressIn, ask, client, lease, prefixIn, silent } from "./talk.js";

const HOUR = 3600;
const RAPID = option(CODE.rapidCommit);
const ELAPSED = option(CODE.elapsed, u16(0));
const OF_FULL = /^20010db8000a00000000000000/;

describe("a DHCPv6 server that assigns, by what RFC 9915 says of it", needs(root, nft), () => {
  const lab = new Lab({ after });
  let site: RawSite;
  before(async () => {
    site = await rawSite(lab);
  });

  describe("§18.3.1, §18.3.9: Solicit", () => {
    test("is answered by Advertise, with the transaction, the client's identifier and our own", async () => {
      const duid = newDuid();
      const answer = await ask(site.full, TYPE.solicit, client(duid), ELAPSED, iaNa(1));
      assert.equal(answer.type, TYPE.advertise);
      assert.equal(hex([...data(answer.options, CODE.clientId)]), hex(duid));
      assert.ok(data(answer.options, CODE.serverId).length >= 3);
    });

    test("the Advertise has the preference that is configured, and none where none is", async () => {
      assert.deepEqual([...data((await ask(site.full, TYPE.solicit, client(), iaNa(1))).options, CODE.preference)], [7]);
      assert.equal(has((await ask(site.small, TYPE.solicit, client(), iaNa(1))).options, CODE.preference), false);
    });

    test("every IA is answered under its own IAID, with an address or prefix of its own", async () => {
      const answer = await ask(site.full, TYPE.solicit, client(), iaNa(1), iaPd(1), iaNa(2), iaPd(9));
      const got = associations(answer);
      assert.deepEqual(
        got.map(({ code, iaid }) => [code, iaid]),
        [
          [CODE.iaNa, 1],
          [CODE.iaPd, 1],
          [CODE.iaNa, 2],
          [CODE.iaPd, 9],
        ],
      );
      assert.equal(new Set(got.flatMap(({ leaves }) => leaves.map((one) => one.address))).size, 4);
      assert.deepEqual(
        got.map(({ leaves }) => leaves[0].length),
        [128, 56, 128, 56],
      );
    });

    test("lifetimes: preferred no longer than valid, T1 no later than T2, T2 no later than preferred, in all IAs alike", async () => {
      const got = associations(await ask(site.full, TYPE.solicit, client(), iaNa(1), iaPd(1)));
      for (const { t1, t2, leaves } of got) {
        assert.ok(t1 > 0 && t1 <= t2 && t2 <= leaves[0].preferred && leaves[0].preferred <= leaves[0].valid);
        assert.equal(leaves[0].valid, HOUR);
      }
      assert.deepEqual([got[0].t1, got[0].t2], [got[1].t1, got[1].t2]);
    });

    test("a Solicit without an IA: nothing is assigned, what is asked for is told", async () => {
      const answer = await ask(site.full, TYPE.solicit, client(), asksFor(CODE.dnsServers));
      assert.deepEqual([answer.type, associations(answer).length], [TYPE.advertise, 0]);
      assert.ok(has(answer.options, CODE.dnsServers));
    });

    test("an Advertise binds nothing: the Renew of what it offered has no binding", async () => {
      const who = client();
      const offered = association(await ask(site.full, TYPE.solicit, who, iaNa(1)), 1);
      const renewed = await ask(site.full, TYPE.renew, who, site.full.serverId, iaNa(1, addressIn(offered)));
      assert.equal(association(renewed, 1).status, STATUS.noBinding);
    });

    test("rapid commit: a Reply with the option, and a binding", async () => {
      const who = client();
      const answer = await ask(site.full, TYPE.solicit, who, RAPID, iaNa(1));
      assert.deepEqual([answer.type, data(answer.options, CODE.rapidCommit).length], [TYPE.reply, 0]);
      const held = addressIn(association(answer, 1));
      const renewed = association(await ask(site.full, TYPE.renew, who, site.full.serverId, iaNa(1, held)), 1);
      assert.equal(addressIn(renewed), held);
    });

    test("rapid commit where it is switched off: an Advertise without the option", async () => {
      const answer = await ask(site.small, TYPE.solicit, client(), RAPID, iaNa(1));
      assert.deepEqual([answer.type, has(answer.options, CODE.rapidCommit)], [TYPE.advertise, false]);
    });

    test("without rapid commit in it, a Solicit is never answered by Reply", async () => {
      assert.equal((await ask(site.full, TYPE.solicit, client(), iaNa(1))).type, TYPE.advertise);
    });

    test("an address that the client hopes for is given where it is free, another where it is not", async () => {
      const hope = "2001:db8:a::1:7777";
      assert.equal(
        association(await ask(site.full, TYPE.solicit, client(), iaNa(1, hope)), 1).leaves[0].address,
        hex(address(hope)),
      );
      const taken = (await lease(site.full, client(), iaNa(1)))[0];
      const other = association(await ask(site.full, TYPE.solicit, client(), iaNa(1, addressIn(taken))), 1);
      assert.notEqual(other.leaves[0].address, taken.leaves[0].address);
    });

    test("a hope outside of the network is passed over", async () => {
      const got = association(await ask(site.full, TYPE.solicit, client(), iaNa(1, "2001:db8:99::1")), 1);
      assert.match(got.leaves[0].address, OF_FULL);
    });

    test("a length alone that is hoped for (RFC 8168) gets the network's own", async () => {
      const got = association(await ask(site.full, TYPE.solicit, client(), iaPd(1, "::/60")), 1, CODE.iaPd);
      assert.equal(got.leaves[0].length, 56);
    });

    test("what is reserved for a DUID is offered to it", async () => {
      const got = association(await ask(site.full, TYPE.solicit, client(RESERVED), iaNa(1)), 1);
      assert.equal(got.leaves[0].address, hex(address("2001:db8:a::10")));
    });

    test("options that nobody knows are passed over", async () => {
      const strange = [option(0xfffe, u32(1)), option(15, u16(3), [1, 2, 3]), option(16, u32(32_473), u16(1), [7])];
      assert.equal((await ask(site.full, TYPE.solicit, ...strange, client(), iaNa(1))).type, TYPE.advertise);
    });

    test("§16.2: without a client identifier, or with a server's: silence", async () => {
      await silent(site.full, TYPE.solicit, iaNa(1));
      await silent(site.full, TYPE.solicit, client(), site.full.serverId, iaNa(1));
    });

    test("§21.5: no temporary address is ever given, and what else is asked for is", async () => {
      const answer = await ask(site.full, TYPE.solicit, client(), option(CODE.iaTa, u32(5)), iaNa(1));
      const temporary = associations(answer).filter(({ code }) => code === CODE.iaTa);
      assert.deepEqual(
        temporary.map(({ iaid, leaves, status: said }) => [iaid, leaves.length, said]),
        [[5, 0, STATUS.noAddrsAvail]],
      );
      assert.equal(association(answer, 1).leaves.length, 1);
    });

    test("§20: a client that accepts Reconfigure is promised none, and no key", async () => {
      const answer = await ask(site.full, TYPE.solicit, client(), option(CODE.reconfigureAccept), RAPID, iaNa(1));
      assert.deepEqual([has(answer.options, CODE.reconfigureAccept), has(answer.options, CODE.authentication)], [false, false]);
    });
  });

  describe("§18.3.2: Request", () => {
    test("is answered by Reply, with a binding that is in the list of leases", async () => {
      const duid = newDuid();
      const [got] = await lease(site.full, client(duid), iaNa(1));
      const listed = (await site.daemon.tapnet("lease", "list")) as { readonly clientId: string; readonly state: string }[];
      assert.deepEqual(
        listed.filter(({ clientId }) => clientId === hex(duid)).map(({ state }) => state),
        ["bound"],
      );
      assert.equal(got.leaves[0].valid, HOUR);
    });

    test("asked twice, the same is given twice", async () => {
      const who = client();
      const [first] = await lease(site.full, who, iaNa(1), iaPd(2));
      const again = await lease(site.full, who, iaNa(1, addressIn(first)), iaPd(2));
      assert.equal(addressIn(again[0]), addressIn(first));
    });

    test("an address that is not of the link: NotOnLink in that IA, without an address; the others are served", async () => {
      const answer = await ask(
        site.full,
        TYPE.request,
        client(),
        site.full.serverId,
        iaNa(1, "2001:db8:99::1"),
        iaNa(2),
        iaPd(3),
      );
      const refused = association(answer, 1);
      assert.deepEqual([refused.status, refused.leaves.length], [STATUS.notOnLink, 0]);
      assert.equal(association(answer, 2).leaves.length, 1);
      assert.equal(association(answer, 3, CODE.iaPd).leaves.length, 1);
    });

    test("another client's address is not given a second time", async () => {
      const [theirs] = await lease(site.full, client(), iaNa(1));
      const [own] = await lease(site.full, client(), iaNa(1, addressIn(theirs)));
      assert.notEqual(addressIn(own), addressIn(theirs));
    });

    test("one IAID for an address and a prefix is two associations", async () => {
      const [one, other] = await lease(site.full, client(), iaNa(7), iaPd(7));
      assert.deepEqual([one.leaves[0].length, other.leaves[0].length], [128, 56]);
    });

    test("the same IAID twice in a message is the same association, and binds one address", async () => {
      const duid = newDuid();
      const got = associations(await ask(site.full, TYPE.request, client(duid), site.full.serverId, iaNa(1), iaNa(1)));
      assert.equal(new Set(got.flatMap(({ leaves }) => leaves.map((one) => one.address))).size, 1);
      const listed = (await site.daemon.tapnet("lease", "list")) as { readonly clientId: string }[];
      assert.equal(listed.filter(({ clientId }) => clientId === hex(duid)).length, 1);
    });

    test("§16.4: without a server's identifier, with another server's, without the client's: silence", async () => {
      await silent(site.full, TYPE.request, client(), iaNa(1));
      await silent(site.full, TYPE.request, client(), option(CODE.serverId, newDuid()), iaNa(1));
      await silent(site.full, TYPE.request, site.full.serverId, iaNa(1));
    });
  });

  describe("pools that are used up", () => {
    test("NoAddrsAvail in the IA of Advertise and Reply, while prefixes are given, until an address comes back", async () => {
      const holders: { readonly who: Octets; readonly got: Association }[] = [];
      for (let tried = 0; tried < 16; tried++) {
        const who = client();
        const [got] = associations(await ask(site.small, TYPE.request, who, site.small.serverId, iaNa(1)));
        if (got.leaves.length === 0) break;
        holders.push({ who, got });
      }
      assert.ok(holders.length >= 4 && holders.length <= 8, `${holders.length} leases of eight addresses`);
      const late = client();
      for (const type of [TYPE.solicit, TYPE.request]) {
        const server = type === TYPE.request ? [site.small.serverId] : [];
        const answer = await ask(site.small, type, late, ...server, iaNa(1), iaPd(1));
        const refused = association(answer, 1);
        assert.deepEqual([refused.status, refused.leaves.length, refused.t1, refused.t2], [STATUS.noAddrsAvail, 0, 0, 0]);
        assert.equal(association(answer, 1, CODE.iaPd).leaves.length, 1);
        assert.equal(status(answer.options) ?? STATUS.success, STATUS.success);
      }
      const [{ who, got }] = holders;
      await ask(site.small, TYPE.release, who, site.small.serverId, iaNa(1, addressIn(got)));
      assert.equal(addressIn((await lease(site.small, late, iaNa(1)))[0]), addressIn(got));
      // Who renews keeps what he has, however full it is.
      const kept = holders[1];
      const renewed = await ask(site.small, TYPE.renew, kept.who, site.small.serverId, iaNa(1, addressIn(kept.got)));
      assert.equal(addressIn(association(renewed, 1)), addressIn(kept.got));
    });

    test("NoPrefixAvail in the IA_PD of Advertise and Reply when every prefix is out", async () => {
      let refused: Association | undefined;
      for (let tried = 0; tried < 6 && refused === undefined; tried++) {
        const [got] = associations(await ask(site.small, TYPE.request, client(), site.small.serverId, iaPd(1)));
        if (got.leaves.length === 0) refused = got;
      }
      assert.deepEqual([refused?.status, refused?.t1, refused?.t2], [STATUS.noPrefixAvail, 0, 0]);
      const advertised = association(await ask(site.small, TYPE.solicit, client(), iaPd(1)), 1, CODE.iaPd);
      assert.deepEqual([advertised.status, advertised.leaves.length], [STATUS.noPrefixAvail, 0]);
    });

    test("where no addresses and no prefixes are given at all: the same status for each, nothing else in the IA", async () => {
      const answer = await ask(site.stateless, TYPE.solicit, client(), iaNa(1), iaPd(2));
      assert.deepEqual(
        associations(answer).map(({ iaid, codes, status: said }) => [iaid, codes, said]),
        [
          [1, [CODE.status], STATUS.noAddrsAvail],
          [2, [CODE.status], STATUS.noPrefixAvail],
        ],
      );
    });
  });

  describe("§18.3.3: Confirm", () => {
    test("addresses of the link: Success, also where we know no binding of them", async () => {
      const answer = await ask(site.full, TYPE.confirm, client(), iaNa(1, "2001:db8:a::1:1234"));
      assert.deepEqual([answer.type, status(answer.options)], [TYPE.reply, STATUS.success]);
    });

    test("one address that is off the link, in whichever IA: NotOnLink", async () => {
      const answer = await ask(site.full, TYPE.confirm, client(), iaNa(1, "2001:db8:a::1:1"), iaNa(2, "2001:db8:99::1"));
      assert.equal(status(answer.options), STATUS.notOnLink);
    });

    test("no addresses at all, prefixes alone among it: silence", async () => {
      await silent(site.full, TYPE.confirm, client(), iaNa(1));
      await silent(site.full, TYPE.confirm, client(), iaPd(1, "2001:db8:a00::/56"));
      await silent(site.full, TYPE.confirm, client());
    });

    test("§16.5: with a server's identifier, without the client's: silence", async () => {
      await silent(site.full, TYPE.confirm, client(), site.full.serverId, iaNa(1, "2001:db8:a::1:1"));
      await silent(site.full, TYPE.confirm, iaNa(1, "2001:db8:a::1:1"));
    });
  });

  for (const [type, section] of [
    ["renew", "§18.3.4: Renew"],
    ["rebind", "§18.3.5: Rebind"],
  ] as const) {
    const server = (on: Asker): Octets[] => (type === "renew" ? [on.serverId] : []);

    describe(section, () => {
      test("what is leased stays, with whole lifetimes", async () => {
        const who = client();
        const [na, pd] = await lease(site.full, who, iaNa(1), iaPd(2));
        const answer = await ask(site.full, TYPE[type], who, ...server(site.full), iaNa(1, addressIn(na)), iaPd(2, prefixIn(pd)));
        assert.equal(answer.type, TYPE.reply);
        assert.deepEqual(association(answer, 1).leaves, na.leaves);
        assert.deepEqual(association(answer, 2, CODE.iaPd).leaves, pd.leaves);
      });

      test("an IA that has no binding: NoBinding and nothing else in it, the others renewed", async () => {
        const who = client();
        const [na] = await lease(site.full, who, iaNa(1));
        const answer = await ask(
          site.full,
          TYPE[type],
          ...[who, ...server(site.full), iaNa(1, addressIn(na)), iaNa(8, "2001:db8:a::1:8"), iaPd(9, "2001:db8:a00::/56")],
        );
        assert.equal(association(answer, 1).leaves[0].valid, HOUR);
        for (const [iaid, code] of [
          [8, CODE.iaNa],
          [9, CODE.iaPd],
        ]) {
          const unknown = association(answer, iaid, code);
          assert.deepEqual([unknown.status, unknown.codes], [STATUS.noBinding, [CODE.status]]);
        }
      });

      test("an address that is not of the link comes back with lifetimes of zero", async () => {
        const answer = await ask(site.full, TYPE[type], client(), ...server(site.full), iaNa(1, "2001:db8:99::1"));
        const [gone] = association(answer, 1).leaves;
        assert.deepEqual([gone.address, gone.preferred, gone.valid], [hex(address("2001:db8:99::1")), 0, 0]);
      });

      test("what else the client puts into a leased IA comes back with lifetimes of zero: addresses, prefixes, other lengths", async () => {
        const who = client();
        const [na, pd] = await lease(site.full, who, iaNa(1), iaPd(2));
        const longer = prefixIn(pd).replace("/56", "/60");
        const answer = await ask(
          site.full,
          TYPE[type],
          ...[who, ...server(site.full), iaNa(1, addressIn(na), "2001:db8:a::1:dead"), iaPd(2, prefixIn(pd), longer)],
        );
        assert.deepEqual(
          association(answer, 1).leaves.map(({ valid }) => valid),
          [HOUR, 0],
        );
        assert.deepEqual(
          association(answer, 2, CODE.iaPd).leaves.map(({ length, valid }) => [length, valid]),
          [
            [56, HOUR],
            [60, 0],
          ],
        );
      });
    });
  }

  describe("Renew and Rebind, who may answer", () => {
    test("§16.6: a Renew without a server's identifier, or with another's: silence", async () => {
      await silent(site.full, TYPE.renew, client(), iaNa(1, "2001:db8:a::1:5"));
      await silent(site.full, TYPE.renew, client(), option(CODE.serverId, newDuid()), iaNa(1, "2001:db8:a::1:5"));
    });

    test("§16.7: a Rebind with a server's identifier: silence", async () => {
      await silent(site.full, TYPE.rebind, client(), site.full.serverId, iaNa(1, "2001:db8:a::1:5"));
    });

    test("where other servers may know better, a Rebind of what we do not know: silence", async () => {
      await silent(site.small, TYPE.rebind, client(), iaNa(1, "2001:db8:b::5"));
    });

    test("there too, what is certainly not of the link is taken back", async () => {
      const answer = await ask(site.small, TYPE.rebind, client(), iaNa(1, "2001:db8:99::1"));
      assert.equal(association(answer, 1).leaves[0].valid, 0);
    });
  });
});
