/** What every room may say; the daemon hands in pino. Never called per packet. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Says nothing: for tests and for library users who do not want it. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
