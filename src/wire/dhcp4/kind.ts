/** Which options share a shape, and what each is called (IANA registry "BOOTP Vendor Extensions and DHCP Options"). */

/** How an option's value is built. */
export type Kind =
  | "address"
  | "addresses"
  | "uint8"
  | "uint16"
  | "uint16s"
  | "uint32"
  | "int32"
  | "flag"
  | "present"
  | "text"
  | "codes"
  | "client-identifier"
  | "routes"
  | "domains"
  | "fqdn"
  | "suboptions"
  | "classes"
  | "vendor-items"
  | "octets";

const TABLE: readonly (readonly [code: number, name: string, kind: Kind])[] = [
  // RFC 2132
  [1, "subnet-mask", "address"],
  [2, "time-offset", "int32"],
  [3, "router", "addresses"],
  [4, "time-server", "addresses"],
  [5, "name-server", "addresses"],
  [6, "dns-server", "addresses"],
  [7, "log-server", "addresses"],
  [8, "cookie-server", "addresses"],
  [9, "lpr-server", "addresses"],
  [10, "impress-server", "addresses"],
  [11, "resource-location-server", "addresses"],
  [12, "host-name", "text"],
  [13, "boot-size", "uint16"],
  [14, "merit-dump", "text"],
  [15, "domain-name", "text"],
  [16, "swap-server", "address"],
  [17, "root-path", "text"],
  [18, "extensions-path", "text"],
  [19, "ip-forwarding", "flag"],
  [20, "non-local-source-routing", "flag"],
  [21, "policy-filter", "addresses"],
  [22, "max-datagram-reassembly", "uint16"],
  [23, "default-ttl", "uint8"],
  [24, "path-mtu-aging-timeout", "uint32"],
  [25, "path-mtu-plateau-table", "uint16s"],
  [26, "mtu", "uint16"],
  [27, "all-subnets-local", "flag"],
  [28, "broadcast", "address"],
  [29, "perform-mask-discovery", "flag"],
  [30, "mask-supplier", "flag"],
  [31, "perform-router-discovery", "flag"],
  [32, "router-solicitation-address", "address"],
  [33, "static-routes", "addresses"],
  [34, "trailer-encapsulation", "flag"],
  [35, "arp-cache-timeout", "uint32"],
  [36, "ethernet-encapsulation", "flag"],
  [37, "tcp-default-ttl", "uint8"],
  [38, "tcp-keepalive-interval", "uint32"],
  [39, "tcp-keepalive-garbage", "flag"],
  [40, "nis-domain", "text"],
  [41, "nis-server", "addresses"],
  [42, "ntp", "addresses"],
  [43, "vendor-encapsulated", "octets"],
  [44, "netbios-name-server", "addresses"],
  [45, "netbios-datagram-server", "addresses"],
  [46, "netbios-node-type", "uint8"],
  [47, "netbios-scope", "text"],
  [48, "x11-font-server", "addresses"],
  [49, "x11-display-manager", "addresses"],
  [50, "requested-address", "address"],
  [51, "lease-time", "uint32"],
  [52, "overload", "uint8"],
  [53, "message-type", "uint8"],
  [54, "server-identifier", "address"],
  [55, "parameter-list", "codes"],
  [56, "message", "text"],
  [57, "maximum-size", "uint16"],
  [58, "renewal-time", "uint32"],
  [59, "rebinding-time", "uint32"],
  [60, "vendor-class", "text"],
  [61, "client-identifier", "client-identifier"],
  [64, "nisplus-domain", "text"],
  [65, "nisplus-server", "addresses"],
  [66, "tftp-server", "text"],
  [67, "boot-file", "text"],
  [68, "mobile-ip-home-agent", "addresses"],
  [69, "smtp-server", "addresses"],
  [70, "pop3-server", "addresses"],
  [71, "nntp-server", "addresses"],
  [72, "www-server", "addresses"],
  [73, "finger-server", "addresses"],
  [74, "irc-server", "addresses"],
  // RFC 3004, 4039, 4702, 3046
  [77, "user-class", "classes"],
  [80, "rapid-commit", "present"],
  [81, "client-fqdn", "fqdn"],
  [82, "relay-agent", "suboptions"],
  // RFC 4578, 4833, 8925, 8910, 2563, 3011, 3397, 3442, 3925, 5859, 5071
  [93, "client-architecture", "uint16s"],
  [94, "client-interface", "octets"],
  [97, "client-uuid", "octets"],
  [100, "posix-timezone", "text"],
  [101, "tzdb-timezone", "text"],
  [108, "ipv6-only-preferred", "uint32"],
  [114, "captive-portal", "text"],
  [116, "auto-configure", "uint8"],
  [118, "subnet-selection", "address"],
  [119, "domain-search", "domains"],
  [121, "classless-routes", "routes"],
  [124, "vendor-identifying-class", "vendor-items"],
  [125, "vendor-identifying-information", "vendor-items"],
  [150, "tftp-server-address", "addresses"],
  [175, "etherboot", "octets"],
  [208, "pxelinux-magic", "octets"],
  [209, "pxelinux-config-file", "text"],
  [210, "pxelinux-path-prefix", "text"],
  [249, "microsoft-routes", "routes"],
  [252, "wpad", "text"],
];

const NAMES = new Map(TABLE.map(([code, name]) => [code, name]));
const KINDS = new Map(TABLE.map(([code, , kind]) => [code, kind]));

/** `router`, or `option-224` for a code without a name. */
export function optionName(code: number): string {
  return NAMES.get(code) ?? `option-${code}`;
}

/** `octets` for a code that is not known. */
export function kindOf(code: number): Kind {
  return KINDS.get(code) ?? "octets";
}

/** Every code that is known, in order. */
export const KNOWN_CODES: readonly number[] = TABLE.map(([code]) => code);
