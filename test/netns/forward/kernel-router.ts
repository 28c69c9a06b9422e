/** The kernel as a router between TAPs, set up by hand as `ForwardLab` sets up the engine. In a network namespace of this process. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { formatIpv4 } from "../../../src/base/ipv4-address.js";
import { formatIpv6 } from "../../../src/base/ipv6-address.js";
import { formatMac } from "../../../src/base/mac.js";
import { ForwardBatch } from "../../../src/frame/forward/batch.js";
import type { SentFrame } from "../../../src/frame/forward/memory-link.js";
import { addon } from "../../../src/os/addon.js";
import { PortSocket } from "../../../src/os/port-socket.js";
import { createTap, type Tap } from "../../../src/os/tap.js";
import { A, B, GATEWAY_IPV4, GATEWAY_IPV6, GATEWAY_MAC, NARROW } from "../../support/forward-lab.js";
import { portFrames } from "../../support/port-frames.js";

/** Switches off what makes two runs different: limits, and what the kernel says unasked. */
const SETTINGS: Readonly<Record<string, string>> = {
  "ipv4/icmp_ratelimit": "0",
  "ipv4/icmp_msgs_per_sec": "1000000",
  "ipv4/icmp_msgs_burst": "1000000",
  "ipv6/icmp/ratelimit": "0",
  "ipv4/ip_forward": "1",
  "ipv6/conf/all/forwarding": "1",
  "ipv6/conf/default/accept_dad": "0",
  "ipv6/conf/default/router_solicitations": "0",
  "ipv4/conf/default/rp_filter": "1",
  "ipv4/conf/all/send_redirects": "0",
  "ipv4/conf/default/send_redirects": "0",
  "ipv4/conf/all/accept_redirects": "0",
};

const QUIET_MS = 1500;

export class KernelRouter {
  readonly #socket: PortSocket;
  readonly #batch = new ForwardBatch();
  readonly #taps: Tap[] = [];

  private constructor() {
    this.#socket = new PortSocket({ onReadable() {}, onEvent() {} });
    this.#socket.setReferenced(false);
  }

  /** Leaves the namespace that the process was in. */
  static async make(): Promise<KernelRouter> {
    addon().unshareNetworkNamespace();
    const router = new KernelRouter();
    for (const [path, value] of Object.entries(SETTINGS)) writeFileSync(`/proc/sys/net/${path}`, value);
    ip("link set lo up");
    ip(`address add ${formatIpv4(GATEWAY_IPV4)}/32 dev lo`);
    ip(`address add ${formatIpv6(GATEWAY_IPV6)}/128 dev lo`);
    for (const guest of [A, B, NARROW]) router.#addGuest(guest.slot, guest.slot === NARROW.slot ? 600 : 1500);
    ip("route add unreachable 10.77.0.0/24 metric 1000");
    ip("route add unreachable fd00:77::/64 metric 5000");
    // Listener reports and the like, which a link sends when it comes up.
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    router.drain();
    return router;
  }

  /** One frame into a guest's TAP, and what comes out of all of them before the call returns. */
  in(slot: number, frame: Uint8Array): SentFrame[] {
    this.#socket.send(portFrames([slot, frame]));
    return this.drain();
  }

  drain(): SentFrame[] {
    const frames: SentFrame[] = [];
    const batch = this.#batch;
    while (this.#socket.receive(batch) > 0) {
      for (let row = 0; row < batch.count; row++) {
        const bytes = batch.bytes.slice(batch.offset[row], batch.offset[row] + batch.length[row]);
        frames.push({ port: batch.port[row], bytes });
      }
    }
    return frames;
  }

  async close(): Promise<void> {
    await this.#socket.close();
    for (const tap of this.#taps) await tap.closeLater();
  }

  #addGuest(slot: number, mtu: number): void {
    const { ipv4, ipv6, mac } = [A, B, NARROW][slot];
    const name = `t${slot}`;
    const tap = createTap({ name, mac: GATEWAY_MAC, mtu });
    this.#taps.push(tap);
    if (mtu >= 1280) ip(`link set ${name} addrgenmode none`);
    ip(`link set ${name} up`);
    const address = formatIpv4(ipv4);
    ip(`route add ${address}/32 dev ${name} src ${formatIpv4(GATEWAY_IPV4)}`);
    ip(`neighbour replace ${address} lladdr ${formatMac(mac)} nud permanent dev ${name}`);
    if (mtu >= 1280) {
      ip(`address add fe80::1/128 dev ${name} nodad`);
      ip(`route add ${formatIpv6(ipv6)}/128 dev ${name} src ${formatIpv6(GATEWAY_IPV6)}`);
      ip(`neighbour replace ${formatIpv6(ipv6)} lladdr ${formatMac(mac)} nud permanent dev ${name}`);
    }
    this.#socket.addTap(slot, tap.fd);
  }
}

function ip(words: string): void {
  execFileSync("ip", words.split(" "), { stdio: ["ignore", "ignore", "inherit"] });
}
