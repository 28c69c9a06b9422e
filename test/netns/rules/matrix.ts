/** Everybody who could reach somebody: guests on each kind of network, the host, its neighbour on the LAN, the world beyond the router. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Daemon } from "../../support/daemon.js";
import { type Host, Lab, type Scope } from "../../support/lab.js";
import { packageRoot } from "../../support/paths.js";
import { ask, respond } from "../../support/reach.js";
import { joinGuest } from "./site.js";

export const PAGE = "docs/who-reaches-whom.md";
const PORT = 7777;
const DNS_PORT = 53;
const ROWS_AT_ONCE = 2;
const PROTOCOLS = ["icmp", "tcp", "udp"] as const;

interface Place {
  readonly ipv4: string;
  readonly ipv6: string;
}

/** Networks by the name that the page calls their guests; each has two. */
const NETWORKS = [
  { row: "nat", name: "nat", number: 1 },
  { row: "nat, isolate: guests", name: "apart", number: 2 },
  { row: "routed", name: "routed", number: 3 },
  { row: "isolated", name: "isolated", number: 4 },
  { row: "private", name: "private", number: 5 },
  { row: "bridge", name: "bridge", number: 6 },
  { row: "bridge, way-out: nat", name: "bridged", number: 7 },
  { row: "bridge, way-out: routed", name: "open", number: 8 },
] as const;

const BRIDGED: ReadonlySet<string> = new Set(["bridge", "bridged", "open"]);

const CONFIGURATION = `
networks:
  nat: { kind: nat, ipv4: 10.1.0.0/24, ipv6: "fd00:1::/64" }
  apart: { kind: nat, ipv4: 10.2.0.0/24, ipv6: "fd00:2::/64", isolate: guests }
  routed: { kind: routed, ipv4: 10.3.0.0/24, ipv6: "fd00:3::/64" }
  isolated: { kind: isolated, ipv4: 10.4.0.0/24, ipv6: "fd00:4::/64" }
  private: { kind: private, ipv4: 10.5.0.0/24, ipv6: "fd00:5::/64" }
  bridge: { kind: bridge, ipv4: 10.6.0.0/24, ipv6: "fd00:6::/64" }
  bridged: { kind: bridge, way-out: nat, ipv4: 10.7.0.0/24, ipv6: "fd00:7::/64" }
  open: { kind: bridge, way-out: routed, ipv4: 10.8.0.0/24, ipv6: "fd00:8::/64" }
guests:
${NETWORKS.flatMap(({ name, number }) => ["a", "b"].map((which, index) => `  ${name}-${which}: { network: ${name}, mac: "${macOf(number, index)}", ipv4: 10.${number}.0.1${index}, ipv6: "fd00:${number}::1${index}" }`)).join("\n")}
`;

function macOf(network: number, index: number): string {
  return `52:54:00:00:0${network}:0${index}`;
}

/** The host on its uplink; the LAN's neighbour; the world behind the router. */
const HOST: Place = { ipv4: "198.51.100.2", ipv6: "2001:db8:51::2" };
const ROUTER: Place = { ipv4: "198.51.100.1", ipv6: "2001:db8:51::1" };
const NEIGHBOUR: Place = { ipv4: "198.51.100.9", ipv6: "2001:db8:51::9" };
const WORLD: Place = { ipv4: "192.0.2.80", ipv6: "2001:db8:2::80" };

export class Matrix {
  readonly lab: Lab;
  readonly daemon: Daemon;
  readonly host: Host;
  readonly #guests = new Map<string, Host>();
  readonly #others: ReadonlyMap<string, Host>;

  private constructor(lab: Lab, daemon: Daemon, host: Host, others: ReadonlyMap<string, Host>) {
    this.lab = lab;
    this.daemon = daemon;
    this.host = host;
    this.#others = others;
  }

  static async make(
    scope: Scope,
    options: { readonly configuration?: string; prepare?(host: Host): Promise<void> } = {},
  ): Promise<Matrix> {
    const lab = new Lab(scope);
    const host = await lab.host("host");
    const router = await lab.host("router", { forwarding: true });
    const [neighbour, world] = [await lab.host("neighbour"), await lab.host("world")];
    // The LAN is a bridge on the router.
    await router.ip("link add lan type bridge");
    await router.ip("link set lan up");
    for (const [member, ifname, place] of [
      [host, "up0", HOST],
      [neighbour, "eth0", NEIGHBOUR],
    ] as const) {
      const port = `p-${member.name}`;
      await lab.link(
        { host: member, ifname, addresses: [`${place.ipv4}/24`, `${place.ipv6}/64`] },
        { host: router, ifname: port },
      );
      await router.ip(`link set ${port} master lan`);
    }
    for (const address of [`${ROUTER.ipv4}/24`, `${ROUTER.ipv6}/64`]) await router.ip(`address add ${address} dev lan`);
    await lab.link(
      { host: router, ifname: "wan", addresses: ["192.0.2.1/24", "2001:db8:2::1/64"] },
      { host: world, ifname: "eth0", addresses: [`${WORLD.ipv4}/24`, `${WORLD.ipv6}/64`] },
    );
    for (const member of [host, neighbour]) {
      await member.ip(`route add default via ${ROUTER.ipv4}`);
      await member.ip(`-6 route add default via ${ROUTER.ipv6}`);
    }
    await world.ip("route add default via 192.0.2.1");
    await world.ip("-6 route add default via 2001:db8:2::1");
    // Whoever wants to reach guests knows the way.
    for (const member of [router, neighbour]) {
      for (const { number } of NETWORKS) {
        await member.ip(`route add 10.${number}.0.0/24 via ${HOST.ipv4}`);
        await member.ip(`-6 route add fd00:${number}::/64 via ${HOST.ipv6}`);
      }
    }
    await options.prepare?.(host);
    const daemon = await new Daemon(host, CONFIGURATION + (options.configuration ?? "")).start();
    const matrix = new Matrix(
      lab,
      daemon,
      host,
      new Map([
        ["the host", host],
        ["the LAN", neighbour],
        ["the world", world],
      ]),
    );
    for (const { name, number } of NETWORKS) {
      for (const [index, which] of ["a", "b"].entries()) await matrix.#attach(`${name}-${which}`, number, index);
    }
    await Promise.all([...matrix.#guests.values(), host, neighbour, world].map((member) => respond(member, PORT)));
    return matrix;
  }

  /** By its name: `nat-a`. */
  guest(name: string): Host {
    return this.#guests.get(name) ?? missing(name);
  }

  /** By what the page calls it: `the world`. */
  other(row: string): Host {
    return this.#others.get(row) ?? missing(row);
  }

  /** The table of the page as it is in truth. Only these rows, where they are given. */
  async table(rows?: readonly string[]): Promise<string[]> {
    const columns = [...NETWORKS.map(({ row }) => row), "the host", "the gateway", "the LAN", "the world"];
    const lines = [`| from \\ to | ${columns.join(" | ")} |`, `|${" --- |".repeat(columns.length + 1)}`];
    const names = [...NETWORKS.map(({ row }) => row), ...this.#others.keys()].filter((row) => rows?.includes(row) !== false);
    const cells: string[][] = [];
    // All at once, and a busy machine's responders would not come to answer in time.
    for (let at = 0; at < names.length; at += ROWS_AT_ONCE)
      cells.push(...(await Promise.all(names.slice(at, at + ROWS_AT_ONCE).map((row) => this.#row(row, columns)))));
    return [...lines, ...names.map((row, index) => `| ${row} | ${cells[index].join(" | ")} |`)];
  }

  async #row(row: string, columns: readonly string[]): Promise<string[]> {
    const network = NETWORKS.find((each) => each.row === row);
    const from = network === undefined ? this.other(row) : this.guest(`${network.name}-a`);
    const places = columns.map((column) =>
      column === row && network === undefined ? undefined : placeOf(column, network?.number),
    );
    const questions = places.flatMap((place) => (place === undefined ? [] : questionsOf(place)));
    const answers = await ask(from, questions);
    return places.map((place) => (place === undefined ? "" : summary(answers.splice(0, questionsOf(place).length))));
  }

  async #attach(name: string, number: number, index: number): Promise<void> {
    const bridged = BRIDGED.has(name.slice(0, name.indexOf("-")));
    const guest = {
      name,
      mac: macOf(number, index),
      ipv4: `10.${number}.0.1${index}`,
      ipv6: `fd00:${number}::1${index}`,
      gateway: `10.${number}.0.1`,
      ...(bridged ? { gatewayIpv6: `fd00:${number}::1` } : {}),
    };
    this.#guests.set(name, await joinGuest(this.daemon, guest));
  }
}

function missing(name: string): never {
  throw new Error(`nobody is called ${name}`);
}

/** The second guest of a network; of the one who asks the gateway is its own, of others any. */
function placeOf(column: string, ownNumber: number | undefined): Place | undefined {
  const network = NETWORKS.find(({ row }) => row === column);
  if (network !== undefined) return { ipv4: `10.${network.number}.0.11`, ipv6: `fd00:${network.number}::11` };
  const gateway = ownNumber === undefined ? undefined : { ipv4: `10.${ownNumber}.0.1`, ipv6: `fd00:${ownNumber}::1` };
  return { "the host": HOST, "the gateway": gateway, "the LAN": NEIGHBOUR, "the world": WORLD }[column];
}

function questionsOf({ ipv4, ipv6 }: Place): string[] {
  return [ipv4, ipv6].flatMap((address) => [
    ...PROTOCOLS.map((protocol) => `${protocol} ${address} ${PORT}`),
    `open ${address} ${DNS_PORT}`,
  ]);
}

/** What of ICMP, TCP, UDP and DNS over TCP was answered; both families must be alike, or the cell says how they differ. */
function summary(answers: readonly (string | null)[]): string {
  const half = answers.length / 2;
  const [ipv4, ipv6] = [answers.slice(0, half), answers.slice(half)].map(wordsOf);
  return ipv4 === ipv6 ? ipv4 : `IPv4: ${ipv4}; IPv6: ${ipv6}`;
}

function wordsOf(answers: readonly (string | null)[]): string {
  const [icmp, tcp, udp, dns] = answers.map((answer) => answer !== null);
  if (icmp && tcp && udp) return "all";
  const words = [icmp && "ping", tcp && "TCP", udp && "UDP", dns && !tcp && "DNS"].filter((word) => word !== false);
  return words.length === 0 ? "–" : words.join(", ");
}

/** The table as the page has it. */
export function pageTable(): string[] {
  const lines = readFileSync(join(packageRoot, PAGE), "utf8").split("\n");
  const first = lines.findIndex((line) => line.startsWith("| from"));
  const after = lines.slice(first).findIndex((line) => !line.startsWith("|"));
  return lines.slice(first, first + after);
}

/** Fails with the cells that differ, and who asked whom there. */
export function assertTable(found: readonly string[], wanted: readonly string[], when = ""): void {
  const [columns, ...rows] = wanted.map(cellsOf);
  const differences = found
    .slice(1)
    .flatMap((line, row) =>
      cellsOf(line).flatMap((cell, column) =>
        cell === rows[row]?.[column] ? [] : [`${rows[row]?.[0]} to ${columns[column]}: ${cell}, expected ${rows[row]?.[column]}`],
      ),
    );
  assert.equal(differences.join("\n"), "", `${when}${differences.join("; ")}`);
  assert.deepEqual(found, wanted);
}

function cellsOf(line: string): string[] {
  return line
    .split("|")
    .map((cell) => cell.trim())
    .slice(1, -1);
}
