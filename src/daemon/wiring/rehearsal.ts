/**
 * Theory of operation
 *
 * A guest that boots first after the daemon's start would wait for the compiler: the way from its DISCOVER to the ACK, run for
 * the first time, takes tens of milliseconds, and a tenth of one later. So before the daemon says that it is ready, that way
 * is walked by a guest that does not exist: a server, a port and names of the same kind as the real ones, on the embedded
 * default configuration; between its leases it is taken off its network and attached again, and now and then it asks on a shared
 * link instead. Requests to the kernel are composed and dropped. A few of the leases go to the disk, each in a save that also
 * removes it: so the store ends as it began, and a disk that takes nothing is found now, and not by a guest.
 *
 * It is walked three times. Before the real parts are made (`settleShapes`): V8 gives a class another shape when a field first
 * holds a fraction, and code compiled for one shape is thrown away at the first object of the other. Before the daemon is ready
 * (`begin`), until nothing is left that runs for the first time. And beside the guests (`goOn`), a step at a time, until the
 * compiler has made of it what it makes of code that runs often: a host that starts its guests all at once needs that then.
 */
import type { Clock } from "../../base/clock.js";
import { errorMessage } from "../../base/errors.js";
import type { Ipv4Address } from "../../base/ipv4-address.js";
import type { LinkState } from "../../base/kernel-objects.js";
import { silentLogger } from "../../base/log.js";
import { systemRandom } from "../../base/random.js";
import { type Configuration, loadConfiguration } from "../../config/index.js";
import type { SendBatch } from "../../frame/batch.js";
import { type DatagramSender, VERDICT } from "../../frame/datagram.js";
import { Dispatcher } from "../../frame/dispatch.js";
import type { FramePath } from "../../frame/frame-path.js";
import { type Link, makeLink } from "../../frame/link.js";
import { LinkTable } from "../../frame/link-table.js";
import type { PacketService } from "../../frame/packet.js";
import { Ports } from "../../guest/ports.js";
import { GroupCommit } from "../../lease/group-commit.js";
import { MemoryStore } from "../../lease/memory-store.js";
import type { LeaseChange, LeaseStore } from "../../lease/store.js";
import type { Firewall, Kernel } from "../../network/kernel.js";
import type { Network } from "../../network/model.js";
import type { AddressProbe } from "../../services/dhcp4/conflict-check.js";
import { Dhcp4Service } from "../../services/dhcp4/service.js";
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
import { GuestFrames, offeredIn } from "./rehearsal-frames.js";
import { Roster } from "./roster.js";
import { GuestTraffic } from "./traffic.js";

/** Until no function is left that runs for the first time. */
const EXCHANGES = { shapes: 4, start: 16, turn: 8 } as const;
/** Beside the guests: V8 compiles a function for good when it has run some 130 kB of its code three times or more. */
const TURNS = 400;
/** Of so many exchanges one is on a shared link. */
const SHARED_EVERY = 4;
/** Between two turns beside the guests, each of less than a millisecond. */
const PAUSE_MS = 3;
/** Guests that have sent so many frames since the last exchange need the time, and do the compiler's teaching themselves. */
const BUSY_FRAMES = 4;
/** Flushes that the start may cost; the first two are what is slow. */
const SAVES_TO_DISK = 3;
/** No configuration can name one so: what is removed from the store is nobody's. */
const NO_NETWORK = "(rehearsal)";
const GUEST = "rehearsal";
const SLOT = { port: 0, shared: 1 } as const;
const GATEWAY_MAC = 0x0200_0000_0002;

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
  readonly frames?: Pick<FramePath, "received" | "rehearse">;
}

export interface Rehearsed {
  /** ACKs that would have left. */
  readonly acks: number;
  /** Addresses that would have been bound. */
  readonly bound: number;
}

/** Lets every class that has to do with a lease find its shape: to be called before the parts are made that are to serve. */
export async function settleShapes(kernel: KernelParts, clock: Clock): Promise<void> {
  const rehearsal = await Rehearsal.begin({ clock, kernel, store: new MemoryStore() }, EXCHANGES.shapes);
  await rehearsal.close();
}

/** The way of a lease, walked by a guest that does not exist. Close it. */
export class Rehearsal {
  readonly #parts: RehearsalParts;
  readonly #guest: RehearsingGuest;
  readonly #store: PassingStore;
  readonly #events: EventLog;
  readonly #commit: GroupCommit;
  readonly #service: Dhcp4Service;
  readonly #dispatcher: Dispatcher;
  readonly #frames: readonly GuestFrames[];
  /** From the newest reply. */
  #offered: Ipv4Address = 0;
  #bound = 0;
  #exchanges = 0;
  #going: Promise<void> | undefined;
  #isClosed = false;

  private constructor(parts: RehearsalParts, configuration: Configuration, guest: RehearsingGuest, events: EventLog) {
    const { clock } = parts;
    const log = silentLogger;
    const [network] = networksOf(configuration, "");
    this.#parts = parts;
    this.#guest = guest;
    this.#events = events;
    const { gatewayIpv4 = 0 } = network;
    this.#frames = Object.values(SLOT).map((slot) => new GuestFrames(slot, gatewayIpv4));
    events.subscribe(({ kind }) => {
      if (kind === "lease.bound") this.#bound++;
    });
    this.#store = new PassingStore(parts.store);
    this.#commit = new GroupCommit({ store: this.#store, events: guest.binder, clock, log });
    this.#service = new Dhcp4Service({ commit: this.#commit, clock, log, probe: NO_PROBE, sender: NO_SENDER });
    this.#service.configure(dhcp4Networks(configuration));
    const links = new LinkTable();
    for (const slot of Object.values(SLOT)) links.set(linkAt(slot, network));
    const other: PacketService = { handle: () => VERDICT.silent };
    this.#dispatcher = new Dispatcher({
      links,
      transmitter: { send: (batch) => this.#hear(batch) },
      ...frameBindings({
        dhcp4: this.#service,
        dhcp6: this.#service,
        dns: this.#service,
        advertiser: other,
        learner: other,
        arp: other,
        probes: () => false,
        dnsBudget: dnsBudget(configuration.dns.rateLimit),
      }),
      commit: () => this.#commit.commit(),
      clock,
      log,
    });
  }

  /** Walks until all that runs once has run, some milliseconds. Throws a LeaseStoreError when the store takes nothing. */
  static async begin(parts: RehearsalParts, exchanges: number = EXCHANGES.start): Promise<Rehearsal> {
    const configuration = loadConfiguration(undefined);
    const events = new EventLog(parts.clock, silentLogger);
    const rehearsal = new Rehearsal(parts, configuration, await makeGuest(configuration, events, parts), events);
    for (let exchange = 0; exchange < exchanges; exchange++) {
      await rehearsal.#exchange();
      await rehearsal.#attachAnew();
    }
    const { failure } = rehearsal.#store;
    if (failure === undefined) return rehearsal;
    await rehearsal.close();
    throw failure;
  }

  /** Goes on beside the guests, until it has been walked often enough or they need the time. Resolves when it has ended. */
  goOn(): Promise<void> {
    this.#going = this.#walkOn()
      .catch(() => undefined)
      .finally(() => this.#end());
    return this.#going;
  }

  /** All of it once it has ended. */
  get outcome(): Rehearsed {
    return { acks: this.#dispatcher.held.counters.get("sent"), bound: this.#bound };
  }

  /** Ends it, after the exchange that is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#going === undefined) this.#end();
    else await this.#going;
  }

  async #walkOn(): Promise<void> {
    const { clock, frames } = this.#parts;
    const received = (): number => frames?.received ?? 0;
    for (let turn = 0; turn < TURNS; turn++) {
      const before = received();
      await new Promise<void>((resolve) => void clock.after(PAUSE_MS, resolve));
      if (this.#isClosed || received() - before > BUSY_FRAMES) return;
      for (let exchange = 0; exchange < EXCHANGES.turn; exchange++) await this.#exchange();
      await this.#attachAnew();
    }
  }

  #end(): void {
    this.#service.close();
    this.#events.flush();
  }

  async #exchange(): Promise<void> {
    const dispatcher = this.#dispatcher;
    const slot = ++this.#exchanges % SHARED_EVERY === 0 ? SLOT.shared : SLOT.port;
    const frames = this.#frames[slot];
    // No guest may ask so often.
    dispatcher.resetLink(slot);
    dispatcher.dispatch(frames.discover);
    const { request, release } = frames.after(this.#offered);
    dispatcher.dispatch(request);
    await dispatcher.drain();
    // Given back, so that the next exchange binds it anew.
    dispatcher.dispatch(release);
    await this.#commit.drain();
  }

  async #attachAnew(): Promise<void> {
    await this.#guest.detach();
    await this.#guest.attach();
    this.#parts.frames?.rehearse();
  }

  #hear(batch: SendBatch): number {
    this.#offered = offeredIn(batch);
    return batch.count;
  }
}

function linkAt(slot: number, { name: network, gatewayIpv4 = 0 }: Network): Link {
  const guest = slot === SLOT.port ? GUEST : undefined;
  const { ifindex, name: ifname } = LINK;
  return makeLink({ slot, ifindex, ifname, network, guest, gatewayMac: GATEWAY_MAC, gatewayIpv4, gatewayIpv6: 0n });
}

/** The guest and what binds its leases. */
interface RehearsingGuest {
  readonly binder: LeaseBinder;
  readonly attach: () => Promise<unknown>;
  readonly detach: () => Promise<void>;
}

/** What binds leases to the guest, which is attached to the first network. */
async function makeGuest(configuration: Configuration, events: EventLog, parts: RehearsalParts): Promise<RehearsingGuest> {
  const { clock, kernel: real } = parts;
  const log = silentLogger;
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
