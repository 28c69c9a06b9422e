import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Guest } from "../support/guest.js";
import { type Host, Lab } from "../support/lab.js";
import { command, needs, nft, qemu, root, tap } from "../support/needs.js";
import { script } from "../support/paths.js";
import type { RunningProcess } from "../support/process.js";
import { bootScriptGuest, HOST_UPLINK_IPV4, makeSite, type Site, WORLD_IPV4 } from "../support/site.js";
import { pause } from "../support/wait.js";

const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24 }
`;
const GATEWAY = "10.77.0.1";
/** Services of the host that a guest must not reach, on every address of the host. */
const TCP_PORTS = [22, 80, 111, 443, 2049, 3306, 5900, 8080, 16509, 65535];
const UDP_PORTS = [69, 111, 123, 161, 514, 5353, 33434, 65535];

describe("a guest that lies or pries", needs(root, tap, nft, qemu, command("tcpdump")), () => {
  const lab = new Lab({ after });
  let site: Site;
  let liar: Guest;
  let victim: Guest;

  before(async () => {
    site = await makeSite(lab, CONFIGURATION);
    [liar, victim] = await Promise.all([
      bootScriptGuest(site.host, "liar", "52:54:00:00:00:0a"),
      bootScriptGuest(site.host, "victim", "52:54:00:00:00:0b"),
    ]);
    await Promise.all([liar.lease(), victim.lease()]);
  });

  test("an honest ping reaches both", async () => {
    const arrived = await whatArrives(site, victim, async () => {
      for (const target of [await addressOf(victim), WORLD_IPV4]) await liar.must(`ping -c 2 -i 0.2 -W 1 ${target}`);
    });
    assert.deepEqual(arrived, { atVictim: 2, inWorld: 2 });
  });

  test("with another's address it reaches nobody", async () => {
    const [mine, theirs] = [await addressOf(liar), await addressOf(victim)];
    for (const source of [theirs, "10.77.0.200", "192.0.2.66", GATEWAY]) {
      const arrived = await whatArrives(site, victim, async () => {
        await liar.must(`ip address add ${source}/32 dev eth0`);
        for (const target of [theirs, WORLD_IPV4]) {
          if (target !== source) await liar.run(`ping -c 2 -i 0.2 -W 1 -I ${source} ${target}`);
        }
        await liar.must(`ip address del ${source}/32 dev eth0`);
      });
      assert.deepEqual(arrived, { atVictim: 0, inWorld: 0 }, `from ${source}`);
    }
    assert.match(await liar.must(`ping -c 2 -i 0.2 -W 1 -I ${mine} ${WORLD_IPV4}`), / 2 packets received/);
  });

  test("with another's MAC address it reaches nobody", async () => {
    for (const mac of ["52:54:00:00:00:0b", "52:54:00:de:ad:01"]) {
      const arrived = await whatArrives(site, victim, async () => {
        await changeMac(liar, mac);
        for (const target of [await addressOf(victim), WORLD_IPV4]) await liar.run(`ping -c 2 -i 0.2 -W 1 ${target}`);
      });
      assert.deepEqual(arrived, { atVictim: 0, inWorld: 0 }, `with ${mac}`);
    }
    await changeMac(liar, "52:54:00:00:00:0a");
    assert.match(await liar.must(`ping -c 2 -i 0.2 -W 2 ${WORLD_IPV4}`), / 2 packets received/);
  });

  test("it cannot make others believe that it has the gateway's or another's address", async () => {
    for (const claimed of [GATEWAY, await addressOf(victim)]) {
      await liar.run(
        `ip address add ${claimed}/32 dev eth0
         arping -c 2 -w 3 -U -I eth0 -s ${claimed} ${claimed}; arping -c 2 -w 3 -A -I eth0 -s ${claimed} ${claimed}
         ip address del ${claimed}/32 dev eth0`,
      );
    }
    await site.host.must("ping", "-c", "1", "-W", "1", await addressOf(victim));
    assert.match(await victim.must(`ping -c 2 -i 0.2 -W 1 ${GATEWAY}`), / 2 packets received/);
    assert.match(await victim.must(`ping -c 2 -i 0.2 -W 1 ${WORLD_IPV4}`), / 2 packets received/);
    const neighbour = await victim.must(`ip neigh show ${GATEWAY}`);
    assert.doesNotMatch(neighbour, /52:54:00:00:00:0a/);
  });

  test("it reaches no port of the host but DNS and DHCP", async () => {
    const open = await openEverything(site.host);
    const openInWorld = await openEverything(site.world);
    for (const address of [GATEWAY, HOST_UPLINK_IPV4]) {
      assert.match(
        await site.host.must("bash", "-c", `cat </dev/tcp/${address}/22`),
        /hello/,
        "the port is open to the host itself",
      );
      const tcp = TCP_PORTS.map((port) => `nc -w 1 ${address} ${port} </dev/null >/dev/null 2>&1 && echo tcp ${port}`);
      const udp = UDP_PORTS.map((port) => datagramTo(address, port));
      // All at once: each attempt that is dropped without a word takes its full second.
      const { stdout } = await liar.run(`${[...tcp, ...udp].map((line) => `{ ${line}; } &`).join("\n")}\nwait`);
      assert.doesNotMatch(stdout, /tcp/, `connected to ${address}`);
    }
    assert.doesNotMatch(open.stdout, new RegExp(`from (::ffff:)?${await addressOf(liar)}$`, "m"));
    // In the world the same datagrams arrive: they were sent.
    await liar.run(`${UDP_PORTS.map((port) => `{ ${datagramTo(WORLD_IPV4, port)}; } &`).join("\n")}\nwait`);
    for (const port of UDP_PORTS)
      assert.match(openInWorld.stdout, new RegExp(`reached udp ${port} from (::ffff:)?${HOST_UPLINK_IPV4}$`, "m"));
    assert.match(await liar.must(`nslookup -type=a world.example ${GATEWAY}`), new RegExp(`^Address:\\s+${WORLD_IPV4}$`, "m"));
    assert.match(await liar.must(`printf '${DNS_TCP_QUERY}' | nc -w 2 ${GATEWAY} 53 | hexdump -v -e '1/1 "%02x"'`), /c6336401/);
  });
});

/** `world.example A` with its length in front (RFC 1035 §4.2.2), for printf. Its answer ends in 198.51.100.1. */
const DNS_TCP_QUERY =
  "\\000\\037\\022\\064\\001\\000\\000\\001\\000\\000\\000\\000\\000\\000\\005world\\007example\\000\\000\\001\\000\\001";

/** The guest's nc knows no UDP: a question of TFTP is a datagram as good as any. */
function datagramTo(address: string, port: number): string {
  return `timeout 1 tftp -g -r hello -l /dev/null ${address} ${port} >/dev/null 2>&1`;
}

async function addressOf(guest: Guest): Promise<string> {
  return (await guest.lease())["ip"];
}

/** A new MAC address with the lease's address and route kept: what a guest's root can do at any time. */
async function changeMac(guest: Guest, mac: string): Promise<void> {
  const { ip } = await guest.lease();
  await guest.must(
    `ip link set eth0 down; ip link set eth0 address ${mac}; ip link set eth0 up
     ip address replace ${ip}/24 dev eth0; ip route replace default via ${GATEWAY}`,
  );
}

/** Counts the echo requests that get through to the victim and into the world while something is done. */
async function whatArrives(site: Site, victim: Guest, act: () => Promise<void>): Promise<{ atVictim: number; inWorld: number }> {
  const watch = site.world.start(["tcpdump", "-n", "-l", "-i", "eth0", "icmp[icmptype] == icmp-echo"]);
  await watch.waitFor(/listening on/);
  const seenBefore = await echoesSeen(victim);
  await act();
  await pause(300);
  await watch.stop();
  return {
    atVictim: (await echoesSeen(victim)) - seenBefore,
    inWorld: watch.stdout.split("\n").filter((line) => line.includes("echo request")).length,
  };
}

/** `InEchos` of the guest's own kernel. */
async function echoesSeen(guest: Guest): Promise<number> {
  const [names, values] = (await guest.must("grep ^Icmp: /proc/net/snmp"))
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
  return Number(values[names.indexOf("InEchos")]);
}

/** Listens on every port of the lists, on every address of the host, and says whom it has heard. */
async function openEverything(host: Host): Promise<RunningProcess> {
  const open = host.start([...script("test/support/open-ports"), TCP_PORTS.join(","), UDP_PORTS.join(",")]);
  await open.waitFor(/open/);
  return open;
}
