import { constants } from "node:os";

/** Names that Node does not know but that TAP, netlink and nftables answer with (asm-generic/errno.h). */
const FURTHER_NAMES: readonly (readonly [number, string])[] = [
  [56, "EBADRQC"],
  [64, "ENONET"],
  [76, "ENOTUNIQ"],
  [77, "EBADFD"],
  [87, "EUSERS"],
  [94, "ESOCKTNOSUPPORT"],
  [96, "EPFNOSUPPORT"],
  [108, "ESHUTDOWN"],
  [112, "EHOSTDOWN"],
  [524, "ENOTSUPP"],
];

/** Where one number has two names, the one that people look for. */
const PREFERRED_NAMES: readonly (readonly [number, string])[] = [
  [constants.errno.EAGAIN, "EAGAIN"],
  [constants.errno.EOPNOTSUPP, "EOPNOTSUPP"],
];

let names: Map<number, string> | undefined;

/** The kernel's name for a positive error number: 16 is `EBUSY`. A number without a name becomes `E<number>`. */
export function errnoName(errno: number): string {
  names ??= new Map([
    ...Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
    ...FURTHER_NAMES,
    ...PREFERRED_NAMES,
  ]);
  return names.get(errno) ?? `E${errno}`;
}
