/**
 * Theory of operation
 *
 * Lists of who may speak to whom as elements of sets, so that ten thousand different ones are no more chains and rules than one:
 * with each transaction the kernel walks all chains there are, and a guest's attach is several.
 *
 *   addresses, networks   an element for each rule of a list, keyed by the list's number: loaded with the rules, whoever is there
 *   guests, names         where these are changes. What a guest's list lets it begin with them is an element of the guest's own,
 *                         keyed by its link: with a named guest's number, which that one's link leads to; or with each address
 *                         that it was told of a name. So who comes adds elements for its own list, and never for others'
 *
 * How a rule is looked up is its shape (`ip daddr & 255.0.0.0 . l4proto . th dport`), and there is a set for each shape. The
 * shapes of a list's rules are its form, and each form is a chain: a packet meets the shapes of its own guest's list and no
 * others. Lists that differ in addresses, ports, guests and names have the same form, so a configuration has few. Should it have
 * very many, those that are left share the last one, which looks up whatever any of them has.
 *
 * A list's number begins with its form's. It comes in the packet's priority (`policies.ts`), which nobody else uses there and
 * which is 0 afterwards; the number of a named guest comes there after it.
 */
import { formatIpv4 } from "../../base/ipv4-address.js";
import { formatIpv6 } from "../../base/ipv6-address.js";
import { familyOf, type IpAddress } from "../../base/kernel-objects.js";
import { ipv4Netmask, ipv6Netmask } from "../../base/prefix.js";
import type { ElementPart, SetKey, TableKey } from "../../base/set-element.js";
import type { NumberedPolicy, Policy, RuleTarget } from "../policy.js";
import type { PlacedElement } from "../traffic.js";
import { addressField } from "./guests.js";
import { type Service, type ServiceShape, servicesOf, serviceTypes, serviceWords } from "./services.js";
import { BRIDGE_TABLE, TABLE, type TableWriter } from "./table.js";
import { byValue, concat, inSet, is, jump, mapped, masked, meta, RETURN, setMeta, type Word } from "./words.js";

type Direction = Policy["direction"];
type Family = 4 | 6;

export const FAMILIES = [4, 6] as const;
export const SCRATCH = "priority";
/** A form's number times this, and a number within, is a list's. */
export const LISTS_MOST = 2 ** 20;
/** Forms begin with 1; the last of each direction takes all lists that are left. */
export const FORMS_MOST = 2 ** 12 - 1;

/** Numbers of guests that lists name, by their links; and by their addresses where those are on a bridge. */
export const GUEST_MAPS = {
  link: { table: TABLE, name: "guest" },
  bridge: { table: BRIDGE_TABLE, name: "guest" },
  4: { table: TABLE, name: "guest_4" },
  6: { table: TABLE, name: "guest_6" },
} as const;

/** A set that lists need. */
export interface ListSet {
  readonly key: SetKey;
  readonly types: readonly string[];
  /** Elements have an end. */
  readonly expires: boolean;
}

/** What of a packet's other end is compared. */
interface TargetShape {
  readonly name: string;
  readonly types: readonly string[];
  words(direction: Direction): Word[];
}

interface Shape {
  readonly target: TargetShape;
  readonly service: ServiceShape;
}

/** How the guest whose list it is is known: by its link, or by its address where it is on a bridge. */
type Own = "link" | Family;
/** Targets that are where a guest, or an answer of the DNS, is now. */
type Moving = "guest" | "name";

/** A packet from, and one to, one of our bridges: where guests are known by their addresses. No word where there is none. */
export interface BridgeWords {
  readonly from: readonly Word[];
  readonly to: readonly Word[];
}

/** The shapes of a list's rules, as one text. */
export function formOf(policy: Policy): string {
  const moving = (["guest", "name"] as const).flatMap((kind) =>
    movingShapes([policy], kind).map((service) => `${kind}_${service}`),
  );
  return [policy.direction, ...shapesOf([policy]).keys(), ...moving].join(" ");
}

/** The sets that these lists need, each in the table where it is looked into. */
export function listSets(all: readonly NumberedPolicy[]): ListSet[] {
  const policies = oneOfEachForm(all);
  const bridged = oneOfEachForm(all.filter((policy) => policy.bridged));
  return [
    ...[...shapeSets(TABLE, policies), ...ownSets(TABLE, policies, "link")],
    ...FAMILIES.flatMap((family) => ownSets(TABLE, bridged, family)),
    ...[...shapeSets(BRIDGE_TABLE, bridged), ...ownSets(BRIDGE_TABLE, bridged, "link")],
  ];
}

/** What lists have of addresses and networks; `groups`: of the links of those networks that the table sees. */
export function listElements(
  table: TableKey,
  policies: readonly NumberedPolicy[],
  groups: ReadonlyMap<string, number>,
): PlacedElement[] {
  return policies.flatMap(({ number, rules }) =>
    rules.flatMap(({ target, ...rule }) => {
      const shape = targetShape(target);
      const parts = shape === undefined ? undefined : targetParts(target, groups);
      if (shape === undefined || parts === undefined) return [];
      return servicesOf(rule).map((service): PlacedElement => {
        const key: ElementPart[] = [{ kind: "class", value: number }, ...parts, ...service.parts];
        return { set: { table, name: setName({ target: shape, service: service.shape }) }, element: { key } };
      });
    }),
  );
}

/** What a guest may begin, or others with it, that are guests which its list names. */
export function namedGuestElements(
  { direction, rules }: Policy,
  own: ElementPart,
  table: TableKey,
  numberOf: (guest: string) => number,
): PlacedElement[] {
  return rules.flatMap(({ target, ...rule }) => {
    if (target.kind !== "guest") return [];
    const number: ElementPart = { kind: "class", value: numberOf(target.name) };
    return servicesOf(rule).map(({ shape, parts }): PlacedElement => {
      return { set: { table, name: guestsSet(direction, ownOf(own), shape) }, element: { key: [own, number, ...parts] } };
    });
  });
}

/** That a guest may begin a service with an address that it was told of a name. */
export function nameElement({ shape, parts }: Service, own: ElementPart, table: TableKey, address: IpAddress): PlacedElement {
  const name = namesSet(ownOf(own), familyOf(address), shape);
  return { set: { table, name }, element: { key: [own, { kind: "address", value: address }, ...parts] } };
}

/** To the chain of the form whose list's number is in the scratch. */
export function toForm(policies: readonly NumberedPolicy[]): Word {
  const forms = [...byForm(policies)].map(
    ([form, [{ direction }]]) => [form * LISTS_MOST, jump(chainOf(direction, form))] as const,
  );
  return byValue(masked(meta(SCRATCH), FORMS_MOST * LISTS_MOST), forms);
}

/** A chain for each form. A rule that fits returns, what none fits is `refused`. */
export function composeForms(
  table: TableWriter,
  policies: readonly NumberedPolicy[],
  refused: readonly Word[],
  bridges: BridgeWords,
): void {
  for (const [form, members] of byForm(policies)) {
    const [{ direction }] = members;
    const chain = chainOf(direction, form);
    table.chain(chain);
    const found = (key: readonly Word[], set: string, ...before: readonly Word[]): void => {
      const compared = is(key.length === 1 ? key[0] : concat(...key), inSet(set));
      table.rule(chain, ...before, compared, setMeta(SCRATCH, 0), RETURN);
    };
    for (const [name, { target, service }] of shapesOf(members))
      found([meta(SCRATCH), ...target.words(direction), ...serviceWords(service)], name);
    composeNames(found, members, bridges);
    composeNamedGuests(table, chain, found, members, bridges);
    table.rule(chain, ...refused);
  }
}

type Found = (key: readonly Word[], set: string, ...before: readonly Word[]) => void;

function composeNames(found: Found, members: readonly Policy[], { from }: BridgeWords): void {
  for (const service of movingShapes(members, "name")) {
    for (const family of FAMILIES) {
      const rest = [addressField(family, "daddr"), ...serviceWords(service)];
      found([meta("iif"), ...rest], namesSet("link", family, service));
      for (const bridged of from) found([addressField(family, "saddr"), ...rest], namesSet(family, family, service), bridged);
    }
  }
}

function composeNamedGuests(
  table: TableWriter,
  chain: string,
  found: Found,
  members: readonly Policy[],
  { from, to }: BridgeWords,
): void {
  const services = movingShapes(members, "guest");
  if (services.length === 0) return;
  const [{ direction }] = members;
  const [own, other] = [
    { link: meta("iif"), field: "saddr", bridges: from },
    { link: meta("oif"), field: "daddr", bridges: to },
  ] as const;
  const [mine, named] = direction === "egress" ? [own, other] : [other, own];
  // Where no map has one the list's own number is left, which is no guest's.
  table.rule(chain, setMeta(SCRATCH, mapped(named.link, GUEST_MAPS.link.name)));
  for (const bridged of named.bridges) {
    for (const family of FAMILIES)
      table.rule(chain, bridged, setMeta(SCRATCH, mapped(addressField(family, named.field), GUEST_MAPS[family].name)));
  }
  for (const service of services) {
    const rest = [meta(SCRATCH), ...serviceWords(service)];
    found([mine.link, ...rest], guestsSet(direction, "link", service));
    for (const bridged of mine.bridges) {
      for (const family of FAMILIES)
        found([addressField(family, mine.field), ...rest], guestsSet(direction, family, service), bridged);
    }
  }
}

function formNumber({ number }: NumberedPolicy): number {
  return Math.floor(number / LISTS_MOST);
}

function chainOf(direction: Direction, form: number): string {
  return `${direction}_${form}`;
}

/** Lists from which each form's shapes can be told. */
function byForm(policies: readonly NumberedPolicy[]): Map<number, NumberedPolicy[]> {
  const forms = new Map<number, NumberedPolicy[]>();
  for (const policy of oneOfEachForm(policies)) forms.set(formNumber(policy), [...(forms.get(formNumber(policy)) ?? []), policy]);
  return forms;
}

/** Lists of the same form have the same shapes, but for those that share the last. */
function oneOfEachForm(policies: readonly NumberedPolicy[]): NumberedPolicy[] {
  const key = (policy: NumberedPolicy): number => (formNumber(policy) < FORMS_MOST - 1 ? formNumber(policy) : policy.number);
  return [...new Map(policies.map((policy) => [key(policy), policy])).values()];
}

/** By the names of their sets, in the order of these. */
function shapesOf(policies: readonly Policy[]): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const { target, ...rule } of policies.flatMap(({ rules }) => rules)) {
    const shape = targetShape(target);
    if (shape === undefined) continue;
    for (const { shape: service } of servicesOf(rule))
      shapes.set(setName({ target: shape, service }), { target: shape, service });
  }
  return new Map([...shapes].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function movingShapes(policies: readonly Policy[], kind: Moving): ServiceShape[] {
  const rules = policies.flatMap((policy) => policy.rules.filter(({ target }) => target.kind === kind));
  return [...new Set(rules.flatMap((rule) => servicesOf(rule).map(({ shape }) => shape)))].toSorted();
}

function shapeSets(table: TableKey, policies: readonly Policy[]): ListSet[] {
  return [...shapesOf(policies)].map(([name, { target, service }]) => {
    return { key: { table, name }, types: ["classid", ...target.types, ...serviceTypes(service)], expires: false };
  });
}

function ownSets(table: TableKey, policies: readonly Policy[], own: Own): ListSet[] {
  const ownType = own === "link" ? "iface_index" : `ipv${own}_addr`;
  const guests = (["egress", "ingress"] as const).flatMap((direction) =>
    movingShapes(
      policies.filter((policy) => policy.direction === direction),
      "guest",
    ).map((service): ListSet => {
      const key = { table, name: guestsSet(direction, own, service) };
      return { key, types: [ownType, "classid", ...serviceTypes(service)], expires: false };
    }),
  );
  const families = own === "link" ? FAMILIES : [own];
  const names = movingShapes(policies, "name").flatMap((service) =>
    families.map((family): ListSet => {
      const key = { table, name: namesSet(own, family, service) };
      return { key, types: [ownType, `ipv${family}_addr`, ...serviceTypes(service)], expires: true };
    }),
  );
  return [...guests, ...names];
}

function setName({ target, service }: Shape): string {
  return `list_${target.name}_${service}`;
}

function guestsSet(direction: Direction, own: Own, service: ServiceShape): string {
  return `guests_${direction}_${own}_${service}`;
}

function namesSet(own: Own, family: Family, service: ServiceShape): string {
  return `names_${own}_${family}_${service}`;
}

function ownOf(part: ElementPart): Own {
  return part.kind === "address" ? familyOf(part.value) : "link";
}

function targetShape(target: RuleTarget): TargetShape | undefined {
  switch (target.kind) {
    case "any":
      return { name: "any", types: [], words: () => [] };
    case "network":
      return {
        name: "network",
        types: ["devgroup"],
        words: (direction) => [meta(direction === "egress" ? "oifgroup" : "iifgroup")],
      };
    case "prefix": {
      const { family, prefixLength } = target.prefix;
      return {
        name: `${family}_${prefixLength}`,
        types: [`ipv${family}_addr`],
        words: (direction) => {
          const address = addressField(family, direction === "egress" ? "daddr" : "saddr");
          const mask = family === 4 ? formatIpv4(ipv4Netmask(prefixLength)) : formatIpv6(ipv6Netmask(prefixLength));
          return [prefixLength === (family === 4 ? 32 : 128) ? address : masked(address, mask)];
        },
      };
    }
    default:
      return undefined;
  }
}

/** What the shape has to be; undefined where nothing has it. */
function targetParts(target: RuleTarget, groups: ReadonlyMap<string, number>): ElementPart[] | undefined {
  if (target.kind === "prefix") return [{ kind: "address", value: target.prefix.address }];
  if (target.kind !== "network") return [];
  const group = groups.get(target.name);
  return group === undefined ? undefined : [{ kind: "group", value: group }];
}
