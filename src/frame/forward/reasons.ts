/** What became of a frame: each is counted once. Below: what was sent besides. */
export const REASONS = {
  forwarded: "routed from one port to another",
  held: "routed, and made late by a hook",
  fragmented: "IPv4: routed in pieces, because the next link takes only smaller packets",
  relayed: "passed on as it is, between a guest and the host",
  control: "handed to the services: DHCP, DNS, neighbour discovery",
  "to-host": "for one of our own addresses, and left to the host",
  "arp-answered": "ARP: answered with our MAC",
  "arp-ignored": "ARP: nothing to answer",
  "neighbour-answered": "IPv6: a solicitation for one of our addresses, answered",
  "echo-answered": "a ping of one of our own addresses, answered",
  runt: "shorter than an Ethernet header",
  giant: "longer than the port's links carry",
  "port-gone": "the port was removed while the frame waited",
  "not-ours": "Ethernet: for another station",
  "ethernet-source": "Ethernet: source is a group, zero or our own MAC",
  "unknown-type": "Ethernet: neither IPv4, IPv6 nor ARP",
  "segments-unsplit": "left to us to be cut into segments: the guest's QEMU needs vnet_hdr=off",
  "ipv4-header": "IPv4: version, header length or total length impossible",
  "ipv4-checksum": "IPv4: header checksum wrong",
  "ipv4-options": "IPv4: options malformed",
  "source-route": "IPv4 or IPv6: source routed",
  "ipv6-header": "IPv6: version or payload length impossible",
  martian: "an address that may not be routed (RFC 1812 §5.3.7)",
  multicast: "for many, and none of our services",
  spoofed: "source not bound to this port and MAC",
  unreachable: "no route to the destination",
  prohibited: "the network keeps its guests apart",
  "hops-exceeded": "TTL or hop limit used up",
  "too-big": "larger than the next link takes, and not to be fragmented",
  "own-address": "for one of our own addresses, where nobody listens",
  hook: "dropped by a hook",
  "hook-failed": "a hook threw an error",
  "held-full": "a hook held it back, and too many wait already",
  "no-room": "no room left for a frame of our own",
  unsent: "the port's link did not take it: its queue is full, or nobody is there",
  "error-sent": "ICMP: an error sent",
  "error-limited": "ICMP: an error kept back by the rate limit",
  "error-unfit": "ICMP: no error is sent about such a packet (RFC 1812 §4.3.2.7)",
} as const;

export type Reason = keyof typeof REASONS;

const NAMES = Object.keys(REASONS) as Reason[];

/** Index of each reason, for `Counters.count` where frames pass. */
export const COUNT = Object.fromEntries(NAMES.map((name, index) => [name, index])) as Readonly<Record<Reason, number>>;

export const REASON_NAMES: readonly Reason[] = NAMES;
