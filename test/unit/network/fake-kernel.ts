import { NetlinkError } from "../../../src/base/errors.js";
import {
  type BridgePortSettings,
  type BridgeSettings,
  type BridgeStation,
  formatAddress,
  type InterfaceAddress,
  type LinkSettings,
  type LinkState,
  type Neighbour,
  type Route,
  type VlanSettings,
} from "../../../src/base/kernel-objects.js";
import { formatMac } from "../../../src/base/mac.js";
import { formatPrefix } from "../../../src/base/prefix.js";
import type {
  Firewall,
  Kernel,
  RequestFailure,
  RouteBatch,
  Ruleset,
  SetKey,
  StationBatch,
  Subscription,
  Sysctl,
  TableKey,
} from "../../../src/network/kernel.js";
import type { Station } from "../../../src/network/state.js";
import { elementText } from "../../../src/network/traffic.js";

/** A link that nobody has touched. */
export function freshLink(ifindex: number, name: string, changes: Partial<LinkState> = {}): LinkState {
  return {
    ifindex,
    name,
    alternativeNames: [],
    kind: "tun",
    up: false,
    carrier: true,
    mac: 0x0200_0000_0000 + ifindex,
    mtu: 1500,
    group: 0,
    alias: "",
    master: 0,
    queue: "noop",
    ipv4: { forwarding: 0, proxyArp: 0, acceptRedirects: 1, sendRedirects: 1, rpFilter: 0, acceptSourceRoute: 1 },
    ipv6: { disabled: false, addressGeneration: "eui64", acceptRa: 1 },
    ...changes,
  };
}

/**
 * The kernel as far as the plan meets it, in memory: what is there twice or not at all is refused as Linux does, a link that goes
 * down loses its routes and neighbours, an address that goes takes along the routes that have it as their source.
 */
export class FakeKernel implements Kernel, Sysctl {
  links = new Map<number, LinkState>([[1, freshLink(1, "lo", { kind: "", up: true })]]);
  addresses: InterfaceAddress[] = [];
  routes: Route[] = [];
  neighbours: Neighbour[] = [];
  bridgeStations: BridgeStation[] = [];
  sysctls = new Map<string, string>([
    ["net/ipv4/ip_forward", "0"],
    ["net/ipv6/conf/all/forwarding", "0"],
  ]);
  /** How often `send` had something to send. */
  sends = 0;
  /** In words, what was asked for and carried out. */
  readonly done: string[] = [];
  /** Without the module nothing can be made that is a VLAN. */
  hasVlans = true;
  /** Requests whose description this matches are refused. */
  refuse: RegExp | undefined;

  addLink(link: LinkState): void {
    this.links.set(link.ifindex, link);
    this.sysctls.set(`net/ipv6/conf/${link.name}/disable_ipv6`, "0");
  }

  batch(): RouteBatch {
    return new FakeRouteBatch(this);
  }

  link(which: number | string): LinkState | undefined {
    return typeof which === "number" ? this.links.get(which) : [...this.links.values()].find(({ name }) => name === which);
  }

  dumpLinks(): LinkState[] {
    return [...this.links.values()];
  }

  dumpAddresses(): InterfaceAddress[] {
    return [...this.addresses];
  }

  dumpRoutes(protocol: number): Route[] {
    return this.routes.filter((route) => route.protocol === protocol);
  }

  dumpNeighbours(): Neighbour[] {
    return [...this.neighbours];
  }

  dumpBridgeStations(): BridgeStation[] {
    return [...this.bridgeStations];
  }

  watch(): Subscription {
    return { close() {} };
  }

  read(path: string): string | undefined {
    return this.sysctls.get(path);
  }

  write(path: string, value: string): void {
    if (this.refuse?.test(`sysctl ${path}`) === true) throw new NetlinkError({ code: "EROFS", errno: 30, request: path });
    this.sysctls.set(path, value);
    const ifname = /^net\/ipv6\/conf\/(.+)\/disable_ipv6$/.exec(path)?.[1];
    const link = ifname === undefined ? undefined : this.link(ifname);
    if (link?.ipv6 !== undefined) this.links.set(link.ifindex, { ...link, ipv6: { ...link.ipv6, disabled: value === "1" } });
  }

  /** Everything, in one comparable text. */
  describe(): string {
    const lines = [
      ...this.dumpLinks().map((link) => `link ${JSON.stringify(link)}`),
      ...this.addresses.map(({ ifindex, address, protocol }) => `address ${ifindex} ${formatAddress(address)} ${protocol}`),
      ...this.routes.map((route) => `route ${routeText(route)} ${route.preferredSource}`),
      ...this.neighbours.map(
        ({ ifindex, address, mac, proxy }) => `neighbour ${ifindex} ${formatAddress(address)} ${mac} ${proxy}`,
      ),
      ...this.bridgeStations.map(({ ifindex, mac }) => `station ${ifindex} ${formatMac(mac)}`),
      ...[...this.sysctls].map(([path, value]) => `${path} = ${value}`),
    ];
    return lines.toSorted().join("\n");
  }
}

export function routeText({ prefix, type, ifindex, metric, protocol }: Route): string {
  return `${type} ${formatPrefix(prefix)} dev ${ifindex} metric ${metric} proto ${protocol}`;
}

type Attempt = () => string | undefined;

class FakeRouteBatch implements RouteBatch {
  readonly #kernel: FakeKernel;
  #requests: { readonly words: string; readonly attempt: Attempt }[] = [];

  constructor(kernel: FakeKernel) {
    this.#kernel = kernel;
  }

  get count(): number {
    return this.#requests.length;
  }

  setLink(ifindex: number, settings: LinkSettings): number {
    return this.#add(`set link ${ifindex} ${Object.keys(settings).join(" ")}`, () => this.#change(ifindex, settings));
  }

  releaseLink(ifindex: number, settings: LinkSettings): number {
    return this.#add(`release link ${ifindex}`, () => void this.#change(ifindex, settings));
  }

  setNoQueue(ifindex: number): number {
    return this.#add(`take queue ${ifindex}`, () => (this.#kernel.links.has(ifindex) ? undefined : "ENODEV"));
  }

  deleteLink(ifindex: number): number {
    return this.#add(`delete link ${ifindex}`, () => {
      const kernel = this.#kernel;
      kernel.links.delete(ifindex);
      kernel.addresses = kernel.addresses.filter((address) => address.ifindex !== ifindex);
      for (const link of kernel.links.values()) if (link.master === ifindex) this.#change(link.ifindex, { master: 0 });
      return undefined;
    });
  }

  addBridge(settings: LinkSettings, bridge: Partial<BridgeSettings>): number {
    return this.#add(`add bridge ${settings.name}`, () => {
      const name = settings.name ?? "";
      if (this.#kernel.link(name) !== undefined) return "EEXIST";
      const ifindex = 1 + Math.max(...this.#kernel.links.keys());
      this.#kernel.addLink(
        freshLink(ifindex, name, { kind: "bridge", bridge: { stp: false, forwardDelayMs: 15_000, ...bridge } }),
      );
      return this.#change(ifindex, settings);
    });
  }

  addVlan(settings: LinkSettings, vlan: VlanSettings): number {
    const name = settings.name ?? "";
    const request = this.#add(`add VLAN ${name}`, () => {
      if (!this.#kernel.hasVlans) return "EOPNOTSUPP";
      if (this.#kernel.link(name) !== undefined) return "EEXIST";
      const ifindex = 1 + Math.max(...this.#kernel.links.keys());
      this.#kernel.addLink(freshLink(ifindex, name, { kind: "vlan", vlan }));
      return this.#change(ifindex, { ...settings, alias: undefined });
    });
    if (settings.alias === undefined) return request;
    this.#add(`set alias of VLAN ${name}`, () => {
      const link = this.#kernel.link(name);
      return link === undefined ? "ENODEV" : this.#change(link.ifindex, { alias: settings.alias });
    });
    return request;
  }

  setBridge(ifindex: number, settings: Partial<BridgeSettings>): number {
    return this.#add(`set bridge ${ifindex}`, () =>
      this.#replace(ifindex, ({ bridge }) => bridge && { bridge: { ...bridge, ...settings } }),
    );
  }

  setBridgePort(ifindex: number, bridgePort: BridgePortSettings): number {
    return this.#add(`set bridge port ${ifindex}`, () => this.#replace(ifindex, (port) => port.bridgePort && { bridgePort }));
  }

  addBridgeStation(station: BridgeStation, replace: boolean): number {
    return this.#add(`add station ${formatMac(station.mac)}`, () => {
      if (this.#kernel.links.get(station.ifindex)?.bridgePort === undefined) return "EINVAL";
      if (!replace && this.#kernel.bridgeStations.some(({ mac }) => mac === station.mac)) return "EEXIST";
      this.#kernel.bridgeStations = this.#kernel.bridgeStations.filter(({ mac }) => mac !== station.mac).concat(station);
      return undefined;
    });
  }

  deleteBridgeStation({ ifindex, mac }: BridgeStation): number {
    return this.#add(`delete station ${formatMac(mac)}`, () => {
      this.#kernel.bridgeStations = this.#kernel.bridgeStations.filter((one) => one.mac !== mac || one.ifindex !== ifindex);
      return undefined;
    });
  }

  addAddress(address: InterfaceAddress): number {
    return this.#add(`add address ${formatAddress(address.address)}`, () => {
      if (!this.#kernel.links.has(address.ifindex)) return "ENODEV";
      const same = (other: InterfaceAddress): boolean => other.address === address.address && other.ifindex === address.ifindex;
      if (!this.#kernel.addresses.some(same)) this.#kernel.addresses.push(address);
      return undefined;
    });
  }

  deleteAddress({ address, ifindex }: InterfaceAddress): number {
    return this.#add(`delete address ${formatAddress(address)}`, () => {
      const kernel = this.#kernel;
      kernel.addresses = kernel.addresses.filter((other) => other.address !== address || other.ifindex !== ifindex);
      kernel.routes = kernel.routes.filter((route) => route.preferredSource !== address);
      return undefined;
    });
  }

  addRoute(route: Route): number {
    return this.#add(`add route ${routeText(route)}`, () => {
      const { links, routes, addresses } = this.#kernel;
      if (route.ifindex !== 0 && !links.has(route.ifindex)) return "ENODEV";
      if (route.ifindex !== 0 && links.get(route.ifindex)?.up !== true) return "ENETDOWN";
      const source = route.preferredSource;
      if (source !== undefined && !addresses.some(({ address }) => address === source)) return "EINVAL";
      const key = `${formatPrefix(route.prefix)} ${route.metric}`;
      if (routes.some((other) => `${formatPrefix(other.prefix)} ${other.metric}` === key)) return "EEXIST";
      routes.push(route);
      return undefined;
    });
  }

  deleteRoute(route: Route): number {
    return this.#add(`delete route ${routeText(route)}`, () => {
      this.#kernel.routes = this.#kernel.routes.filter((other) => routeText(other) !== routeText(route));
      return undefined;
    });
  }

  setNeighbour(neighbour: Neighbour): number {
    return this.#add(`set neighbour ${formatAddress(neighbour.address)}`, () => {
      if (!this.#kernel.links.has(neighbour.ifindex)) return "ENODEV";
      this.#drop(neighbour);
      this.#kernel.neighbours.push(neighbour);
      return undefined;
    });
  }

  deleteNeighbour(neighbour: Neighbour): number {
    return this.#add(`delete neighbour ${formatAddress(neighbour.address)}`, () => {
      this.#drop(neighbour);
      return undefined;
    });
  }

  setNeighbourTable({ ifindex }: { readonly ifindex: number }): number {
    return this.#add(`set proxy delay of ${ifindex}`, () => (this.#kernel.links.has(ifindex) ? undefined : "ENODEV"));
  }

  send(): RequestFailure[] {
    const requests = this.#requests.splice(0);
    if (requests.length > 0) this.#kernel.sends++;
    const failures: RequestFailure[] = [];
    for (const [request, { words, attempt }] of requests.entries()) {
      const code = this.#kernel.refuse?.test(words) === true ? "EPERM" : attempt();
      if (code === undefined) this.#kernel.done.push(words);
      else failures.push({ request, error: new NetlinkError({ code, errno: 1, request: words }) });
    }
    return failures;
  }

  #add(words: string, attempt: Attempt): number {
    return this.#requests.push({ words, attempt }) - 1;
  }

  #change(ifindex: number, settings: LinkSettings): string | undefined {
    const link = this.#kernel.links.get(ifindex);
    if (link === undefined) return "ENODEV";
    const { ipv4, ipv6AddressGeneration, ...plain } = settings;
    const known = Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined));
    this.#kernel.links.set(ifindex, {
      ...link,
      ...known,
      ipv4: link.ipv4 && { ...link.ipv4, ...ipv4 },
      ipv6: link.ipv6 && { ...link.ipv6, addressGeneration: ipv6AddressGeneration ?? link.ipv6.addressGeneration },
    });
    if (settings.master !== undefined && settings.master !== link.master) {
      const bridgePort = settings.master === 0 ? undefined : { learning: true, flood: true, guard: false };
      this.#replace(ifindex, () => ({ bridgePort }));
      this.#kernel.bridgeStations = this.#kernel.bridgeStations.filter((station) => station.ifindex !== ifindex);
    }
    if (settings.up === false) {
      this.#kernel.routes = this.#kernel.routes.filter((route) => route.ifindex !== ifindex);
      this.#kernel.neighbours = this.#kernel.neighbours.filter((neighbour) => neighbour.ifindex !== ifindex);
      this.#kernel.addresses = this.#kernel.addresses.filter((address) => address.ifindex !== ifindex);
    }
    return undefined;
  }

  #replace(ifindex: number, changes: (link: LinkState) => Partial<LinkState> | undefined): string | undefined {
    const link = this.#kernel.links.get(ifindex);
    const changed = link && changes(link);
    if (link === undefined || changed === undefined) return "EOPNOTSUPP";
    this.#kernel.links.set(ifindex, { ...link, ...changed });
    return undefined;
  }

  #drop({ ifindex, address, proxy }: Neighbour): void {
    this.#kernel.neighbours = this.#kernel.neighbours.filter(
      (other) => other.ifindex !== ifindex || other.address !== address || other.proxy !== proxy,
    );
  }
}

/** Sets in memory; rules only as what was loaded last. */
export class FakeFirewall implements Firewall {
  readonly sets = new Map<string, Set<string>>();
  readonly #stations = new Map<string, Station>();
  loaded: Ruleset | undefined;
  /** How often `send` had something to send. */
  sends = 0;
  /** Every batch fails. */
  broken = false;

  async load(ruleset: Ruleset): Promise<void> {
    this.loaded = ruleset;
  }

  fingerprint(_table: TableKey): string {
    return JSON.stringify(this.loaded);
  }

  stations(set: SetKey): Station[] {
    return [...(this.sets.get(setText(set)) ?? [])]
      .map((key) => this.#stations.get(key))
      .filter((station) => station !== undefined);
  }

  watch(): Subscription {
    return { close() {} };
  }

  batch(): StationBatch {
    const changes: (() => void)[] = [];
    const elements = (set: SetKey): Set<string> => {
      const found = this.sets.get(setText(set)) ?? new Set<string>();
      this.sets.set(setText(set), found);
      return found;
    };
    return {
      get count() {
        return changes.length;
      },
      add: (set, station) => {
        this.#stations.set(stationText(station), station);
        changes.push(() => void elements(set).add(stationText(station)));
      },
      put: (set, element) => void changes.push(() => void elements(set).add(elementText({ set, element }))),
      renew: (set, element) => void changes.push(() => void elements(set).add(elementText({ set, element }))),
      remove: (set, element) => void changes.push(() => void elements(set).delete(elementText({ set, element }))),
      fill: (set, wanted) =>
        void changes.push(
          () => void this.sets.set(setText(set), new Set(wanted.map((element) => elementText({ set, element })))),
        ),
      delete: (set, station) => void changes.push(() => void elements(set).delete(stationText(station))),
      send: () => {
        const waiting = changes.splice(0);
        if (waiting.length === 0) return undefined;
        this.sends++;
        if (this.broken) return new NetlinkError({ code: "ENOENT", errno: 2, request: "add element" });
        for (const change of waiting) change();
        return undefined;
      },
    };
  }

  /** All elements, in one comparable text. */
  describe(): string {
    return [...this.sets]
      .flatMap(([set, elements]) => [...elements].map((element) => `${set}: ${element}`))
      .toSorted()
      .join("\n");
  }
}

function setText({ table, name }: SetKey): string {
  return `${table.family} ${table.name} ${name}`;
}

function stationText({ ifindex, mac, address }: Station): string {
  return `${ifindex} ${formatMac(mac)} ${address === undefined ? "" : formatAddress(address)}`;
}
