import { FIELD, FQDN_FLAG, HEADER_BYTES } from "../../wire/dhcp4/client-fqdn.js";
import { OPTION } from "../../wire/dhcp4/codes.js";
import type { Dhcp4Request } from "../../wire/dhcp4/request.js";

const LABEL_LIMIT_BYTES = 63;
const HYPHEN = 0x2d;
const DOT = 0x2e;

/**
 * The name that the client asks for, as one label of letters, digits and hyphens (RFC 1123 §2.1); empty when nothing of it is
 * left.
 *
 * From option 81 if there is one, else 12; the first label counts. Whatever a guest sends, its lease does not depend on it.
 */
export function hostNameOf(request: Dhcp4Request): string {
  const fqdn = request.lengthOf(OPTION.clientFqdn);
  if (fqdn > HEADER_BYTES) {
    const bytes = request.bytesOf(OPTION.clientFqdn);
    const offset = request.offsetOf(OPTION.clientFqdn);
    const isEncoded = (bytes[offset + FIELD.flags] & FQDN_FLAG.encoded) !== 0;
    const end = offset + fqdn;
    const start = offset + FIELD.name;
    const name = isEncoded
      ? cleanLabel(bytes, start + 1, Math.min(end, start + 1 + bytes[start]))
      : cleanLabel(bytes, start, end);
    if (name !== "") return name;
  }
  const length = request.lengthOf(OPTION.hostName);
  if (length === 0) return "";
  const offset = request.offsetOf(OPTION.hostName);
  return cleanLabel(request.bytesOf(OPTION.hostName), offset, offset + length);
}

/** The same for a name that came from elsewhere (an import). */
export function cleanHostName(name: string): string {
  const bytes = Buffer.from(name, "utf8");
  return cleanLabel(bytes, 0, bytes.length);
}

/** Up to the first dot or zero; each other octet that no host name has becomes a hyphen; no hyphen first or last. */
function cleanLabel(bytes: Uint8Array, start: number, end: number): string {
  let name = "";
  for (let at = start; at < end && name.length < LABEL_LIMIT_BYTES; at++) {
    const octet = bytes[at];
    if (octet === 0 || octet === DOT) break;
    const isUpper = octet >= 0x41 && octet <= 0x5a;
    const isKept = isUpper || (octet >= 0x61 && octet <= 0x7a) || (octet >= 0x30 && octet <= 0x39);
    if (isKept) name += String.fromCharCode(isUpper ? octet | 0x20 : octet);
    else if (name !== "" && name.charCodeAt(name.length - 1) !== HYPHEN) name += "-";
  }
  return name.endsWith("-") ? name.slice(0, -1) : name;
}
