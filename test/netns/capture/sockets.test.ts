import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Mac } from "../../../src/base/mac.js";
import * as pcapng from "../../../src/wire/pcapng.js";
import { icmpPayload, ipv4Frame, readIpv4, udpPayload } from "../../support/forward-lab.js";
import { Lab } from "../../support/lab.js";
import { needs, nft, root, tap } from "../../support/needs.js";
import { script } from "../../support/paths.js";
import type { RunningProcess } from "../../support/process.js";
import { makeSite, type Site } from "../../support/site.js";
import { gatewayMacOf, SocketGuest } from "../../support/socket-guest.js";
import { until } from "../../support/wait.js";

const GATEWAY = 0x0a4d_0001;
const WEB = { slot: 0, mac: 0x5254_0000_0001, ipv4: 0x0a4d_000a, ipv6: 0n } as const;
const DB = { slot: 1, mac: 0x5254_0000_0002, ipv4: 0x0a4d_000b, ipv6: 0n } as const;
const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24, dataplane: user }
guests:
  web1: { mac: "52:54:00:00:00:01", ipv4: 10.77.0.10 }
  db1: { mac: "52:54:00:00:00:02", ipv4: 10.77.0.11 }
`;

function packetsOf(path: string): readonly pcapng.Packet[] {
  const bytes = readFileSync(path);
  const blocks = pcapng.parseFile(new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  if (typeof blocks === "string") throw new Error(`${path}: ${blocks}`);
  return blocks.filter((block) => block.kind === "packet");
}

describe("tapnet capture of guests on sockets", { ...needs(root, tap, nft), timeout: 90_000 }, () => {
  const lab = new Lab({ after });
  let site: Site;
  let web: SocketGuest;
  let db: SocketGuest;
  let gateway: Mac;

  before(async () => {
    site = await makeSite(lab, CONFIGURATION);
    web = await SocketGuest.add(site.daemon, "web1");
    db = await SocketGuest.add(site.daemon, "db1");
    gateway = await gatewayMacOf(site.daemon, "web1");
  });

  after(() => Promise.all([web.close(), db.close()]));

  async function begin(guest: string, ...words: string[]): Promise<RunningProcess> {
    const started = site.host.start([...script("src/cli/main"), "capture", guest, ...words]);
    await started.waitFor(/^capturing tn-\S+; Ctrl-C ends it$/m);
    return started;
  }

  const toDb = (bytes: number, port = 5000): Uint8Array =>
    ipv4Frame({ from: WEB, to: DB.ipv4, etherDestination: gateway, payload: udpPayload(bytes, port) });

  async function sendAcross(count: number): Promise<void> {
    const arrived = db.received.length;
    for (let index = 0; index < count; index++) web.send(toDb(100 + index));
    await until("the packets to arrive", () => db.received.length >= arrived + count);
  }

  test("packets between two of them are seen once at each, as they come and as they go; and those of the host", async () => {
    const paths = ["web1", "db1"].map((name) => join(lab.folder, `${name}.pcapng`));
    const captures = [await begin("web1", "-w", paths[0], "ip"), await begin("db1", "-w", paths[1], "ip")];
    await sendAcross(3);
    const got = web.received.length;
    web.send(ipv4Frame({ from: WEB, to: GATEWAY, etherDestination: gateway, protocol: 1, payload: icmpPayload(8) }));
    await until("the gateway's answer", () => web.received.length > got);
    for (const capture of captures) assert.equal(await capture.stop("SIGINT"), 0, capture.output);
    assert.match(captures[0].stderr, /^5 frames captured, 0 dropped by the kernel$/m);
    const [atWeb, atDb] = paths.map((path) =>
      packetsOf(path).map(({ direction, bytes, originalBytes }) => {
        assert.equal(bytes.length, originalBytes);
        const { ttl, protocol } = readIpv4(bytes);
        return `${direction} ttl ${ttl} protocol ${protocol}`;
      }),
    );
    const across = (way: string, ttl: number): string[] => Array<string>(3).fill(`${way} ttl ${ttl} protocol 17`);
    assert.deepEqual(atWeb, [...across("in", 64), "in ttl 64 protocol 1", "out ttl 64 protocol 1"]);
    assert.deepEqual(atDb, across("out", 63));
  });

  test("what the forwarder refuses is seen as it came, with its answer", async () => {
    const path = join(lab.folder, "refused.pcapng");
    const capture = await begin("web1", "-w", path, "ip");
    const got = web.received.length;
    web.send(ipv4Frame({ from: WEB, to: DB.ipv4, etherDestination: gateway, ttl: 1 }));
    await until("time exceeded", () => web.received.length > got);
    assert.equal(await capture.stop("SIGINT"), 0, capture.output);
    const seen = packetsOf(path).map(({ direction, bytes }) => [direction, readIpv4(bytes).protocol]);
    assert.deepEqual(seen, [
      ["in", 17],
      ["out", 1],
    ]);
  });

  test("a frame with a VLAN tag is seen with it, and found by it", async () => {
    const paths = ["vlan", "none"].map((name) => join(lab.folder, `${name}.pcapng`));
    const captures = [await begin("web1", "-w", paths[0], "vlan 5 and udp"), await begin("web1", "-w", paths[1], "vlan 6")];
    const frame = toDb(40);
    const tagged = Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, 0, 5, ...frame.subarray(12)]);
    web.send(frame, tagged);
    await sendAcross(1);
    for (const capture of captures) assert.equal(await capture.stop("SIGINT"), 0, capture.output);
    assert.deepEqual(
      packetsOf(paths[0]).map(({ bytes }) => bytes),
      [tagged],
    );
    assert.equal(packetsOf(paths[1]).length, 0);
  });

  test("filters, count and snap hold there too", async () => {
    const path = join(lab.folder, "filtered.pcapng");
    const capture = await begin("db1", "-w", path, "-c", "2", "--snap", "60", "udp port 53");
    await sendAcross(2);
    for (let index = 0; index < 3; index++) web.send(toDb(200, 53));
    assert.equal(await capture.exited, 0, capture.output);
    assert.deepEqual(
      packetsOf(path).map(({ bytes, originalBytes }) => [bytes.length, originalBytes]),
      Array.from({ length: 2 }, () => [60, 242]),
    );
  });

  test("it ends with a sentence and a whole file when the daemon is killed, and begins anew when it is there again", async () => {
    const path = join(lab.folder, "killed.pcapng");
    const capture = await begin("web1", "-w", path, "ip");
    await sendAcross(2);
    await site.daemon.kill();
    assert.equal(await capture.exited, 0, capture.output);
    assert.match(capture.stderr, /^2 frames captured, 0 dropped by the kernel$/m);
    assert.match(
      capture.stderr,
      /^ended: tn-web1 is gone: tapnetd has ended, or the guest's socket was taken away; .* begin anew$/m,
    );
    assert.equal(packetsOf(path).length, 2);
    await site.daemon.start();
    const arrived = db.received.length;
    await until("the guests to have found the new sockets", () => {
      web.send(toDb(8));
      return db.received.length > arrived;
    });
    const again = await begin("web1", "-w", path, "ip");
    await sendAcross(1);
    assert.equal(await again.stop("SIGINT"), 0, again.output);
    assert.ok(packetsOf(path).length >= 1);
  });

  test("it ends by itself when the guest is taken away", async () => {
    const capture = await begin("web1", "-w", join(lab.folder, "removed.pcapng"));
    await site.daemon.tapnet("guest", "remove", "web1");
    assert.equal(await capture.exited, 0, capture.output);
    assert.match(capture.stderr, /^ended: tn-web1 is gone/m);
  });
});
