import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Dhcp6Counter } from "../../../src/services/dhcp6/service.js";
import { DHCP6_PORT, MESSAGE, OPTION, STATUS } from "../../../src/wire/dhcp6/codes.js";
import type { ClientServerMessage } from "../../../src/wire/dhcp6/message.js";
import type { Option } from "../../../src/wire/dhcp6/option-repr.js";
import { clientId, Dhcp6Lab, DUID_1, DUID_2, iaNa, ip, optionOf, say, serverId } from "../../support/dhcp6-lab.js";
import { PORT_LINK_LOCAL } from "../../support/frames.js";
import { bytesOf, type Piece } from "../../support/pieces.js";

const CLIENT = clientId(DUID_1);
const IA = iaNa(1, ip("2001:db8:77::5"));

interface Row {
  readonly name: string;
  readonly rfc: string;
  readonly message: ClientServerMessage;
  readonly counter: Dhcp6Counter;
}

const ROWS: readonly Row[] = [
  { name: "Solicit without a client identifier", rfc: "§16.2", message: say("solicit", IA), counter: "client-id-missing" },
  {
    name: "Solicit with a server identifier",
    rfc: "§16.2",
    message: say("solicit", CLIENT, serverId(), IA),
    counter: "server-id-present",
  },
  { name: "Advertise", rfc: "§16.3", message: say("advertise", CLIENT, serverId(), IA), counter: "message-type" },
  {
    name: "Request without a server identifier",
    rfc: "§16.4",
    message: say("request", CLIENT, IA),
    counter: "server-id-missing",
  },
  {
    name: "Request to another server",
    rfc: "§16.4",
    message: say("request", CLIENT, serverId(DUID_2), IA),
    counter: "server-id-other",
  },
  {
    name: "Request without a client identifier",
    rfc: "§16.4",
    message: say("request", serverId(), IA),
    counter: "client-id-missing",
  },
  { name: "Confirm without a client identifier", rfc: "§16.5", message: say("confirm", IA), counter: "client-id-missing" },
  {
    name: "Confirm with a server identifier",
    rfc: "§16.5",
    message: say("confirm", CLIENT, serverId(), IA),
    counter: "server-id-present",
  },
  { name: "Renew without a server identifier", rfc: "§16.6", message: say("renew", CLIENT, IA), counter: "server-id-missing" },
  {
    name: "Renew to another server",
    rfc: "§16.6",
    message: say("renew", CLIENT, serverId(DUID_2), IA),
    counter: "server-id-other",
  },
  {
    name: "Rebind with a server identifier",
    rfc: "§16.7",
    message: say("rebind", CLIENT, serverId(), IA),
    counter: "server-id-present",
  },
  {
    name: "Decline without a server identifier",
    rfc: "§16.8",
    message: say("decline", CLIENT, IA),
    counter: "server-id-missing",
  },
  {
    name: "Release to another server",
    rfc: "§16.9",
    message: say("release", CLIENT, serverId(DUID_2), IA),
    counter: "server-id-other",
  },
  { name: "Reply", rfc: "§16.10", message: say("reply", CLIENT, serverId(), IA), counter: "message-type" },
  { name: "Reconfigure", rfc: "§16.11", message: say("reconfigure", CLIENT, serverId()), counter: "message-type" },
  {
    name: "Information-request with an IA",
    rfc: "§16.12",
    message: say("informationRequest", CLIENT, IA),
    counter: "ia-unexpected",
  },
  {
    name: "a message type from the future",
    rfc: "§16",
    message: { type: 200, transactionId: 1, options: [CLIENT] },
    counter: "message-type",
  },
  {
    name: "two client identifiers",
    rfc: "§21",
    message: say("solicit", CLIENT, clientId(DUID_2), IA),
    counter: "dhcp6-option-repeated",
  },
  {
    name: "two server identifiers",
    rfc: "§21",
    message: say("request", CLIENT, serverId(), serverId(), IA),
    counter: "dhcp6-option-repeated",
  },
  {
    name: "seventeen IAs",
    rfc: "our own bound",
    message: say("solicit", CLIENT, ...Array.from({ length: 17 }, (_, iaid) => iaNa(iaid))),
    counter: "dhcp6-ia-count",
  },
];

describe("messages that get no answer (RFC 8415)", () => {
  for (const { name, rfc, message, counter } of ROWS) {
    test(`${name} (${rfc}): ${counter}`, async () => {
      const lab = new Dhcp6Lab();
      assert.equal(await lab.send(message), undefined);
      assert.equal(lab.service.counters.get(counter), 1);
      assert.equal(lab.service.counters.get("replies"), 0);
    });
  }

  test("a Relay-reply (§16.14)", async () => {
    const lab = new Dhcp6Lab();
    const inner = say("solicit", CLIENT, IA);
    const relayed = { type: MESSAGE.relayReply, hopCount: 0, linkAddress: 0n, peerAddress: 0n, options: [], relayed: inner };
    assert.equal(await lab.send(relayed), undefined);
    assert.equal(lab.dispatcher.counters.get("service-fault"), 0);
  });
});

describe("hostile bytes", () => {
  const rows: readonly { readonly name: string; readonly pieces: readonly Piece[]; readonly counter: Dhcp6Counter }[] = [
    { name: "nothing at all", pieces: [], counter: "dhcp6-truncated" },
    { name: "a type alone", pieces: [["solicit", "01"]], counter: "dhcp6-truncated" },
    {
      name: "a DUID of 0 bytes",
      pieces: [
        ["solicit", "01000001"],
        ["client-id", "0001 0000"],
      ],
      counter: "dhcp6-duid-length",
    },
    {
      name: "a DUID that claims 65,535 bytes",
      pieces: [
        ["solicit", "01000001"],
        ["client-id", "0001 ffff 00"],
      ],
      counter: "dhcp6-option-overrun",
    },
    {
      name: "a DUID of 131 bytes",
      pieces: [
        ["solicit", "01000001"],
        ["client-id", `0001 0083 ${"00".repeat(131)}`],
      ],
      counter: "dhcp6-duid-length",
    },
    {
      name: "a Relay-forward without a message",
      pieces: [["relay-forward", `0c00 ${"00".repeat(32)}`]],
      counter: "dhcp6-relay-empty",
    },
    {
      name: "a Relay-forward with an empty message",
      pieces: [
        ["relay-forward", `0c00 ${"00".repeat(32)}`],
        ["relay message", "0009 0000"],
      ],
      counter: "dhcp6-relay-empty",
    },
    { name: "relays nested 33 deep", pieces: relays(33), counter: "dhcp6-relay-too-deep" },
    { name: "IAs nested as deep as a frame allows", pieces: nestedIas(85), counter: "dhcp6-nested-too-deep" },
  ];

  for (const { name, pieces, counter } of rows) {
    test(`${name}: ${counter}`, async () => {
      const lab = new Dhcp6Lab();
      assert.equal(await lab.sendBytes(bytesOf(pieces)), undefined);
      assert.equal(lab.service.counters.get(counter), 1);
    });
  }

  test("DUIDs of every length from 3 to 130 are served", async () => {
    for (let length = 3; length <= 130; length++) {
      const lab = new Dhcp6Lab();
      const answer = await lab.ask(say("solicit", clientId(new Uint8Array(length).fill(length)), iaNa(1)));
      assert.equal(optionOf(answer.options, "duid", OPTION.clientId)?.duid.length, length);
    }
  });
});

describe("unicast from a client (RFC 8415 §18.3, §18.4)", () => {
  for (const type of ["request", "renew", "release", "decline"] as const) {
    test(`${type} is told to use multicast, and changes nothing`, async () => {
      const lab = new Dhcp6Lab();
      const answer = await lab.ask(say(type, CLIENT, serverId(), IA), { destination: PORT_LINK_LOCAL });
      assert.equal(answer.type, MESSAGE.reply);
      assert.equal(optionOf(answer.options, "status")?.status, STATUS.useMulticast);
      assert.deepEqual(
        answer.options.map(({ code }) => code),
        [OPTION.serverId, OPTION.clientId, OPTION.statusCode],
      );
      assert.deepEqual(await lab.store.load(), []);
    });
  }

  for (const [type, options] of [
    ["solicit", [CLIENT, IA]],
    ["confirm", [CLIENT, IA]],
    ["rebind", [CLIENT, IA]],
    ["informationRequest", [CLIENT]],
  ] as const satisfies readonly (readonly [keyof typeof MESSAGE, readonly Option[]])[]) {
    test(`${type} is dropped`, async () => {
      const lab = new Dhcp6Lab();
      assert.equal(await lab.send(say(type, ...options), { destination: PORT_LINK_LOCAL }), undefined);
      assert.equal(lab.service.counters.get("unicast"), 1);
    });
  }
});

test("answers go to the asker's address, port 546, out of the port they came from", async () => {
  const lab = new Dhcp6Lab();
  const answer = await lab.send(say("solicit", CLIENT, IA), { source: ip("fe80::abc"), udpSource: 5555 });
  assert.equal(answer?.destination, ip("fe80::abc"));
  assert.equal(answer.source, PORT_LINK_LOCAL);
  assert.equal(answer.udpDestination, DHCP6_PORT.client);
  assert.equal(answer.ifindex, 7);
});

function relays(levels: number): Piece[] {
  const inner = 4;
  const pieces: Piece[] = [];
  for (let level = 0; level < levels; level++) {
    const length = inner + (levels - level - 1) * 38;
    pieces.push(["relay-forward", `0c00 ${"00".repeat(32)} 0009 ${length.toString(16).padStart(4, "0")}`]);
  }
  return [...pieces, ["solicit", "01000001"]];
}

function nestedIas(levels: number): Piece[] {
  const pieces: Piece[] = [["solicit", "01000001"]];
  for (let level = levels; level > 0; level--) {
    pieces.push(["IA_NA", `0003 ${(level * 16 - 4).toString(16).padStart(4, "0")} ${"00".repeat(12)}`]);
  }
  return pieces;
}
