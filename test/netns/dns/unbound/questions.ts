/** Questions of every sort, good and hostile, each from a number: the same number gives the same bytes. */
import { type Random, seededRandom } from "../../../../src/base/random.js";
import { emit, makeMessage } from "../../../../src/wire/dns/message.js";
import { ANSWERS } from "./world.js";

export interface Asked {
  /** In words; what the list of differences matches. */
  readonly text: string;
  readonly transport: "udp" | "tcp";
  readonly bytes: Uint8Array;
}

const TYPES = [
  1, 1, 1, 1, 28, 28, 16, 15, 2, 33, 12, 6, 13, 35, 257, 65, 64, 52, 44, 43, 48, 256, 17, 5, 255, 99, 41, 0, 128, 249, 252, 251,
];
const SPECIAL = [
  ...["localhost", "a.localhost", "1.0.0.127.in-addr.arpa", "x.invalid", "x.test", "x.onion", "printer.local", "x.alt"],
  ...[
    "5.2.0.192.in-addr.arpa",
    "1.0.0.10.in-addr.arpa",
    "1.1.168.192.in-addr.arpa",
    "9.9.254.169.in-addr.arpa",
    "1.0.64.100.in-addr.arpa",
  ],
  ...[
    "resolver.arpa",
    "_dns.resolver.arpa",
    "x.home.arpa",
    `${"0.".repeat(31)}1.ip6.arpa`,
    "1.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
    ".",
  ],
];

type Mangle = (bytes: Uint8Array, random: Random) => Uint8Array;
const set =
  (offset: number, value: number): Mangle =>
  (bytes) =>
    Uint8Array.from(bytes, (byte, at) => (at === offset ? value : byte));
const append =
  (...more: number[]): Mangle =>
  (bytes) =>
    Uint8Array.of(...bytes, ...more);

/** What is done to a good question. Those that end in `!` leave nothing to answer, so a silence costs a second. */
const MANGLES: Readonly<Record<string, Mangle>> = {
  "no question counted": set(5, 0),
  "two questions counted": set(5, 2),
  "an answer counted": set(7, 1),
  "an additional counted": (bytes) => set(11, bytes[11] + 1)(bytes, seededRandom(1)),
  "opcode IQUERY": (bytes) => set(2, bytes[2] | 0x08)(bytes, seededRandom(1)),
  "opcode NOTIFY": (bytes) => set(2, bytes[2] | 0x20)(bytes, seededRandom(1)),
  "opcode UPDATE": (bytes) => set(2, bytes[2] | 0x28)(bytes, seededRandom(1)),
  "TC set": (bytes) => set(2, bytes[2] | 0x02)(bytes, seededRandom(1)),
  "AA set": (bytes) => set(2, bytes[2] | 0x04)(bytes, seededRandom(1)),
  "RA set": (bytes) => set(3, bytes[3] | 0x80)(bytes, seededRandom(1)),
  "Z set": (bytes) => set(3, bytes[3] | 0x40)(bytes, seededRandom(1)),
  "rcode set": (bytes) => set(3, bytes[3] | 0x05)(bytes, seededRandom(1)),
  "trailing bytes": append(1, 2, 3),
  "a pointer in the question": (bytes) => Uint8Array.of(...bytes.subarray(0, 12), 0xc0, 12, 0, 1, 0, 1),
  "a pointer forward": (bytes) => Uint8Array.of(...bytes.subarray(0, 12), 0xc0, 18, 0, 1, 0, 1, 0),
  "a label of 64": (bytes) => Uint8Array.of(...bytes.subarray(0, 12), 0x40, ...Array<number>(64).fill(97), 0, 0, 1, 0, 1),
  "an extended label": (bytes) => Uint8Array.of(...bytes.subarray(0, 12), 0x81, 97, 0, 0, 1, 0, 1),
  "a name of 256": (bytes) => {
    const label = Uint8Array.of(63, ...Array<number>(63).fill(97));
    return Uint8Array.of(
      ...bytes.subarray(0, 12),
      ...label,
      ...label,
      ...label,
      62,
      ...Array<number>(62).fill(97),
      0,
      0,
      1,
      0,
      1,
    );
  },
  "cut in the name": (bytes) => bytes.slice(0, 15),
  "cut before the class": (bytes) => bytes.slice(0, bytes.length - 2),
  "a header alone": (bytes) => bytes.slice(0, 12),
  "eleven bytes!": (bytes) => bytes.slice(0, 11),
  "an answer!": (bytes) => set(2, bytes[2] | 0x80)(bytes, seededRandom(1)),
};

const OPT = (size: number, version: number, flags: number, ...data: number[]) => [
  ...[0, 0, 41, size >>> 8, size & 255, 0, version, flags >>> 8, flags & 255, data.length >>> 8, data.length & 255],
  ...data,
];
/** OPT records as bytes, put behind the question. */
const OPTS: Readonly<Record<string, readonly (readonly number[])[]>> = {
  "EDNS 1": [OPT(1232, 1, 0)],
  "EDNS 255": [OPT(1232, 255, 0)],
  "two OPT records": [OPT(1232, 0, 0), OPT(1232, 0, 0)],
  "OPT of a name": [[1, 97, ...OPT(1232, 0, 0)]],
  "an option past its record": [OPT(1232, 0, 0, 0, 3, 0, 9, 1)],
  "half an option": [OPT(1232, 0, 0, 0, 3, 0)],
  "an unknown option": [OPT(1232, 0, 0, 0xfd, 0xe9, 0, 2, 1, 2)],
  "reserved EDNS flags": [OPT(1232, 0, 0x4001)],
  "client subnet": [OPT(1232, 0, 0, 0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2)],
  "a client cookie": [OPT(1232, 0, 0, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8)],
  "a cookie of 7": [OPT(1232, 0, 0, 0, 10, 0, 7, 1, 2, 3, 4, 5, 6, 7)],
  "a cookie of 12": [OPT(1232, 0, 0, 0, 10, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)],
  "a cookie of 41": [OPT(1232, 0, 0, 0, 10, 0, 41, ...Array<number>(41).fill(7))],
  padding: [OPT(1232, 0, 0, 0, 12, 0, 4, 0, 0, 0, 0)],
};

export function question(number: number): Asked {
  const random = seededRandom(number * 2_654_435_761 + 1);
  const pick = <Value>(values: readonly Value[]): Value => values[random.uint32() % values.length];
  const chance = (share: number) => random.uint32() / 2 ** 32 < share;
  const kind = pick(Object.keys(ANSWERS).filter((name) => name !== "link"));
  const isSpecial = chance(0.06);
  const plain = isSpecial ? pick(SPECIAL) : `${kind}${random.uint32() % 400}.${kind}-zone${random.uint32() % 50}.example`;
  const name = chance(0.3) ? mixed(plain, random) : plain;
  const type = chance(0.03) ? random.uint32() & 0xffff : pick(TYPES);
  const classNumber = chance(0.03) ? pick([3, 4, 254, 255, 2]) : 1;
  const recursionDesired = !chance(0.05);
  const checkingDisabled = chance(0.05);
  const authenticData = chance(0.1);
  const dnssecOk = chance(0.1);
  const edns = chance(0.5)
    ? { udpPayloadBytes: pick([0, 512, 1232, 1232, 4096, 65_535]), version: 0, dnssecOk, reservedFlags: 0, options: [] }
    : undefined;
  const opt = chance(0.06) ? pick(Object.keys(OPTS)) : undefined;
  const mangle = opt === undefined && chance(0.12) ? pick(Object.keys(MANGLES)) : undefined;
  const questions = [{ name, type, class: classNumber }];
  const id = random.uint32() & 0xffff;
  let bytes = emit(
    makeMessage({ id, recursionDesired, checkingDisabled, authenticData, questions, edns: opt === undefined ? edns : undefined }),
  );
  if (opt !== undefined) {
    bytes = Uint8Array.from([...bytes, ...OPTS[opt].flat()]);
    bytes[11] = OPTS[opt].length;
  }
  if (mangle !== undefined) bytes = MANGLES[mangle](bytes, random);
  const transport = chance(0.15) ? "tcp" : "udp";
  const words = [
    ...[`name=${isSpecial ? plain : kind}`, `type=${type}`, `class=${classNumber}`, transport],
    recursionDesired ? "" : "rd=0",
    checkingDisabled ? "cd" : "",
    authenticData ? "ad" : "",
    edns === undefined || opt !== undefined ? "" : `edns=${edns.udpPayloadBytes}${dnssecOk ? " do" : ""}`,
    opt === undefined ? "" : `with "${opt}"`,
    mangle === undefined ? "" : `with "${mangle}"`,
  ];
  return { text: words.filter((word) => word !== "").join(" "), transport, bytes };
}

function mixed(name: string, random: Random): string {
  return Array.from(name, (letter) => (random.uint32() % 2 === 0 ? letter.toUpperCase() : letter)).join("");
}
