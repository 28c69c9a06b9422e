/** Forwards of a daemon without root: ports of the host, by sockets of the user, to guests in her namespace. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ALICE, CHECKOUT } from "../../support/docs/machine.js";
import { HOST, Site } from "../../support/docs/site.js";
import { Lab } from "../../support/lab.js";
import { command, needs, nft, qemu, root, tap } from "../../support/needs.js";
import type { RunningProcess } from "../../support/process.js";
import { until } from "../../support/wait.js";

const SERVING = /"msg":"serving"/;
const START_MS = 20_000;
const RUN = `/run/user/${ALICE.uid}/tapnet`;
const NODE = "/run/bin/node";
/** Ports on which guests answer. */
const PORTS = [53, 80, 9000, 9001, 9002, 9003];
const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24, ipv6: "fd00:77::/64", dhcp6: { addresses: true } }
  old: { kind: nat, ipv4: 10.78.0.0/24 }
guests:
  web1: { network: default, ipv4: 10.77.0.10, forwards: [8080:80, 5353:53/udp, 7000-7003:9000] }
  old1: { network: old, ipv4: 10.78.0.10 }
`;

describe("forwards without root", needs(root, tap, nft, qemu, command("pasta", "passt"), command("udhcpc")), () => {
  const lab = new Lab();
  let site: Site;
  let daemon: RunningProcess;

  const start = async (): Promise<void> => {
    daemon = site.host.start("alice", ["tapnetd", "--rootless"]);
    await daemon.waitFor(SERVING, START_MS);
  };
  const type = async (user: "root" | "alice", text: string): Promise<{ status: number; text: string }> => {
    const { status, stdout } = await site.host.run(user, ["sh", "-c", `exec 2>&1\n${text}`]);
    return { status, text: stdout };
  };
  const configure = async (yaml: string): Promise<void> => {
    const write = "mkdir -p ~/.config/tapnet; cat >~/.config/tapnet/tapnet.yaml";
    await site.host.run("alice", ["sh", "-c", write], { input: yaml });
  };
  /** What each question is answered, on the host or from beyond its uplink. */
  const ask = async (machine: "host" | "world", ...questions: string[]): Promise<(string | null)[]> => {
    const prober = [NODE, `${CHECKOUT}/dist/test/support/prober.js`, JSON.stringify(questions)];
    return JSON.parse(await site.machine(machine).must(...prober)) as (string | null)[];
  };
  const boot = async (name: string, network: string, mac: string): Promise<void> => {
    const netdev = `tap,id=net0,br=${network},helper="/usr/lib/tapnet/qemu-helper --guest=${name}"`;
    const text = `qemu-system-x86_64 -name ${name} -m 64 -netdev ${netdev} -device virtio-net-pci,netdev=net0,mac=${mac}`;
    await site.play({ kind: "command", line: 0, machine: "host", user: "alice", text, expected: undefined });
    const guest = site.machine(name);
    const ports = PORTS.map(String);
    await guest.start("root", [NODE, `${CHECKOUT}/dist/test/support/responder.js`, name, ...ports]).waitFor(/ready/);
  };

  before(async () => {
    site = await Site.make(lab);
    await configure(CONFIGURATION);
    await start();
    await boot("web1", "default", "52:54:00:00:00:01");
    await boot("old1", "old", "52:54:00:00:00:02");
    // Until a guest has made sure of its IPv6 address it does not answer there.
    await until("IPv6", async () => (await ask("host", "udp ::1 5353"))[0] === "web1 fd00:77::1", START_MS);
  });
  after(async () => lab.dispose());

  test("those of the configuration: TCP, UDP and ranges, from the host, its loopback and the world, by IPv4 and IPv6", async () => {
    const addresses = [HOST.ipv4, HOST.ipv6];
    const questions = addresses.flatMap((address) => [`tcp ${address} 8080`, `udp ${address} 5353`, `tcp ${address} 7003`]);
    const loopback = ["tcp 127.0.0.1 8080", "udp 127.0.0.1 5353", "tcp ::1 7000", "udp ::1 5353"];
    // Guests see the gateway: who asks outside is nobody in there.
    for (const [machine, list] of [
      ["world", questions],
      ["host", [...questions, ...loopback]],
    ] as const) {
      const answers = await ask(machine, ...list);
      for (const [index, answer] of answers.entries())
        assert.match(String(answer), /^web1 (?:10\.77\.0\.1|fd00:77::1)$/, `${list[index]} from ${machine}`);
    }
    assert.deepEqual(await ask("host", "tcp 127.0.0.1 7004", "tcp 127.0.0.1 80"), [null, null]);
  });

  test("added and removed while it runs, from one address or the loopback alone, to a guest without IPv6 as well", async () => {
    const added = await type("alice", "tapnet forward add old1 127.0.0.1:8081:80 && tapnet forward add old1 '[::1]:8081:80'");
    assert.equal(added.status, 0, added.text);
    const only = await type("alice", `tapnet forward add old1 ${HOST.ipv4}:5454:53/udp`);
    assert.equal(only.status, 0, only.text);
    assert.deepEqual(await ask("host", "tcp 127.0.0.1 8081", "tcp ::1 8081", `udp ${HOST.ipv4} 5454`, `tcp ${HOST.ipv4} 8081`), [
      "old1 10.78.0.1",
      "old1 10.78.0.1",
      "old1 10.78.0.1",
      null,
    ]);
    assert.deepEqual(await ask("world", `udp ${HOST.ipv4} 5454`, `tcp ${HOST.ipv4} 8081`), ["old1 10.78.0.1", null]);
    for (const forward of ["127.0.0.1:8081:80", "'[::1]:8081:80'", `${HOST.ipv4}:5454:53/udp`]) {
      const removed = await type("alice", `tapnet forward remove old1 ${forward}`);
      assert.equal(removed.status, 0, removed.text);
    }
    assert.deepEqual(await ask("host", "tcp 127.0.0.1 8081", "tcp ::1 8081", `udp ${HOST.ipv4} 5454`), [null, null, null]);
    assert.equal((await type("alice", "ss -Hltun 'sport = 8081 or sport = 5454'")).text, "");
  });

  test("a server in the guest that knows IPv4 only is reached by `localhost`, too", async () => {
    const code = "require('node:net').createServer((s)=>s.end('four')).listen(9004,'0.0.0.0',()=>console.log('ready'))";
    const server = site.machine("web1").start("root", [NODE, "-e", code]);
    await server.waitFor(/ready/);
    assert.equal((await type("alice", "tapnet forward add web1 9004:9004")).status, 0);
    assert.deepEqual(await ask("host", "tcp ::1 9004", "tcp 127.0.0.1 9004"), ["four", "four"]);
    await server.stop();
    assert.deepEqual(await ask("host", "tcp ::1 9004", "tcp 127.0.0.1 9004"), [null, null]);
    assert.equal((await type("alice", "tapnet forward remove web1 9004:9004")).status, 0);
  });

  test("what cannot be had is refused with what to do, and nothing is left of it", async () => {
    const server = site.host.start("alice", ["busybox", "httpd", "-f", "-p", "127.0.0.1:8082", "-h", "/etc"]);
    await until("the server", async () => (await type("alice", "ss -Hltn 'sport = 8082'")).text !== "");
    const refused = [
      ["8082:80", /port 8082\/tcp already: end it, or take another port/],
      [
        "80:80",
        /net\.ipv4\.ip_unprivileged_port_start.*: take one above, or as root: sysctl -w net\.ipv4\.ip_unprivileged_port_start=80$/m,
      ],
      ["192.0.2.9:8083:80", /this host has no address 192\.0\.2\.9/],
      ["127.0.0.1:8080:80", /would take what 8080:80\/tcp of guest web1 has/],
      ["8080:80", /would take what 8080:80\/tcp of guest web1 has/],
    ] as const;
    for (const [forward, message] of refused) {
      const { status, text } = await type("alice", `tapnet forward add old1 ${forward}`);
      assert.notEqual(status, 0, forward);
      assert.match(text, message);
    }
    await server.stop();
    assert.doesNotMatch((await type("alice", "tapnet forward list")).text, /old1/);
  });

  test("a port that is taken is warned of, and had as soon as it is free", async () => {
    const server = site.host.start("alice", ["busybox", "httpd", "-f", "-p", "127.0.0.1:8084", "-h", "/etc"]);
    await until("the server", async () => (await type("alice", "ss -Hltn 'sport = 8084'")).text !== "");
    await configure(CONFIGURATION.replace("8080:80,", "8080:80, 8084:80,"));
    await site.host.must("pkill", "-HUP", "-u", "alice", "-o", "-f", "daemon/main.js");
    const warning = /forward 8084:80\/tcp of guest web1: a program on this host listens on port 8084\/tcp already/;
    await until("the warning", async () => warning.test((await type("alice", "tapnet status")).text));
    await server.stop();
    await until("the port", async () => (await ask("host", "tcp 127.0.0.1 8084"))[0] === "web1 10.77.0.1", START_MS);
    assert.doesNotMatch((await type("alice", "tapnet status")).text, /8084/);
  });

  for (const signal of ["KILL", "TERM"]) {
    test(`after SIG${signal} ports lead on, a connection goes on, and the next start knows them`, async () => {
      const guest = site.machine("web1");
      // What comes is given back, until the client ends it.
      const echo = "require('node:net').createServer({allowHalfOpen:true},(s)=>s.pipe(s)).listen(9100,()=>console.log('ready'))";
      const server = guest.start("root", [NODE, "-e", echo]);
      await server.waitFor(/ready/);
      assert.equal((await type("alice", "tapnet forward add web1 127.0.0.1:9100:9100")).status, 0);
      const asking = `const s=require('node:net').connect(9100,'127.0.0.1');let n=0;s.on('data',(d)=>{n+=d.length;console.log('got',n)});
        s.on('end',()=>console.log('end',n));s.on('error',(e)=>console.log(e.code));s.write('one');setTimeout(()=>s.end('two'),6000)`;
      const client = site.host.start("root", [NODE, "-e", asking]);
      await client.waitFor(/got 3/);
      await site.host.must("pkill", `-${signal}`, "-u", "alice", "-o", "-f", "daemon/main.js");
      await daemon.exited;
      assert.deepEqual(await ask("host", "tcp 127.0.0.1 8080", "udp ::1 5353"), ["web1 10.77.0.1", "web1 fd00:77::1"]);
      await start();
      await client.waitFor(/end 6/, START_MS);
      assert.deepEqual(await ask("host", "tcp 127.0.0.1 8080"), ["web1 10.77.0.1"]);
      assert.equal((await type("alice", "tapnet forward remove web1 127.0.0.1:9100:9100")).status, 0);
      await server.stop();
    });
  }

  test("a relay that is killed is started again, with every port", async () => {
    await site.host.must("sh", "-c", `kill -9 $(cat ${RUN}/relay.pid)`);
    await until("the ports", async () => (await ask("host", "tcp 127.0.0.1 8080"))[0] === "web1 10.77.0.1", START_MS);
    assert.doesNotMatch((await type("alice", "tapnet status")).text, /relay/);
  });

  test("what comes by them counts among the connections of a guest that is limited", async () => {
    await configure(
      CONFIGURATION.replace("{ network: old,", "{ network: old, forwards: [5555:53/udp], limit: { connections: 3 },"),
    );
    await site.host.must("pkill", "-HUP", "-u", "alice", "-o", "-f", "daemon/main.js");
    await until("the forward", async () => /5555/.test((await type("alice", "ss -Hlun 'sport = 5555'")).text));
    const answers = await ask("world", ...Array.from({ length: 8 }, () => `udp ${HOST.ipv4} 5555`));
    assert.equal(answers.filter((answer) => answer === "old1 10.78.0.1").length, 3, answers.join(", "));
  });

  test("what root's can and this cannot is refused by `config check` and at the start, with its place", async () => {
    const yaml = 'guests:\n  a: { public: 192.0.2.7 }\n  b: { ingress: ["198.51.100.0/24"], forwards: [8085:80] }\n';
    await configure(yaml);
    const problems = [
      /tapnet\.yaml:2:8: .*public.*is not for a tapnetd without root/,
      /tapnet\.yaml:3:\d+: .*forwards.*would pass by ingress:/,
    ];
    const checked = await type("alice", "tapnet config check");
    assert.equal(checked.status, 1);
    for (const problem of problems) assert.match(checked.text, problem);
    const started = await site.host.run("alice", ["tapnetd", "--rootless", "--run", `${ALICE.home}/other`]);
    assert.equal(started.status, 2);
    for (const problem of problems) assert.match(started.stderr, problem);
    // For root's, the same is good.
    await site.host.must("sh", "-c", `cat >/etc/tapnet.yaml <<'END'\n${yaml}END\ntapnet config check /etc/tapnet.yaml`);
    const asRootless = await type("root", "tapnet config check --rootless /etc/tapnet.yaml");
    assert.equal(asRootless.status, 1);
    await configure(CONFIGURATION);
  });

  test("with the namespace everything of it ends", async () => {
    for (const name of ["web1", "old1"])
      await site.play({ kind: "command", line: 0, machine: name, user: "root", text: "poweroff", expected: undefined });
    await until("no guests", async () => (await type("alice", "tapnet guest list --quiet")).text.trim() === "old1\nweb1");
    await site.host.must("pkill", "-TERM", "-u", "alice", "-o", "-f", "daemon/main.js");
    assert.equal(await daemon.exited, 0, daemon.output);
    await until("nothing of alice's", async () => {
      const { text } = await type("root", "ps -u alice -o comm= | grep -c 'node\\|sleep\\|pasta\\|relay' || true");
      return text.trim() === "0";
    });
    assert.deepEqual(await ask("host", "tcp 127.0.0.1 8080"), [null]);
  });
});
