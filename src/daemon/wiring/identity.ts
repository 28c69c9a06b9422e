/**
 * Theory of operation
 *
 * What this host is to IPv6 clients for ever: the DUID of its DHCPv6 server, which clients renew with and no other, and the
 * secret that guests' stable addresses come from. Both are made once and kept in the state directory beside the leases. The file
 * appears whole or not at all: written elsewhere, brought to disk, then named. One that cannot be read as such is never replaced:
 * all guests would get other addresses, and somebody should know.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileReason, TapnetError } from "../../base/errors.js";
import { systemRandom } from "../../base/random.js";
import { readWholeFile, writeWholeFile } from "../../os/whole-file.js";
import { newServerDuid } from "../../services/dhcp6/server-duid.js";

export interface ServerIdentity {
  /** DUID of the DHCPv6 server (RFC 8415 §11). */
  readonly duid: Uint8Array;
  readonly secret: Uint8Array;
}

const FILE = "identity";
const SECRET_BYTES = 32;
/** A DUID has 3 to 130 bytes (RFC 8415 §11.1). */
const PATTERN = /^duid ((?:[0-9a-f]{2}){3,130})\nsecret ([0-9a-f]{64})\n$/;

/** The identity in a state directory; a new one where there is none. Throws TapnetError IDENTITY. */
export function loadIdentity(stateDirectory: string): ServerIdentity {
  const path = join(stateDirectory, FILE);
  const text = read(path);
  if (text === undefined) return create(path);
  const match = PATTERN.exec(text);
  if (match === null) {
    throw new TapnetError(
      "IDENTITY",
      `${path} is damaged: it should have a line "duid HEX" and a line "secret HEX" of ${SECRET_BYTES} bytes. ` +
        "Restore it from a backup; or remove it, and a new one is made: then guests get other stable IPv6 addresses",
    );
  }
  return { duid: Buffer.from(match[1], "hex"), secret: Buffer.from(match[2], "hex") };
}

function read(path: string): string | undefined {
  try {
    return readWholeFile(path);
  } catch (thrown) {
    throw new TapnetError("IDENTITY", `${path} cannot be read: ${fileReason(thrown)}`, { cause: thrown });
  }
}

function create(path: string): ServerIdentity {
  const identity = { duid: newServerDuid(systemRandom()), secret: randomBytes(SECRET_BYTES) };
  try {
    writeWholeFile(path, `duid ${Buffer.from(identity.duid).toString("hex")}\nsecret ${identity.secret.toString("hex")}\n`);
  } catch (thrown) {
    throw new TapnetError("IDENTITY", `${path} cannot be written: ${fileReason(thrown)}`, { cause: thrown });
  }
  return identity;
}
