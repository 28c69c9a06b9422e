import { FROM_GUEST } from "./guests.js";
import { PRIORITY, type TableWriter } from "./table.js";
import { ACCEPT, anyOf, concat, count, DROP, goto, inSet, is, meta, payload, prefix, remember } from "./words.js";

const DAY_SECONDS = 86_400;
const SPOOFERS = 4096;

/** A packet from a guest's link goes on only where link, MAC address and source are bound together. */
export function composeGuard(table: TableWriter): void {
  table.counter("spoofed");
  table.set("bound4", { type: ["iface_index", "ether_addr", "ipv4_addr"] });
  table.set("bound6", { type: ["iface_index", "ether_addr", "ipv6_addr"] });
  // Who did it: one element for each link that ever tried, with its own counter.
  table.set("spoofers", { type: "iface_index", dynamic: { size: SPOOFERS, timeoutSeconds: DAY_SECONDS }, counted: true });

  table.chain("prerouting", { type: "filter", hook: "prerouting", priority: PRIORITY.raw });
  table.rule("prerouting", FROM_GUEST, goto("guard"));

  table.chain("guard");
  table.rule("guard", bound("ip", "bound4"), ACCEPT);
  table.rule("guard", bound("ip6", "bound6"), ACCEPT);
  // DHCP, neighbour discovery and the like of guests without an address: the frame socket has them already.
  table.rule("guard", is(payload("ip", "saddr"), "0.0.0.0"), DROP);
  table.rule("guard", is(payload("ip6", "saddr"), anyOf("::", prefix("fe80::", 10))), DROP);
  table.rule("guard", remember(meta("iif"), "spoofers"));
  table.rule("guard", count("spoofed"), DROP);
}

function bound(protocol: "ip" | "ip6", set: string) {
  return is(concat(meta("iif"), payload("ether", "saddr"), payload(protocol, "saddr")), inSet(set));
}
