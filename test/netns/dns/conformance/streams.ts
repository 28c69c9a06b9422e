/** Checks of DNS over TCP: RFC 1035 4.2.2, 7766, 9210. */
import assert from "node:assert/strict";
import { addresses, type Check, check, LOCAL, pause, rcodeIs } from "./check.js";
import { H, question, read, Stream, T, u16 } from "./raw.js";

const WEB1 = `web1.${LOCAL}`;
const ADDRESS = "10.77.0.10";

async function withStream(server: string, use: (stream: Stream) => Promise<void>): Promise<void> {
  const stream = await Stream.open(server);
  try {
    await use(stream);
  } finally {
    stream.end();
  }
}

async function reply(stream: Stream) {
  const bytes = await stream.next();
  assert.ok(bytes, "no reply");
  return read(bytes);
}

export const streams: readonly Check[] = [
  check("1035 4.2.2: a message stands behind its length in two bytes, both ways", async ({ server }) => {
    await withStream(server, async (stream) => {
      stream.send(question(WEB1));
      assert.deepEqual(addresses(await reply(stream)), [ADDRESS]);
    });
  }),
  check("7766 5: what is cut off by UDP comes whole by TCP, ours and the world's, without EDNS too", async ({ server, zone }) => {
    await withStream(server, async (stream) => {
      for (const name of [`many.${LOCAL}`, `big.${zone}`]) {
        stream.send(question(name));
        const whole = await reply(stream);
        assert.equal(whole.answers.length, 60);
        assert.equal(whole.flags & H.TC, 0);
      }
    });
  }),
  check("1035 4.2.2: an answer of tens of thousands of bytes comes whole by TCP", async ({ server, zone }) => {
    await withStream(server, async (stream) => {
      stream.send(question(`huge.${zone}`, T.TXT));
      const whole = await reply(stream);
      assert.equal(new Set(whole.answers.map(({ data }) => data.toString("latin1"))).size, 900);
      assert.ok(whole.bytes.length > 25_000, `${whole.bytes.length} bytes`);
    });
  }),
  check("7766 6.2.1: one connection serves many questions, one after the other", async ({ server }) => {
    await withStream(server, async (stream) => {
      for (let index = 0; index < 20; index++) {
        stream.send(question(WEB1));
        await reply(stream);
      }
    });
  }),
  check("7766 6.2.1.1: questions in one piece are all answered", async ({ server }) => {
    await withStream(server, async (stream) => {
      const questions = Array.from({ length: 50 }, () => question(WEB1));
      stream.send(...questions);
      const ids = new Set<number>();
      for (let index = 0; index < 50; index++) ids.add((await reply(stream)).id);
      assert.deepEqual(ids, new Set(questions.map((message) => message.readUInt16BE(0))));
    });
  }),
  check("7766 7: a slow answer does not keep those behind it", async ({ server, zone }) => {
    await withStream(server, async (stream) => {
      const [slow, quick] = [question(`slow.order.${zone}`), question(WEB1)];
      stream.send(slow, quick);
      assert.deepEqual([(await reply(stream)).id, (await reply(stream)).id], [quick.readUInt16BE(0), slow.readUInt16BE(0)]);
    });
  }),
  check("7766 8: a message byte by byte, and one cut in its length, are read", async ({ server }) => {
    await withStream(server, async (stream) => {
      stream.socket.setNoDelay(true);
      const message = question(WEB1);
      for (const byte of Buffer.concat([u16(message.length), message])) {
        stream.socket.write(Buffer.of(byte));
        await pause(1);
      }
      assert.deepEqual(addresses(await reply(stream)), [ADDRESS]);
    });
  }),
  check("7766 6.2.4: who closes its side still gets its answers, then the connection ends", async ({ server, zone }) => {
    await withStream(server, async (stream) => {
      stream.send(question(`slow.half.${zone}`));
      stream.socket.end();
      assert.deepEqual(addresses(await reply(stream)), ["198.51.100.7"]);
      assert.ok(await stream.closes(2000));
    });
  }),
  check("7766 6.1: a connection is kept for seconds after an answer, so that it can be used again", async ({ server }) => {
    await withStream(server, async (stream) => {
      stream.send(question(WEB1));
      await reply(stream);
      assert.equal(await stream.closes(2500), false);
      stream.send(question(WEB1));
      await reply(stream);
    });
  }),
  check("7766 6.2.3: a connection that says nothing is closed in the end", async ({ server }) => {
    await withStream(server, async (stream) => assert.ok(await stream.closes(20_000)));
  }),
  check("9210 4.2: so is one that announces a message and does not send it", async ({ server }) => {
    await withStream(server, async (stream) => {
      stream.socket.write(Buffer.of(0, 100, 1, 2, 3));
      assert.ok(await stream.closes(20_000));
    });
  }),
  check("1035 4.2.2: FORMERR, NOTIMP and REFUSED come by TCP as well, and the connection stays", async ({ server }) => {
    await withStream(server, async (stream) => {
      stream.send(question(WEB1, T.A, { counts: [2, 0, 0, 0] }));
      rcodeIs(await reply(stream), "FORMERR");
      stream.send(question(WEB1, T.A, { flags: 5 << 11 }));
      rcodeIs(await reply(stream), "NOTIMP");
      stream.send(question(LOCAL, T.AXFR));
      rcodeIs(await reply(stream), "REFUSED");
      stream.send(question(WEB1));
      rcodeIs(await reply(stream), "NOERROR");
    });
  }),
  check("7766 6.2.2: a client may hold a few connections at once", async ({ server }) => {
    const open = await Promise.all(Array.from({ length: 20 }, () => Stream.open(server)));
    for (const stream of open) stream.send(question(WEB1));
    for (const stream of open) assert.deepEqual(addresses(await reply(stream)), [ADDRESS]);
    for (const stream of open) stream.end();
  }),
];
