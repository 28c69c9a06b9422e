/** Checks of EDNS: RFC 6891, 7828, 7871, 7873, 8906, 8914, 9018. */
import assert from "node:assert/strict";
import {
  addresses,
  ask,
  type Check,
  check,
  extendedError,
  LOCAL,
  lastSeen,
  rcodeIs,
  type Site,
  send,
  timesAsked,
} from "./check.js";
import { type EdnsOfQuestion, H, O, opt, question, RC, read, Stream, T, u16, udpBytes } from "./raw.js";

const WEB1 = `web1.${LOCAL}`;
const ADDRESS = "10.77.0.10";
const CLIENT = "0102030405060708";

async function withOption(site: Site, code: number, hex: string, name = WEB1) {
  return ask(site, name, T.A, { edns: { options: [[code, hex]] } });
}

async function overStream(site: Site, edns: EdnsOfQuestion) {
  const stream = await Stream.open(site.server);
  stream.send(question(WEB1, T.A, { edns }));
  const reply = await stream.next();
  stream.end();
  assert.ok(reply, "no reply");
  return read(reply);
}

export const extensions: readonly Check[] = [
  check(
    "6891 6.1.1: a question without OPT has none in its reply, one with OPT has one: answers, denials, refusals",
    async (site) => {
      for (const [name, type] of [
        [WEB1, T.A],
        [`nobody.${LOCAL}`, T.A],
        [WEB1, T.AXFR],
        [`a.${site.zone}`, T.A],
        [`none.${site.zone}`, T.A],
        [`servfail.${site.zone}`, T.A],
      ] as const) {
        await ask(site, name, type);
        const { opt: ours } = await ask(site, name, type, { edns: {} });
        assert.ok(ours !== undefined && ours.version === 0 && ours.size >= 512, JSON.stringify(ours));
      }
    },
  ),
  check("6891 6.1.3, 8906 8.2.3: version 1 is BADVERS, of version 0, without an answer", async (site) => {
    for (const version of [1, 100, 255]) {
      const reply = await ask(site, WEB1, T.A, { edns: { version } });
      rcodeIs(reply, "BADVERS");
      assert.equal(reply.opt?.version, 0);
      assert.equal(reply.answers.length, 0);
    }
  }),
  check("8906 8.2.5: version 1 with an unknown option is BADVERS, without that option", async (site) => {
    const reply = await ask(site, WEB1, T.A, { edns: { version: 1, options: [[100, "aabb"]] } });
    rcodeIs(reply, "BADVERS");
    assert.equal(reply.opt?.options.has(100), false);
  }),
  check("6891 6.1.2, 8906 8.2.4: unknown options are ignored and not sent back", async (site) => {
    for (const code of [0, 1, 100, 65001, 65535]) {
      const reply = await withOption(site, code, "00112233");
      assert.deepEqual(addresses(reply), [ADDRESS]);
      assert.equal(reply.opt?.options.has(code), false);
    }
  }),
  check("6891 6.1.4, 8906 8.2.6: unknown flags are ignored and 0 in the reply; DO comes back", async (site) => {
    assert.equal((await ask(site, WEB1, T.A, { edns: { flags: 0x7fff } })).opt?.flags, 0);
    assert.equal((await ask(site, WEB1, T.A, { edns: { flags: 0xffff } })).opt?.flags, 0x8000);
    assert.equal((await ask(site, WEB1, T.A, { edns: { flags: 0 } })).opt?.flags, 0);
  }),
  check("6891 6.1.1: two OPT records are FORMERR", async (site) => {
    const twice = question(WEB1, T.A, { counts: [1, 0, 0, 2], behind: opt().toString("hex").repeat(2) });
    rcodeIs(await send(site, twice), "FORMERR");
  }),
  check("6891 6.1.2: OPT under another name than the root is FORMERR", async (site) => {
    const named = Buffer.concat([Buffer.of(1, 0x61), opt()]).toString("hex");
    for (const behind of [named, Buffer.concat([Buffer.of(0xc0, 12), opt().subarray(1)]).toString("hex")]) {
      rcodeIs(await send(site, question(WEB1, T.A, { counts: [1, 0, 0, 1], behind })), "FORMERR");
    }
  }),
  check("6891 6.1.2: an option, or OPT itself, that runs past its end is FORMERR", async (site) => {
    for (const behind of ["0000290400000000000003000500", "00002904d00000000000050003000901", "00002904d000000000000400"]) {
      const reply = await udpBytes(site.server, question(WEB1, T.A, { counts: [1, 0, 0, 1], behind }));
      assert.equal((reply?.readUInt16BE(2) ?? 0) & 15, RC.FORMERR, behind);
    }
  }),
  check("6891 6.2.3: sizes under 512 count as 512", async (site) => {
    const reply = await ask(site, `many.${LOCAL}`, T.A, { edns: { size: 0 } });
    assert.ok(reply.bytes.length > 400 && reply.bytes.length <= 512, `${reply.bytes.length} bytes`);
  }),
  check("6891 7: what is cut off still has OPT", async (site) => {
    const reply = await ask(site, `many.${LOCAL}`, T.A, { edns: { size: 512, options: [[O.COOKIE, CLIENT]] } });
    assert.notEqual(reply.flags & H.TC, 0);
    assert.equal(reply.opt?.options.get(O.COOKIE)?.length, 24);
  }),
  check("7873 5.2.3, 9018 4: a client cookie comes back in front of a server cookie of 16 bytes, version 1", async (site) => {
    const cookie = (await withOption(site, O.COOKIE, CLIENT)).opt?.options.get(O.COOKIE);
    assert.equal(cookie?.subarray(0, 8).toString("hex"), CLIENT);
    assert.equal(cookie?.length, 24);
    assert.equal(cookie?.[8], 1);
    const seconds = cookie?.readUInt32BE(12) ?? 0;
    assert.ok(Math.abs(seconds - Date.now() / 1000) < 60, "its time is now");
  }),
  check("7873 5.2.4: a server cookie of ours, or of others, is answered: nobody is refused for it", async (site) => {
    const first = (await withOption(site, O.COOKIE, CLIENT)).opt?.options.get(O.COOKIE)?.toString("hex") ?? "";
    for (const cookie of [first, `${CLIENT}${"ab".repeat(8)}`, `${CLIENT}${"ab".repeat(16)}`, `${CLIENT}${"ab".repeat(32)}`]) {
      const reply = await withOption(site, O.COOKIE, cookie);
      rcodeIs(reply, "NOERROR");
      assert.equal(reply.opt?.options.get(O.COOKIE)?.subarray(0, 8).toString("hex"), CLIENT);
    }
  }),
  check("7873 5.2.2: cookies of 1 to 7, 9 to 15, and over 40 bytes are FORMERR", async (site) => {
    for (const length of [0, 1, 7, 9, 15, 41, 60]) rcodeIs(await withOption(site, O.COOKIE, "ab".repeat(length)), "FORMERR");
  }),
  check("7873 5.4: a cookie without a question is answered with a cookie", async (site) => {
    const cookie = opt({ options: [[O.COOKIE, CLIENT]] });
    const reply = await send(site, Buffer.concat([u16(5), u16(0), u16(0), u16(0), u16(0), u16(1), cookie]));
    rcodeIs(reply, "NOERROR");
    assert.equal(reply.questions.length, 0);
    assert.equal(reply.opt?.options.get(O.COOKIE)?.length, 24);
  }),
  check("7873 5.2: replies without a cookie in the question have none; refusals with one have one", async (site) => {
    assert.equal((await ask(site, WEB1, T.A, { edns: {} })).opt?.options.has(O.COOKIE), false);
    const refused = await ask(site, WEB1, T.AXFR, { edns: { options: [[O.COOKIE, CLIENT]] } });
    rcodeIs(refused, "REFUSED");
    assert.equal(refused.opt?.options.get(O.COOKIE)?.length, 24);
  }),
  check("7873 5.2: other askers' cookies differ, the same asker's keep their hash's inputs", async (site) => {
    const one = (await withOption(site, O.COOKIE, CLIENT)).opt?.options.get(O.COOKIE)?.toString("hex");
    const other = (await withOption(site, O.COOKIE, "1112131415161718")).opt?.options.get(O.COOKIE)?.toString("hex");
    assert.notEqual(one?.slice(16), other?.slice(16));
  }),
  check("7828 3.3.2: keepalive is said over TCP when asked for, and never over UDP", async (site) => {
    assert.equal((await withOption(site, O.KEEPALIVE, "")).opt?.options.has(O.KEEPALIVE), false);
    const reply = await overStream(site, { options: [[O.KEEPALIVE, ""]] });
    assert.ok((reply.opt?.options.get(O.KEEPALIVE)?.readUInt16BE(0) ?? 0) >= 50, "tenths of a second");
    assert.equal((await overStream(site, {})).opt?.options.has(O.KEEPALIVE), false);
  }),
  check("7828 3.3.1: keepalive is ignored over UDP, whatever is in it", async (site) => {
    for (const hex of ["", "0064", "00", "000000"])
      assert.deepEqual(addresses(await withOption(site, O.KEEPALIVE, hex)), [ADDRESS]);
  }),
  check("7871 7.1.1: a client's subnet is not handed on, and not sent back", async (site) => {
    const name = `subnet.${site.zone}`;
    const reply = await withOption(site, O.ECS, "00011800c0000200".slice(0, 14), name);
    assert.equal(reply.opt?.options.has(O.ECS), false);
    assert.equal((await lastSeen(site, name)).message.opt?.options.has(O.ECS), false);
  }),
  check("8914 2: refusals and failures say why, and only where there is OPT", async (site) => {
    assert.ok(extendedError(await ask(site, WEB1, T.AXFR, { edns: {} })) !== undefined, "AXFR");
    assert.ok(extendedError(await ask(site, "version.bind", T.TXT, { class: 3, edns: {} })) !== undefined, "class CH");
    assert.equal(extendedError(await ask(site, `private.${site.zone}`, T.A, { edns: {} })), 15);
    assert.equal((await ask(site, WEB1, T.AXFR)).opt, undefined);
  }),
  check("8914 2: good answers and denials say nothing", async (site) => {
    for (const name of [WEB1, `nobody.${LOCAL}`, `a.${site.zone}`, `none.${site.zone}`]) {
      assert.equal(extendedError(await ask(site, name, T.A, { edns: {} })), undefined, name);
    }
  }),
  check("6840 5.7: AD is for who asks for it, by AD or by DO", async (site) => {
    const name = `signed.${site.zone}`;
    const ad = async (flags: number, edns?: EdnsOfQuestion) =>
      ((await ask(site, name, T.A, { flags, ...(edns === undefined ? {} : { edns }) })).flags & H.AD) !== 0;
    assert.deepEqual(
      [await ad(H.RD), await ad(H.RD | H.AD), await ad(H.RD, {}), await ad(H.RD, { flags: 0x8000 })],
      [false, true, false, true],
    );
  }),
  check("3225 3: DO and CD go upstream as they came, each answer kept for its own kind of question", async (site) => {
    const name = `do.${site.zone}`;
    await ask(site, name, T.A, { edns: { flags: 0x8000 } });
    assert.equal((await lastSeen(site, name)).message.opt?.flags, 0x8000);
    await ask(site, name, T.A, { flags: H.RD | H.CD, edns: {} });
    const { message } = await lastSeen(site, name);
    assert.deepEqual([message.opt?.flags, message.flags & H.CD], [0, H.CD]);
    const asked = await timesAsked(site, name);
    await ask(site, name, T.A, { edns: { flags: 0x8000 } });
    assert.equal(await timesAsked(site, name), asked);
  }),
];
