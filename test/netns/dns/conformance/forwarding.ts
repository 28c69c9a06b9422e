/** Checks of what is asked outside and kept: RFC 1034, 2308, 5452, 7873, 8020, 8767, 9520. */
import assert from "node:assert/strict";
import {
  addresses,
  ask,
  type Check,
  check,
  extendedError,
  lastSeen,
  minimumOf,
  only,
  pause,
  rcodeIs,
  type Site,
  timesAsked,
} from "./check.js";
import { H, O, question, read, T, udpBytes } from "./raw.js";

/** Asks twice; the second time it must come from the cache, or not. (The first may be sent again where the machine is busy.) */
async function twice(site: Site, name: string, type: number = T.A, kept = true) {
  const first = await ask(site, name, type);
  const asked = await timesAsked(site, name);
  assert.ok(asked > 0, "the world was asked");
  const second = await ask(site, name, type);
  assert.equal(second.rcode, first.rcode);
  assert.equal((await timesAsked(site, name)) === asked, kept, kept ? "it was asked again" : "it was kept");
  return { first, second };
}

export const forwarding: readonly Check[] = [
  check("1034 5.3.3: an answer of the world has RA and no AA, and is kept", async (site) => {
    const { first, second } = await twice(site, `a.kept.${site.zone}`);
    for (const reply of [first, second]) {
      assert.equal(reply.flags & (H.RA | H.AA), H.RA);
      assert.deepEqual(addresses(reply), ["198.51.100.7"]);
    }
  }),
  check("1034 3.6: a TTL counts down while an answer is kept", async (site) => {
    const name = `age.${site.zone}`;
    const [before] = (await ask(site, name)).answers;
    await pause(1100);
    const [after] = (await ask(site, name)).answers;
    assert.ok(before !== undefined && after !== undefined && after.ttl < before.ttl);
  }),
  check("1035 3.2.1: a TTL of 0 is handed on and not kept", async (site) => {
    const { first } = await twice(site, `ttl0.${site.zone}`, T.A, false);
    assert.equal(first.answers[0]?.ttl, 0);
  }),
  check("2308 5: NXDOMAIN is kept with its SOA, for MINIMUM where that is less than the SOA's TTL", async (site) => {
    const { first, second } = await twice(site, `none.${site.zone}`);
    for (const { rcode, authorities } of [first, second]) {
      assert.equal(rcode, 3);
      const soa = only(authorities, T.SOA);
      assert.equal(minimumOf(soa), 60);
      assert.ok(soa.ttl <= 60 && soa.ttl > 0, `TTL ${soa.ttl}`);
    }
  }),
  check("2308 5: and for the SOA's TTL where that is less", async (site) => {
    const { second } = await twice(site, `shortsoa.${site.zone}`);
    assert.ok(only(second.authorities, T.SOA).ttl <= 20);
  }),
  check("2308 5: NXDOMAIN holds for every type of that name", async (site) => {
    const name = `none2.${site.zone}`;
    await ask(site, name, T.A);
    const asked = await timesAsked(site, name);
    rcodeIs(await ask(site, name, T.MX), "NXDOMAIN");
    assert.equal(await timesAsked(site, name), asked);
  }),
  check("2308 2.2: NODATA is kept for its type alone", async (site) => {
    const name = `nodata.${site.zone}`;
    const { second } = await twice(site, name, T.MX);
    rcodeIs(second, "NOERROR");
    only(second.authorities, T.SOA);
    const asked = await timesAsked(site, name);
    await ask(site, name, T.TXT);
    assert.ok((await timesAsked(site, name)) > asked);
  }),
  check("2308 5: a denial without SOA is handed on and not kept", async (site) => {
    const { first } = await twice(site, `nosoa.${site.zone}`, T.A, false);
    rcodeIs(first, "NXDOMAIN");
  }),
  check("2308 2.1: an alias of the world that leads to no name is NXDOMAIN with the alias, for that type", async (site) => {
    const { second } = await twice(site, `aliasnone.${site.zone}`);
    rcodeIs(second, "NXDOMAIN");
    only(second.answers, T.CNAME);
  }),
  check("1034 3.6.2: an alias of the world comes with what it leads to", async (site) => {
    const { second } = await twice(site, `alias.${site.zone}`);
    assert.deepEqual(
      second.answers.map(({ type }) => type),
      [T.CNAME, T.A],
    );
  }),
  check("8020 2: below a checked denial nobody is asked; below an unchecked one somebody is", async (site) => {
    await ask(site, `signednone.${site.zone}`);
    rcodeIs(await ask(site, `a.signednone.${site.zone}`), "NXDOMAIN");
    assert.equal(await timesAsked(site, `a.signednone.${site.zone}`), 0);
    await ask(site, `none3.${site.zone}`);
    rcodeIs(await ask(site, `a.none3.${site.zone}`), "NOERROR");
  }),
  check("9520 3.1: a failure is kept for a second at least, and for minutes at most", async (site) => {
    const name = `servfail.kept.${site.zone}`;
    rcodeIs(await ask(site, name), "SERVFAIL");
    const before = await timesAsked(site, name);
    for (let round = 0; round < 2; round++) rcodeIs(await ask(site, name), "SERVFAIL");
    assert.equal(await timesAsked(site, name), before);
  }),
  check("9520 3.2: a failure is that of one name and type", async (site) => {
    const name = `servfail.types.${site.zone}`;
    await ask(site, name, T.A);
    const before = await timesAsked(site, name);
    await ask(site, name, T.AAAA);
    assert.ok((await timesAsked(site, name)) > before);
  }),
  check("8914 4.23: a server that says nothing is SERVFAIL, and why", async (site) => {
    const reply = await askLong(site, `mute.${site.zone}`);
    rcodeIs(reply, "SERVFAIL");
    assert.ok([22, 23].includes(extendedError(reply) ?? -1), `extended error ${extendedError(reply)}`);
  }),
  check("8767 4, 5: an expired answer is served while nobody answers, TTL 30 at most, and says so", async (site) => {
    const name = `stale.${site.zone}`;
    rcodeIs(await ask(site, name), "NOERROR");
    await pause(2100);
    const reply = await askLong(site, name);
    assert.deepEqual(addresses(reply), ["198.51.100.7"]);
    assert.ok((reply.answers[0]?.ttl ?? 99) <= 30);
    assert.equal(extendedError(reply), 3);
  }),
  check("5452 9.2: ports and ids of questions differ, and the case of letters", async (site) => {
    const ports = new Set<number>();
    const ids = new Set<number>();
    const spellings = new Set<string>();
    for (let index = 0; index < 12; index++) {
      const name = `abcdefghijklmnop${index}.${site.zone}`;
      await ask(site, name);
      const { port, message } = await lastSeen(site, name);
      ports.add(port);
      ids.add(message.id);
      spellings.add(message.questions[0]?.name.slice(0, 16) ?? "");
    }
    assert.ok(
      ports.size > 8 && ids.size > 8 && spellings.size > 8,
      `${ports.size} ports, ${ids.size} ids, ${spellings.size} spellings`,
    );
  }),
  check("1035 4.1.1: a question goes out with RD, one question, and OPT of 1232 bytes with a client cookie", async (site) => {
    const name = `out.${site.zone}`;
    await ask(site, name, T.A, { flags: H.RD | H.AA | H.TC | H.Z });
    const { message } = await lastSeen(site, name);
    assert.equal(message.flags & (H.QR | H.AA | H.TC | H.RD | H.RA | H.Z), H.RD);
    assert.equal(message.opt?.size, 1232);
    assert.equal(message.opt?.options.get(O.COOKIE)?.length, 8);
  }),
  check("1035 4.2.1: an answer that is cut off is fetched by TCP, and told by TC where it is too long", async (site) => {
    const reply = await ask(site, `big.fetch.${site.zone}`, T.A, { edns: { size: 1232 } });
    assert.equal(reply.answers.length, 60);
    assert.equal(reply.flags & H.TC, 0);
  }),
  check(
    "6891 6.2.2: a server that says FORMERR to OPT is asked without; others of the same server with it, as it has had it before",
    async (site) => {
      await ask(site, `before.${site.zone}`);
      assert.deepEqual(addresses(await ask(site, `plain.${site.zone}`)), ["198.51.100.7"]);
      await ask(site, `after.${site.zone}`);
      assert.ok((await lastSeen(site, `after.${site.zone}`)).message.opt);
    },
  ),
  check("6672 3.1: DNAME comes with the alias that was made of it", async (site) => {
    const reply = await ask(site, `dname.${site.zone}`);
    assert.deepEqual(
      reply.answers.map(({ type }) => type),
      [T.DNAME, T.CNAME, T.A],
    );
  }),
  check("1034 5.3.3: many who ask the same at once make one question", async (site) => {
    const name = `slow.joined.${site.zone}`;
    const replies = await Promise.all(Array.from({ length: 40 }, () => ask(site, name)));
    for (const reply of replies) assert.deepEqual(addresses(reply), ["198.51.100.7"]);
    assert.ok((await timesAsked(site, name)) < 4, "once, and again where it took too long");
  }),
  check("rebinding: a private address under a name of the world is refused, and says so", async (site) => {
    const reply = await ask(site, `private.${site.zone}`, T.A, { edns: {} });
    rcodeIs(reply, "REFUSED");
    assert.equal(reply.answers.length, 0);
  }),
  check("6303: a bare name's address is not asked for outside", async (site) => {
    const name = `bare${site.zone.length}`;
    rcodeIs(await ask(site, name), "NXDOMAIN");
    assert.equal(await timesAsked(site, name), 0);
  }),
];

async function askLong(site: Site, name: string) {
  const reply = await udpBytes(site.server, question(name, T.A, { edns: {} }), 6000);
  assert.ok(reply, "no reply");
  return read(reply);
}
