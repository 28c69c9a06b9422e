import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DHCP6_PORT, MESSAGE, OPTION } from "../../../src/wire/dhcp6/codes.js";
import * as message from "../../../src/wire/dhcp6/message.js";
import type { Option } from "../../../src/wire/dhcp6/option-repr.js";
import {
  addressOf,
  BRIDGE,
  clientId,
  Dhcp6Lab,
  DUID_1,
  iaNa,
  ip,
  NETWORK,
  prefix,
  say,
  serverId,
  WEB1,
} from "../../support/dhcp6-lab.js";

const CLIENT = clientId(DUID_1);
const RELAY = ip("2001:db8:77::aaaa");
const VIA = { link: BRIDGE, source: RELAY, destination: NETWORK.gateway, udpSource: DHCP6_PORT.server };

const interfaceId = (name: string): Option => ({
  kind: "opaque",
  code: OPTION.interfaceId,
  data: new Uint8Array(Buffer.from(name)),
});

interface Hop {
  readonly link?: string;
  readonly peer?: string;
  readonly options?: readonly Option[];
}

/** The message behind these relays, the one next to the client first. */
function relayed(inner: message.Message, ...hops: readonly Hop[]): message.Message {
  return hops.reduce<message.Message>((carried, hop, hopCount) => {
    const addresses = { linkAddress: ip(hop.link ?? "::"), peerAddress: ip(hop.peer ?? "fe80::1:2") };
    return { type: MESSAGE.relayForward, hopCount, ...addresses, options: hop.options ?? [], relayed: carried };
  }, inner);
}

function asRelay(answer: message.Message | undefined): message.RelayMessage {
  assert.ok(answer !== undefined && message.isRelay(answer));
  return answer;
}

describe("relays (RFC 8415 §19)", () => {
  test("one relay: header and Interface-Id come back, the answer goes to its port 547", async () => {
    const lab = new Dhcp6Lab();
    const asked = say("solicit", CLIENT, iaNa(1));
    const answer = await lab.send(
      relayed(asked, { link: "2001:db8:77::1", peer: "fe80::5", options: [interfaceId("eth3")] }),
      VIA,
    );
    const outer = asRelay(answer?.message);
    assert.deepEqual(
      { ...outer, relayed: undefined },
      {
        type: MESSAGE.relayReply,
        hopCount: 0,
        linkAddress: ip("2001:db8:77::1"),
        peerAddress: ip("fe80::5"),
        options: [interfaceId("eth3")],
        relayed: undefined,
      },
    );
    assert.equal(outer.relayed?.type, MESSAGE.advertise);
    assert.equal(answer?.destination, RELAY);
    assert.equal(answer.udpDestination, DHCP6_PORT.server);
  });

  // RFC 8415's relay agents stop at 8 levels, those of RFC 3315 at 32; so many fill a packet, and only some can name interfaces.
  for (const [levels, namedEvery] of [
    [1, 1],
    [2, 1],
    [8, 1],
    [32, 4],
  ]) {
    test(`${levels} relays: every level is answered, hop counts and peers as they came`, async () => {
      const lab = new Dhcp6Lab();
      const named = (level: number): Option[] => (level % namedEvery === 0 ? [interfaceId(`if${level}`)] : []);
      const hops = Array.from({ length: levels }, (_, level): Hop => {
        return { link: level === 0 ? "2001:db8:77::1" : "::", peer: `fe80::${level + 1}`, options: named(level) };
      });
      let carried: message.Message | undefined = (await lab.send(relayed(say("solicit", CLIENT, iaNa(1)), ...hops), VIA))
        ?.message;
      for (let level = levels - 1; level >= 0; level--) {
        const hop = asRelay(carried);
        assert.equal(hop.type, MESSAGE.relayReply);
        assert.equal(hop.hopCount, level);
        assert.equal(hop.peerAddress, ip(`fe80::${level + 1}`));
        assert.deepEqual(hop.options, named(level));
        carried = hop.relayed;
      }
      assert.equal(carried?.type, MESSAGE.advertise);
      assert.equal(lab.service.counters.get("relayed"), 1);
    });
  }

  test("the relay next to the client names the network (§13.1)", async () => {
    const far = { ...NETWORK, name: "far", prefixes: [prefix("2001:db8:f::/64")], addressPool: prefix("2001:db8:f::/64") };
    const lab = new Dhcp6Lab([NETWORK, far]);
    const answer = await lab.send(
      relayed(say("solicit", CLIENT, iaNa(1)), { link: "2001:db8:f::1" }, { link: "2001:db8:77::1" }),
      VIA,
    );
    const inner = asRelay(asRelay(answer?.message).relayed).relayed;
    assert.ok(inner !== undefined && !message.isRelay(inner));
    assert.equal(addressOf(inner, 1) >> 64n, far.prefixes[0].address >> 64n);
  });

  test("nobody is given another network's addresses where that does not let him, whatever relay he calls himself", async () => {
    const far = { ...NETWORK, name: "far", prefixes: [prefix("2001:db8:f::/64")], relayed: false };
    const lab = new Dhcp6Lab([{ ...NETWORK, relayed: false }, far]);
    const ask = async (link: string) => lab.send(relayed(say("solicit", CLIENT, iaNa(1)), { link }), VIA);
    assert.equal(await ask("2001:db8:f::1"), undefined);
    assert.equal(lab.service.counters.get("network-unknown"), 1);
    assert.notEqual(await ask("2001:db8:77::1"), undefined);
  });

  test("a link that nobody serves: silence", async () => {
    const lab = new Dhcp6Lab();
    assert.equal(await lab.send(relayed(say("solicit", CLIENT, iaNa(1)), { link: "2001:db8:5555::1" }), VIA), undefined);
    assert.equal(lab.service.counters.get("network-unknown"), 1);
  });

  test("the client's MAC is the relay's word (RFC 6939), its interface unknown", async () => {
    const lab = new Dhcp6Lab();
    const address = Uint8Array.from([0x52, 0x54, 0, 1, 2, 3]);
    const station: Option = { kind: "link-layer-address", code: OPTION.clientLinkLayerAddress, hardwareType: 1, address };
    await lab.send(relayed(say("request", CLIENT, serverId(), iaNa(1)), { link: "2001:db8:77::1", options: [station] }), VIA);
    const [event] = lab.events;
    assert.equal(event.lease.mac, 0x5254_0001_0203);
    assert.equal(event.ifindex, 0);
  });

  test("what a relay asks to have back comes back (RFC 4994); of a long list the first 64 codes are read", async () => {
    const lab = new Dhcp6Lab();
    const told: Option[] = [37, 38].map((code) => ({ kind: "opaque", code, data: Uint8Array.from([0, 0, 0, 9, code]) }));
    const echoed = async (codes: readonly number[]): Promise<number[]> => {
      const options: Option[] = [...told, { kind: "codes", code: OPTION.echoRequest, codes }];
      const answer = await lab.send(relayed(say("solicit", CLIENT, iaNa(1)), { link: "2001:db8:77::1", options }), VIA);
      return asRelay(answer?.message).options.map(({ code }) => code);
    };
    assert.deepEqual(await echoed([37, OPTION.relayMessage, OPTION.echoRequest, 37]), [37]);
    const strange = Array.from({ length: 63 }, (_, index) => 1000 + index);
    assert.deepEqual(await echoed([...strange, 38, 37]), [38]);
  });

  test("a relay with a port of its own is answered there (RFC 8357)", async () => {
    const lab = new Dhcp6Lab();
    const sourcePort: Option = { kind: "uint16", code: OPTION.relaySourcePort, value: 0 };
    const asked = relayed(say("solicit", CLIENT, iaNa(1)), { link: "2001:db8:77::1", options: [sourcePort] });
    const answer = await lab.send(asked, { ...VIA, udpSource: 12_345 });
    assert.equal(answer?.udpDestination, 12_345);
    assert.deepEqual(asRelay(answer.message).options, [sourcePort]);
  });

  test("a guest that plays relay gets its own lease and nobody else's", async () => {
    const lab = new Dhcp6Lab();
    const asked = relayed(say("request", CLIENT, serverId(), iaNa(1)), { link: "2001:db8:77::1" });
    await lab.send(asked, { link: WEB1, destination: NETWORK.gateway });
    assert.deepEqual(
      (await lab.store.load()).map(({ identity }) => identity),
      ["guest:web1"],
    );
  });

  test("a relayed message may be unicast", async () => {
    const lab = new Dhcp6Lab();
    assert.ok(await lab.send(relayed(say("solicit", CLIENT, iaNa(1)), { link: "2001:db8:77::1" }), VIA));
    assert.equal(lab.service.counters.get("unicast"), 0);
  });

  test("an Interface-Id that leaves no room for an answer: counted", async () => {
    const lab = new Dhcp6Lab();
    const asked = relayed(say("solicit", CLIENT, iaNa(1)), { link: "2001:db8:77::1", options: [interfaceId("x".repeat(1380))] });
    assert.equal(await lab.send(asked, VIA), undefined);
    assert.equal(lab.service.counters.get("reply-too-long"), 1);
  });
});
