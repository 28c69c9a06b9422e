/** Which options a client gets, in which order, and what happens when they do not fit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dhcp4Network } from "../../../src/services/dhcp4/network.js";
import { OPTION } from "../../../src/wire/dhcp4/codes.js";
import type { Option } from "../../../src/wire/dhcp4/option-repr.js";
import {
  type Answer,
  addressOf,
  BRIDGE,
  Client,
  clientId,
  codesOf,
  Dhcp4Lab,
  hostName,
  ip,
  largest,
  lists,
  NETWORK,
  octets,
  optionOf,
  prefix,
  relayInfo,
  SERVER,
} from "../../support/dhcp4-lab.js";
import { hexOf } from "../../support/pieces.js";

const ALWAYS = [OPTION.messageType, OPTION.serverIdentifier, OPTION.leaseTime, OPTION.renewalTime, OPTION.rebindingTime];

async function offered(config: Partial<Dhcp4Network>, ...options: Option[]): Promise<Answer> {
  const lab = new Dhcp4Lab({ networks: [{ ...NETWORK, ...config }] });
  return lab.ask(new Client().discover(...options));
}

function option(code: number, length: number, always = false): Dhcp4Network["options"][number] {
  return { code, bytes: new Uint8Array(length).fill(code), always };
}

/** Parameter request list → codes behind the five that every offer begins with. */
const LISTS: readonly (readonly [name: string, config: Partial<Dhcp4Network>, list: number[], expected: number[]])[] = [
  ["in the order of the list", {}, [6, 15, 1, 28], [6, 15, 1, 28]],
  ["the mask comes before the router", {}, [3, 1, 6], [1, 3, 6]],
  ["the mask is sent unasked", {}, [6], [6, 1]],
  ["what we do not have is left out", {}, [2, 7, 6, 200], [6, 1]],
  ["each option once", {}, [6, 6, 1, 6], [6, 1]],
  ["the protocol's own options are not parameters", {}, [53, 54, 50, 51, 55, 57, 58, 59, 61, 82, 0, 255, 1], [1]],
  ["no router without a gateway", { gateway: 0 }, [1, 3], [1]],
  ["no DNS without servers", { dnsServers: [] }, [1, 6], [1]],
  ["search list and domain", {}, [119, 15], [119, 15, 1]],
  ["MTU", {}, [26], [26, 1]],
  ["host name of the guest", {}, [12], [12, 1]],
  ["a configured option", { options: [option(42, 4)] }, [42], [42, 1]],
  ["a configured option only when asked for", { options: [option(42, 4)] }, [6], [6, 1]],
  ["a configured option unasked where it says so", { options: [option(43, 4, true)] }, [6], [6, 1, 43]],
  ["an option of any number", { options: [option(224, 9), option(254, 1)] }, [254, 224], [254, 224, 1]],
  ["an empty configured value takes the option away", { options: [option(6, 0)] }, [1, 6], [1]],
  ["classless routes instead of the router", { netmask: "host" }, [1, 3, 121], [1, 121]],
  ["nor static routes", { netmask: "host", options: [option(33, 8)] }, [1, 33, 121, 3], [1, 121]],
  [
    "both where the network says so",
    { netmask: "host", routesReplaceRouter: false, options: [option(33, 8)] },
    [121, 3, 33],
    [121, 1, 3, 33],
  ],
  ["static routes for clients that know nothing else", { netmask: "host", options: [option(33, 8)] }, [33], [33, 1]],
  ["the router for clients that know no classless routes", { netmask: "host" }, [1, 3], [1, 3]],
  ["classless routes in both numbers", { netmask: "host" }, [121, 249, 3], [121, 249, 1]],
  ["no classless routes where there are none", {}, [1, 3, 121, 249], [1, 3]],
];

for (const [name, config, list, expected] of LISTS) {
  test(`parameter list: ${name}`, async () => {
    const answer = await offered(config, lists(...list));
    assert.deepEqual(codesOf(answer), [...ALWAYS, ...expected]);
  });
}

test("a client without a list gets everything that there is for it", async () => {
  const answer = await offered({ options: [option(42, 4)] });
  assert.deepEqual(codesOf(answer), [...ALWAYS, 1, 3, 6, 15, 119, 26, 28, 42, 12]);
});

test("values follow from the network", async () => {
  const answer = await offered({}, lists(1, 3, 6, 15, 28, 26, 12, 119));
  assert.equal(addressOf(answer, 1), ip("255.255.255.0"));
  assert.equal(addressOf(answer, 3), SERVER);
  assert.equal(addressOf(answer, 6), SERVER);
  assert.equal(addressOf(answer, 28), ip("10.77.0.255"));
  assert.deepEqual(optionOf(answer, 15), { kind: "text", code: 15, text: "tapnet.internal" });
  assert.deepEqual(optionOf(answer, 26), { kind: "uint16", code: 26, value: 1500 });
  assert.deepEqual(optionOf(answer, 12), { kind: "text", code: 12, text: "web1" });
  assert.deepEqual(optionOf(answer, 119), { kind: "domains", code: 119, names: ["tapnet.internal"] });
});

test("netmask host: the gateway is reached on the link, everything else through it", async () => {
  const answer = await offered(
    { netmask: "host", routes: [{ to: prefix("192.0.2.0/24"), via: ip("10.77.0.9") }] },
    lists(1, 121, 28),
  );
  assert.equal(addressOf(answer, 1), ip("255.255.255.255"));
  assert.equal(optionOf(answer, 28), undefined);
  const routes = optionOf(answer, 121);
  assert.deepEqual(routes?.kind === "routes" ? routes.routes : undefined, [
    { to: prefix("10.77.0.1/32"), router: 0 },
    { to: prefix("192.0.2.0/24"), router: ip("10.77.0.9") },
    { to: prefix("0.0.0.0/0"), router: SERVER },
  ]);
});

test("configured routes bring the default route along, because clients ignore option 3 then", async () => {
  const routes = [{ to: prefix("192.0.2.0/24"), via: undefined }];
  const answer = await offered({ routes }, lists(121));
  const found = optionOf(answer, 121);
  assert.deepEqual(found?.kind === "routes" ? found.routes.map(({ to }) => to.prefixLength) : undefined, [24, 0]);
});

test("the client identifier is echoed as it came, or not at all", async () => {
  const id = [0xff, 1, 2, 3, 4, 0, 4, 9, 9, 9];
  const answer = await offered({}, clientId(...id));
  const echoed = optionOf(answer, OPTION.clientIdentifier);
  assert.equal(echoed?.kind, "client-identifier");
  assert.ok(hexOf(answer.payload).includes(`3d0a${hexOf(Uint8Array.from(id))}`));
  assert.equal(optionOf(await offered({}), OPTION.clientIdentifier), undefined);
});

test("a client's UUID is said back as it came, where it is one (RFC 4578)", async () => {
  const uuid = octets(OPTION.clientUuid, 0, ...Array<number>(16).fill(7));
  for (const list of [
    [1, 3],
    [1, OPTION.clientUuid],
  ]) {
    assert.deepEqual(optionOf(await offered({}, uuid, lists(...list)), OPTION.clientUuid), uuid);
  }
  assert.equal(optionOf(await offered({}, octets(OPTION.clientUuid, 0, 7)), OPTION.clientUuid), undefined);
  assert.equal(optionOf(await offered({}, lists(OPTION.clientUuid)), OPTION.clientUuid), undefined);
});

test("option 82 is echoed as the last option, whole, also when its content is nonsense", async () => {
  const info = relayInfo([1, ...Array<number>(200).fill(0xaa)], [2, ...Array<number>(200).fill(0xbb)], [151, 1]);
  const lab = new Dhcp4Lab();
  const sent = { link: BRIDGE, mac: 0x0200_0000_00fe, source: ip("10.77.0.250"), udpSource: 67 };
  const answer = await lab.ask({ ...new Client().discover(info, lists(1, 3, 6)), giaddr: ip("10.77.0.250") }, sent);
  assert.deepEqual(optionOf(answer, OPTION.relayAgent), info);
  assert.equal(codesOf(answer).at(-1), OPTION.relayAgent);
  const nonsense = octets(OPTION.relayAgent, 1, 200, 3);
  const other = await lab.ask({ ...new Client().discover(nonsense), giaddr: ip("10.77.0.250") }, sent);
  assert.deepEqual(optionOf(other, OPTION.relayAgent), { kind: "malformed", code: 82, data: Uint8Array.of(1, 200, 3) });
});

test("an option 82 that leaves no room for an answer gets none", async () => {
  const lab = new Dhcp4Lab();
  const info = relayInfo(...Array.from({ length: 6 }, (): [number, ...number[]] => [1, ...Array<number>(210).fill(1)]));
  assert.equal(await lab.send(new Client().discover(info), { link: BRIDGE }), undefined);
  assert.equal(lab.service.counters.get("drop-reply-too-long"), 1);
});

test("a reply is never longer than the client takes: 576 bytes, or what it says", async () => {
  const options = [option(43, 250), option(125, 250), option(124, 250)];
  const list = lists(1, 3, 43, 125, 124);
  for (const [size, most] of [
    [undefined, 548],
    [100, 548],
    [576, 548],
    [600, 572],
    [1000, 972],
    [1500, 1472],
    [65_535, 1472],
  ] as const) {
    const answer = await offered({ options }, list, ...(size === undefined ? [] : [largest(size)]));
    assert.ok(answer.payload.length <= most, `${answer.payload.length} for ${size}`);
  }
  const whole = await offered({ options }, list, largest(1500));
  assert.deepEqual(
    [43, 125, 124].map((code) => optionOf(whole, code) !== undefined),
    [true, true, true],
  );
});

test("what does not fit goes into file and sname (option 52), then the last asked for are left out and counted", async () => {
  const lab = new Dhcp4Lab({
    networks: [{ ...NETWORK, options: [option(43, 230), option(209, 100), option(210, 50), option(208, 120)] }],
  });
  const answer = await lab.ask(new Client().discover(lists(1, 43, 209, 210, 208)));
  assert.ok(hexOf(answer.payload).includes("3401"), "option 52");
  assert.deepEqual(
    [43, 209, 210, 208].map((code) => optionOf(answer, code) !== undefined),
    [true, true, true, false],
  );
  assert.equal(lab.service.counters.get("options-omitted"), 1);
  assert.equal(answer.message.sname, "");
  assert.equal(answer.message.file, "");
});

test("an option over 255 octets is split, and comes out whole", async () => {
  const answer = await offered({ options: [option(43, 600)] }, lists(43), largest(1500));
  const found = optionOf(answer, 43);
  assert.equal(found?.kind === "octets" ? found.data.length : 0, 600);
});

test("a boot file keeps the field, and siaddr names its server", async () => {
  const boot = { server: ip("10.77.0.5"), file: "pxelinux.0", serverName: "boot" };
  const answer = await offered({ boot, options: [option(43, 255), option(209, 100)] }, lists(43, 209));
  assert.equal(answer.message.siaddr, ip("10.77.0.5"));
  assert.equal(answer.message.file, "pxelinux.0");
  assert.equal(answer.message.sname, "boot");
});

/** Flags that the client sends → flags that come back (RFC 4702 §2.1, §4). S=1 O=2 E=4 N=8. */
const FQDN_FLAGS: readonly (readonly [asked: number, answered: number])[] = [
  [0, 1 | 2],
  [1, 1],
  [4, 4 | 1 | 2],
  [5, 5],
  [8, 8],
  [12, 12],
];

for (const [asked, answered] of FQDN_FLAGS) {
  test(`FQDN flags ${asked} → ${answered}`, async () => {
    const isEncoded = (asked & 4) !== 0;
    const name = isEncoded ? [3, 0x66, 0x6f, 0x6f] : [0x66, 0x6f, 0x6f];
    const lab = new Dhcp4Lab();
    const answer = await lab.ask(new Client().discover(octets(OPTION.clientFqdn, asked, 0, 0, ...name)), { link: BRIDGE });
    const found = optionOf(answer, OPTION.clientFqdn);
    assert.ok(found?.kind === "fqdn");
    assert.deepEqual([found.flags, found.rcode1, found.rcode2], [answered, 255, 255]);
    const text = Buffer.from(found.name).toString("latin1");
    assert.equal(text, isEncoded ? "\x03foo\x06tapnet\x08internal\0" : "foo.tapnet.internal");
  });
}

test("a client that sends no FQDN gets none; one that sends an empty one gets its guest's name", async () => {
  assert.equal(optionOf(await offered({}, lists(81, 12)), OPTION.clientFqdn), undefined);
  const found = optionOf(await offered({}, octets(OPTION.clientFqdn, 1, 0, 0)), OPTION.clientFqdn);
  assert.equal(found?.kind === "fqdn" ? Buffer.from(found.name).toString() : "", "web1.tapnet.internal");
});

/** What clients call themselves → what is kept of it. */
const NAMES: readonly (readonly [sent: string, kept: string])[] = [
  ["web1", "web1"],
  ["WEB1", "web1"],
  ["web1.example.org", "web1"],
  ["-web-", "web"],
  ["my computer", "my-computer"],
  ["a__b", "a-b"],
  ["web\0hidden", "web"],
  ["\xff\xfe\xfd", ""],
  ["../../etc/passwd", ""],
  ["$(reboot)", "reboot"],
  ["a\nb", "a-b"],
  ["-", ""],
  [".", ""],
  ["7", "7"],
  ["x".repeat(200), "x".repeat(63)],
  [`${"x".repeat(62)}--y`, "x".repeat(62)],
];

for (const [sent, kept] of NAMES) {
  test(`host name ${JSON.stringify(sent.slice(0, 20))} → ${JSON.stringify(kept.slice(0, 20))}`, async () => {
    const lab = new Dhcp4Lab();
    await lab.lease(new Client(), {}, hostName(sent));
    assert.equal(lab.service.book("default")?.find("guest:web1")?.record?.hostname, kept);
  });
}
