/** Checks of what stands in a message: RFC 1034, 1035, 2181, 3597, 4343, 8906. */
import assert from "node:assert/strict";
import { addresses, ask, type Check, check, LOCAL, only, rcodeIs, send, timesAsked } from "./check.js";
import { H, O, opt, question, RC, T, u16, udpBytes, wire } from "./raw.js";

const WEB1 = `web1.${LOCAL}`;
const ADDRESS = "10.77.0.10";
const OPCODES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

export const messages: readonly Check[] = [
  check("1035 4.1.1: an answer of ours has QR, AA and RA, and no TC", async (site) => {
    const { flags, answers } = await ask(site, WEB1);
    assert.equal(flags & (H.QR | H.AA | H.RA | H.TC | H.AD | H.CD), H.QR | H.AA | H.RA);
    assert.deepEqual(
      answers.map(({ name, class: of, data }) => [name, of, data.join(".")]),
      [[`${WEB1}.`, 1, ADDRESS]],
    );
  }),
  check("1035 4.1.1: the question comes back, its counts are one", async (site) => {
    const { questions } = await ask(site, WEB1);
    assert.deepEqual(questions, [{ name: `${WEB1}.`, type: T.A, class: 1 }]);
  }),
  check("1035 4.1.1: ids 0 and 65535 come back", async (site) => {
    for (const id of [0, 0xffff]) await ask(site, WEB1, T.A, { id });
  }),
  check("1035 4.1.1: RD 0 stays 0, and what is ours is told", async (site) => {
    assert.deepEqual(addresses(await ask(site, WEB1, T.A, { flags: 0 })), [ADDRESS]);
  }),
  check("1035 4.1.1: RD 0 for the outside asks nobody and is refused", async (site) => {
    const name = `rd0.${site.zone}`;
    rcodeIs(await ask(site, name, T.A, { flags: 0 }), "REFUSED");
  }),
  check("8906 3.1.4: AA, TC, RA, Z, AD and RCODE of a question change nothing", async (site) => {
    for (const bits of [H.AA, H.TC, H.RA, H.Z, H.AD, 0x000f]) {
      const reply = await ask(site, WEB1, T.A, { flags: H.RD | bits });
      rcodeIs(reply, "NOERROR");
      assert.equal(reply.flags & (H.TC | H.Z), 0, `bits ${bits.toString(16)}`);
    }
  }),
  check("4035 3.2.2: CD comes back", async (site) => {
    assert.equal((await ask(site, WEB1, T.A, { flags: H.RD | H.CD })).flags & H.CD, H.CD);
  }),
  check("8906 3.1.3: each other opcode is NOTIMP, and comes back", async (site) => {
    for (const opcode of OPCODES) rcodeIs(await ask(site, WEB1, T.A, { flags: opcode << 11 }), "NOTIMP");
  }),
  check("8906 8.2.8: a header alone with another opcode is NOTIMP, with nothing in it", async (site) => {
    const reply = await send(site, Buffer.concat([u16(7), u16(15 << 11), Buffer.alloc(8)]));
    rcodeIs(reply, "NOTIMP");
    assert.equal(reply.bytes.length, 12);
  }),
  check("6891 6.1.1: NOTIMP has OPT where the question has, also for a header alone", async (site) => {
    for (const opcode of OPCODES) rcodeIs(await ask(site, WEB1, T.A, { flags: opcode << 11, edns: {} }), "NOTIMP");
    const reply = await send(site, Buffer.concat([u16(7), u16(15 << 11), u16(0), u16(0), u16(0), u16(1), opt()]));
    rcodeIs(reply, "NOTIMP");
    assert.ok(reply.opt, "OPT");
  }),
  check("2136 3: an UPDATE with its sections is NOTIMP, with OPT", async (site) => {
    const record = Buffer.concat([wire(WEB1), u16(T.A), u16(1), Buffer.alloc(4), u16(4), Buffer.of(10, 77, 0, 99)]);
    const head = Buffer.concat([u16(9), u16(5 << 11), ...[1, 1, 6, 1].map(u16), wire(LOCAL), u16(T.SOA), u16(1)]);
    const reply = await send(site, Buffer.concat([head, ...Array.from({ length: 7 }, () => record), opt()]));
    rcodeIs(reply, "NOTIMP");
    assert.ok(reply.opt, "OPT");
  }),
  check("9619 2: QDCOUNT 2 is FORMERR, with OPT where there is one", async (site) => {
    const second = Buffer.concat([wire(WEB1), u16(T.AAAA), u16(1)]).toString("hex");
    rcodeIs(await ask(site, WEB1, T.A, { counts: [2, 0, 0, 0], behind: second }), "FORMERR");
    const reply = await send(site, question(WEB1, T.A, { counts: [2, 0, 0, 1], behind: second + opt().toString("hex") }));
    rcodeIs(reply, "FORMERR");
    assert.ok(reply.opt, "OPT");
  }),
  check("1035 4.1.1: QDCOUNT 0 is FORMERR, with OPT where there is one", async (site) => {
    rcodeIs(await send(site, Buffer.concat([u16(8), u16(H.RD), Buffer.alloc(8)])), "FORMERR");
    const reply = await send(site, Buffer.concat([u16(8), u16(H.RD), u16(0), u16(0), u16(0), u16(1), opt()]));
    rcodeIs(reply, "FORMERR");
    assert.ok(reply.opt, "OPT");
  }),
  check("1035 4.1.1: counts of records that are not there are FORMERR", async (site) => {
    for (const counts of [
      [1, 1, 0, 0],
      [1, 0, 1, 0],
      [1, 0, 0, 1],
      [1, 0xffff, 0xffff, 0xffff],
    ]) {
      rcodeIs(await ask(site, WEB1, T.A, { counts }), "FORMERR");
    }
  }),
  check("1035 4.1.4: names that point forwards, to themselves or into nothing are FORMERR", async (site) => {
    for (const name of ["hex:c00c", "hex:c00e", "hex:01c00c", "hex:ffff", "hex:0377656", "hex:41", "hex:8001"]) {
      const reply = await udpBytes(site.server, question(name));
      assert.ok(reply, `no reply to ${name}`);
      assert.equal(reply.readUInt16BE(2) & 15, RC.FORMERR, name);
    }
  }),
  check("1035 2.3.4: a label of 63 and a name of 255 bytes are good; one byte more is FORMERR", async (site) => {
    const label = `3f${"61".repeat(63)}`;
    rcodeIs(await ask(site, `${"a".repeat(63)}.${LOCAL}`), "NXDOMAIN");
    rcodeIs(await send(site, question(`hex:${label}${label}${label}3d${"61".repeat(61)}00`)), "NOERROR");
    const reply = await udpBytes(site.server, question(`hex:${label}${label}${label}3e${"61".repeat(62)}00`));
    assert.equal((reply?.readUInt16BE(2) ?? 0) & 15, RC.FORMERR);
  }),
  check("1035 2.3.4: a label of 64 is FORMERR", async (site) => {
    const reply = await udpBytes(site.server, question(`hex:40${"61".repeat(64)}00`));
    assert.equal((reply?.readUInt16BE(2) ?? 0) & 15, RC.FORMERR);
  }),
  check("1035 7.3: what is an answer, or shorter than a header, has no reply", async (site) => {
    for (const message of [question(WEB1, T.A, { flags: H.QR | H.RD }), Buffer.alloc(11), Buffer.of(1)]) {
      assert.equal(await udpBytes(site.server, message, 300), undefined);
    }
  }),
  check("1035 4.1.4: the owner of an answer is a pointer to the question", async (site) => {
    assert.ok((await ask(site, WEB1)).answers.every(({ compressed }) => compressed));
    assert.ok((await ask(site, `a.${site.zone}`)).answers.every(({ compressed }) => compressed));
  }),
  check("3597 4: names in data are compressed for the old types only: MX is, SRV is not", async (site) => {
    const mx = only((await ask(site, `mail.${LOCAL}`, T.MX)).answers, T.MX);
    assert.ok(mx.data.length < 2 + wire(WEB1).length, "MX");
    const srv = only((await ask(site, `_http._tcp.${LOCAL}`, T.SRV)).answers, T.SRV);
    assert.equal(srv.data.subarray(6).toString("hex"), wire(WEB1).toString("hex"), "SRV");
  }),
  check("4343 2: names are found in any case, and come back in that of the question", async (site) => {
    for (const name of ["WEB1.TapNet.INTERNAL", `A.${site.zone.toUpperCase()}`]) {
      const reply = await ask(site, name);
      rcodeIs(reply, "NOERROR");
      assert.equal(reply.questions[0]?.name, `${name}.`);
      assert.equal(reply.answers[0]?.name, `${name}.`);
    }
  }),
  check("4343 2: only letters fold: [ and { are two names", async (site) => {
    const name = (byte: string) => `hex:01610262${byte}${wire(site.zone).toString("hex")}`;
    for (const byte of ["5b", "7b", "40", "60", "00", "2e", "ff", "c1"]) {
      const reply = await send(site, question(name(byte)));
      assert.equal(reply.bytes.subarray(12, 17).toString("hex"), `01610262${byte}`);
      rcodeIs(reply, "NOERROR");
    }
  }),
  check("2181 5.2: the records of one set have one TTL, the least", async (site) => {
    assert.deepEqual(new Set((await ask(site, `mixed.${site.zone}`)).answers.map(({ ttl }) => ttl)), new Set([40]));
  }),
  check("2181 5: no record stands twice in a set", async (site) => {
    assert.equal((await ask(site, `twice.${site.zone}`)).answers.length, 1);
  }),
  check("2181 8: a TTL with its top bit set is zero", async (site) => {
    const name = `negativettl.${site.zone}`;
    assert.equal((await ask(site, name)).answers[0]?.ttl, 0);
    const asked = await timesAsked(site, name);
    await ask(site, name);
    assert.ok((await timesAsked(site, name)) > asked, "it was kept");
  }),
  check("2181 5.4.1: records of another name in an answer are left out", async (site) => {
    assert.deepEqual(addresses(await ask(site, `foreign.${site.zone}`)), ["198.51.100.7"]);
  }),
  check("3597 3: data of an unknown type crosses untouched, also what looks like a pointer", async (site) => {
    for (const type of [65280, 731, 1000, 0x7fff]) {
      const reply = await ask(site, `unknown.${site.zone}`, type);
      assert.equal(only(reply.answers, type).data.toString("hex"), "c00c0001ffc0000003777777");
    }
  }),
  check("3597 2, 8906 3.1.2: our names have no data of unknown types: NOERROR with SOA", async (site) => {
    for (const type of [65280, 1000, 99, T.HTTPS, T.SVCB, T.DS]) {
      const reply = await ask(site, WEB1, type);
      rcodeIs(reply, "NOERROR");
      assert.equal(reply.answers.length, 0);
      only(reply.authorities, T.SOA);
    }
  }),
  check("9824 3.4: a question for NXNAME is FORMERR", async (site) => {
    rcodeIs(await ask(site, WEB1, T.NXNAME), "FORMERR");
  }),
  check("5936 2: AXFR and IXFR are refused", async (site) => {
    for (const type of [T.AXFR, T.IXFR]) rcodeIs(await ask(site, LOCAL, type), "REFUSED");
  }),
  check("1035 3.2.4: classes CH, HS, NONE and ANY are refused, version.bind among them", async (site) => {
    for (const of of [3, 4, 254, 255, 4711]) {
      const reply = await ask(site, "version.bind", T.TXT, { class: of });
      assert.ok(reply.rcode === RC.REFUSED || reply.rcode === RC.NOTIMP, `class ${of}: ${reply.rcode}`);
      assert.equal(reply.answers.length, 0);
    }
  }),
  check("8482 4: ANY has a small answer: one set for our names, HINFO for others", async (site) => {
    assert.equal(new Set((await ask(site, WEB1, T.ANY)).answers.map(({ type }) => type)).size, 1);
    const outside = await ask(site, `a.${site.zone}`, T.ANY);
    assert.equal(only(outside.answers, T.HINFO).data.toString("latin1", 1, 8), "RFC8482");
    assert.equal(outside.answers.length, 1);
  }),
  check("1035 4.2.1: without EDNS nothing is longer than 512 bytes, and TC says so", async (site) => {
    for (const name of [`many.${LOCAL}`, `big.${site.zone}`]) {
      const reply = await ask(site, name);
      assert.ok(reply.bytes.length <= 512, `${reply.bytes.length} bytes`);
      assert.notEqual(reply.flags & H.TC, 0, name);
    }
  }),
  check("1035 4.2.1: with EDNS as much comes as was asked for, up to 1232", async (site) => {
    for (const [size, most] of [
      [0, 512],
      [100, 512],
      [512, 512],
      [800, 800],
      [1232, 1232],
      [65535, 1232],
    ] as const) {
      const reply = await ask(site, `many.${LOCAL}`, T.A, { edns: { size } });
      assert.ok(reply.bytes.length <= most, `${reply.bytes.length} bytes for ${size}`);
      assert.equal((reply.flags & H.TC) !== 0, most < 1000, `TC for ${size}`);
    }
  }),
  check("1035 4.1.3, 6891 6.1.1: trailing bytes and EDNS padding do no harm", async (site) => {
    assert.deepEqual(addresses(await ask(site, WEB1, T.A, { edns: { options: [[O.PADDING, "00".repeat(300)]] } })), [ADDRESS]);
    assert.deepEqual(addresses(await ask(site, WEB1, T.A, { behind: "00".repeat(20) })), [ADDRESS]);
  }),
];
