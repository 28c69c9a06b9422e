import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ConfigurationError, parseConfiguration } from "../../../src/config/index.js";

interface Row {
  readonly name: string;
  readonly yaml: string;
  /** `line:column` of each problem, in order, with a part of what is said. */
  readonly problems: readonly (readonly [place: string, message: RegExp])[];
}

const LAN = "networks:\n  lan:\n";

const ROWS: readonly Row[] = [
  {
    name: "YAML that ends too early",
    yaml: "networks: [",
    problems: [["1:11", /^this \[ is not closed; write \] where it ends/]],
  },
  {
    name: "a bracket that is not closed",
    yaml: `networks:\n  lan: { dhcp: { ranges: [1-2] }\nguests: {}\n`,
    problems: [["2:8", /^this \{ is not closed; write \} where it ends/]],
  },
  {
    name: "a quote that is not closed",
    yaml: 'log: "info\nstate: /x\n',
    problems: [["1:6", /^this " is not closed; write " where/]],
  },
  { name: "another column", yaml: `${LAN}    mtu: 1500\n   kind: nat\n`, problems: [["4:4", /^begins at another column/]] },
  { name: "two keys on a line", yaml: "networks:\n  lan: kind: nat\n", problems: [["2:8", /give each key its own line/]] },
  { name: "a key below a value", yaml: "log: info\n  state: /x\n", problems: [["1:6", /^a value cannot have keys below/]] },
  { name: "no comma", yaml: "networks: { lan: { kind: nat mtu: 1500 } }\n", problems: [["1:26", /^a comma is missing in this/]] },
  { name: "no colon", yaml: "networks\nguests: {}\n", problems: [["1:1", /^a colon is missing/]] },
  { name: "a reserved character", yaml: "log: @info\n", problems: [["1:6", /^a value that begins with @ belongs into quotes/]] },
  { name: "an alias of nothing", yaml: "log: info\nnetworks: *base\n", problems: [["2:11", /^there is no &base before this/]] },
  {
    name: "no space behind a colon",
    yaml: "networks: { lan: { kind:nat } }\n",
    problems: [["1:20", /unknown key; write kind: nat, with a space behind the colon/]],
  },
  { name: "a tab as indent", yaml: "networks:\n\tlan: {}", problems: [["2:1", /a tab cannot indent YAML; use spaces/]] },
  { name: "two documents", yaml: "log: info\n---\nlog: warn\n", problems: [["2:1", /a second document begins here/]] },
  { name: "a tag", yaml: "log: !level info\n", problems: [["1:6", /tags mean nothing here/]] },
  { name: "a list where a section belongs", yaml: "- a\n", problems: [["1:1", /is a list, where a section belongs/]] },
  { name: "an unknown key at the top", yaml: "statte: /x\n", problems: [["1:1", /^statte: unknown key; did you mean state\?/]] },
  {
    name: "a word of another program",
    yaml: `${LAN}    subnet: 10.1.0.0/24\n    ipv4: 10.1.0.0/24\n`,
    problems: [["3:5", /did you mean ipv4\?/]],
  },
  { name: "a key far from all", yaml: "zzzzzz: 1\n", problems: [["1:1", /known: state, run, log/]] },
  {
    name: "two unknown keys in one section",
    yaml: "a1: 1\nlog: info\nb1: 1\n",
    problems: [
      ["1:1", /a1: unknown/],
      ["3:1", /b1: unknown/],
    ],
  },
  { name: "a key written twice", yaml: "log: info\nlog: warn\n", problems: [["2:1", /log is written twice/]] },
  {
    name: "an unknown kind",
    yaml: `${LAN}    kind: router\n    ipv4: 10.1.0.0/24\n`,
    problems: [["3:11", /not one of nat, routed, isolated, private, bridge; did you mean routed/]],
  },
  { name: "/33", yaml: `${LAN}    ipv4: 10.1.0.0/33\n`, problems: [["3:11", /is too long: an IPv4 prefix has 32 bits at most/]] },
  { name: "leading zeros", yaml: `${LAN}    ipv4: 10.01.0.0/24\n`, problems: [["3:11", /leading zeros.*write 10\.1\.0\.0\/24/]] },
  { name: "host bits", yaml: `${LAN}    ipv4: 10.1.0.5/24\n`, problems: [["3:11", /has host bits set; write 10\.1\.0\.0\/24/]] },
  {
    name: "a netmask",
    yaml: `${LAN}    ipv4: 10.1.0.0/255.255.255.0\n`,
    problems: [["3:11", /write its length: 10\.1\.0\.0\/24/]],
  },
  {
    name: "no prefix length",
    yaml: `${LAN}    ipv4: 10.1.0.0\n`,
    problems: [["3:11", /has no prefix length; write 10\.1\.0\.0\/24/]],
  },
  {
    name: "a number for a prefix",
    yaml: `${LAN}    ipv4: 10.1\n`,
    problems: [["3:11", /is the number 10\.1, where an IPv4 prefix belongs/]],
  },
  {
    name: "a prefix of the other family",
    yaml: `${LAN}    ipv4: "fd00::/64"\n`,
    problems: [["3:11", /is an IPv6 prefix; write it behind ipv6:/]],
  },
  { name: "loopback for guests", yaml: `${LAN}    ipv4: 127.0.0.0/24\n`, problems: [["3:11", /is not for hosts/]] },
  { name: "IPv6 host bits", yaml: `${LAN}    ipv6: "fd00::1/64"\n`, problems: [["3:11", /write fd00::\/64/]] },
  { name: "no value behind a key", yaml: `${LAN}    ipv4:\n`, problems: [["3:5", /has no value; write an IPv4 prefix/]] },
  { name: "a network without addresses", yaml: "networks:\n  lan: {}\n", problems: [["2:3", /networks\.lan: has no addresses/]] },
  {
    name: "a network's name with a dot",
    yaml: 'networks:\n  "a.b": { ipv4: 10.1.0.0/24 }\n',
    problems: [["2:3", /not a usable name/]],
  },
  {
    name: "gateway outside",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    gateway: 10.2.0.1\n`,
    problems: [["4:14", /10\.2\.0\.1 is outside 10\.1\.0\.0\/24; take one of 10\.1\.0\.1-10\.1\.0\.254/]],
  },
  {
    name: "gateway at the broadcast address",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    gateway: 10.1.0.255\n`,
    problems: [["4:14", /broadcast/]],
  },
  {
    name: "gateway without IPv4",
    yaml: `${LAN}    ipv6: "fd00::/64"\n    gateway: 10.2.0.1\n`,
    problems: [["4:14", /needs ipv4:/]],
  },
  {
    name: "range outside",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { ranges: [10.1.0.9-10.1.1.9] }\n`,
    problems: [["4:22", /ranges\[0\]: 10\.1\.1\.9 is outside/]],
  },
  {
    name: "range backwards",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { ranges: [10.1.0.9-10.1.0.3] }\n`,
    problems: [["4:22", /write 10\.1\.0\.3-10\.1\.0\.9/]],
  },
  {
    name: "ranges overlap",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { ranges: [10.1.0.2-10.1.0.9, 10.1.0.9] }\n`,
    problems: [["4:41", /overlaps 10\.1\.0\.2-10\.1\.0\.9/]],
  },
  {
    name: "range with the broadcast address",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { ranges: [10.1.0.128/25] }\n`,
    problems: [["4:22", /10\.1\.0\.255 is the network's broadcast address/]],
  },
  {
    name: "nothing left to hand out",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { exclude: [10.1.0.0/24] }\n`,
    problems: [["4:22", /no address left/]],
  },
  {
    name: "a duration in words",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { lease: 1 hour }\n`,
    problems: [["4:20", /write one like 90s, 15m, 1h30m, 7d or infinite/]],
  },
  {
    name: "T1 behind T2",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { renew: 50m, rebind: 40m }\n`,
    problems: [["4:20", /is not before rebind:/]],
  },
  {
    name: "bounds that leave the lease out",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { lease: 1h, shortest-lease: 2h, longest-lease: 30m }\n`,
    problems: [
      ["4:40", /is longer than lease:/],
      ["4:59", /is shorter than lease:/],
    ],
  },
  { name: "yes", yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { probe: yes }\n`, problems: [["4:20", /write true/]] },
  {
    name: "overlapping networks",
    yaml: "networks:\n  a: { ipv4: 10.0.0.0/8 }\n  b: { ipv4: 10.1.0.0/24 }\n  c: { ipv4: 10.2.0.0/24 }\n",
    problems: [
      ["3:14", /overlaps 10\.0\.0\.0\/8 of network a/],
      ["4:14", /overlaps 10\.0\.0\.0\/8 of network a/],
    ],
  },
  {
    name: "overlapping IPv6 networks",
    yaml: 'networks:\n  a: { ipv6: "fd00::/48" }\n  b: { ipv6: "fd00::/64" }\n',
    problems: [["3:14", /fd00::\/64 overlaps fd00::\/48/]],
  },
  {
    name: "a pool of prefixes that overlaps a network",
    yaml: 'networks:\n  a: { ipv6: "fd00:1::/64", delegate: { pool: "fd00::/16" } }\n',
    problems: [["2:47", /fd00::\/16 overlaps fd00:1::\/64 of network a/]],
  },
  {
    name: "delegated prefixes larger than their pool",
    yaml: 'networks:\n  a: { ipv6: "fd00:1::/64", delegate: { pool: "fd00:2::/48", length: 40 } }\n',
    problems: [["2:70", /\/40 does not fit into fd00:2::\/48; write 48 or more/]],
  },
  {
    name: "a word that is no prefix",
    yaml: `${LAN}    ipv6: auto\n`,
    problems: [["3:11", /auto is not an IPv6 prefix; write one like fd00:77::\/64, or delegated or uplink/]],
  },
  {
    name: "a delegated prefix without an uplink to ask",
    yaml: `${LAN}    ipv6: delegated\n`,
    problems: [["3:11", /delegated needs kind: nat or routed, and uplink: with the interface that is asked/]],
  },
  {
    name: "the prefix of an uplink for two",
    yaml: "networks:\n  a: { uplink: e0, ipv6: uplink }\n  b: { uplink: e0, ipv6: uplink }\n",
    problems: [["3:26", /the prefix of e0 is network a's already/]],
  },
  {
    name: "one subnet of a delegated prefix for two",
    yaml:
      "networks:\n  a: { uplink: e0, ipv6: delegated, ipv6-subnet: 1 }\n" +
      "  b: { uplink: e0, ipv6: delegated, ipv6-subnet: 1 }\n",
    problems: [["3:50", /subnet 1 of e0 is network a's already; take another number/]],
  },
  {
    name: "a subnet of a prefix that is written",
    yaml: `${LAN}    ipv6: "fd00::/64"\n    ipv6-subnet: 1\n`,
    problems: [["4:18", /means nothing without ipv6: delegated/]],
  },
  {
    name: "prefixes for guests without a pool",
    yaml: `${LAN}    ipv6: "fd00::/64"\n    delegate: { length: 60 }\n`,
    problems: [["4:5", /has no pool; give pool:/]],
  },
  {
    name: "a guest's address with a prefix that is not known beforehand",
    yaml:
      "networks:\n  a: { uplink: e0, ipv6: delegated, dhcp6: { addresses: true } }\n" +
      'guests:\n  g: { network: a, ipv6: "fd00::5" }\n',
    problems: [["4:26", /fd00::5 names a prefix, which is the uplink's to say here; write the rest, like ::10/]],
  },
  {
    name: "a guest's address that nobody tells it",
    yaml: 'networks:\n  a: { uplink: e0, ipv6: delegated }\nguests:\n  g: { network: a, ipv6: "::5" }\n',
    problems: [["4:26", /needs DHCPv6, by which the guest hears of it; give network a dhcp6: \{ addresses: true \}/]],
  },
  {
    name: "a guest's prefix that is not one of the pool's",
    yaml:
      'networks:\n  a: { ipv6: "fd00::/64", delegate: { pool: "fd01::/40", length: 56 } }\n' +
      'guests:\n  g: { network: a, prefix: "fd01::/60" }\n',
    problems: [["4:28", /fd01::\/60 is not a \/56 of fd01::\/40, which the network delegates/]],
  },
  {
    name: "an address pool outside the network",
    yaml: `${LAN}    ipv6: "fd00::/64"\n    dhcp6: { pool: "fd01::/80" }\n`,
    problems: [["4:20", /fd01::\/80 is outside the network's fd00::\/64/]],
  },
  {
    name: "DUIDs that are none, or twice",
    yaml:
      `${LAN}    ipv6: "fd00::/64"\n    dhcp6:\n      reservations:\n` +
      '        - { duid: xyz, ipv6: "fd00::5" }\n        - { duid: "00:01", ipv6: "fd00::6" }\n',
    problems: [
      ["6:19", /xyz is not a DUID; write octets/],
      ["7:19", /is 2 octets long; a DUID has 3 to 130/],
    ],
  },
  {
    name: "reservations that keep nothing, or what is outside",
    yaml:
      `${LAN}    ipv6: "fd00::/64"\n    dhcp6:\n      reservations:\n` +
      '        - { duid: "00:03:00:01:02" }\n        - { duid: "00:03:00:01:02", ipv6: "fd01::6" }\n',
    problems: [
      ["6:11", /keeps nothing; give ipv6: or prefix:/],
      ["7:19", /has a reservation already/],
      ["7:43", /fd01::6 is outside the network's fd00::\/64/],
    ],
  },
  {
    name: "a router that is gone before it is heard again",
    yaml: `${LAN}    ipv6: "fd00::/64"\n    ra: { interval: 10m, lifetime: 5m, preferred: 2h, valid: 1h, pref64: "64:ff9b::/97", served: true }\n`,
    problems: [["4:74", /is no prefix of a NAT64; its length is one of 32, 40, 48, 56, 64, 96/]],
  },
  {
    name: "a router's times that contradict each other",
    yaml: `${LAN}    ipv6: "fd00::/64"\n    ra: { interval: 10m, lifetime: 5m, preferred: 2h, valid: 1h, served: true }\n`,
    problems: [
      ["4:36", /300s would end before the next advertisement; write 600s or more, or 0/],
      ["4:51", /lasts longer than valid:/],
      ["4:74", /needs serve: with the interfaces to advertise on/],
    ],
  },
  {
    name: "delegated prefixes without IPv6",
    yaml: 'networks:\n  a: { ipv4: 10.1.0.0/24, delegate: { pool: "fd00:2::/48" } }\n',
    problems: [["2:27", /needs ipv6:/]],
  },
  {
    name: "answers on no uplink",
    yaml: "networks:\n  a: { ipv4: 10.1.0.0/24, kind: routed, answer-on-uplink: true }\n",
    problems: [["2:59", /needs kind: routed and uplink:/]],
  },
  {
    name: "VLANs on nothing, of no number, and with too long a name",
    yaml:
      "networks:\n  a: { ipv4: 10.1.0.0/24, vlan: 100 }\n  b: { ipv4: 10.2.0.0/24, uplink: eth0, vlan: 4095 }\n" +
      "  c: { kind: bridge, bridge: { ports: [enp0s31f6np0, eth0] }, vlan: 100 }\n",
    problems: [
      ["2:33", /needs uplink: beside it/],
      ["3:47", /from 1 to 4094/],
      ["4:69", /makes the interface enp0s31f6np0\.100, whose name is too long/],
    ],
  },
  {
    name: "what only bridges have",
    yaml: "networks:\n  a: { ipv4: 10.1.0.0/24, bridge: br0, way-out: nat, router: 10.1.0.9 }\n",
    problems: [
      ["2:27", /only for networks of kind: bridge/],
      ["2:40", /only for networks of kind: bridge/],
      ["2:54", /only for networks of kind: bridge/],
    ],
  },
  {
    name: "a bridge of others that is to be set up",
    yaml: "networks:\n  a:\n    kind: bridge\n    bridge: { existing: true, ports: eth1, stp: true }\n    way-out: nat\n    ipv4: 10.1.0.0/24\n",
    problems: [
      ["2:3", /gateway: is missing: on a bridge of others/],
      ["4:5", /not which bridge; give its name:/],
      ["4:31", /the business of whoever makes the bridge/],
      ["4:44", /the business of whoever makes the bridge/],
      ["5:5", /the business of whoever makes the bridge/],
    ],
  },
  {
    name: "a spanning tree without patience",
    yaml: "networks:\n  a: { kind: bridge, bridge: { stp: true, forward-delay: 1s } }\n",
    problems: [["2:58", /too short with stp: true; write 2s/]],
  },
  {
    name: "a router that guests cannot reach",
    yaml: "networks:\n  a: { kind: bridge, ipv4: 10.1.0.0/24, router: 10.2.0.1 }\n",
    problems: [["2:49", /10\.2\.0\.1 is outside 10\.1\.0\.0\/24/]],
  },
  {
    name: "two networks on one bridge, and an uplink that is a port",
    yaml: "networks:\n  a: { kind: bridge, bridge: { ports: eth1 } }\n  b: { kind: bridge, bridge: br-a }\n  c: { ipv4: 10.1.0.0/24, uplink: eth1 }\n",
    problems: [
      ["3:30", /br-a belongs to network a already/],
      ["4:35", /eth1 is a port of the bridge of network a/],
    ],
  },
  {
    name: "interfaces beside those of the list, and two on one network",
    yaml: "networks: { a: { ipv4: 10.1.0.0/24 }, b: { ipv4: 10.2.0.0/24 } }\nguests:\n  g:\n    network: a\n    nics: [{ network: b }, { network: b }]\n",
    problems: [
      ["4:5", /stands beside nics:; move it/],
      ["5:39", /has an interface on b already/],
    ],
  },
  {
    name: "two default routes, and an address of another network",
    yaml: "networks: { a: { ipv4: 10.1.0.0/24 }, b: { ipv4: 10.2.0.0/24 } }\nguests:\n  g:\n    nics:\n      - { network: a, default-route: true, ipv4: [10.1.0.9, 10.2.0.9] }\n      - { network: b, default-route: true }\n",
    problems: [
      ["5:50", /10\.2\.0\.9 is outside/],
      ["6:38", /true for another interface already/],
    ],
  },
  {
    name: "an interface served twice",
    yaml: "networks:\n  a: { ipv4: 10.1.0.0/24, serve: br0 }\n  b: { ipv4: 10.2.0.0/24, serve: [br0] }\n",
    problems: [["3:35", /br0 is served by a already/]],
  },
  {
    name: "the uplink served",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    uplink: eth0\n    serve: eth0\n`,
    problems: [["5:12", /is the uplink/]],
  },
  {
    name: "a view on a network that is not there",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dns: { sees: [lann] }\n`,
    problems: [["4:19", /there is no network lann; did you mean lan\?/]],
  },
  {
    name: "reservation outside",
    yaml: "guests:\n  web1: { ipv4: 10.9.0.1 }\n",
    problems: [["2:17", /outside the network's 10\.77\.0\.0\/24/]],
  },
  {
    name: "reservation of the gateway",
    yaml: "guests:\n  web1: { ipv4: 10.77.0.1 }\n",
    problems: [["2:17", /is the network's gateway/]],
  },
  {
    name: "an address twice",
    yaml: "guests:\n  a: { ipv4: 10.77.0.9 }\n  b: { ipv4: 10.77.0.9 }\n",
    problems: [["3:14", /10\.77\.0\.9 is the address of guest a already/]],
  },
  {
    name: "a MAC twice",
    yaml: "guests:\n  a: { mac: 52:54:00:00:00:01 }\n  b: { mac: 52-54-00-00-00-01 }\n",
    problems: [["3:13", /52:54:00:00:00:01 is the MAC address of guest a already/]],
  },
  { name: "a group MAC", yaml: "guests:\n  a: { mac: 53:54:00:00:00:01 }\n", problems: [["2:13", /group address/]] },
  {
    name: "a MAC of five",
    yaml: "guests:\n  a: { mac: 52:54:00:00:01 }\n",
    problems: [["2:13", /write one like 52:54:00:12:34:56/]],
  },
  {
    name: "an interface twice",
    yaml: "guests:\n  a: { ifname: tn-b }\n  b: {}\n",
    problems: [["3:3", /tn-b is the interface of guest a already/]],
  },
  {
    name: "an interface name of 16",
    yaml: "guests:\n  a: { ifname: abcdefghijklmnop }\n",
    problems: [["2:16", /has 16 characters; Linux allows an interface name 15/]],
  },
  {
    name: "a guest's network unknown",
    yaml: "guests:\n  a: { network: defalt }\n",
    problems: [["2:17", /there is no network defalt; did you mean default\?/]],
  },
  {
    name: "a guest without a network",
    yaml: "networks:\n  a: { ipv4: 10.1.0.0/24 }\n  b: { ipv4: 10.2.0.0/24 }\nguests:\n  web1: {}\n",
    problems: [["5:3", /names no network/]],
  },
  {
    name: "a name twice in a network",
    yaml: "guests:\n  a: { names: [B] }\n  b: {}\n",
    problems: [["3:3", /b in network default is a name of guest a already/]],
  },
  {
    name: "an option unknown by name",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { options: { ntpp: 10.0.0.1 } }\n`,
    problems: [["4:30", /did you mean ntp\?/]],
  },
  {
    name: "an option of the server",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { options: { 51: 60 } }\n`,
    problems: [["4:28", /option 51 is written as lease: instead/]],
  },
  {
    name: "an option without type",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { options: { 224: 60 } }\n`,
    problems: [["4:29", /option 224 has no known type/]],
  },
  {
    name: "an option too large",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { options: { mtu: 65536 } }\n`,
    problems: [["4:29", /0 to 65535 fits/]],
  },
  {
    name: "an option by name and number",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { options: { ntp: 10.0.0.1, 42: 10.0.0.1 } }\n`,
    problems: [["4:29", /option 42 is given twice/]],
  },
  {
    name: "a class that matches all",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { classes: [{ name: all, match: {} }] }\n`,
    problems: [["4:36", /matches every client/]],
  },
  {
    name: "a reservation for nobody",
    yaml: `${LAN}    ipv4: 10.1.0.0/24\n    dhcp: { reservations: [{ ipv4: 10.1.0.9 }] }\n`,
    problems: [["4:28", /says for whom it is in no way/]],
  },
  {
    name: "access to nothing said",
    yaml: "access:\n  - { user: a }\n",
    problems: [["2:5", /access\[0\]\.networks: is missing; write a list/]],
  },
  {
    name: "access for two",
    yaml: "access:\n  - { user: a, group: b, networks: all }\n",
    problems: [["2:5", /write two entries/]],
  },
  { name: "access to nothing", yaml: "access:\n  - { user: a, networks: [x] }\n", problems: [["2:27", /there is no network x/]] },
  { name: "an upstream in words", yaml: "dns: { upstreams: [google] }\n", problems: [["1:20", /write one like 192\.0\.2\.53/]] },
  { name: "TLS without a name", yaml: 'dns: { upstreams: ["tls://192.0.2.1"] }\n', problems: [["1:20", /whose certificate/]] },
  {
    name: "a record of an unknown type",
    yaml: "dns:\n  records:\n    - { name: a.example, type: AA, value: x }\n",
    problems: [["3:32", /did you mean A/]],
  },
  {
    name: "an SRV record of three words",
    yaml: "dns:\n  records:\n    - { name: a.example, type: SRV, value: 1 2 3 }\n",
    problems: [["3:44", /not an SRV value/]],
  },
  {
    name: "a label of 64",
    yaml: `dns:\n  records:\n    - { name: ${"a".repeat(64)}.example, type: A, value: 10.0.0.1 }\n`,
    problems: [["3:15", /64 characters; 63 is the most/]],
  },
  { name: "a relative path", yaml: "state: var/lib\n", problems: [["1:8", /begin it with \//]] },
];

function problemsOf(yaml: string): ConfigurationError {
  try {
    parseConfiguration(yaml, "t.yaml");
  } catch (thrown) {
    if (thrown instanceof ConfigurationError) return thrown;
    throw thrown;
  }
  return assert.fail("it was accepted");
}

describe("what is wrong with a configuration", () => {
  for (const row of ROWS) {
    it(row.name, () => {
      const { problems } = problemsOf(row.yaml);
      assert.deepEqual(
        problems.map((problem) => `${problem.line}:${problem.column}`),
        row.problems.map(([place]) => place),
        problems.map((problem) => problem.message).join("\n"),
      );
      for (const [index, [, message]] of row.problems.entries()) assert.match(problems[index].message, message);
    });
  }

  it("survives nesting without end", () => {
    for (const text of ["[".repeat(20_000), "a: {".repeat(5000), `networks: ${"{ a: ".repeat(2000)}1${"}".repeat(2000)}`]) {
      assert.match(problemsOf(text).message, /this is not/);
    }
  });

  it("is said with its place, whatever the text is", () => {
    const word = fc.constantFrom(
      "networks:",
      "guests:",
      "default:",
      "ipv4:",
      "dhcp:",
      "{",
      "}",
      "[",
      "]",
      "-",
      "10.1.0.0/24",
      "\n",
      "  ",
      "&a",
      "*a",
      "!t",
      "#",
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(word, { maxLength: 40 }).map((words) => words.join(" ")),
    );
    fc.assert(
      fc.property(text, (yaml) => {
        try {
          parseConfiguration(yaml, "t.yaml");
        } catch (thrown) {
          assert(thrown instanceof ConfigurationError, String(thrown));
          for (const problem of thrown.problems) assert(problem.line >= 1 && problem.column >= 1 && problem.length >= 1);
          assert(thrown.report().length > 0);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("says twenty at most, and how many more", () => {
    const yaml = Array.from({ length: 25 }, (_, index) => `key${index}x: 1\n`).join("");
    const error = problemsOf(yaml);
    assert.equal(error.problems.length, 20);
    assert.equal(error.leftOut, 5);
    assert.match(error.report(), /and 5 more$/);
  });

  it("names file, line and column of each in its message, one a line", () => {
    const error = problemsOf("log: loud\nstate: x\n");
    assert.deepEqual(
      error.message.split("\n").map((line) => line.slice(0, 10)),
      ["t.yaml:1:6", "t.yaml:2:8"],
    );
    assert.deepEqual([error.code, error.path, error.line, error.column], ["CONFIG", "t.yaml", 1, 6]);
  });

  it("finds a mistake in one section behind a mistake in another", () => {
    const error = problemsOf(
      "networks:\n  a: { ipv4: bad }\n  b: { ipv4: 10.1.0.0/24, gateway: 10.2.0.1 }\nguests:\n  g: { network: a, mac: bad }\n",
    );
    assert.deepEqual(
      error.problems.map((problem) => problem.line),
      [2, 3, 5],
    );
  });
});
