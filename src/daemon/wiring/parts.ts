import type { Clock } from "../../base/clock.js";
import type { Logger } from "../../base/log.js";
import type { Configuration } from "../../config/configuration.js";
import type { FramePath } from "../../frame/frame-path.js";
import type { Ports } from "../../guest/ports.js";
import type { Network } from "../../network/model.js";
import type { DnsService } from "../../services/dns/service.js";
import type { ClientNames } from "./client-names.js";
import type { EventLog } from "./event-log.js";
import type { GuestCounters } from "./guest-counters.js";
import type { Guests } from "./guests.js";
import type { Ipv6 } from "./ipv6.js";
import type { Leases } from "./leases.js";
import type { Passage } from "./passage.js";
import type { PortForwards } from "./port-forwards.js";
import type { PortLinks } from "./port-links.js";
import type { ReadyTaps } from "./ready-taps.js";
import type { Roster } from "./roster.js";
import type { SocketGuests } from "./socket-guests.js";
import type { UserPlane } from "./user-plane.js";

/** The daemon as those see it who answer questions about it. What is configured changes with a reload: read it each time. */
export interface DaemonParts {
  readonly startedAtMs: number;
  /** Whether it serves in a namespace that only its user has. */
  readonly rootless: boolean;
  readonly configuration: Configuration;
  readonly roster: Roster;
  readonly networks: readonly Network[];
  readonly ports: Ports;
  readonly guests: Guests;
  readonly links: PortLinks;
  readonly counters: GuestCounters;
  readonly taps: ReadyTaps;
  readonly sockets: SocketGuests;
  readonly plane: UserPlane;
  readonly leases: Leases;
  readonly dns: DnsService;
  /** The names of shared links' clients, as far as nobody has asked for them yet. */
  readonly clients: ClientNames;
  readonly frames: FramePath;
  readonly ipv6: Ipv6;
  /** What people should know of the configuration, of uplinks and bridges, in sentences. */
  readonly warnings: readonly string[];
  readonly portForwards: PortForwards;
  readonly passage: Passage;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Logger;
}
