import { z } from "zod";
import { accessRule } from "./access.js";
import { dns } from "./dns.js";
import { guest } from "./guest.js";
import { account, boundedDuration, path } from "./names.js";
import { network } from "./network.js";
import { choice, list, mapping, section } from "./scalars.js";

/** The whole file, and its part that is not a section. */

export const DEFAULT_STATE_DIRECTORY = "/var/lib/tapnet";

const general = {
  state: path.default(DEFAULT_STATE_DIRECTORY).describe("where leases and history are kept"),
  run: path.default("/run/tapnet").describe("where the sockets are made"),
  log: choice("what is written to the log", ["debug", "info", "warn", "error"]).default("info"),
  group: account.default("tapnet"),
  "other-firewalls": choice("what is done where another firewall drops forwarded packets by default", ["open", "leave"]).default(
    "open",
  ),
  "bridge-conf": path.default("/etc/qemu/bridge.conf").describe("QEMU's own list of who may use which bridge"),
  history: boundedDuration("how long it stays known who had an address", 0, 315_360_000, "3650d is the most").default(2_592_000),
};

/** The top level alone; the sections are read one by one, so that a mistake in one hides none in another. */
export const outline = section({
  ...general,
  networks: z.unknown().optional(),
  guests: z.unknown().optional(),
  access: z.unknown().optional(),
  dns: z.unknown().optional(),
});

/** Everything at once: what editors get. */
export const root = section({
  ...general,
  networks: mapping(network, '"networks: { default: { kind: nat } }"').optional(),
  guests: mapping(guest, '"guests: { web1: { ipv4: 10.77.0.10 } }"').optional(),
  access: list(accessRule, "{ user: alice, networks: [default] }").optional(),
  dns: dns.optional(),
});
