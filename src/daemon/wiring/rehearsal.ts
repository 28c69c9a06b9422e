/**
 * Theory of operation
 *
 * A guest that boots first after the daemon's start would wait for the compiler: the way from its DISCOVER to the ACK, run for
 * the first time, takes tens of milliseconds, and a tenth of one later. So before the daemon says that it is ready, that way
 * is walked by a guest that does not exist: a server, a port and names of the same kind as the real ones, on the embedded
 * default configuration; between its leases it is taken off its network and attached again. Requests to the kernel are composed
 * and dropped. A few of the leases go to the disk, each in a save that also removes it: so the store ends as it began, and a disk
 * that takes nothing is found now, and not by a guest.
 */
import type { Clock } from "../../base/clock.js";
import { errorMessage } from "../../base/errors.js";
import { IPV4_BROADCAST, type Ipv4Address } from "../../base/ipv4-address.js";
import type { LinkState } from "../../base/kernel-objects.js";
import { type Logger, silentLogger } from "../../base/log.js";
import { MAC_BROADCAST } from "../../base/mac.js";
import { systemRandom } from "../../base/random.js";
import { type Configuration, loadConfiguration } from "../../config/index.js";
import { FRAME_SLOT_BYTES, ReceiveBatch, SendBatch } from "../../frame/batch.js";
import { composeUdpv4, PAYLOAD_LIMIT, pointAt } from "../../frame/compose.js";
import { type DatagramSender, Reply, VERDICT } from "../../frame/datagram.js";
import { Dispatcher } from "../../frame/dispatch.js";
import type { FramePath } from "../../frame/frame-path.js";
import { LinkTable } from "../../frame/link-table.js";
import type { PacketService } from "../../frame/packet.js";
import { Ports } from "../../guest/ports.js";
import { GroupCommit } from "../../lease/group-commit.js";
import { MemoryStore } from "../../lease/memory-store.js";
import type { LeaseChange, LeaseStore } from "../../lease/store.js";
import type { Firewall, Kernel } from "../../network/kernel.js";
import type { AddressProbe } from "../../services/dhcp4/conflict-check.js";
import { Dhcp4Service } from "../../services/dhcp4/service.js";
import { MESSAGE, OPTION } from "../../wire/dhcp4/codes.js";
import * as dhcp4 from "../../wire/dhcp4/message.js";
import { ClientNames } from "./client-names.js";
import { ClientPrefixes } from "./client-prefixes.js";
import { dhcp4Networks } from "./dhcp4-networks.js";
import { configureDns, makeDns } from "./dns.js";
import { networksOf } from "./effective.js";
import { EventLog } from "./event-log.js";
import { AddressFollowers } from "./followers.js";
import { dnsBudget, frameBindings } from "./frame-bindings.js";
import { PortNames } from "./guest-services.js";
import type { KernelParts } from "./kernel.js";
import { LeaseBinder } from "./lease-binder.js";
import { Roster } from "./roster.js";
import { GuestTraffic } from "./traffic.js";

const EXCHANGES = 16;
/** Flushes that the start may cost; the first two are what is slow. */
const SAVES_TO_DISK = 3;
/** No configuration can name one so: what is removed from the store is nobody's. */
const NO_NETWORK = "(rehearsal)";
const GUEST = "rehearsal";
const GUEST_MAC = 0x0200_0000_0001;
const GATEWAY_MAC = 0x0200_0000_0002;
const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const ASKED_FOR = [1, 3, 6, 12, 15, 26, 28, 51, 54, 58, 59, 119, 121];

/** No kernel has a link of this number. */
const LINK: LinkState = {
  ifindex: 0x7fff_ffff,
  name: GUEST,
  alternativeNames: [],
  kind: "tun",
  up: false,
  carrier: false,
  mac: GATEWAY_MAC,
  mtu: 1500,
  group: 0,
  alias: "",
  master: 0,
  queue: "noop",
  ipv4: undefined,
  ipv6: undefined,
};

/** The guest is the only one on its link: nobody is asked for an address, and no offer has to wait. */
const NO_PROBE: AddressProbe = { probe() {} };
const NO_SENDER: DatagramSender = { send() {} };

export interface RehearsalParts {
  readonly clock: Clock;
  /** Batches of changes are filled and not sent. */
  readonly kernel: KernelParts;
  /** The real one. */
  readonly store: LeaseStore;
  /** The real ones, where there are any: they receive and send nothing. */
  readonly frames?: FramePath;
}

export interface Rehearsed {
  /** ACKs that would have left. */
  readonly acks: number;
  /** Addresses that would have been bound to a guest. */
  readonly bound: number;
}

/** Walks the way of a lease until it is warm, some milliseconds. Throws a LeaseStoreError when the store takes nothing. */
export async function rehearse({ clock, kernel, store, frames }: RehearsalParts): Promise<Rehearsed> {
  const log = silentLogger;
  const configuration = loadConfiguration(undefined);
  const [network] = networksOf(configuration, "");
  const events = new EventLog(clock, log);
  let bound = 0;
  events.subscribe(({ kind }) => {
    if (kind === "lease.bound") bound++;
  });
  const passing = new PassingStore(store);
  const { binder, attach, detach } = await binderOfGuest(configuration, events, { clock, kernel, log });
  const commit = new GroupCommit({ store: passing, events: binder, clock, log });
  const service = new Dhcp4Service({ commit, clock, log, probe: NO_PROBE, sender: NO_SENDER });
  service.configure(dhcp4Networks(configuration));
  const gatewayIpv4 = network.gatewayIpv4 ?? 0;
  const links = new LinkTable();
  const { ifindex, name: ifname } = LINK;
  links.set({
    slot: 0,
    ifindex,
    ifname,
    network: network.name,
    guest: GUEST,
    gatewayMac: GATEWAY_MAC,
    gatewayIpv4,
    gatewayIpv6: 0n,
  });
  const other: PacketService = { handle: () => VERDICT.silent };
  const dispatcher = new Dispatcher({
    links,
    transmitter: { send: (batch) => batch.count },
    ...frameBindings({
      dhcp4: service,
      dhcp6: service,
      dns: service,
      advertiser: other,
      learner: other,
      arp: other,
      probes: () => false,
      dnsBudget: dnsBudget(configuration.dns.rateLimit),
    }),
    commit: () => commit.commit(),
    clock,
    log,
  });
  for (let exchange = 0; exchange < EXCHANGES; exchange++) {
    dispatcher.dispatch(frameOf({ type: MESSAGE.discover }));
    const address = Number(service.book(network.name)?.leases().next().value?.address);
    dispatcher.dispatch(frameOf({ type: MESSAGE.request, requested: address, server: gatewayIpv4 }));
    await dispatcher.drain();
    // Given back, so that the next exchange binds it anew.
    dispatcher.dispatch(frameOf({ type: MESSAGE.release, ciaddr: address, server: gatewayIpv4 }));
    await commit.drain();
    await detach();
    await attach();
    frames?.rehearse();
  }
  service.close();
  events.flush();
  if (passing.failure !== undefined) throw passing.failure;
  return { acks: dispatcher.held.counters.get("sent"), bound };
}

/** The guest and what binds its leases. */
interface Rehearsing {
  readonly binder: LeaseBinder;
  readonly attach: () => Promise<unknown>;
  readonly detach: () => Promise<void>;
}

/** What binds leases to the guest, which is attached to the first network. */
async function binderOfGuest(
  configuration: Configuration,
  events: EventLog,
  parts: { readonly clock: Clock; readonly kernel: KernelParts; readonly log: Logger },
): Promise<Rehearsing> {
  const { clock, log, kernel: real } = parts;
  const networks = networksOf(configuration, "");
  const defaultRoster = new Roster(configuration);
  const roster = (): Roster => defaultRoster;
  const dns = makeDns(configuration.dns, { clock, random: systemRandom(), log });
  configureDns(dns, configuration, networks);
  const kernel = { ...real, kernel: unsentKernel(real.kernel), firewall: unsentFirewall(real.firewall) };
  const traffic = new GuestTraffic({ kernel, clock, log, roster, onRefused() {}, follow() {} });
  traffic.configure(configuration, dns);
  traffic.open();
  const names = new AddressFollowers(new PortNames(dns, roster), [traffic]);
  const ports = new Ports({
    ...kernel,
    sysctl: { read: () => undefined, write() {} },
    addresses: { claim: () => [], unclaim() {} },
    frames: { open() {}, close() {} },
    names,
    log,
    interfaces: new Map(),
    onGuardRefused() {},
    onGone() {},
  });
  const attach = (): Promise<unknown> => ports.attach({ ifname: LINK.name, guest: GUEST, network: networks[0] });
  await attach();
  const binder = new LeaseBinder({
    ports: () => ports,
    names,
    clients: new ClientNames({ names: dns.names, networks: () => [], books: () => [] }),
    clientPrefixes: new ClientPrefixes({ kernel: kernel.kernel, log, networks: () => networks, book: () => undefined }),
    roster,
    events,
    log,
    withdraw() {},
    takeBack() {},
    attaching: () => undefined,
  });
  return { binder, attach, detach: () => ports.detach(LINK.ifindex) };
}

/** Keeps nothing: of the first saves it shows the real store everything, and takes it back in the same save. */
class PassingStore extends MemoryStore {
  readonly #store: LeaseStore;
  #saves = 0;
  /** What the real store said; those who wait for the commit only hear that it failed. */
  failure: Error | undefined;

  constructor(store: LeaseStore) {
    super();
    this.#store = store;
  }

  override async save(changes: readonly LeaseChange[]): Promise<void> {
    if (this.#saves++ >= SAVES_TO_DISK) return;
    const put = changes.flatMap((change) => (change.kind === "put" ? [{ ...change.lease, network: NO_NETWORK }] : []));
    const shown: LeaseChange[] = put.map((lease) => ({ kind: "put", lease }));
    const takenBack: LeaseChange[] = put.map((lease) => ({ kind: "remove", lease }));
    try {
      await this.#store.save([...shown, ...takenBack]);
    } catch (thrown) {
      this.failure ??= thrown instanceof Error ? thrown : new Error(errorMessage(thrown));
      throw thrown;
    }
  }
}

/** Batches are filled like any other; sending them only says that all went well. */
function unsentKernel(kernel: Kernel): Kernel {
  return {
    batch: () => Object.assign(kernel.batch(), { send: () => [] }),
    link: () => LINK,
    dumpLinks: () => [],
    dumpAddresses: () => [],
    dumpRoutes: () => [],
    dumpNeighbours: () => [],
    dumpBridgeStations: () => [],
    watch: () => ({ close() {} }),
  };
}

function unsentFirewall(firewall: Firewall): Firewall {
  return {
    load: () => Promise.resolve(),
    batch: () => Object.assign(firewall.batch(), { send: () => undefined }),
    fingerprint: () => "",
    stations: () => [],
    watch: () => ({ close() {} }),
  };
}

interface Asked {
  readonly type: number;
  readonly ciaddr?: Ipv4Address;
  readonly requested?: Ipv4Address;
  readonly server?: Ipv4Address;
}

/** One frame from the guest. */
function frameOf({ type, ciaddr = 0, requested, server }: Asked): ReceiveBatch {
  const message = dhcp4.toBytes(
    dhcp4.make({
      ciaddr,
      chaddr: Uint8Array.of(2, 0, 0, 0, 0, 1),
      options: [
        { code: OPTION.messageType, kind: "uint8", value: type },
        { code: OPTION.parameterList, kind: "codes", codes: ASKED_FOR },
        { code: OPTION.hostName, kind: "text", text: GUEST },
        { code: OPTION.maximumSize, kind: "uint16", value: 576 },
        { code: OPTION.vendorClass, kind: "text", text: "udhcp 1.35.0" },
        ...addressOption(OPTION.requestedAddress, requested),
        ...addressOption(OPTION.serverIdentifier, server),
      ],
    }),
  );
  const sent = new SendBatch(1);
  const frame = new Reply();
  pointAt(frame, sent, PAYLOAD_LIMIT.udpv4);
  frame.bytes.set(message, frame.payloadOffset);
  frame.payloadLength = message.length;
  frame.etherSource = GUEST_MAC;
  frame.etherDestination = MAC_BROADCAST;
  frame.ipSource = ciaddr;
  frame.ipDestination = IPV4_BROADCAST;
  frame.udpSource = CLIENT_PORT;
  frame.udpDestination = SERVER_PORT;
  composeUdpv4(frame, sent);
  const received = new ReceiveBatch(1);
  received.bytes.set(sent.bytes.subarray(0, FRAME_SLOT_BYTES));
  received.offset[0] = sent.offset[0];
  received.length[0] = sent.length[0];
  received.count = 1;
  return received;
}

function addressOption(code: number, address: Ipv4Address | undefined) {
  return address === undefined ? [] : [{ code, kind: "address", address } as const];
}
