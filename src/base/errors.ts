/** Every error that tapnet throws on purpose. `code` is stable: callers and scripts may match on it. */
export class TapnetError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A system call that failed: which one, on what, and the kernel's own name for why. */
export class SystemError extends TapnetError {
  readonly errno: number;
  readonly syscall: string;
  /** The interface, path or address concerned. */
  readonly object: string;

  constructor(fields: { code: string; errno: number; syscall: string; object: string; message?: string; cause?: unknown }) {
    super(fields.code, fields.message ?? `${fields.syscall} ${fields.object}: ${fields.code}`, { cause: fields.cause });
    this.errno = fields.errno;
    this.syscall = fields.syscall;
    this.object = fields.object;
  }
}

/** A netlink request that the kernel refused, with the request in words and the kernel's extended ack. */
export class NetlinkError extends TapnetError {
  readonly errno: number;
  readonly request: string;
  readonly extendedAck: string | undefined;

  constructor(fields: { code: string; errno: number; request: string; extendedAck?: string | undefined }) {
    const reason = fields.extendedAck === undefined ? fields.code : `${fields.code} (${fields.extendedAck})`;
    super(fields.code, `${fields.request}: ${reason}`);
    this.errno = fields.errno;
    this.request = fields.request;
    this.extendedAck = fields.extendedAck;
  }
}

/** A configuration that cannot be used: where, and what to write instead. Lines and columns count from 1. */
export class ConfigError extends TapnetError {
  readonly path: string;
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(message: string, at: { path: string; line?: number | undefined; column?: number | undefined; cause?: unknown }) {
    const where = at.line === undefined ? at.path : `${at.path}:${at.line}:${at.column ?? 1}`;
    super("CONFIG", `${where}: ${message}`, { cause: at.cause });
    this.path = at.path;
    this.line = at.line;
    this.column = at.column;
  }
}

/** Why a file could not be used, in the system's words: without the path and the call that Node.js adds, since whoever asks names the file. */
export function fileReason(thrown: unknown): string {
  const message = errorMessage(thrown);
  return /^E[A-Z0-9]+: (.*?), [a-z]+(?: '.*)?$/s.exec(message)?.[1] ?? message;
}

/** The message of anything that was thrown. */
export function errorMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
