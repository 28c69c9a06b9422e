/** DNS through the frames' own contracts: return paths of both families, and a question that waits while its batch is reused. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Datagram, Reply, VERDICT } from "../../../src/frame/datagram.js";
import { answerTo, ipv4, Laboratory, linkOf, record } from "./laboratory.js";

describe("return paths", () => {
  function lab(): Laboratory {
    const made = new Laboratory();
    made.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { answers: [record(asked.message.questions[0].name, "A", { address: ipv4("198.51.100.7") })] }),
    );
    return made;
  }

  test("IPv4", () => {
    const made = lab();
    made.ask("www.example.com");
    const [path] = made.paths;
    assert.deepEqual(
      [path.ipVersion, path.ipSource, path.ipDestination, path.udpSource, path.ipv6Source],
      [4, ipv4("10.77.0.1"), ipv4("10.77.0.10"), 53, undefined],
    );
    assert.equal(path.link.ifname, "tn-0");
  });

  test("IPv6, though the batch is overwritten meanwhile", () => {
    const made = lab();
    const question = made.question("www.example.com", "A");
    const slab = new Uint8Array(512);
    const guest = Uint8Array.from({ length: 16 }, (_, index) => index);
    const gateway = Uint8Array.from({ length: 16 }, (_, index) => 0xf0 + index);
    slab.set(guest, 8);
    slab.set(gateway, 24);
    slab.set(question, 48);
    const request = new Datagram();
    Object.assign(request, {
      link: linkOf("default", "web1", 0),
      bytes: slab,
      ipVersion: 6,
      ipv6SourceOffset: 8,
      ipv6DestinationOffset: 24,
    });
    Object.assign(request, {
      payloadOffset: 48,
      payloadLength: question.length,
      etherSource: 0x5254_0000_0001,
      udpSource: 999,
      udpDestination: 53,
    });
    const reply = new Reply();
    Object.assign(reply, { bytes: new Uint8Array(1500), payloadOffset: 0, payloadLimit: 1452 });
    assert.equal(made.frames.handle(request, reply), VERDICT.silent);
    slab.fill(0xa5);
    made.clock.advance(100);
    const [path] = made.paths;
    assert.deepEqual(
      [path.ipVersion, path.ipv6Source, path.ipv6Destination, path.etherDestination, path.udpDestination],
      [6, gateway, guest, 0x5254_0000_0001, 999],
    );
    assert.equal(made.delivered.get(999)?.answers.length, 1);
  });

  test("a question from port 0 has nowhere to be answered to", () => {
    const made = lab();
    const question = made.question("gateway.tapnet.internal", "A");
    const request = new Datagram();
    Object.assign(request, { link: linkOf("default", "web1", 0), bytes: question, payloadLength: question.length, udpSource: 0 });
    const reply = new Reply();
    Object.assign(reply, { bytes: new Uint8Array(1500), payloadLimit: 1452 });
    assert.equal(made.frames.handle(request, reply), VERDICT.silent);
    assert.equal(made.dns.stats().counters["no-view"], 1);
  });

  test("a link that takes the slot of another is its own guest", () => {
    const made = lab();
    made.dns.setQueryLog(true, "default", "second");
    const ask = (guest: string) => made.send(made.question("gateway.tapnet.internal", "A"), linkOf("default", guest, 5)).verdict;
    assert.deepEqual([ask("first"), ask("second")], [VERDICT.reply, VERDICT.reply]);
  });
});
