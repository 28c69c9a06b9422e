/**
 * What a link does for the stack besides carrying frames (Documentation/networking/ethtool-netlink.rst): its features, by the
 * names that `ethtool -k` shows in their long form.
 *
 * It is asked over generic netlink, whose families have numbers that the kernel gives out at run time. Linux 5.6.
 */
import { eachMessage, HOST_LITTLE_ENDIAN, messageError, NetlinkSocket } from "./netlink.js";
import { Attributes, MessageWriter, NESTED } from "./rtnetlink/message.js";

/** `struct genlmsghdr`: command, version, two bytes of nothing. */
const GENERIC_HEADER_BYTES = 4;
/** The family that knows the others (linux/genetlink.h). */
const CONTROL = { family: 0x10, getFamily: 3, version: 1, familyId: 1, familyName: 2 } as const;
/** linux/ethtool_netlink.h. */
const FEATURES_GET = 11;
const ETHTOOL_VERSION = 1;
const FEATURES = { header: 1, active: 4 } as const;
const HEADER_DEVICE_INDEX = 1;
const BITSET_BITS = 3;
const BIT_NAME = 2;

/** Asks about links of this network namespace. caps: none */
export class Ethtool {
  readonly #socket = new NetlinkSocket("generic");
  #family: number | undefined;

  /**
   * Names of the features that are on. Empty where there is no such link any more, or the kernel is too old to say.
   */
  activeFeatures(ifindex: number): ReadonlySet<string> {
    const names = new Set<string>();
    const family = this.#familyId();
    if (family === 0) return names;
    const writer = new MessageWriter();
    writeFeaturesGet(writer, family, ifindex);
    const { results, answers } = this.#socket.transact(writer.bytes, 1);
    if (results[0].code === "ENODEV") return names;
    if (results[0].errno !== 0) throw messageError(results[0], `get features of link ${ifindex}`);
    eachMessage(answers, (_type, offset, end) => addActive(new Attributes(answers, offset + GENERIC_HEADER_BYTES, end), names));
    return names;
  }

  /** May be called again. */
  close(): void {
    this.#socket.close();
  }

  /** The number of the family `ethtool`; 0 where this kernel has none. */
  #familyId(): number {
    if (this.#family !== undefined) return this.#family;
    const writer = new MessageWriter();
    writer.begin(CONTROL.family, 0);
    putGenericHeader(writer, CONTROL.getFamily, CONTROL.version);
    writer.putString(CONTROL.familyName, "ethtool");
    writer.end();
    const { results, answers } = this.#socket.transact(writer.bytes, 1);
    if (results[0].errno !== 0 && results[0].code !== "ENOENT") throw messageError(results[0], "find the family ethtool");
    let family = 0;
    eachMessage(answers, (_type, offset, end) => {
      const value = new Attributes(answers, offset + GENERIC_HEADER_BYTES, end).value(CONTROL.familyId);
      if (value !== undefined && value.length >= 2) {
        family = new DataView(value.buffer, value.byteOffset, 2).getUint16(0, HOST_LITTLE_ENDIAN);
      }
    });
    this.#family = family;
    return family;
  }
}

export function writeFeaturesGet(writer: MessageWriter, family: number, ifindex: number): void {
  writer.begin(family, 0);
  putGenericHeader(writer, FEATURES_GET, ETHTOOL_VERSION);
  const header = writer.beginNested(FEATURES.header | NESTED);
  writer.putU32(HEADER_DEVICE_INDEX, ifindex);
  writer.endNested(header);
  writer.end();
}

function putGenericHeader(writer: MessageWriter, command: number, version: number): void {
  const offset = writer.putHeader(GENERIC_HEADER_BYTES);
  writer.view.setUint8(offset, command);
  writer.view.setUint8(offset + 1, version);
}

/** Of a set without a mask only the members are listed. */
function addActive(attributes: Attributes, names: Set<string>): void {
  attributes
    .nested(FEATURES.active)
    ?.nested(BITSET_BITS)
    ?.each((_type, bit) => {
      const name = new Attributes(bit, 0, bit.length).string(BIT_NAME);
      if (name !== undefined) names.add(name);
    });
}
