import { Daemon } from "../../../support/daemon.js";
import type { Host, Lab } from "../../../support/lab.js";
import type { RunningProcess } from "../../../support/process.js";
import { Asker } from "./asker.js";
import type { Octets } from "./octets.js";

/** A reservation of the network `full`. */
export const RESERVED: Octets = [0, 2, 0, 0, 0x7e, 0xd9, 1, 2, 3, 4];

/** Many options and rapid commit; small pools, other servers beside us and no rapid commit; no addresses; one behind relays. */
const CONFIGURATION = `
networks:
  full:
    kind: isolated
    ipv6: "2001:db8:a::/64"
    serve: full0
    delegate: { pool: "2001:db8:a00::/40", length: 56 }
    dhcp: { lease: 1h, relay: true }
    dhcp6:
      pool: "2001:db8:a::1:0/112"
      preference: 7
      dns: ["2001:db8:a::53", "2001:db8:a::54"]
      search: [guests.example]
      ntp: ["2001:db8:a::7b", ntp.example]
      sntp: ["2001:db8:a::7c"]
      refresh: 2h
      sol-max-rt: 2h
      inf-max-rt: 3h
      reservations: [{ duid: "00:02:00:00:7e:d9:01:02:03:04", ipv6: "2001:db8:a::10" }]
  small:
    kind: isolated
    ipv6: "2001:db8:b::/64"
    serve: small0
    delegate: { pool: "2001:db8:b00::/62", length: 64 }
    dhcp: { rapid-commit: false, authoritative: false }
    dhcp6: { pool: "2001:db8:b::8/125" }
  stateless:
    kind: isolated
    ipv6: "2001:db8:c::/64"
    serve: bare0
    dhcp6: { addresses: false }
  far:
    kind: isolated
    ipv6: "2001:db8:f::/64"
    dhcp: { relay: true }
`;

export interface RawSite {
  readonly host: Host;
  readonly daemon: Daemon;
  readonly station: RunningProcess;
  readonly full: Asker;
  readonly small: Asker;
  readonly stateless: Asker;
}

/** A daemon with its networks, and the raw clients of each. */
export async function rawSite(lab: Lab): Promise<RawSite> {
  const [host, clients] = [await lab.host("host"), await lab.host("clients")];
  for (const ifname of ["full0", "small0", "bare0"]) await lab.link({ host, ifname }, { host: clients, ifname });
  const daemon = await new Daemon(host, CONFIGURATION).start();
  const station = await Asker.station(clients);
  const [full, small, stateless] = [
    await Asker.on(station, "full0"),
    await Asker.on(station, "small0"),
    await Asker.on(station, "bare0"),
  ];
  return { host, daemon, station, full, small, stateless };
}
