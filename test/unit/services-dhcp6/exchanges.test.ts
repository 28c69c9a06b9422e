import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ipv6InPrefix } from "../../../src/base/prefix.js";
import { MemoryStore } from "../../../src/lease/memory-store.js";
import { MESSAGE, OPTION, STATUS } from "../../../src/wire/dhcp6/codes.js";
import type { Option } from "../../../src/wire/dhcp6/option-repr.js";
import {
  addressOf,
  asksFor,
  BRIDGE,
  clientId,
  Dhcp6Lab,
  DUID_1,
  DUID_2,
  type IaAddressOption,
  type IaPrefixOption,
  iaNa,
  iaOf,
  iaPd,
  ip,
  NETWORK,
  optionOf,
  prefix,
  rapidCommit,
  say,
  serverId,
  statusOf,
  WEB1,
  WEB2,
} from "../../support/dhcp6-lab.js";

const CLIENT = clientId(DUID_1);

/** Solicit to Reply; the address that IA 1 got. */
async function bind(lab: Dhcp6Lab, link = WEB1, duid = DUID_1, iaid = 1) {
  const advertised = await lab.ask(say("solicit", clientId(duid), iaNa(iaid)), { link });
  const reply = await lab.ask(say("request", clientId(duid), serverId(), iaNa(iaid, addressOf(advertised, iaid))), { link });
  return addressOf(reply, iaid);
}

describe("Solicit (RFC 8415 §18.3.1, §18.3.9)", () => {
  test("is answered by Advertise with both identifiers, the address, and nothing stored", async () => {
    const lab = new Dhcp6Lab();
    const answer = await lab.ask(say("solicit", CLIENT, iaNa(1)));
    assert.equal(answer.type, MESSAGE.advertise);
    assert.deepEqual(optionOf(answer.options, "duid", OPTION.clientId), CLIENT);
    assert.deepEqual(optionOf(answer.options, "duid", OPTION.serverId), serverId());
    assert.ok(ipv6InPrefix(addressOf(answer, 1), NETWORK.prefixes[0]));
    await lab.commit.drain();
    assert.deepEqual(await lab.store.load(), []);
    assert.equal(lab.events.length, 0);
  });

  test("T1 and T2 are half and four fifths of the preferred lifetime (§21.4)", async () => {
    const answer = await new Dhcp6Lab().ask(say("solicit", CLIENT, iaNa(1)));
    const ia = iaOf(answer, 1);
    const leaf = ia.options[0] as IaAddressOption;
    assert.deepEqual([ia.t1Seconds, ia.t2Seconds, leaf.preferredSeconds, leaf.validSeconds], [900, 1440, 1800, 3600]);
  });

  test("an endless lease has endless times (§7.7)", async () => {
    const lab = new Dhcp6Lab([{ ...NETWORK, leaseSeconds: 0xffff_ffff, preferredSeconds: 0xffff_ffff }]);
    const ia = iaOf(await lab.ask(say("solicit", rapidCommit, CLIENT, iaNa(1))), 1);
    const leaf = ia.options[0] as IaAddressOption;
    assert.deepEqual([ia.t1Seconds, ia.t2Seconds, leaf.preferredSeconds, leaf.validSeconds], Array(4).fill(0xffff_ffff));
    assert.equal(lab.service.book("default", "address")?.at(leaf.address)?.untilMs, Number.POSITIVE_INFINITY);
  });

  test("the same address is offered again, and then given", async () => {
    const lab = new Dhcp6Lab();
    const first = addressOf(await lab.ask(say("solicit", CLIENT, iaNa(1))), 1);
    assert.equal(addressOf(await lab.ask(say("solicit", CLIENT, iaNa(1))), 1), first);
    assert.equal(await bind(lab), first);
  });

  test("a free address that the client hopes for is given", async () => {
    const hoped = ip("2001:db8:77::1234");
    assert.equal(addressOf(await new Dhcp6Lab().ask(say("solicit", CLIENT, iaNa(1, hoped))), 1), hoped);
  });

  test("our own address is not given, however hoped for", async () => {
    assert.notEqual(addressOf(await new Dhcp6Lab().ask(say("solicit", CLIENT, iaNa(1, NETWORK.gateway))), 1), NETWORK.gateway);
  });

  test("rapid commit binds at once and says so (§21.14)", async () => {
    const lab = new Dhcp6Lab();
    const answer = await lab.ask(say("solicit", CLIENT, rapidCommit, iaNa(1)));
    assert.equal(answer.type, MESSAGE.reply);
    assert.ok(optionOf(answer.options, "flag", OPTION.rapidCommit));
    const [stored] = await lab.store.load();
    assert.equal(stored.address, addressOf(answer, 1));
  });

  test("rapid commit takes an address of another network for a hope, not for a demand", async () => {
    const answer = await new Dhcp6Lab().ask(say("solicit", CLIENT, rapidCommit, iaNa(1, ip("2001:db8:99::5"))));
    assert.ok(ipv6InPrefix(addressOf(answer, 1), NETWORK.prefixes[0]));
  });

  test("rapid commit is left alone where it is not configured", async () => {
    const lab = new Dhcp6Lab([{ ...NETWORK, rapidCommit: false }]);
    const answer = await lab.ask(say("solicit", CLIENT, rapidCommit, iaNa(1)));
    assert.equal(answer.type, MESSAGE.advertise);
    assert.equal(optionOf(answer.options, "flag", OPTION.rapidCommit), undefined);
  });

  test("a preference is told, unless it is the default of 0 (§18.3.9)", async () => {
    const lab = new Dhcp6Lab([{ ...NETWORK, preference: 255 }]);
    assert.equal(optionOf((await lab.ask(say("solicit", CLIENT, iaNa(1)))).options, "uint8", OPTION.preference)?.value, 255);
    const plain = await new Dhcp6Lab().ask(say("solicit", CLIENT, iaNa(1)));
    assert.equal(optionOf(plain.options, "uint8", OPTION.preference), undefined);
  });

  test("NoAddrsAvail stands in the IA when nothing is left, and in the counters", async () => {
    const lab = new Dhcp6Lab([{ ...NETWORK, addressPool: prefix("2001:db8:77::/127") }]);
    const answer = await lab.ask(say("solicit", CLIENT, iaNa(1)));
    assert.equal(statusOf(iaOf(answer, 1).options), STATUS.noAddrsAvail);
    assert.equal(statusOf(answer.options), STATUS.success);
    assert.equal(lab.service.counters.get("none-left"), 1);
  });

  test("NoPrefixAvail stands in the IA_PD where nothing is delegated", async () => {
    const lab = new Dhcp6Lab([{ ...NETWORK, delegation: undefined }]);
    const answer = await lab.ask(say("solicit", CLIENT, iaNa(1), iaPd(1)));
    assert.equal(statusOf(iaOf(answer, 1, OPTION.iaPd).options), STATUS.noPrefixAvail);
    assert.ok(addressOf(answer, 1) > 0n);
  });

  test("temporary addresses are refused (§21.5)", async () => {
    const temporary: Option = { kind: "temporary-ia", code: OPTION.iaTa, iaid: 9, options: [] };
    const answer = await new Dhcp6Lab().ask(say("solicit", CLIENT, temporary));
    const refused = optionOf(answer.options, "temporary-ia");
    assert.equal(refused?.iaid, 9);
    assert.equal(statusOf(refused.options), STATUS.noAddrsAvail);
  });
});

describe("Request (RFC 8415 §18.3.2)", () => {
  test("binds, saves before the Reply leaves, and tells the listeners once", async () => {
    const lab = new Dhcp6Lab();
    const address = await bind(lab);
    const [record] = await lab.store.load();
    assert.equal(record.address, address);
    assert.equal(record.identity, "guest:web1");
    assert.equal(record.clientId, Buffer.from(DUID_1).toString("hex"));
    assert.equal(record.mac, 0x5254_0012_3456);
    assert.deepEqual(
      lab.events.map(({ kind, ifindex }) => [kind, ifindex]),
      [["bound", WEB1.ifindex]],
    );
  });

  test("an address of another network is NotOnLink, the other IAs are served", async () => {
    const answer = await new Dhcp6Lab().ask(say("request", CLIENT, serverId(), iaNa(1, ip("2001:db8:99::5")), iaPd(2)));
    assert.equal(statusOf(iaOf(answer, 1).options), STATUS.notOnLink);
    assert.equal(iaOf(answer, 1).options.length, 1);
    assert.equal(iaOf(answer, 2, OPTION.iaPd).options[0].kind, "ia-prefix");
  });

  test("a failed save means no Reply", async () => {
    const store = new MemoryStore();
    const lab = new Dhcp6Lab([NETWORK], store);
    const offered = addressOf(await lab.ask(say("solicit", CLIENT, iaNa(1))), 1);
    store.save = () => Promise.reject(new Error("disk full"));
    assert.equal(await lab.send(say("request", CLIENT, serverId(), iaNa(1, offered))), undefined);
    assert.deepEqual(
      lab.events.map((event) => (event.kind === "bound" ? event.kind : event.reason)),
      ["bound", "unsaved"],
    );
  });

  test("a delegated prefix has the configured length and is an event of its own", async () => {
    const lab = new Dhcp6Lab();
    const answer = await lab.ask(say("request", CLIENT, serverId(), iaPd(5)));
    const leaf = iaOf(answer, 5, OPTION.iaPd).options[0] as IaPrefixOption;
    assert.equal(leaf.prefixLength, 56);
    assert.ok(ipv6InPrefix(leaf.prefix, prefix("2001:db8:100::/40")));
    assert.deepEqual(
      lab.events.map(({ kind, lease }) => [kind, lease.kind, lease.prefixLength]),
      [["bound", "prefix", 56]],
    );
  });

  test("T1 and T2 are the same in all IAs", async () => {
    const answer = await new Dhcp6Lab().ask(say("request", CLIENT, serverId(), iaNa(1), iaPd(1)));
    const times = [iaOf(answer, 1), iaOf(answer, 1, OPTION.iaPd)].map(({ t1Seconds, t2Seconds }) => [t1Seconds, t2Seconds]);
    assert.deepEqual(times[0], times[1]);
  });
});

describe("Renew and Rebind (RFC 8415 §18.3.4, §18.3.5)", () => {
  for (const type of ["renew", "rebind"] as const) {
    const server = type === "renew" ? [serverId()] : [];

    test(`${type} extends the lease`, async () => {
      const lab = new Dhcp6Lab();
      const address = await bind(lab);
      lab.clock.advance(900_000);
      const answer = await lab.ask(say(type, CLIENT, ...server, iaNa(1, address)));
      assert.equal(addressOf(answer, 1), address);
      const [record] = await lab.store.load();
      assert.equal(record.expiresAtMs, lab.clock.nowMs() + 3600_000);
      assert.equal(record.boundAtMs, lab.clock.nowMs() - 900_000);
      assert.equal(lab.events.length, 1);
    });

    test(`${type} of an unknown lease on our link: NoBinding`, async () => {
      const answer = await new Dhcp6Lab().ask(say(type, CLIENT, ...server, iaNa(1, ip("2001:db8:77::5"))));
      assert.equal(statusOf(iaOf(answer, 1).options), STATUS.noBinding);
    });

    test(`${type} of an address of another link: lifetimes of zero`, async () => {
      const answer = await new Dhcp6Lab().ask(say(type, CLIENT, ...server, iaNa(1, ip("2001:db8:99::5"))));
      const leaf = iaOf(answer, 1).options[0] as IaAddressOption;
      assert.deepEqual([leaf.address, leaf.preferredSeconds, leaf.validSeconds], [ip("2001:db8:99::5"), 0, 0]);
    });

    test(`${type} shortly after the end: the address comes back to its client`, async () => {
      const lab = new Dhcp6Lab();
      const address = await bind(lab);
      lab.clock.advance(4000_000);
      assert.equal(addressOf(await lab.ask(say(type, CLIENT, ...server, iaNa(1, address))), 1), address);
    });

    test(`${type} after the network's prefix changed: the new address, the old one with lifetimes of zero`, async () => {
      const lab = new Dhcp6Lab();
      const old = await bind(lab);
      lab.service.setNetwork({ ...NETWORK, prefixes: [prefix("2001:db8:88::/64")], addressPool: prefix("2001:db8:88::/64") });
      const answer = await lab.ask(say(type, CLIENT, ...server, iaNa(1, old)));
      assert.ok(ipv6InPrefix(addressOf(answer, 1), prefix("2001:db8:88::/64")));
      const zero = iaOf(answer, 1).options.filter((one) => one.kind === "ia-address" && one.validSeconds === 0);
      assert.deepEqual(
        zero.map((one) => (one as IaAddressOption).address),
        [old],
      );
      assert.deepEqual(lab.events.map(({ kind }) => kind).sort(), ["bound", "bound", "unbound"]);
    });
  }

  test("a Rebind that another server may know is left to it where we are not authoritative", async () => {
    const lab = new Dhcp6Lab([{ ...NETWORK, authoritative: false }]);
    assert.equal(await lab.send(say("rebind", CLIENT, iaNa(1, ip("2001:db8:77::5")))), undefined);
    assert.equal(lab.service.counters.get("not-ours-to-judge"), 1);
  });

  test("a Renew with an address beside the lease takes that one back", async () => {
    const lab = new Dhcp6Lab();
    const address = await bind(lab);
    const answer = await lab.ask(say("renew", CLIENT, serverId(), iaNa(1, address, ip("2001:db8:77::dead"))));
    const lifetimes = iaOf(answer, 1).options.map((one) => (one as IaAddressOption).validSeconds);
    assert.deepEqual(lifetimes, [3600, 0]);
  });
});

describe("Confirm (RFC 8415 §18.3.3)", () => {
  test("addresses of the link: Success; of another: NotOnLink; none: silence", async () => {
    const lab = new Dhcp6Lab();
    const onLink = await lab.ask(say("confirm", CLIENT, iaNa(1, ip("2001:db8:77::5"))));
    assert.equal(optionOf(onLink.options, "status")?.status, STATUS.success);
    const mixed = await lab.ask(say("confirm", CLIENT, iaNa(1, ip("2001:db8:77::5")), iaNa(2, ip("2001:db8:99::5"))));
    assert.equal(optionOf(mixed.options, "status")?.status, STATUS.notOnLink);
    assert.equal(await lab.send(say("confirm", CLIENT, iaNa(1))), undefined);
  });
});

describe("Release and Decline (RFC 8415 §18.3.7, §18.3.8)", () => {
  test("Release ends the lease, says Success, and the address comes back later", async () => {
    const lab = new Dhcp6Lab();
    const address = await bind(lab);
    const answer = await lab.ask(say("release", CLIENT, serverId(), iaNa(1, address)));
    assert.equal(optionOf(answer.options, "status")?.status, STATUS.success);
    assert.equal(
      answer.options.some((one) => one.kind === "ia"),
      false,
    );
    assert.deepEqual(
      lab.events.map(({ kind }) => kind),
      ["bound", "unbound"],
    );
    assert.equal((await lab.store.load())[0].state, "released");
    assert.equal(await bind(lab), address);
  });

  test("Release of what was never leased: NoBinding in the IA, Success for the message", async () => {
    const answer = await new Dhcp6Lab().ask(say("release", CLIENT, serverId(), iaNa(7, ip("2001:db8:77::5"))));
    assert.equal(optionOf(answer.options, "status")?.status, STATUS.success);
    assert.equal(statusOf(iaOf(answer, 7).options), STATUS.noBinding);
  });

  test("Release of another address than the leased one changes nothing", async () => {
    const lab = new Dhcp6Lab();
    const address = await bind(lab);
    await lab.ask(say("release", CLIENT, serverId(), iaNa(1, ip("2001:db8:77::beef"))));
    assert.equal(lab.service.book("default", "address")?.at(address)?.state, "bound");
  });

  test("Decline rests the address, and the guest gets another", async () => {
    const lab = new Dhcp6Lab();
    const address = await bind(lab);
    const answer = await lab.ask(say("decline", CLIENT, serverId(), iaNa(1, address)));
    assert.equal(optionOf(answer.options, "status")?.status, STATUS.success);
    assert.equal(lab.service.book("default", "address")?.at(address)?.state, "declined");
    assert.notEqual(await bind(lab), address);
  });
});

describe("Information-request (RFC 8415 §18.3.6)", () => {
  const ALL = [
    OPTION.dnsServers,
    OPTION.domainList,
    OPTION.ntpServer,
    OPTION.sntpServers,
    OPTION.bootFileUrl,
    OPTION.bootFileParameters,
    OPTION.informationRefreshTime,
    OPTION.solMaxRt,
    OPTION.infMaxRt,
  ];

  test("what is asked for and configured, with our identifier; the client's only if it sent one", async () => {
    const lab = new Dhcp6Lab();
    const answer = await lab.ask(say("informationRequest", asksFor(...ALL)));
    assert.equal(answer.type, MESSAGE.reply);
    const expected = [OPTION.serverId, ...ALL].filter((code) => code !== OPTION.bootFileParameters);
    assert.deepEqual(new Set(answer.options.map(({ code }) => code)), new Set(expected));
    const named = await lab.ask(say("informationRequest", CLIENT));
    assert.deepEqual(
      named.options.map(({ code }) => code),
      [OPTION.serverId, OPTION.clientId],
    );
  });

  test("a boot file by architecture (RFC 5970 §3.3)", async () => {
    const architecture: Option = { kind: "codes", code: OPTION.clientArchitecture, codes: [7] };
    const answer = await new Dhcp6Lab().ask(say("informationRequest", architecture, asksFor(59, 60)));
    const url = optionOf(answer.options, "opaque", OPTION.bootFileUrl)?.data ?? new Uint8Array();
    assert.equal(Buffer.from(url).toString(), "tftp://[2001:db8:77::1]/efi");
    assert.equal(optionOf(answer.options, "items", OPTION.bootFileParameters)?.items.length, 1);
  });

  test("an IA in it, or another server's name: silence (§16.12)", async () => {
    const lab = new Dhcp6Lab();
    assert.equal(await lab.send(say("informationRequest", iaNa(1))), undefined);
    assert.equal(await lab.send(say("informationRequest", serverId(DUID_2))), undefined);
    assert.equal(lab.service.counters.get("ia-unexpected"), 1);
    assert.equal(lab.service.counters.get("server-id-other"), 1);
  });
});

describe("who gets which lease", () => {
  test("a re-imaged guest keeps its address under another DUID and IAID", async () => {
    const lab = new Dhcp6Lab();
    assert.equal(await bind(lab, WEB1, DUID_1, 1), await bind(lab, WEB1, DUID_2, 99));
  });

  test("two guests with the same DUID get two addresses", async () => {
    const lab = new Dhcp6Lab();
    assert.notEqual(await bind(lab, WEB1), await bind(lab, WEB2));
  });

  test("on a shared link DUID and IAID are the identity", async () => {
    const lab = new Dhcp6Lab();
    const first = await bind(lab, BRIDGE, DUID_1, 1);
    assert.equal(await bind(lab, BRIDGE, DUID_1, 1), first);
    assert.notEqual(await bind(lab, BRIDGE, DUID_1, 2), first);
    assert.notEqual(await bind(lab, BRIDGE, DUID_2, 1), first);
  });

  test("a guest's address is the same in an empty pool on every host, whatever came before", async () => {
    const one = new Dhcp6Lab();
    const other = new Dhcp6Lab();
    await bind(other, WEB2);
    assert.equal(await bind(one), await bind(other));
  });

  test("several IAs of one guest have addresses of their own, and keep them", async () => {
    const lab = new Dhcp6Lab();
    const reply = await lab.ask(say("request", CLIENT, serverId(), iaNa(1), iaNa(2)));
    const [first, second] = [addressOf(reply, 1), addressOf(reply, 2)];
    assert.notEqual(first, second);
    const renewed = await lab.ask(say("renew", CLIENT, serverId(), iaNa(2, second), iaNa(1, first)));
    assert.deepEqual([addressOf(renewed, 1), addressOf(renewed, 2)], [first, second]);
  });

  test("one guest has four leases at most, however many IAIDs it makes up", async () => {
    const lab = new Dhcp6Lab();
    const many = [1, 2, 3, 4, 5, 6].map((iaid) => iaNa(iaid));
    const reply = await lab.ask(say("request", CLIENT, serverId(), ...many));
    const statuses = [1, 2, 3, 4, 5, 6].map((iaid) => statusOf(iaOf(reply, iaid).options));
    assert.deepEqual(statuses, [0, 0, 0, 0, STATUS.noAddrsAvail, STATUS.noAddrsAvail]);
    await lab.ask(say("request", CLIENT, serverId(), iaNa(100), iaNa(101)));
    assert.equal((await lab.store.load()).length, 4);
  });

  test("what is reserved for a guest is given to it, also when it had something else", async () => {
    const lab = new Dhcp6Lab();
    const before = await bind(lab);
    const guests = [{ name: "web1", address: ip("2001:db8:77::10"), prefix: ip("2001:db8:100:ab00::") }];
    lab.service.setNetwork({ ...NETWORK, guests });
    const reply = await lab.ask(say("request", CLIENT, serverId(), iaNa(1, before), iaPd(1)));
    assert.equal(addressOf(reply, 1), ip("2001:db8:77::10"));
    assert.equal((iaOf(reply, 1, OPTION.iaPd).options[0] as IaPrefixOption).prefix, ip("2001:db8:100:ab00::"));
  });

  test("what is reserved for a DUID is given to it, and to nobody else", async () => {
    const address = ip("2001:db8:77::20");
    const duid = Buffer.from(DUID_2).toString("hex");
    const lab = new Dhcp6Lab([{ ...NETWORK, reservations: [{ duid, address, prefix: undefined }] }]);
    const hoping = await lab.ask(say("request", CLIENT, serverId(), iaNa(1, address)), { link: BRIDGE });
    assert.notEqual(addressOf(hoping, 1), address);
    assert.equal(await bind(lab, BRIDGE, DUID_2), address);
  });

  test("leases come back from the store", async () => {
    const store = new MemoryStore();
    const before = new Dhcp6Lab([NETWORK], store);
    const reply = await before.ask(say("request", CLIENT, serverId(), iaNa(1), iaPd(2)));
    const after = new Dhcp6Lab([NETWORK], store);
    after.service.load(await store.load());
    const renewed = await after.ask(say("renew", CLIENT, serverId(), iaNa(1, addressOf(reply, 1)), iaPd(2)));
    assert.equal(addressOf(renewed, 1), addressOf(reply, 1));
    assert.deepEqual(iaOf(renewed, 2, OPTION.iaPd), iaOf(reply, 2, OPTION.iaPd));
  });
});

describe("names (RFC 4704)", () => {
  const fqdn = (flags: number, name: string): Option => ({ kind: "fqdn", code: OPTION.clientFqdn, flags, name, complete: false });
  const TELL_ME = asksFor(OPTION.clientFqdn);

  for (const [what, asked, answered] of [
    ["leaves the record to us", 1, 1],
    ["wants to keep it itself", 0, 3],
    ["wants none", 4, 4],
  ] as const) {
    test(`a client that ${what}: flags ${answered}`, async () => {
      const sent = say("request", CLIENT, serverId(), iaNa(1), fqdn(asked, "other.example"), TELL_ME);
      const answer = await new Dhcp6Lab().ask(sent);
      const told = optionOf(answer.options, "fqdn");
      assert.deepEqual([told?.flags, told?.name, told?.complete], [answered, "web1.tapnet.internal", true]);
    });
  }

  test("on a shared link the client's own first label, cleaned, goes into lease and answer", async () => {
    const lab = new Dhcp6Lab();
    const sent = say("request", CLIENT, serverId(), iaNa(1), fqdn(1, "My_Box.lan"), TELL_ME);
    const answer = await lab.ask(sent, { link: BRIDGE });
    assert.equal(optionOf(answer.options, "fqdn")?.name, "my-box.tapnet.internal");
    assert.equal((await lab.store.load())[0].hostname, "my-box");
  });

  test("one that does not ask for the option is told nothing, but its name is taken (§6)", async () => {
    const lab = new Dhcp6Lab();
    const answer = await lab.ask(say("request", CLIENT, serverId(), iaNa(1), fqdn(1, "box")), { link: BRIDGE });
    assert.equal(optionOf(answer.options, "fqdn"), undefined);
    assert.equal((await lab.store.load())[0].hostname, "box");
  });
});
