/** Checks of what is answered here: RFC 1034, 2308, 4592, 6303, 6761, 6762, 7686, 7793, 8375, 9462, 9476. */
import assert from "node:assert/strict";
import { addresses, ask, type Check, check, LOCAL, minimumOf, only, rcodeIs, timesAsked } from "./check.js";
import { H, nameAt, RC, T } from "./raw.js";

const WEB1 = `web1.${LOCAL}`;
const ADDRESS = "10.77.0.10";

/** Special-use names that do not exist. */
const NONEXISTENT = ["invalid", "test", "onion", "local", "alt", "home.arpa"];

/** Reverse zones that are answered here, and never asked for outside. */
const LOCAL_REVERSE = [
  ...["10", "127", "254.169", "16.172", "31.172", "168.192", "0", "2.0.192", "100.51.198", "113.0.203", "64.100", "127.100"],
  "255.255.255.255",
].map((name) => `${name}.in-addr.arpa`);
const LOCAL_REVERSE_IPV6 = [
  "0.".repeat(32),
  `1.${"0.".repeat(31)}`,
  ...["d.f.", "8.e.f.", "9.e.f.", "a.e.f.", "b.e.f.", "8.b.d.0.1.0.0.2."],
].map((name) => `${name}ip6.arpa`);
/** Those beside them, which belong to the world. */
const FOREIGN_REVERSE = [
  "1.15.172.in-addr.arpa",
  "1.32.172.in-addr.arpa",
  "1.63.100.in-addr.arpa",
  "1.8.8.8.in-addr.arpa",
  "1.c.f.ip6.arpa",
];

export const names: readonly Check[] = [
  check(
    "2308 3: a denial of ours is NXDOMAIN with AA and the SOA of the zone, its TTL the least of its own and MINIMUM",
    async (site) => {
      const reply = await ask(site, `nobody.${LOCAL}`);
      rcodeIs(reply, "NXDOMAIN");
      assert.equal(reply.flags & H.AA, H.AA);
      const soa = only(reply.authorities, T.SOA);
      assert.equal(soa.name, `${LOCAL}.`);
      assert.ok(soa.ttl <= minimumOf(soa));
    },
  ),
  check("2308 2.2: a name of ours without that type is NOERROR with SOA", async (site) => {
    for (const type of [T.AAAA, T.TXT, T.MX, T.NS]) {
      const reply = await ask(site, WEB1, type);
      rcodeIs(reply, "NOERROR");
      assert.equal(reply.answers.length, 0);
      only(reply.authorities, T.SOA);
    }
  }),
  check("8020 2, 4592 2.2.2: what only has names below it exists: NOERROR, not NXDOMAIN", async (site) => {
    const reply = await ask(site, `ent.${LOCAL}`);
    rcodeIs(reply, "NOERROR");
    only(reply.authorities, T.SOA);
    rcodeIs(await ask(site, `x.ent.${LOCAL}`), "NXDOMAIN");
  }),
  check("1034 4.3.2: the domain itself has SOA and NS", async (site) => {
    only((await ask(site, LOCAL, T.SOA)).answers, T.SOA);
    assert.ok((await ask(site, LOCAL, T.NS)).answers.length > 0);
  }),
  check("1034 3.6.2: an alias of ours comes with what it leads to; a question for CNAME with itself alone", async (site) => {
    const reply = await ask(site, `alias.${LOCAL}`);
    assert.deepEqual(
      reply.answers.map(({ type }) => type),
      [T.CNAME, T.A],
    );
    assert.equal(reply.answers[1]?.name.toLowerCase(), `${WEB1}.`);
    only((await ask(site, `alias.${LOCAL}`, T.CNAME)).answers, T.CNAME);
    assert.equal((await ask(site, `alias.${LOCAL}`, T.CNAME)).answers.length, 1);
  }),
  check("1034 3.6.2: an alias of ours leads to names of the world", async (site) => {
    const reply = await ask(site, `out.${LOCAL}`);
    assert.deepEqual(
      reply.answers.map(({ type }) => type),
      [T.CNAME, T.A],
    );
    assert.deepEqual(addresses(reply), ["198.51.100.7"]);
  }),
  check("2308 2.1: an alias of ours that leads to no name is NXDOMAIN with the alias", async (site) => {
    const reply = await ask(site, `dangling.${LOCAL}`);
    rcodeIs(reply, "NXDOMAIN");
    only(reply.answers, T.CNAME);
    only(reply.authorities, T.SOA);
  }),
  check("1034 5.2.2: aliases that lead in a circle are SERVFAIL", async (site) => {
    rcodeIs(await ask(site, `loop1.${LOCAL}`), "SERVFAIL");
  }),
  check(
    "4592 2.1: a wildcard answers for names that are not there, in their own name, and not for those that are",
    async (site) => {
      const reply = await ask(site, `any.apps.${LOCAL}`);
      assert.deepEqual(addresses(reply), [ADDRESS]);
      assert.equal(reply.answers[0]?.name, `any.apps.${LOCAL}.`);
      rcodeIs(await ask(site, `any.apps.${LOCAL}`, T.TXT), "NOERROR");
      assert.deepEqual(addresses(await ask(site, `*.apps.${LOCAL}`)), [ADDRESS]);
    },
  ),
  check("1035 3.5: an address of a guest leads to its name", async (site) => {
    const { data, at } = only((await ask(site, "10.0.77.10.in-addr.arpa", T.PTR)).answers, T.PTR);
    assert.equal(data.length > 0 && nameAt((await ask(site, "10.0.77.10.in-addr.arpa", T.PTR)).bytes, at).name, `${WEB1}.`);
    rcodeIs(await ask(site, "99.0.77.10.in-addr.arpa", T.PTR), "NXDOMAIN");
  }),
  check("1035 3.4.1: several addresses come in one set, all of them by TCP's size", async (site) => {
    const reply = await ask(site, `two.${LOCAL}`);
    assert.deepEqual(addresses(reply), ["10.77.0.21", "10.77.0.22"]);
  }),
  check("6761 6.3: localhost and all below it are the asker itself, in both families", async (site) => {
    for (const name of ["localhost", "x.localhost", "a.b.localhost", "LOCALHOST"]) {
      assert.deepEqual(addresses(await ask(site, name)), ["127.0.0.1"], name);
      const { data } = only((await ask(site, name, T.AAAA)).answers, T.AAAA);
      assert.equal(data.toString("hex"), `${"00".repeat(15)}01`);
      const other = await ask(site, name, T.MX);
      rcodeIs(other, "NOERROR");
      assert.equal(other.answers.length, 0);
    }
  }),
  check("6761 6.2, 6.4, 6762 22.1, 7686 2, 8375 4, 9476 2: special-use names do not exist, and nobody is asked", async (site) => {
    for (const domain of NONEXISTENT) {
      const name = `x${site.zone.length}.${domain}`;
      const reply = await ask(site, name);
      rcodeIs(reply, "NXDOMAIN");
      const soa = only(reply.authorities, T.SOA);
      assert.ok(soa.ttl <= minimumOf(soa));
      assert.equal(await timesAsked(site, name), 0, name);
    }
  }),
  check(
    "6303 3, 7793 3: reverse zones of private and reserved addresses do not exist outside, and nobody is asked",
    async (site) => {
      for (const zone of [...LOCAL_REVERSE, ...LOCAL_REVERSE_IPV6]) {
        const whole = zone.split(".").length >= 34 || zone.startsWith("255.");
        const name = whole ? zone : `9.${zone}`;
        const reply = await ask(site, name, T.PTR);
        assert.ok(reply.rcode === RC.NXDOMAIN || (whole && reply.rcode === RC.NOERROR), `${name}: ${reply.rcode}`);
        if (reply.answers.length === 0) only(reply.authorities, T.SOA);
        assert.equal(await timesAsked(site, name), 0, name);
      }
    },
  ),
  check("6303 3: such a zone has SOA and NS, the SOA's master is the zone itself", async (site) => {
    const reply = await ask(site, "168.192.in-addr.arpa", T.SOA);
    const { at } = only(reply.answers, T.SOA);
    assert.equal(nameAt(reply.bytes, at).name, "168.192.in-addr.arpa.");
    only((await ask(site, "168.192.in-addr.arpa", T.NS)).answers, T.NS);
  }),
  check("6303 4: the zones beside them are asked for", async (site) => {
    for (const name of FOREIGN_REVERSE) {
      await ask(site, name, T.PTR);
      assert.ok((await timesAsked(site, name)) > 0, name);
    }
  }),
  check("9462 6.5: _dns.resolver.arpa has no data, and nobody is asked", async (site) => {
    const reply = await ask(site, "_dns.resolver.arpa", T.SVCB);
    rcodeIs(reply, "NOERROR");
    assert.equal(reply.answers.length, 0);
    only(reply.authorities, T.SOA);
  }),
];
