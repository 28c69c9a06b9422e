/**
 * tapnet as a library: TAPs and netlink, codecs, and the services on frames. Everything works alone; the daemon is one way to
 * put it together (`src/daemon`), the README shows a shorter one. Each name's documentation stands where it is defined.
 */

/** Values: addresses, prefixes, errors, and the injected clock, randomness and logger. */
export * from "./base/clock.js";
export * from "./base/errors.js";
export * from "./base/ipv4-address.js";
export * from "./base/ipv6-address.js";
export * from "./base/kernel-objects.js";
export * from "./base/log.js";
export * from "./base/mac.js";
export * from "./base/prefix.js";
export * from "./base/random.js";
/** Control frames on their way to the services, and what a service is. */
export * from "./frame/batch.js";
export * from "./frame/datagram.js";
/** The forwarder in the process: ports, routes, hooks, ready impairments, links in memory. */
export { ForwardBatch } from "./frame/forward/batch.js";
export { ForwardEngine, type ForwardEngineOptions } from "./frame/forward/engine.js";
export {
  type ForwardedFrame,
  type ForwardHook,
  FRAME_VERDICT,
  type HookContext,
  type HookErrorHandler,
} from "./frame/forward/hooks.js";
export * as impairments from "./frame/forward/impairments.js";
export { MemoryLinks, type SentFrame } from "./frame/forward/memory-link.js";
export { type MirrorOptions, mirror } from "./frame/forward/mirror.js";
export type { FrameTransmitter, OutgoingFrames } from "./frame/forward/output.js";
export type { ForwardPort, PortKind } from "./frame/forward/ports.js";
export { FramePath, type FramePathListener, type FramePathOptions } from "./frame/frame-path.js";
export type { Link } from "./frame/link.js";
export type { Packet, PacketSender, PacketService } from "./frame/packet.js";
/** Leases: who has which address, and how that survives. */
export * from "./lease/events.js";
export { GroupCommit, type GroupCommitOptions } from "./lease/group-commit.js";
export type { LeaseRecord, Tenure } from "./lease/lease.js";
export { MemoryStore } from "./lease/memory-store.js";
export { type OpenStoreOptions, openStore } from "./lease/open-store.js";
export type { LeaseChange, LeaseStore } from "./lease/store.js";
/** Linux: TAPs, netlink, nftables, frame and UDP sockets. Loads the addon when first used, not when imported. */
export { Ethtool } from "./os/ethtool.js";
export { FrameSocket } from "./os/frame-socket.js";
export { Nftables } from "./os/nftables.js";
export { type PortCounts, type PortEvent, type PortListener, PortSocket } from "./os/port-socket.js";
export { Rtnetlink } from "./os/rtnetlink.js";
export { ALL_OFFLOADS, closeTaps, createTap, openTap, type Tap, type TapOffloads, type TapOptions } from "./os/tap.js";
export { UdpBatch, type UdpHandler, UdpSocket, type UdpSocketOptions } from "./os/udp-socket.js";
/** Services: bytes in, bytes or silence out. */
export { defineDhcp4Network } from "./services/dhcp4/define-network.js";
export type { Dhcp4Network } from "./services/dhcp4/network.js";
export { Dhcp4Service, type Dhcp4ServiceOptions } from "./services/dhcp4/service.js";
export type { Dhcp6Network } from "./services/dhcp6/network.js";
export { Dhcp6Service, type Dhcp6ServiceOptions } from "./services/dhcp6/service.js";
export { type DnsOptions, DnsService } from "./services/dns/service.js";
export { AddressLearner, type AddressLearnerOptions } from "./services/nd/address-learner.js";
export { RouterAdvertiser, type RouterAdvertiserOptions } from "./services/ra/advertiser.js";
export type { AdvertisedNetwork } from "./services/ra/network.js";
/** Codecs, a namespace each: `check`, accessors, `parse`, `emit`, `describe` (see `src/wire/README.md`). */
export * as arp from "./wire/arp.js";
export * as dhcp4 from "./wire/dhcp4/message.js";
export * as dhcp6 from "./wire/dhcp6/message.js";
export * as dns from "./wire/dns/message.js";
export * as ethernet from "./wire/ethernet.js";
export * as icmpv4 from "./wire/icmpv4.js";
export * as icmpv6 from "./wire/icmpv6.js";
export * as ipv4 from "./wire/ipv4.js";
export * as ipv6 from "./wire/ipv6.js";
export * as ndp from "./wire/ndp/message.js";
export * as pcapng from "./wire/pcapng.js";
export * as udp from "./wire/udp.js";
