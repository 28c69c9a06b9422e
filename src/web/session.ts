/** What the server tells the page of itself, at `/web/session`. */
export interface SessionView {
  /** Of this `tapnet`, which may be another than the daemon's. */
  readonly version: string;
  /** The host's name. */
  readonly host: string;
  /** Nothing can be changed from here. */
  readonly readOnly: boolean;
  /** What QEMU is told to attach a guest called web1. */
  readonly qemu: string;
}

/** What `tapnet doctor` has found, at `/web/doctor`. */
export interface FindingView {
  readonly check: string;
  readonly result: "ok" | "note" | "warning" | "failure";
  readonly message: string;
  /** What to do about it; null where there is nothing to do. */
  readonly advice: string | null;
}

/** In the stream at `/web/events`, beside the daemon's events: whether they can come at all. */
export interface DaemonState {
  readonly daemon: "there" | "gone";
  /** Why it is gone. */
  readonly message: string | null;
}
