/**
 * The site that a page plays on: a host with tapnet installed, a world behind its uplink `eth0`, and a machine a guest that the page
 * starts.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Lab } from "../lab.js";
import { hook, packageRoot } from "../paths.js";
import type { RunningProcess } from "../process.js";
import { until } from "../wait.js";
import { CHECKOUT, LAB_FOLDER, Machine } from "./machine.js";
import { type Command, outputMatches, type PageFile, type Step } from "./page.js";
import { copyingQemu, datagrams, type Wires } from "./vmm.js";

export const WORLD = { ipv4: "198.51.100.1", ipv6: "2001:db8::1" };
export const HOST = { ipv4: "198.51.100.2", ipv6: "2001:db8::2" };

/** Programs that go on until they are told to end. */
const SERVES = /^(?:tapnetd(?!.* --(?:help|version|cleanup))|qemu-system-x86_64|firecracker|cloud-hypervisor|tapnet events)\b/;
/** Commands that only look: what they see may need a moment, so they are asked again. */
const LOOKS =
  /^(?:ping|ip\b.*\bshow|bridge|nft list|dig|nslookup|getent|curl|nc|cat|ss|tapnet (?:status|doctor|events|\w+ (?:list|ls|show|history|query|stats)))\b/;
const SHOWN_WITHIN_MS = 10_000;
const RUN_LIMIT_MS = 30_000;
const DHCP_WITHIN_MS = 15_000;
const RUNS_GUEST = /^(?:qemu-system-x86_64|firecracker|cloud-hypervisor)\b/;
const QEMU = "/usr/bin/qemu-system-x86_64";

export class Site {
  readonly lab: Lab;
  readonly host: Machine;
  readonly #machines = new Map<string, Machine>();
  /** Guests that run: the QEMU that holds their TAPs, and the one on their own side. */
  readonly #guests = new Map<string, readonly RunningProcess[]>();

  private constructor(lab: Lab, host: Machine, world: Machine) {
    this.lab = lab;
    this.host = host;
    this.#machines.set("host", host).set("world", world);
  }

  static async make(lab: Lab): Promise<Site> {
    stage(lab);
    const [host, world] = await Promise.all([Machine.make(lab, "host", { nameserver: WORLD.ipv4 }), Machine.make(lab, "world")]);
    await lab.link(
      { host: host.host, ifname: "eth0", addresses: [`${HOST.ipv4}/24`, `${HOST.ipv6}/64`] },
      { host: world.host, ifname: "eth0", addresses: [`${WORLD.ipv4}/24`, `${WORLD.ipv6}/64`] },
    );
    await host.host.ip(`route add default via ${WORLD.ipv4}`);
    await host.host.ip(`-6 route add default via ${WORLD.ipv6}`);
    const dns = world.start("root", ["node", `${CHECKOUT}/dist/test/support/dns-upstream.js`, WORLD.ipv4]);
    await dns.waitFor(/serving/);
    return new Site(lab, host, world);
  }

  /** The machine beyond the uplink. */
  get world(): Machine {
    return this.machine("world");
  }

  machine(name: string): Machine {
    const machine = this.#machines.get(name);
    if (machine === undefined) throw new Error(`there is no machine ${name}: a guest's name is QEMU's -name`);
    return machine;
  }

  /** Does one step; throws with what came out instead of what the page shows. */
  async play(step: Step): Promise<void> {
    if (step.kind === "file") await this.#write(step);
    else if (step.kind === "command") await this.#type(step);
    else {
      writeFileSync(join(this.lab.folder, "shown.yaml"), step.text);
      await this.host.must("tapnet", "config", "check", join(LAB_FOLDER, "shown.yaml"));
    }
  }

  /** What `~` means is for the shell: a file below it is alice's. */
  async #write({ path, text }: PageFile): Promise<void> {
    const { status, stderr } = await this.host.run(
      path.startsWith("~/") ? "alice" : "root",
      ["sh", "-e", "-c", `mkdir -p "$(dirname ${path})"; cat >${path}`],
      { input: text },
    );
    if (status !== 0) throw new Error(`cannot write ${path}: ${stderr}`);
  }

  async #type(command: Command): Promise<void> {
    const machine = this.machine(command.machine);
    if (this.#guests.has(command.machine) && command.text === "poweroff") await this.#powerOff(command.machine);
    else if (command.text.endsWith(" &") || SERVES.test(command.text)) await this.#startProgram(machine, command);
    else await this.#runProgram(machine, command);
  }

  async #runProgram(machine: Machine, { user, text, expected }: Command): Promise<void> {
    const deadline = performance.now() + SHOWN_WITHIN_MS;
    for (;;) {
      const argv = ["sh", "-c", `exec 2>&1\n${text}`];
      const { status, stdout } = await machine.run(user, argv, { timeoutMs: RUN_LIMIT_MS });
      const good = expected === undefined ? status === 0 : outputMatches(expected, stdout);
      if (good) return;
      if (!LOOKS.test(text) || performance.now() > deadline) throw new Error(`${text}\nstatus ${status}, printed:\n${stdout}`);
    }
  }

  async #startProgram(machine: Machine, { user, text, expected }: Command): Promise<void> {
    const program = machine.start(user, ["sh", "-c", `exec 2>&1\nexec ${text.replace(/ &$/, "")}`]);
    const isGuest = RUNS_GUEST.test(text) && expected === undefined;
    const ready = (): boolean => {
      if (isGuest) return this.#newWires() !== undefined;
      if (expected !== undefined) return outputMatches(expected, program.output);
      return !text.startsWith("tapnetd") || program.output.includes('"msg":"serving"');
    };
    await until(text, () => ready() || !program.running, SHOWN_WITHIN_MS).catch(() => undefined);
    if (!ready()) throw new Error(`${text}\nprinted:\n${program.output}`);
    if (isGuest) await this.#bringUp(program);
  }

  /** The wires of the guest that has just been started, once its QEMU holds all its TAPs. */
  #newWires(): Wires | undefined {
    const folder = join(this.lab.folder, "wires");
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];
    for (const name of names) {
      const wires = JSON.parse(readFileSync(join(folder, name), "utf8")) as Wires;
      if (!this.#guests.has(wires.name) && wires.nics.every(({ near }) => existsSync(this.#outside(near)))) return wires;
    }
    return undefined;
  }

  /** Where a file of the wires is for us. */
  #outside(path: string): string {
    return join(this.lab.folder, "wires", basename(path));
  }

  /** The guest's side: a machine with an Ethernet card at the other end of each wire, and a DHCP client on it, as at a boot. */
  async #bringUp(program: RunningProcess): Promise<void> {
    const wires = this.#newWires();
    if (wires === undefined) return;
    const { name, nics } = wires;
    const guest = this.#machines.get(name) ?? (await Machine.make(this.lab, name));
    this.#machines.set(name, guest);
    // As every guest has it: a lab's hosts are without. The first thing that is heard of an address is that it is looked for.
    await guest.host.sysctl({ "ipv6/conf/default/accept_dad": 1, "ipv6/conf/all/accept_dad": 1 });
    const pairs = nics.map(({ near, far }, index) => {
      return [`tap,ifname=eth${index},script=no,downscript=no`, datagrams(far, near)] as const;
    });
    const far = guest.start("root", ["sh", "-c", 'umask 0; exec "$@"', "sh", QEMU, ...copyingQemu(pairs)]);
    this.#guests.set(name, [program, far]);
    for (const [index, { mac }] of nics.entries()) {
      const nic = `eth${index}`;
      const isThere = async (): Promise<boolean> => (await guest.host.run(["ip", "link", "show", nic])).status === 0;
      await until(`${nic} of ${name}`, async () => (await isThere()) || !far.running);
      await guest.host.ip(`link set ${nic} address ${mac} up`);
      await this.#askForAddress(guest, nic);
    }
  }

  /** Returns when the client has its lease, or has given up: a network may have no DHCP. */
  async #askForAddress(guest: Machine, nic: string): Promise<void> {
    const options = ["-s", `${CHECKOUT}/test/support/docs/bin/udhcpc-event`, "-x", `hostname:${guest.name}`];
    const tries = ["-t", "6", "-T", "1", "-n"];
    const bound = `/run/${nic}.bound`;
    const client = guest.start("root", [
      "sh",
      "-c",
      `rm -f ${bound}; exec "$@"`,
      "sh",
      "udhcpc",
      "-f",
      "-i",
      nic,
      ...options,
      ...tries,
    ]);
    await until(
      `an address for ${guest.name}`,
      async () => {
        return !client.running || (await guest.run("root", ["test", "-e", bound])).status === 0;
      },
      DHCP_WITHIN_MS,
    );
  }

  /** A guest that is switched off: its QEMU ends, and runs its downscript. */
  async #powerOff(name: string): Promise<void> {
    const [near, far] = this.#guests.get(name) ?? [];
    const told = join(this.lab.folder, "wires", `${name}.json`);
    const { pid, nics } = JSON.parse(readFileSync(told, "utf8")) as Wires;
    await this.host.must("kill", String(pid));
    await near?.exited;
    await far?.stop();
    this.#guests.delete(name);
    for (const path of [told, ...nics.flatMap((wire) => [this.#outside(wire.near), this.#outside(wire.far)])])
      rmSync(path, { force: true });
  }
}

/** What lies over the host's real files, as if a package had been installed. */
export function stage(lab: Lab): void {
  const place = (path: string, text: string): void => {
    const full = join(lab.folder, "stage", path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text, { mode: 0o755 });
  };
  const program = (path: string, ...words: string[]): string =>
    `#!/bin/sh\nexec node ${CHECKOUT}/dist/${path}.js ${words.join(" ")} "$@"\n`;
  place("usr/bin/tapnet", program("src/cli/main"));
  place("usr/bin/tapnetd", program("src/daemon/main"));
  place("usr/local/bin/qemu-system-x86_64", program("test/support/docs/vmm", "qemu"));
  for (const vmm of ["firecracker", "cloud-hypervisor"]) place(`usr/local/bin/${vmm}`, program("test/support/docs/vmm", vmm));
  for (const service of ["systemctl", "journalctl"]) {
    place(`usr/local/bin/${service}`, readFileSync(join(packageRoot, "test/support/docs/bin", service), "utf8"));
  }
  const hooks = join(lab.folder, "stage", "usr/lib/tapnet");
  mkdirSync(hooks, { recursive: true });
  for (const name of ["qemu-ifup", "qemu-ifdown", "qemu-helper"]) copyFileSync(hook(name), join(hooks, name));
  // Guests of root and of alice put their sockets there.
  mkdirSync(join(lab.folder, "wires"));
  chmodSync(join(lab.folder, "wires"), 0o1777);
}
