/** Messages of every shape that the codecs know, and bytes that are nearly such messages. */
import fc from "fast-check";
import { MESSAGE, OPTION } from "../../../src/wire/dhcp6/codes.js";
import { kindOf } from "../../../src/wire/dhcp6/kind.js";
import type * as dhcp6 from "../../../src/wire/dhcp6/message.js";
import type { NtpSource } from "../../../src/wire/dhcp6/ntp-server.js";
import type { Option as Dhcp6Option } from "../../../src/wire/dhcp6/option-repr.js";
import type * as ndp from "../../../src/wire/ndp/message.js";
import type { Option as NdpOption } from "../../../src/wire/ndp/option-repr.js";

/** Ordinary objects, as the codecs make them. */
function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(fields, { noNullPrototype: true });
}

const uint8 = fc.nat(0xff);
const uint16 = fc.nat(0xffff);
export const uint32 = fc.nat(0xffff_ffff);
export const address = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
const octets = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
export const duid = fc.uint8Array({ minLength: 3, maxLength: 130 });

const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));

const ntpSource: fc.Arbitrary<NtpSource> = fc.oneof(
  record({ kind: fc.constantFrom("address", "multicast"), address }),
  record({ kind: fc.constant("name"), name }),
  record({ kind: fc.constant("unknown"), code: fc.integer({ min: 4, max: 0xffff }), data: octets(20) }),
);

const status: fc.Arbitrary<Dhcp6Option> = record({
  kind: fc.constant("status"),
  code: fc.constant(OPTION.statusCode),
  status: uint16,
  message: fc.string({ maxLength: 40, unit: "grapheme" }),
});

const times = { preferredSeconds: uint32, validSeconds: uint32 };
const iaAddress: fc.Arbitrary<Dhcp6Option> = record({
  kind: fc.constant("ia-address"),
  code: fc.constant(OPTION.iaAddress),
  address,
  ...times,
  options: fc.array(status, { maxLength: 1 }),
});
const iaPrefix: fc.Arbitrary<Dhcp6Option> = record({
  kind: fc.constant("ia-prefix"),
  code: fc.constant(OPTION.iaPrefix),
  prefix: address,
  prefixLength: fc.nat(128),
  ...times,
  options: fc.array(status, { maxLength: 1 }),
});

const unknown: fc.Arbitrary<Dhcp6Option> = record({
  kind: fc.constant("opaque"),
  code: uint16.filter((code) => kindOf(code) === "opaque" && code !== OPTION.relayMessage),
  data: octets(40),
});

const one = (kind: Dhcp6Option["kind"], codes: readonly number[], fields: Record<string, fc.Arbitrary<unknown>>) =>
  record({ kind: fc.constant(kind), code: fc.constantFrom(...codes), ...fields }) as fc.Arbitrary<Dhcp6Option>;

const leaves = fc.array(fc.oneof(iaAddress, iaPrefix, status, unknown), { maxLength: 3 });

export const dhcp6Option: fc.Arbitrary<Dhcp6Option> = fc.oneof(
  one("duid", [OPTION.clientId, OPTION.serverId], { duid }),
  one("ia", [OPTION.iaNa, OPTION.iaPd], { iaid: uint32, t1Seconds: uint32, t2Seconds: uint32, options: leaves }),
  one("temporary-ia", [OPTION.iaTa], { iaid: uint32, options: leaves }),
  status,
  unknown,
  one("flag", [OPTION.rapidCommit, OPTION.reconfigureAccept], {}),
  one("uint8", [OPTION.preference, OPTION.reconfigureMessage], { value: uint8 }),
  one("uint16", [OPTION.elapsedTime, OPTION.relaySourcePort], { value: uint16 }),
  one("uint32", [OPTION.informationRefreshTime, OPTION.solMaxRt, OPTION.infMaxRt], { value: uint32 }),
  one("codes", [OPTION.optionRequest, OPTION.clientArchitecture], { codes: fc.array(uint16, { maxLength: 10 }) }),
  one("addresses", [OPTION.dnsServers, OPTION.sntpServers], { addresses: fc.array(address, { minLength: 1, maxLength: 3 }) }),
  one("domains", [OPTION.domainList], { names: fc.array(name, { maxLength: 3 }) }),
  one("fqdn", [OPTION.clientFqdn], { flags: uint8, name, complete: fc.boolean() }),
  one("ntp", [OPTION.ntpServer], { sources: fc.array(ntpSource, { maxLength: 3 }) }),
  one("items", [OPTION.userClass, OPTION.bootFileParameters], { items: fc.array(octets(20), { maxLength: 3 }) }),
  one("vendor-class", [OPTION.vendorClass], { enterprise: uint32, items: fc.array(octets(20), { maxLength: 3 }) }),
  one("vendor-options", [OPTION.vendorOptions], {
    enterprise: uint32,
    suboptions: fc.array(record({ code: uint16, data: octets(20) }), { maxLength: 3 }),
  }),
  one("remote-id", [OPTION.remoteId], { enterprise: uint32, data: octets(20) }),
  one("link-layer-address", [OPTION.clientLinkLayerAddress], { hardwareType: uint16, address: octets(8) }),
);

const clientServer: fc.Arbitrary<dhcp6.Message> = record({
  type: uint8.filter((type) => type !== MESSAGE.relayForward && type !== MESSAGE.relayReply),
  transactionId: fc.nat(0xff_ffff),
  options: fc.array(dhcp6Option, { maxLength: 6 }),
});

function wrapped(inner: fc.Arbitrary<dhcp6.Message>): fc.Arbitrary<dhcp6.Message> {
  return record({
    type: fc.constantFrom(MESSAGE.relayForward, MESSAGE.relayReply),
    hopCount: uint8,
    linkAddress: address,
    peerAddress: address,
    options: fc.array(dhcp6Option, { maxLength: 2 }),
    relayed: fc.option(inner, { nil: undefined }),
  });
}

export const dhcp6Message: fc.Arbitrary<dhcp6.Message> = fc.oneof(
  clientServer,
  wrapped(clientServer),
  wrapped(wrapped(clientServer)),
);

const mac = fc.nat(0xffff_ffff_ffff);
const masked = (prefixLength: number, bits: bigint): bigint => (bits >> BigInt(128 - prefixLength)) << BigInt(128 - prefixLength);
const preference = fc.constantFrom("high" as const, "medium" as const, "low" as const);

const ndpOption: fc.Arbitrary<NdpOption> = fc.oneof(
  record({ kind: fc.constantFrom("source-link-layer-address" as const, "target-link-layer-address" as const), mac }),
  record({ kind: fc.constant("mtu" as const), mtu: uint32 }),
  record({
    kind: fc.constant("prefix-information" as const),
    prefix: address,
    prefixLength: fc.nat(128),
    onLink: fc.boolean(),
    autonomous: fc.boolean(),
    ...times,
  }),
  record({
    kind: fc.constant("route-information" as const),
    prefix: address,
    prefixLength: fc.nat(128),
    preference,
    lifetimeSeconds: uint32,
  }).map((route) => ({ ...route, prefix: masked(route.prefixLength, route.prefix) })),
  record({
    kind: fc.constant("recursive-dns" as const),
    lifetimeSeconds: uint32,
    addresses: fc.array(address, { minLength: 1, maxLength: 3 }),
  }),
  record({
    kind: fc.constant("dns-search-list" as const),
    lifetimeSeconds: uint32,
    names: fc.array(name, { minLength: 1, maxLength: 3 }),
  }),
  record({
    kind: fc.constant("pref64" as const),
    prefix: address,
    prefixLength: fc.constantFrom(96, 64, 56, 48, 40, 32),
    lifetimeSeconds: fc.nat(8191).map((units) => units * 8),
  }).map((nat64) => ({ ...nat64, prefix: masked(nat64.prefixLength, nat64.prefix) })),
  record({
    kind: fc.constant("unknown" as const),
    type: fc.integer({ min: 64, max: 255 }),
    data: fc.nat(3).chain((units) => fc.uint8Array({ minLength: units * 8 + 6, maxLength: units * 8 + 6 })),
  }),
);

const options = fc.array(ndpOption, { maxLength: 5 });
const target = address.filter((bits) => bits >> 120n !== 0xffn);

export const ndpMessage: fc.Arbitrary<ndp.Message> = fc.oneof(
  record({ kind: fc.constant("router-solicitation" as const), options }),
  record({
    kind: fc.constant("router-advertisement" as const),
    hopLimit: uint8,
    managed: fc.boolean(),
    other: fc.boolean(),
    preference,
    routerLifetimeSeconds: uint16,
    reachableMs: uint32,
    retransmitMs: uint32,
    options,
  }),
  record({ kind: fc.constant("neighbour-solicitation" as const), target, options }),
  record({
    kind: fc.constant("neighbour-advertisement" as const),
    router: fc.boolean(),
    solicited: fc.boolean(),
    override: fc.boolean(),
    target,
    options,
  }),
  record({ kind: fc.constant("redirect" as const), target: address, destination: address, options }),
);

/** Sound bytes with a few of them changed, or with their end cut off, or bytes that were never sound. */
export function nearly(sound: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const changes = fc.array(fc.tuple(fc.nat(), uint8), { maxLength: 4 });
  const damaged = fc.tuple(sound, changes, fc.nat()).map(([bytes, changed, cut]) => {
    const copy = bytes.slice(0, bytes.length - (cut % 3 === 0 ? cut % (bytes.length + 1) : 0));
    for (const [at, octet] of changed) if (copy.length > 0) copy[at % copy.length] = octet;
    return copy;
  });
  return fc.oneof({ weight: 4, arbitrary: damaged }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) });
}
