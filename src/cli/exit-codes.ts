/** Exit codes of `tapnet`; tapnet(1) lists them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  absent: 3,
  notAllowed: 4,
} as const;

/** The exit code that belongs to the code of an error. */
export function exitCodeOf(code: string): number {
  switch (code) {
    case "USAGE":
    case "BAD_REQUEST":
    case "INVALID_ARGUMENT":
      return EXIT.usage;
    case "ABSENT":
    case "TIMEOUT":
      return EXIT.absent;
    case "NOT_ALLOWED":
      return EXIT.notAllowed;
    default:
      return EXIT.failed;
  }
}
