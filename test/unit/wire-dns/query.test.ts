/** The view of a question, as a table of labelled bytes: what it reads, and why it refuses. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatName } from "../../../src/wire/dns/name.js";
import { Query } from "../../../src/wire/dns/query.js";
import { bytesOf, type Piece } from "../../support/pieces.js";

const HEADER: readonly Piece[] = [
  ["id", "1267"],
  ["flags: RD", "0100"],
  ["counts", "0001 0000 0000 0000"],
];
const QUESTION: readonly Piece[] = [
  ["web1.lan", "04 77656231 03 6c616e 00"],
  ["A, IN", "0001 0001"],
];

/** The header with other counts or flags. */
function header(flags: string, counts: string): Piece[] {
  return [
    ["id", "1267"],
    ["flags", flags],
    ["counts", counts],
  ];
}

function opt(fixed: string, options: string): Piece[] {
  const length = (options.replaceAll(" ", "").length / 2).toString(16).padStart(4, "0");
  return [
    ["root, OPT", "00 0029"],
    ["payload, rcode, version, flags", fixed],
    ["options", `${length} ${options}`],
  ];
}

const WITH_OPT = "0001 0000 0000 0001";

describe("questions that are understood", () => {
  test("a plain one", () => {
    const query = new Query(1);
    const bytes = Buffer.concat([Buffer.from("eeee", "hex"), bytesOf([...HEADER, ...QUESTION])]);
    assert.equal(query.check(bytes, 2, bytes.length - 2), undefined);
    assert.equal(query.id, 0x1267);
    assert.equal(formatName(query.name.copy()), "web1.lan");
    assert.equal(query.nameOffset, 14);
    assert.equal(query.questionEnd, bytes.length);
    assert.deepEqual([query.type, query.class, query.hasEdns, query.recursionDesired], [1, 1, false, true]);
  });

  test("with EDNS, DO, a cookie, keepalive, an unknown option (RFC 6891, 7873, 7828)", () => {
    const query = new Query(1);
    const options = "000a 0008 0102030405060708 000b 0000 fde9 0002 beef";
    const bytes = bytesOf([...header("0130", WITH_OPT), ...QUESTION, ...opt("1000 00 00 8000", options)]);
    assert.equal(query.check(bytes, 0, bytes.length), undefined);
    assert.deepEqual([query.hasEdns, query.udpPayloadBytes, query.dnssecOk, query.wantsKeepalive], [true, 4096, true, true]);
    assert.equal(
      Buffer.from(bytes)
        .subarray(query.cookieOffset, query.cookieOffset + query.cookieLength)
        .toString("hex"),
      "0102030405060708",
    );
    assert.ok(query.checkingDisabled);
  });

  test("a payload size under 512 counts as 512 (RFC 6891 §6.2.3)", () => {
    const query = new Query(1);
    const bytes = bytesOf([...header("0100", WITH_OPT), ...QUESTION, ...opt("0064 00 00 0000", "")]);
    assert.equal(query.check(bytes, 0, bytes.length), undefined);
    assert.equal(query.udpPayloadBytes, 512);
  });

  test("no question, but a cookie (RFC 7873 §5.4)", () => {
    const query = new Query(1);
    const bytes = bytesOf([...header("0100", "0000 0000 0000 0001"), ...opt("04d0 00 00 0000", "000a 0008 0102030405060708")]);
    assert.equal(query.check(bytes, 0, bytes.length), undefined);
    assert.equal(query.hasQuestion, false);
  });

  test("a signature beside OPT, and bytes behind the end", () => {
    const query = new Query(1);
    const tsig = ["TSIG", "00 00fa 00ff 00000000 0003 010203"] as const;
    const bytes = bytesOf([
      ...header("0100", "0001 0000 0000 0002"),
      ...QUESTION,
      ...opt("04d0 00 00 0000", ""),
      tsig,
      ["rest", "ffff"],
    ]);
    assert.equal(query.check(bytes, 0, bytes.length), undefined);
  });

  test("the root", () => {
    const query = new Query(1);
    const bytes = bytesOf([...HEADER, ["root", "00"], ["NS, IN", "0002 0001"]]);
    assert.equal(query.check(bytes, 0, bytes.length), undefined);
    assert.deepEqual([query.name.length, query.name.labelCount], [1, 0]);
  });
});

describe("messages that are no question", () => {
  const rows: readonly { name: string; pieces: readonly Piece[]; fault: string }[] = [
    { name: "eleven bytes", pieces: [["half a header", "1267 0100 0001 0000 0000 00"]], fault: "dns-short" },
    { name: "an answer", pieces: [...header("8180", "0001 0000 0000 0000"), ...QUESTION], fault: "dns-response" },
    { name: "NOTIFY", pieces: [...header("2000", "0001 0000 0000 0000"), ...QUESTION], fault: "dns-opcode" },
    {
      name: "two questions (RFC 9619)",
      pieces: [...header("0100", "0002 0000 0000 0000"), ...QUESTION, ...QUESTION],
      fault: "dns-question-count",
    },
    { name: "no question", pieces: header("0100", "0000 0000 0000 0000"), fault: "dns-question-count" },
    { name: "no name", pieces: HEADER, fault: "dns-question" },
    { name: "a compressed name", pieces: [...HEADER, ["pointer", "c00c"], ["A, IN", "0001 0001"]], fault: "dns-question" },
    { name: "a label past the end", pieces: [...HEADER, ["label", "3f 61"]], fault: "dns-question" },
    { name: "no class", pieces: [...HEADER, ["web1", "04 77656231 00"], ["A", "0001"]], fault: "dns-question" },
    { name: "an answer section", pieces: [...header("0100", "0001 0001 0000 0000"), ...QUESTION], fault: "dns-sections" },
    { name: "an authority section", pieces: [...header("0100", "0001 0000 0001 0000"), ...QUESTION], fault: "dns-sections" },
    { name: "five additional records", pieces: [...header("0100", "0001 0000 0000 0005"), ...QUESTION], fault: "dns-sections" },
    { name: "a missing record", pieces: [...header("0100", WITH_OPT), ...QUESTION], fault: "dns-record" },
    {
      name: "data past the end",
      pieces: [...header("0100", WITH_OPT), ...QUESTION, ["OPT", "00 0029 04d0 00000000 0004 00"]],
      fault: "dns-record",
    },
    {
      name: "an OPT that is not the root's",
      pieces: [...header("0100", WITH_OPT), ...QUESTION, ["OPT", "0161 00 0029 04d0 00000000 0000"]],
      fault: "dns-opt",
    },
    {
      name: "two OPT records (RFC 6891 §6.1.1)",
      pieces: [
        ...header("0100", "0001 0000 0000 0002"),
        ...QUESTION,
        ...opt("04d0 00 00 0000", ""),
        ...opt("04d0 00 00 0000", ""),
      ],
      fault: "dns-opt-twice",
    },
    {
      name: "EDNS version 1",
      pieces: [...header("0100", WITH_OPT), ...QUESTION, ...opt("04d0 00 01 0000", "")],
      fault: "dns-edns-version",
    },
    {
      name: "an option past its record",
      pieces: [...header("0100", WITH_OPT), ...QUESTION, ...opt("04d0 00 00 0000", "0003 0005 00")],
      fault: "dns-option",
    },
    {
      name: "half an option",
      pieces: [...header("0100", WITH_OPT), ...QUESTION, ...opt("04d0 00 00 0000", "0003 00")],
      fault: "dns-option",
    },
    {
      name: "a cookie of 7 bytes",
      pieces: [...header("0100", WITH_OPT), ...QUESTION, ...opt("04d0 00 00 0000", `000a 0007 ${"00".repeat(7)}`)],
      fault: "dns-cookie-length",
    },
    {
      name: "a cookie of 12 bytes",
      pieces: [...header("0100", WITH_OPT), ...QUESTION, ...opt("04d0 00 00 0000", `000a 000c ${"00".repeat(12)}`)],
      fault: "dns-cookie-length",
    },
    {
      name: "a cookie of 41 bytes",
      pieces: [...header("0100", WITH_OPT), ...QUESTION, ...opt("04d0 00 00 0000", `000a 0029 ${"00".repeat(41)}`)],
      fault: "dns-cookie-length",
    },
    {
      name: "a keepalive with a time (RFC 7828 §3.2.1)",
      pieces: [...header("0100", WITH_OPT), ...QUESTION, ...opt("04d0 00 00 0000", "000b 0002 0064")],
      fault: "dns-keepalive-length",
    },
  ];
  for (const { name, pieces, fault } of rows) {
    test(`${name} is ${fault}`, () => {
      const bytes = bytesOf(pieces);
      assert.equal(new Query(1).check(bytes, 0, bytes.length), fault);
    });
  }

  test("a whole question cut anywhere is refused, and nothing behind the cut is read", () => {
    const whole = bytesOf([...header("0100", WITH_OPT), ...QUESTION, ...opt("04d0 00 00 8000", "000a 0008 0102030405060708")]);
    const query = new Query(1);
    for (let length = 0; length < whole.length; length++)
      assert.notEqual(query.check(whole, 0, length), undefined, `${length} bytes`);
    assert.equal(query.check(whole, 0, whole.length), undefined);
  });
});
