/**
 * Theory of operation
 *
 * Finds out which IPv6 prefixes the uplinks have for our networks. On an uplink that delegates (`ipv6: delegated`) we are a
 * DHCPv6 client; of one whose own subnet the guests share (`ipv6: uplink`) the addresses are watched. Both begin anew when the
 * uplink comes, goes or gets its carrier back; the kernel's notifications are only hints, and a moment later all is looked at.
 *
 * The client hears its answers on a packet socket, like all our services: another DHCPv6 client of the host keeps port 546, and
 * each takes its own transactions. What an uplink has given stays in use while it is away or says nothing, until it ends.
 */
import type { Clock, Timer } from "../../base/clock.js";
import { IPV6_ANY, type Ipv6Address, isLinkLocalIpv6, isMulticastIpv6, writeIpv6 } from "../../base/ipv6-address.js";
import type { InterfaceAddress, LinkState } from "../../base/kernel-objects.js";
import type { Logger } from "../../base/log.js";
import { formatPrefix, type Ipv6Prefix, ipv6InPrefix } from "../../base/prefix.js";
import { systemRandom } from "../../base/random.js";
import type { Configuration, FoundPrefix, NetworkConfiguration } from "../../config/configuration.js";
import { type Datagram, VERDICT, type Verdict } from "../../frame/datagram.js";
import { FramePath } from "../../frame/frame-path.js";
import { type Link, makeLink } from "../../frame/link.js";
import type { Kernel, Subscription } from "../../network/kernel.js";
import { type Delegation, samePrefixes } from "../../services/dhcp6-client/delegated-prefix.js";
import { PrefixClient } from "../../services/dhcp6-client/prefix-client.js";
import { ALL_DHCP_RELAY_AGENTS_AND_SERVERS, DHCP6_PORT } from "../../wire/dhcp6/codes.js";
import { neededLength } from "./effective.js";
import type { UplinkMemory } from "./uplink-memory.js";

const SETTLE_MS = 50;
const ALL_SERVERS_MAC = 0x3333_0001_0002;
const SUBNET_LENGTH = 64;

export interface UplinkPrefixesParts {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly log: Logger;
  readonly memory: UplinkMemory;
  /** Who we are to DHCPv6 servers. */
  readonly duid: () => Uint8Array;
  /** A prefix came, went, or only lasts longer. */
  readonly onChange: (what: "prefixes" | "lifetimes") => void;
}

interface Uplink {
  readonly ifname: string;
  readonly watched: boolean;
  /** Undefined: nothing is asked of its router. */
  readonly hintLength: number | undefined;
  /** The subnet of its own address. */
  subnet: Ipv6Prefix | undefined;
  client: PrefixClient | undefined;
  /** Where it is listened to. */
  link: Link | undefined;
}

export class UplinkPrefixes {
  readonly #parts: UplinkPrefixesParts;
  readonly #uplinks = new Map<string, Uplink>();
  readonly #delegations: Map<string, Delegation>;
  #subscription: Subscription | undefined;
  #frames: FramePath | undefined;
  #timer: Timer | undefined;

  constructor(parts: UplinkPrefixesParts) {
    this.#parts = parts;
    this.#delegations = parts.memory.load();
  }

  /** What is known now of an uplink. */
  find(ifname: string, source: "delegated" | "uplink"): FoundPrefix | undefined {
    if (source === "uplink") {
      const prefix = this.#uplinks.get(ifname)?.subnet;
      const endless = Number.POSITIVE_INFINITY;
      return prefix && { prefix, preferredUntilMs: endless, validUntilMs: endless };
    }
    const nowMs = this.#parts.clock.monotonicMs();
    return this.#delegations.get(ifname)?.prefixes.find(({ validUntilMs }) => validUntilMs > nowMs);
  }

  /** The uplinks that a configuration needs something of, from now on. Looks at once; what is asked for comes later. */
  configure({ networks }: Configuration): void {
    const wanted = new Map(uplinksOf(networks).map((uplink) => [uplink.ifname, uplink]));
    for (const [ifname, uplink] of this.#uplinks) {
      const next = wanted.get(ifname);
      if (next !== undefined && next.watched === uplink.watched && next.hintLength === uplink.hintLength) wanted.delete(ifname);
      else this.#remove(uplink);
    }
    for (const [ifname, uplink] of wanted) this.#uplinks.set(ifname, uplink);
    if (this.#uplinks.size === 0) {
      this.#subscription?.close();
      this.#subscription = undefined;
      return;
    }
    this.#subscription ??= this.#parts.kernel.watch({
      onLink: (link) => void (this.#uplinks.has(link.name) && this.#lookSoon()),
      onAddress: ({ address }) => void (typeof address === "bigint" && this.#lookSoon()),
      onRoute() {},
      onOverrun: () => this.#lookSoon(),
    });
    this.#look();
  }

  async close(): Promise<void> {
    const { clock } = this.#parts;
    if (this.#timer !== undefined) clock.cancel(this.#timer);
    this.#subscription?.close();
    this.#subscription = undefined;
    for (const uplink of this.#uplinks.values()) this.#remove(uplink);
    await this.#frames?.close();
    this.#frames = undefined;
  }

  #remove(uplink: Uplink): void {
    this.#silence(uplink);
    this.#uplinks.delete(uplink.ifname);
  }

  #lookSoon(): void {
    this.#timer ??= this.#parts.clock.after(SETTLE_MS, () => {
      this.#timer = undefined;
      const changed = this.#look();
      if (changed) this.#parts.onChange("prefixes");
    });
  }

  /** Compares with what the kernel has; true when a watched subnet has changed. */
  #look(): boolean {
    const { kernel } = this.#parts;
    const links = kernel.dumpLinks();
    const addresses = kernel.dumpAddresses();
    let changed = false;
    for (const uplink of this.#uplinks.values()) {
      const link = links.find(({ name }) => name === uplink.ifname);
      const own = addresses.filter(({ ifindex }) => ifindex === link?.ifindex);
      if (uplink.watched && this.#watch(uplink, own)) changed = true;
      if (uplink.hintLength !== undefined) this.#follow(uplink, link, own);
    }
    return changed;
  }

  #watch(uplink: Uplink, addresses: readonly InterfaceAddress[]): boolean {
    const subnet = subnetOf(addresses, uplink.subnet);
    // An uplink without any address keeps its guests' prefix: it will be back, and they still reach each other.
    if (subnet === undefined || (uplink.subnet !== undefined && subnet.address === uplink.subnet.address)) return false;
    uplink.subnet = subnet;
    this.#parts.log.info(
      { uplink: uplink.ifname, prefix: formatPrefix(subnet) },
      "the uplink's own prefix is our guests' as well",
    );
    return true;
  }

  /** Asks where it can be asked, and asks again where it was away. */
  #follow(uplink: Uplink, link: LinkState | undefined, addresses: readonly InterfaceAddress[]): void {
    const linkLocal = linkLocalOf(addresses);
    const mac = link?.mac;
    if (link === undefined || !link.up || !link.carrier || mac === undefined || linkLocal === undefined) {
      this.#silence(uplink);
      return;
    }
    const before = uplink.link;
    if (before?.ifindex === link.ifindex && before.gatewayMac === mac && before.linkLocalIpv6 === linkLocal) return;
    this.#silence(uplink);
    const frames = this.#opened();
    const addressed = { gatewayMac: mac, gatewayIpv4: 0, gatewayIpv6: IPV6_ANY, linkLocalIpv6: linkLocal };
    const slot = frames.links.freeSlot();
    uplink.link = makeLink({ slot, ifindex: link.ifindex, ifname: link.name, network: "", guest: undefined, ...addressed });
    frames.addLink(uplink.link, "uplink");
    uplink.client ??= this.#clientOf(uplink, uplink.hintLength ?? SUBNET_LENGTH);
    uplink.client.start(this.#delegations.get(uplink.ifname));
  }

  #silence(uplink: Uplink): void {
    uplink.client?.stop();
    if (uplink.link !== undefined) this.#frames?.removeLink(uplink.link.slot);
    uplink.link = undefined;
  }

  #clientOf(uplink: Uplink, hintLength: number): PrefixClient {
    const { clock, duid } = this.#parts;
    return new PrefixClient({
      clock,
      random: systemRandom(),
      duid: duid(),
      hintLength,
      send: (payload) => this.#send(uplink, payload),
      onChange: (delegation) => this.#changed(uplink, delegation),
    });
  }

  #send({ link }: Uplink, payload: Uint8Array): void {
    if (link === undefined) return;
    const path = {
      link,
      ipVersion: 6,
      etherDestination: ALL_SERVERS_MAC,
      ipSource: 0,
      ipDestination: 0,
      ipv6Source: addressBytes(link.linkLocalIpv6 ?? IPV6_ANY),
      ipv6Destination: addressBytes(ALL_DHCP_RELAY_AGENTS_AND_SERVERS),
      udpSource: DHCP6_PORT.client,
      udpDestination: DHCP6_PORT.server,
    } as const;
    this.#frames?.sender.send(path, payload);
  }

  #changed({ ifname }: Uplink, delegation: Delegation | undefined): void {
    const { log, memory, onChange } = this.#parts;
    const before = this.#delegations.get(ifname)?.prefixes ?? [];
    if (delegation === undefined) this.#delegations.delete(ifname);
    else this.#delegations.set(ifname, delegation);
    memory.save(this.#delegations);
    const now = delegation?.prefixes ?? [];
    if (samePrefixes(before, now)) {
      onChange("lifetimes");
      return;
    }
    const prefixes = now.map(({ prefix }) => formatPrefix(prefix));
    if (now.length > 0) log.info({ uplink: ifname, prefixes }, `${prefixes.join(", ")} is delegated to us`);
    else
      log.warn(
        { uplink: ifname },
        "what was delegated to us has ended: networks of this uplink have no IPv6 until there is more",
      );
    onChange("prefixes");
  }

  /** One frame path for all uplinks, with one service: our own clients. */
  #opened(): FramePath {
    if (this.#frames !== undefined) return this.#frames;
    const { clock, log } = this.#parts;
    const frames = new FramePath({ commit: () => undefined, clock, log });
    const service = { handle: (datagram: Datagram) => this.#receive(datagram) };
    frames.open({ datagrams: [{ family: 6, port: DHCP6_PORT.client, reach: "link", service }] });
    this.#frames = frames;
    return frames;
  }

  #receive({ link, view, payloadOffset, payloadLength }: Datagram): Verdict {
    this.#uplinks.get(link.ifname)?.client?.receive(view, payloadOffset, payloadLength);
    return VERDICT.silent;
  }
}

function uplinksOf(networks: readonly NetworkConfiguration[]): Uplink[] {
  const names = new Set(
    networks.flatMap(({ uplink, ipv6Source }) => (uplink === undefined || ipv6Source === "own" ? [] : [uplink])),
  );
  return [...names].map((ifname) => {
    const ofUplink = networks.filter(({ uplink }) => uplink === ifname);
    const delegated = ofUplink.filter(({ ipv6Source }) => ipv6Source === "delegated");
    return {
      ifname,
      watched: ofUplink.some(({ ipv6Source }) => ipv6Source === "uplink"),
      hintLength: delegated.length > 0 ? neededLength(delegated) : undefined,
      subnet: undefined,
      client: undefined,
      link: undefined,
    };
  });
}

/** The subnet that the uplink's address is of: the one that was, as long as it is for new connections, else the first such. */
function subnetOf(addresses: readonly InterfaceAddress[], before: Ipv6Prefix | undefined): Ipv6Prefix | undefined {
  const candidates = addresses.flatMap(({ address, prefixLength, tentative, deprecated, temporary }): Ipv6Address[] => {
    if (typeof address !== "bigint" || tentative || deprecated || temporary || prefixLength > SUBNET_LENGTH) return [];
    return isLinkLocalIpv6(address) || isMulticastIpv6(address) ? [] : [address];
  });
  const kept = before && candidates.find((address) => ipv6InPrefix(address, before));
  // Of several, the world's before a site's own (RFC 4193).
  const chosen = kept ?? candidates.find((address) => address >> 121n !== 0x7en) ?? candidates[0];
  if (chosen === undefined) return undefined;
  return { family: 6, address: (chosen >> 64n) << 64n, prefixLength: SUBNET_LENGTH };
}

function linkLocalOf(addresses: readonly InterfaceAddress[]): Ipv6Address | undefined {
  for (const { address, tentative } of addresses) {
    if (typeof address === "bigint" && isLinkLocalIpv6(address) && !tentative) return address;
  }
  return undefined;
}

function addressBytes(address: Ipv6Address): Uint8Array {
  const bytes = new Uint8Array(16);
  writeIpv6(new DataView(bytes.buffer), 0, address);
  return bytes;
}
