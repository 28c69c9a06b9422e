import { fileReason, TapnetError } from "../base/errors.js";

/**
 * A lease store that cannot be used. Codes: `LEASE_STORE_CORRUPT` (bytes that nobody wrote so), `LEASE_STORE_NEWER` (written by
 * a later version), `LEASE_STORE_BUSY` (another process has it), `LEASE_STORE_DENIED` (not ours to write), `LEASE_STORE_FULL`,
 * `LEASE_STORE_IO`.
 */
export class LeaseStoreError extends TapnetError {
  /** File or directory concerned. */
  readonly path: string;

  constructor(code: string, path: string, message: string, cause?: unknown) {
    super(code, `${path}: ${message}`, { cause });
    this.path = path;
  }
}

/** What the operating system said, as a store error that names the file and what to do. */
export function storeErrorOf(cause: unknown, path: string): LeaseStoreError {
  if (cause instanceof LeaseStoreError) return cause;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new LeaseStoreError(
      "LEASE_STORE_DENIED",
      path,
      "leases cannot be written here: make it writable for tapnetd, or set `state:` elsewhere",
      cause,
    );
  }
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new LeaseStoreError("LEASE_STORE_FULL", path, "no space left for leases: free some, no lease is given before", cause);
  }
  if (code === "ENOTDIR" || code === "EEXIST") {
    return new LeaseStoreError("LEASE_STORE_DENIED", path, "is not a directory: move it away, or set `state:` elsewhere", cause);
  }
  return new LeaseStoreError("LEASE_STORE_IO", path, fileReason(cause), cause);
}

export function corrupt(path: string, what: string): LeaseStoreError {
  return new LeaseStoreError(
    "LEASE_STORE_CORRUPT",
    path,
    `${what}; acknowledged leases may be lost. Restore the directory from a backup, or move it away to start without leases`,
  );
}
