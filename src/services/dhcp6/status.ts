import { OPTION, STATUS } from "../../wire/dhcp6/codes.js";
import * as statusCode from "../../wire/dhcp6/status-code.js";
import type { Dhcp6Writer } from "../../wire/dhcp6/writer.js";

/** Every status that is ever sent, with its sentence for people, as bytes. */
const DATA: Readonly<Record<keyof typeof STATUS, Uint8Array>> = {
  success: data("success", "done"),
  unspecFail: data("unspecFail", "failed"),
  noAddrsAvail: data("noAddrsAvail", "no address is left for this client"),
  noBinding: data("noBinding", "nothing is leased to this client here"),
  notOnLink: data("notOnLink", "the address does not belong to this network"),
  useMulticast: data("useMulticast", "send to the multicast address ff02::1:2"),
  noPrefixAvail: data("noPrefixAvail", "no prefix is left for this client"),
};

function data(name: keyof typeof STATUS, message: string): Uint8Array {
  const repr = { status: STATUS[name], message };
  const bytes = new Uint8Array(statusCode.emittedBytes(repr));
  statusCode.emit(repr, new DataView(bytes.buffer), 0);
  return bytes;
}

/** Adds a Status Code option (RFC 8415 §21.13) where the writer stands: to the message, or to an open IA. */
export function writeStatus(writer: Dhcp6Writer, name: keyof typeof STATUS): void {
  writer.octets(OPTION.statusCode, DATA[name]);
}
