import type { LeaseRecord } from "../../lease/lease.js";

const GUEST_IDENTITY = /^guest:([^/]+)/;

/** The guest whose lease it is; undefined for a client of a shared link. */
export function guestOf({ identity }: Pick<LeaseRecord, "identity">): string | undefined {
  return GUEST_IDENTITY.exec(identity)?.[1];
}
