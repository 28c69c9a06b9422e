import type { Clock } from "../../base/clock.js";
import type { Counters } from "../../base/counters.js";
import type { Logger } from "../../base/log.js";
import type { Random } from "../../base/random.js";
import type { DatagramSender, DatagramService } from "../../frame/datagram.js";
import { formatName } from "../../wire/dns/name.js";
import { TYPE } from "../../wire/dns/numbers.js";
import { Answerer, type LateNames } from "./answer.js";
import { AnswerCache } from "./cache.js";
import { type CachedAnswer, describeCache, flushCache } from "./cache-view.js";
import { ClientCookies, CookieJar } from "./cookies.js";
import { type DnsCounter, dnsCounters } from "./dns-counters.js";
import { Forwarder } from "./forward.js";
import { Forwarding, type ForwardingSettings } from "./forwarding.js";
import { DnsFrameService } from "./frames.js";
import { GuestNames } from "./guest-names.js";
import { LimitTable } from "./limit-table.js";
import type { LimitSettings } from "./limits.js";
import { type ListedRecord, listRecords } from "./name-list.js";
import { NameTree } from "./name-tree.js";
import { askLocally, type OwnReply } from "./own-question.js";
import { QueryLog } from "./query-log.js";
import { type ConfiguredRecord, ConfiguredRecords } from "./records.js";
import { RESOLV_CONF_PATHS, ResolvConf } from "./resolv-conf.js";
import { KnownAskers } from "./socket-askers.js";
import { TCP_SETTINGS, TcpService, type TcpSettings } from "./tcp.js";
import { type DatagramBatch, UdpService } from "./udp.js";
import type { UpstreamAddress } from "./upstream.js";
import { UpstreamPool } from "./upstream-pool.js";
import type { UpstreamTransport } from "./upstream-transport.js";
import { type NetworkNames, type View, Views } from "./views.js";
import type { FileSource } from "./watched-file.js";
import { WatchedHosts } from "./watched-hosts.js";
import { addSpecialZones, reverseOf } from "./zones.js";

/** What may be changed while it runs. */
export interface DnsSettings {
  readonly cacheBytes: number;
  /** Expired answers are served for so long while upstream is silent (RFC 8767); 0 for never. */
  readonly staleSeconds: number;
  readonly limits: LimitSettings;
  /** Files in the form of hosts(5). Of `/etc/hosts`, what only means this host is left out. */
  readonly hostsFiles?: readonly string[];
}

export interface DnsOptions extends DnsSettings {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly transport: UpstreamTransport;
  readonly files: FileSource;
  /** The most that leaves in one datagram; 1,232 if not given. */
  readonly udpBytesMost?: number;
  readonly tcp?: TcpSettings;
  readonly resolvConfPaths?: { readonly main: string; readonly resolved: string };
}

/** One network, as DNS sees it. */
export interface NetworkDns extends NetworkNames {
  /** Whether its guests' other questions are asked upstream. */
  readonly forward: boolean;
  /** Its own upstreams; undefined: those of all. */
  readonly upstreams?: readonly UpstreamAddress[] | undefined;
}

/** What the service has done and holds, for people. */
export interface DnsStats {
  readonly counters: Record<DnsCounter, number>;
  readonly guests: number;
  readonly names: number;
  readonly openQuestions: number;
  readonly tcpConnections: number;
  readonly cache: {
    readonly answers: number;
    readonly usedBytes: number;
    readonly sizeBytes: number;
    readonly evictions: number;
  };
  readonly upstreams: readonly {
    readonly upstream: string;
    readonly healthy: boolean;
    readonly questions: number;
    readonly answers: number;
    readonly timeouts: number;
    readonly answerMs: number;
  }[];
}

const DEFAULT_UDP_BYTES = 1232;

/**
 * DNS as one thing: what the daemon builds, feeds with networks, guests and configuration, and connects to frames and
 * sockets.
 */
export class DnsService {
  readonly counters: Counters<DnsCounter> = dnsCounters();
  /** Guests' names: set with a lease, removed with it. */
  readonly names: GuestNames;
  readonly answerer: Answerer;
  readonly tcp: TcpService;
  readonly #views: Views;
  readonly #tree: NameTree;
  readonly #cache: AnswerCache;
  readonly #forwarder: Forwarder;
  readonly #forwarding: Forwarding;
  readonly #pool: UpstreamPool;
  readonly #limits: LimitTable;
  readonly #askers: KnownAskers;
  readonly #records: ConfiguredRecords;
  readonly #hosts: WatchedHosts;
  readonly #resolvConf: ResolvConf;
  readonly #networks = new Map<string, NetworkDns>();
  readonly #clock: Clock;

  constructor(options: DnsOptions) {
    const { clock, random, log, transport, files, staleSeconds } = options;
    const { counters } = this;
    this.#clock = clock;
    this.#tree = new NameTree(random.uint32());
    addSpecialZones(this.#tree);
    this.#views = new Views(this.#tree, Math.floor(clock.nowMs() / 1000));
    this.names = new GuestNames(this.#tree, this.#views);
    this.#records = new ConfiguredRecords(this.#tree);
    this.#limits = new LimitTable(options.limits);
    this.#askers = new KnownAskers(this.#views, this.names, this.#limits);
    this.#cache = new AnswerCache(options.cacheBytes);
    this.#pool = new UpstreamPool(clock, new ClientCookies(random));
    this.#forwarding = new Forwarding(this.#pool);
    this.#forwarder = new Forwarder({ clock, random, transport, cache: this.#cache, counters, log, staleSeconds });
    this.answerer = new Answerer({
      tree: this.#tree,
      cache: this.#cache,
      forwarder: this.#forwarder,
      cookies: new CookieJar(random),
      clock,
      counters,
      queryLog: new QueryLog(log),
      udpBytesMost: options.udpBytesMost ?? DEFAULT_UDP_BYTES,
    });
    this.tcp = new TcpService(this.answerer, this.#askers, clock, counters, options.tcp ?? TCP_SETTINGS);
    this.#hosts = new WatchedHosts(this.#tree, clock, files);
    this.#hosts.set(options.hostsFiles ?? []);
    this.#resolvConf = new ResolvConf(
      clock,
      files,
      ({ servers, search }) => {
        if (this.#forwarding.setHostServers(servers, search) && this.#forwarding.upstreamsFromHost) this.flush();
      },
      options.resolvConfPaths ?? RESOLV_CONF_PATHS,
    );
    this.configureForwarding({});
  }

  /** Reads the hosts files and `resolv.conf`, and follows them from then on. */
  async start(): Promise<void> {
    await Promise.all([this.#hosts.start(), this.#resolvConf.start()]);
  }

  /** Fails what waits, and closes every socket and connection. */
  stop(): void {
    this.#hosts.stop();
    this.#resolvConf.stop();
    this.#forwarder.close();
    this.tcp.close();
  }

  /** Other settings, from now on. A cache of another size begins empty. */
  configure({ cacheBytes, staleSeconds, limits, hostsFiles }: DnsSettings): void {
    this.#cache.resize(cacheBytes);
    this.#forwarder.staleSeconds = staleSeconds;
    this.#limits.configure(limits);
    this.#hosts.set(hostsFiles ?? []);
  }

  /** Adds a network, or changes it. */
  setNetwork(network: NetworkDns): void {
    const view = this.#views.set(network);
    this.#networks.set(network.network, network);
    this.#connect(view, network);
    this.#forwarding.setOwnAddresses(this.#ownAddresses());
  }

  removeNetwork(network: string): void {
    for (const { guest } of [...this.names.all()].filter((entry) => entry.network === network)) this.names.remove(network, guest);
    this.#views.remove(network);
    this.#networks.delete(network);
    this.#forwarding.setOwnAddresses(this.#ownAddresses());
  }

  /** Where questions about the outside world go. What is cached under other settings is not used any more. */
  configureForwarding(settings: ForwardingSettings): void {
    this.#forwarding.configure(settings);
    this.#views.host.policy = this.#forwarding.policyFor(undefined);
    for (const view of this.#views.all()) {
      const network = this.#networks.get(view.network);
      if (network !== undefined) this.#connect(view, network);
    }
  }

  /** Replaces the operator's records. Throws a TapnetError that names the one which cannot be; the old ones stay then. */
  setRecords(records: readonly ConfiguredRecord[]): void {
    this.#records.replace(records);
  }

  /** Names that come into `names` only when somebody asks. */
  set lateNames(late: LateNames | undefined) {
    this.answerer.late = late;
  }

  /** The service for questions in frames; later answers leave through `sender`. */
  frames(sender: DatagramSender): DatagramService {
    return new DnsFrameService(this.answerer, this.#views, this.#limits, this.counters, sender);
  }

  /** A service for one UDP socket; `makeBatch` makes batches as that socket wants them. */
  udp<Batch extends DatagramBatch>(family: 4 | 6, makeBatch: () => Batch): UdpService<Batch> {
    return new UdpService(this.answerer, this.#askers, family, makeBatch);
  }

  /** Asks as a guest of the network would, or as this host does; for the PTR of an address also by the address itself. */
  query(name: string, type: number, network?: string): Promise<OwnReply> {
    const view = network === undefined ? this.#views.host : this.#views.get(network);
    const reverse = type === TYPE.PTR ? reverseOf(name) : undefined;
    return askLocally(this.answerer, view, this.#limits.host, reverse === undefined ? name : formatName(reverse), type);
  }

  /** The records that a network's guests see, or all of them. */
  list(network?: string): ListedRecord[] {
    return listRecords(this.#tree, network === undefined ? undefined : this.#views.get(network));
  }

  /** What is cached, the oldest first. */
  listCache(): CachedAnswer[] {
    return describeCache(this.#cache, this.#nowSeconds());
  }

  /** Forgets what upstream said about a name and all below it, or about everything; returns how many answers that were. */
  flush(name?: string): number {
    this.#forwarder.forgetFailures();
    return flushCache(this.#cache, name);
  }

  stats(): DnsStats {
    const cache = this.#cache;
    return {
      counters: this.counters.toJSON(),
      guests: this.names.count,
      names: this.#tree.size,
      openQuestions: this.#forwarder.openQuestions,
      tcpConnections: this.tcp.connections,
      cache: { answers: cache.count, usedBytes: cache.usedBytes, sizeBytes: cache.bytes.length, evictions: cache.evictions },
      upstreams: [...this.#pool.all()].map((upstream) => ({
        upstream: upstream.text,
        healthy: upstream.isHealthy,
        questions: upstream.questions,
        answers: upstream.answers,
        timeouts: upstream.timeouts,
        answerMs: Math.round(upstream.smoothedMs * 10) / 10,
      })),
    };
  }

  /** Switches the query log of a guest, or of a whole network. */
  setQueryLog(on: boolean, network: string, guest = ""): void {
    this.#limits.setQueryLog(network, guest, on);
  }

  /** The same as the configuration has it: what was switched meanwhile stays, unless the configuration itself changes. */
  configureQueryLog(on: boolean, network: string, guest = ""): void {
    this.#limits.configureQueryLog(network, guest, on);
  }

  /** Those whose questions are logged; `guest` is empty where it is a whole network. */
  queryLogs(): { readonly network: string; readonly guest: string }[] {
    return this.#limits.logged();
  }

  /** Domains and reverse zones that are answered here: for `ResolvedRegistration`. */
  zones(): string[] {
    return this.#views.zoneNames();
  }

  #connect(view: View, network: NetworkDns): void {
    view.policy = network.forward ? this.#forwarding.policyFor(network.upstreams) : undefined;
  }

  #ownAddresses() {
    return [...this.#networks.values()].flatMap(({ gatewayIpv4 = [], gatewayIpv6 = [] }) => [...gatewayIpv4, ...gatewayIpv6]);
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.monotonicMs() / 1000);
  }
}
