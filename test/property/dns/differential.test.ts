/**
 * Our codec against the package `dns-packet`, over generated messages: both must read the same in what either wrote, and in
 * broken bytes both must see the same or differ in a way that `differences.json` explains.
 *
 * `TAPNET_DNS_MESSAGES` says over how many messages; 20,000 if it does not.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import dnsPacket from "dns-packet";
import { formatIpv4 } from "../../../src/base/ipv4-address.js";
import { formatIpv6 } from "../../../src/base/ipv6-address.js";
import { type Random, seededRandom } from "../../../src/base/random.js";
import { emit, type Message, makeMessage, makeRecord, parse, type ResourceRecord } from "../../../src/wire/dns/message.js";
import { FLAG, formatType } from "../../../src/wire/dns/numbers.js";
import { packageRoot } from "../../support/paths.js";
import { COMPARED_CLASS, decode, plainOf } from "./oracle.js";

const COUNT = Number(process.env["TAPNET_DNS_MESSAGES"] ?? 20_000);
const SEED = Number(process.env["TAPNET_DNS_SEED"] ?? 20_260_101);

/** A way in which the two differ, and why that is right. */
interface Difference {
  readonly ours: string;
  readonly theirs: string;
  readonly why: string;
}
const DIFFERENCES = JSON.parse(readFileSync(join(packageRoot, "test/property/dns/differences.json"), "utf8")) as Difference[];

class Generator {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  below(limit: number): number {
    return this.#random.uint32() % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  octets(most: number): Uint8Array {
    return Uint8Array.from({ length: this.below(most + 1) }, () => this.below(256));
  }

  text(most: number): Uint8Array {
    return Uint8Array.from({ length: 1 + this.below(most) }, () => 0x61 + this.below(26));
  }

  /** Letters, digits and hyphens: the oracle's text has no escapes. */
  name(): string {
    const labels = Array.from({ length: this.below(5) }, () =>
      this.pick(["a", "www", "web1", "tapnet", "internal", "example", "x".repeat(60)]),
    );
    return labels.length === 0 ? "." : labels.join(".");
  }

  uint16(): number {
    return this.below(0x1_0000);
  }

  record(): ResourceRecord {
    const name = this.name();
    const ttl = this.#random.uint32();
    switch (this.below(14)) {
      case 0:
        return makeRecord("A", name, ttl, { address: this.#random.uint32() });
      case 1:
        return makeRecord("AAAA", name, ttl, { address: (BigInt(this.#random.uint32()) << 96n) | BigInt(this.#random.uint32()) });
      case 2:
        return makeRecord(this.pick(["CNAME", "NS", "PTR", "DNAME"] as const), name, ttl, { target: this.name() });
      case 3:
        return makeRecord("MX", name, ttl, { preference: this.uint16(), exchange: this.name() });
      case 4:
        return makeRecord("TXT", name, ttl, { strings: [this.octets(255), this.octets(40)] });
      case 5:
        return makeRecord("SRV", name, ttl, {
          priority: this.uint16(),
          weight: this.uint16(),
          port: this.uint16(),
          target: this.name(),
        });
      case 6:
        return makeRecord("SOA", name, ttl, {
          mname: this.name(),
          rname: this.name(),
          serial: this.#random.uint32(),
          refresh: 1,
          retry: 2,
          expire: 3,
          minimum: this.uint16(),
        });
      case 7:
        return makeRecord("HINFO", name, ttl, { cpu: this.text(9), os: this.text(9) });
      case 8:
        return makeRecord("RP", name, ttl, { mailbox: this.name(), text: this.name() });
      case 9:
        return makeRecord("CAA", name, ttl, {
          flags: this.pick([0, 128]),
          tag: new Uint8Array(Buffer.from("issue")),
          value: this.text(30),
        });
      case 10:
        return makeRecord("NAPTR", name, ttl, {
          order: this.uint16(),
          preference: this.uint16(),
          flags: this.text(3),
          services: this.text(9),
          regexp: this.text(9),
          replacement: this.name(),
        });
      case 11:
        return makeRecord("DS", name, ttl, { keyTag: this.uint16(), algorithm: 8, digestType: 2, digest: this.octets(32) });
      case 12:
        return makeRecord("TLSA", name, ttl, { usage: 3, selector: 1, matching: 1, association: this.octets(32) });
      default:
        return { name, type: 60_000 + this.below(100), class: COMPARED_CLASS, ttlSeconds: ttl, data: this.octets(40) };
    }
  }

  records(): ResourceRecord[] {
    return Array.from({ length: this.below(4) }, () => this.record());
  }

  message(): Message {
    const withEdns = this.below(2) === 1;
    const options = Array.from({ length: this.below(3) }, () => ({ code: 65_001 + this.below(9), value: this.octets(9) }));
    const flag = () => this.below(2) === 1;
    return makeMessage({
      id: this.uint16(),
      response: flag(),
      opcode: this.pick([0, 0, 0, 2, 4, 5]),
      authoritative: flag(),
      truncated: flag(),
      recursionDesired: flag(),
      recursionAvailable: flag(),
      authenticData: flag(),
      checkingDisabled: flag(),
      rcode: this.below(withEdns ? 32 : 11),
      questions:
        this.below(8) === 0 ? [] : [{ name: this.name(), type: this.pick([1, 28, 15, 16, 65_000]), class: COMPARED_CLASS }],
      answers: this.records(),
      authorities: this.records(),
      additionals: this.records(),
      edns: withEdns ? { udpPayloadBytes: this.uint16(), version: 0, dnssecOk: flag(), reservedFlags: 0, options } : undefined,
    });
  }

  /** A few bytes changed, or the end cut off. */
  damage(bytes: Uint8Array): Uint8Array {
    const damaged = bytes.slice(0, this.below(4) === 0 ? this.below(bytes.length) : bytes.length);
    for (let changes = this.below(4); changes > 0 && damaged.length > 0; changes--)
      damaged[this.below(damaged.length)] = this.below(256);
    return damaged;
  }
}

/** What is the same on both sides when damage has made names and types that the oracle has no words for. */
function comparable(bytes: Uint8Array): boolean {
  const message = parse(bytes);
  if (typeof message === "string") return true;
  const records = [...message.answers, ...message.authorities, ...message.additionals];
  const plain = (name: string) => /^(?:\.|[a-z0-9_*.-]+)$/i.test(name);
  return (
    message.questions.every(({ name, type, class: kind }) => plain(name) && kind === COMPARED_CLASS && sayable(type)) &&
    records.every((record) => plain(record.name) && record.class === COMPARED_CLASS && record.type >= 60_000)
  );
}

const sayable = (type: number): boolean => type >= 60_000 || ["A", "AAAA", "MX", "TXT"].includes(formatType(type));

test(`what we write, dns-packet reads as we meant it (${COUNT} messages)`, () => {
  const generator = new Generator(SEED);
  for (let index = 0; index < COUNT; index++) {
    const message = generator.message();
    const bytes = emit(message);
    const theirs = decode(bytes);
    if (theirs instanceof Error)
      assert.fail(`message ${index}: dns-packet says ${theirs.message}: ${Buffer.from(bytes).toString("hex")}`);
    assert.deepEqual(theirs, plainOf(message), `message ${index}`);
    assert.deepEqual(parse(bytes), message, `message ${index}`);
  }
});

test(`what dns-packet writes, we read as it meant it (${COUNT / 4} messages)`, () => {
  const generator = new Generator(SEED + 1);
  for (let index = 0; index < COUNT / 4; index++) {
    const answers = [
      { type: "A", name: generator.name(), ttl: 60, data: formatIpv4(generator.below(2 ** 32)) },
      { type: "AAAA", name: generator.name(), ttl: 60, data: formatIpv6(BigInt(generator.below(2 ** 32)) << 64n) },
      { type: "CNAME", name: generator.name(), ttl: 60, data: generator.name() },
      { type: "MX", name: generator.name(), ttl: 60, data: { preference: generator.uint16(), exchange: generator.name() } },
      { type: "TXT", name: generator.name(), ttl: 60, data: [Buffer.from(generator.octets(200))] },
      {
        type: "SRV",
        name: generator.name(),
        ttl: 60,
        data: { priority: 1, weight: 2, port: generator.uint16(), target: generator.name() },
      },
    ] as const;
    const packet = {
      type: "response" as const,
      id: generator.uint16(),
      flags: generator.pick([0, FLAG.authoritative, FLAG.recursionAvailable | FLAG.recursionDesired]),
      questions: [{ type: "A" as const, name: generator.name() }],
      answers: answers.slice(0, generator.below(answers.length + 1)).map((answer) => ({ ...answer })) as never[],
    };
    const bytes = dnsPacket.encode(packet);
    const ours = parse(new Uint8Array(bytes));
    if (typeof ours === "string") assert.fail(`message ${index}: we say ${ours}: ${bytes.toString("hex")}`);
    assert.deepEqual(plainOf(ours), decode(bytes), `message ${index}`);
    assert.deepEqual(parse(emit(ours)), ours);
  }
});

test(`in broken bytes both see the same, or differ as differences.json says (${COUNT} messages)`, () => {
  const generator = new Generator(SEED + 2);
  const seen = new Map<string, string>();
  for (let index = 0; index < COUNT; index++) {
    const bytes = generator.damage(emit(generator.message()));
    const ours = parse(bytes);
    const theirs = decode(bytes);
    if (typeof ours === "string" && theirs instanceof Error) continue;
    if (typeof ours !== "string" && !(theirs instanceof Error)) {
      if (comparable(bytes)) assert.deepEqual(theirs, plainOf(ours), `message ${index}`);
      continue;
    }
    const verdict = `${typeof ours === "string" ? ours : "accepted"} / ${theirs instanceof Error ? theirs.message : "accepted"}`;
    if (!seen.has(verdict)) seen.set(verdict, Buffer.from(bytes).toString("hex"));
  }
  for (const [verdict, example] of seen) {
    const isExplained = DIFFERENCES.some(({ ours, theirs }) => new RegExp(`^${ours} / ${theirs}$`).test(verdict));
    assert.ok(isExplained, `not explained in differences.json: ${verdict}, for example ${example}`);
  }
});

test("every difference is explained", () => {
  for (const { ours, theirs, why } of DIFFERENCES) assert.ok(why.length > 20, `${ours} / ${theirs}`);
});
