/**
 * A guest's network interfaces. One that has several is written with `nics:`, and becomes one entry for each: everything that is
 * about a guest on a network then need not know that it has others.
 */
import { createHash } from "node:crypto";
import type { Mac } from "../../base/mac.js";
import type { GuestConfiguration, NetworkConfiguration } from "../configuration.js";
import type { ConfigDocument } from "../document.js";
import type { KeyPath } from "../problems.js";
import { type GuestInput, NIC_KEYS, type NicInput } from "../schema/guest.js";
import { suggestion } from "../spelling.js";
import { completeLimit } from "./limit.js";

/** IFNAMSIZ of linux/if.h, without its last zero. */
const MOST_IFNAME_CHARACTERS = 15;
const IFNAME_PREFIX = "tn-";
/** What QEMU and libvirt begin a guest's MAC address with. */
const MAC_PREFIX = 0x5254_0000_0000;

/** The networks that guests can name: all that are written, and those of them that are sound. */
export interface KnownNetworks {
  readonly names: readonly string[];
  readonly sound: ReadonlyMap<string, NetworkConfiguration>;
}

/** An interface with where it stands in the file. */
export interface Completed {
  readonly guest: Omit<GuestConfiguration, "mac"> & { readonly mac: Mac | "auto" | undefined };
  readonly path: KeyPath;
}

/** The interfaces of a guest; none where its network cannot be told. */
export function completeGuest(name: string, input: GuestInput, networks: KnownNetworks, document: ConfigDocument): Completed[] {
  const path = ["guests", name];
  const { nics } = input;
  if (nics === undefined) {
    const only = completeNic(name, input, { index: undefined, path, networks, document });
    return only === undefined
      ? []
      : [{ guest: { ...only, ...ofGuest(input), forwards: input.forwards, publics: input.public, defaultRoute: true }, path }];
  }
  if (nics.length === 0) document.problem([...path, "nics"], "is empty; list the guest's interfaces, or remove it", "key");
  for (const key of NIC_KEYS) {
    const value = input[key];
    if (value !== undefined && !(Array.isArray(value) && value.length === 0))
      document.problem([...path, key], "stands beside nics:; move it into the interface that it is for", "key");
  }
  const completed = nics.flatMap((nic, index) => {
    const at = [...path, "nics", index];
    const guest = completeNic(name, nic, { index, path: at, networks, document });
    return guest === undefined ? [] : [{ nic, guest, path: at }];
  });
  const way = defaultNic(completed, networks, document);
  return apart(completed, document).map(({ nic, guest, path: at }) => {
    const [forwards, publics] = nic === way ? [input.forwards, input.public] : [[], []];
    return { guest: { ...guest, ...ofGuest(input), forwards, publics, defaultRoute: nic === way }, path: at };
  });
}

type Nic = Omit<Completed["guest"], "forwards" | "publics" | "defaultRoute" | "names" | "users" | "logQueries">;

interface Place {
  readonly index: number | undefined;
  readonly path: KeyPath;
  readonly networks: KnownNetworks;
  readonly document: ConfigDocument;
}

function ofGuest(input: GuestInput): Pick<GuestConfiguration, "names" | "users" | "logQueries"> {
  return { names: input.names, users: input.users, logQueries: input.dns?.log ?? false };
}

function completeNic(name: string, input: NicInput | GuestInput, place: Place): Nic | undefined {
  const { index } = place;
  const network = networkOf(input, place);
  if (network === undefined) return undefined;
  const derived = derivedIfname(name, index ?? 0);
  const [ipv4, ...furtherIpv4] = input.ipv4 ?? [];
  return {
    name,
    nic: index,
    network,
    mac: input.mac,
    ipv4,
    furtherIpv4,
    ipv6: input.ipv6,
    prefix: input.prefix,
    ifname: input.ifname ?? (derived.length <= MOST_IFNAME_CHARACTERS ? derived : undefined),
    queues: input.queues,
    clientId: input["client-id"],
    leaseSeconds: input.lease,
    options: input.options,
    egress: input.egress ?? place.networks.sound.get(network)?.egress,
    ingress: input.ingress ?? place.networks.sound.get(network)?.ingress,
    limit: completeLimit(input.limit, place.networks.sound.get(network)?.limit),
  };
}

/** `tn-web1`, then `tn-web1.2`, `tn-web1.3`, …: a guest's name has no dot. */
function derivedIfname(name: string, index: number): string {
  return index === 0 ? `${IFNAME_PREFIX}${name}` : `${IFNAME_PREFIX}${name}.${index + 1}`;
}

function networkOf(input: NicInput | GuestInput, { path, networks, document }: Place): string | undefined {
  const network =
    input.network ??
    (networks.names.includes("default") ? "default" : networks.names.length === 1 ? networks.names[0] : undefined);
  if (network === undefined) {
    document.problem(
      path,
      `names no network, and there is none called default; give network: with one of ${networks.names.join(", ")}`,
      "key",
    );
    return undefined;
  }
  if (networks.names.includes(network)) return network;
  const at = input.network === undefined ? path : [...path, "network"];
  document.problem(at, `there is no network ${network}; ${suggestion(network, networks.names)}`);
  return undefined;
}

interface WrittenNic {
  readonly nic: NicInput;
  readonly guest: Nic;
  readonly path: KeyPath;
}

/** The interface that the default route leads to: the one that says so, else the first whose network leads out. */
function defaultNic(nics: readonly WrittenNic[], networks: KnownNetworks, document: ConfigDocument): NicInput | undefined {
  const wanted = nics.filter(({ nic }) => nic["default-route"] === true);
  for (const { path } of wanted.slice(1)) {
    document.problem([...path, "default-route"], "is true for another interface already; a guest has one default route");
  }
  if (wanted.length > 0) return wanted[0].nic;
  const possible = nics.filter(({ nic }) => nic["default-route"] === undefined);
  const out = possible.find(({ guest }) => leadsOut(networks.sound.get(guest.network)));
  return (out ?? possible[0])?.nic;
}

function leadsOut(network: NetworkConfiguration | undefined): boolean {
  if (network === undefined) return false;
  const { kind, wayOut, router } = network;
  return kind === "nat" || kind === "routed" || (kind === "bridge" && (wayOut !== "none" || router !== undefined));
}

/** Without those on a network that the guest has an interface on already: they could not be told apart by it. */
function apart(nics: readonly WrittenNic[], document: ConfigDocument): WrittenNic[] {
  const seen = new Set<string>();
  return nics.filter(({ guest: { network }, path }) => {
    if (seen.has(network))
      document.problem([...path, "network"], `the guest has an interface on ${network} already; each needs another network`);
    return seen.size !== seen.add(network).size;
  });
}

/** `mac: auto`: from the names of guest and network, the same wherever that is said; the next where it is taken. */
export function giveMacs(completed: readonly Completed[]): GuestConfiguration[] {
  const taken = new Set(completed.map(({ guest }) => guest.mac));
  return completed.map(({ guest }) => {
    const { mac } = guest;
    if (mac !== "auto") return { ...guest, mac };
    const made = makeMac(`${guest.name} ${guest.network}`, (candidate) => taken.has(candidate));
    taken.add(made);
    return { ...guest, mac: made };
  });
}

/** A MAC address for a guest, `52:54:00` and three octets that follow from `seed`, the first that is not taken. */
export function makeMac(seed: string, isTaken: (mac: Mac) => boolean): Mac {
  for (let round = 0; ; round++) {
    const mac = MAC_PREFIX + createHash("sha256").update(`guest-mac ${round} ${seed}`).digest().readUIntBE(0, 3);
    if (!isTaken(mac)) return mac;
  }
}
