/** How a DHCPv4 option's value is written, and so how it is encoded. */
export const OPTION_TYPES = [
  "ipv4",
  "ipv4s",
  "uint8",
  "uint8s",
  "uint16",
  "uint16s",
  "uint32",
  "int32",
  "boolean",
  "text",
  "octets",
  "names",
] as const;
export type OptionType = (typeof OPTION_TYPES)[number];

export interface OptionDefinition {
  readonly code: number;
  readonly name: string;
  readonly type: OptionType;
}

const TABLE: readonly (readonly [code: number, name: string, type: OptionType])[] = [
  // RFC 2132
  [2, "time-offset", "int32"],
  [3, "router", "ipv4s"],
  [4, "time-server", "ipv4s"],
  [5, "name-server", "ipv4s"],
  [6, "dns-server", "ipv4s"],
  [7, "log-server", "ipv4s"],
  [8, "cookie-server", "ipv4s"],
  [9, "lpr-server", "ipv4s"],
  [10, "impress-server", "ipv4s"],
  [11, "resource-location-server", "ipv4s"],
  [12, "host-name", "text"],
  [13, "boot-size", "uint16"],
  [14, "merit-dump", "text"],
  [15, "domain-name", "text"],
  [16, "swap-server", "ipv4"],
  [17, "root-path", "text"],
  [18, "extensions-path", "text"],
  [19, "ip-forwarding", "boolean"],
  [20, "non-local-source-routing", "boolean"],
  [21, "policy-filter", "ipv4s"],
  [22, "max-datagram-reassembly", "uint16"],
  [23, "default-ttl", "uint8"],
  [24, "path-mtu-aging-timeout", "uint32"],
  [25, "path-mtu-plateau-table", "uint16s"],
  [26, "mtu", "uint16"],
  [27, "all-subnets-local", "boolean"],
  [28, "broadcast", "ipv4"],
  [29, "perform-mask-discovery", "boolean"],
  [30, "mask-supplier", "boolean"],
  [31, "perform-router-discovery", "boolean"],
  [32, "router-solicitation-address", "ipv4"],
  [33, "static-routes", "ipv4s"],
  [34, "trailer-encapsulation", "boolean"],
  [35, "arp-cache-timeout", "uint32"],
  [36, "ethernet-encapsulation", "boolean"],
  [37, "tcp-default-ttl", "uint8"],
  [38, "tcp-keepalive-interval", "uint32"],
  [39, "tcp-keepalive-garbage", "boolean"],
  [40, "nis-domain", "text"],
  [41, "nis-server", "ipv4s"],
  [42, "ntp", "ipv4s"],
  [43, "vendor-encapsulated", "octets"],
  [44, "netbios-name-server", "ipv4s"],
  [45, "netbios-datagram-server", "ipv4s"],
  [46, "netbios-node-type", "uint8"],
  [47, "netbios-scope", "text"],
  [48, "x11-font-server", "ipv4s"],
  [49, "x11-display-manager", "ipv4s"],
  [60, "vendor-class", "text"],
  [64, "nisplus-domain", "text"],
  [65, "nisplus-server", "ipv4s"],
  [66, "tftp-server", "text"],
  [67, "boot-file", "text"],
  [68, "mobile-ip-home-agent", "ipv4s"],
  [69, "smtp-server", "ipv4s"],
  [70, "pop3-server", "ipv4s"],
  [71, "nntp-server", "ipv4s"],
  [72, "www-server", "ipv4s"],
  [73, "finger-server", "ipv4s"],
  [74, "irc-server", "ipv4s"],
  // RFC 4833, 8925, 8910, 3397, 5859, 5071, and what is no standard but asked for
  [100, "posix-timezone", "text"],
  [101, "tzdb-timezone", "text"],
  [108, "ipv6-only-preferred", "uint32"],
  [114, "captive-portal", "text"],
  [119, "domain-search", "names"],
  [150, "tftp-server-address", "ipv4s"],
  [208, "pxelinux-magic", "octets"],
  [209, "pxelinux-config-file", "text"],
  [210, "pxelinux-path-prefix", "text"],
  [252, "wpad", "text"],
];

/** Options that the server fills in itself, and the key of ours that says what goes into them. */
const OWN: ReadonlyMap<number, string | undefined> = new Map([
  [0, undefined],
  [1, "netmask:"],
  [50, undefined],
  [51, "lease:"],
  [52, undefined],
  [53, undefined],
  [54, undefined],
  [55, undefined],
  [56, undefined],
  [57, undefined],
  [58, "renew:"],
  [59, "rebind:"],
  [61, undefined],
  [80, "rapid-commit:"],
  [81, undefined],
  [82, undefined],
  [90, undefined],
  [121, "routes:"],
  [249, "routes:"],
  [255, undefined],
]);

const DEFINITIONS: readonly OptionDefinition[] = TABLE.map(([code, name, type]) => ({ code, name, type }));

export function optionByName(name: string): OptionDefinition | undefined {
  return DEFINITIONS.find((definition) => definition.name === name);
}

export function optionByCode(code: number): OptionDefinition | undefined {
  return DEFINITIONS.find((definition) => definition.code === code);
}

export function optionNames(): string[] {
  return DEFINITIONS.map((definition) => definition.name);
}

/** Why an option is not for the configuration to set, or undefined when it is. */
export function explainOwnOption(code: number): string | undefined {
  if (!OWN.has(code)) return undefined;
  const key = OWN.get(code);
  return key === undefined ? `option ${code} is filled in by the server itself` : `option ${code} is written as ${key} instead`;
}
