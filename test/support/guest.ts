/**
 * A real guest: a stock Debian kernel in QEMU, under software emulation, with a shell at our end of a serial port.
 *
 * Theory of operation. The first serial port is the guest's console, kept in a file. The second is QEMU's stdin and stdout: a
 * line `ID BASE64` goes in, the output of that shell script comes out in base64 and then `= ID STATUS` (`scripts/guest/init` is
 * the other end). Requests go one at a time. `= ready 0` tells that the guest has booted, also after each reboot. KVM is never
 * used: `/dev/kvm` may exist and hang every guest.
 */
import { chownSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "./lab.js";
import { guestImage } from "./needs.js";
import type { Result, RunningProcess } from "./process.js";

export interface GuestNic {
  /** QEMU's `-netdev` argument without an id: `tap,ifname=tn-web1,script=…`. */
  readonly netdev: string;
  readonly mac: string;
  /** Further words for its `-device`: `mq=on,host_mtu=9000`. */
  readonly device?: string;
}

export interface GuestOptions {
  readonly name: string;
  /** They become eth0, eth1, … in this order. */
  readonly nics: readonly GuestNic[];
  /** The NICs that ask for an address at boot; all of them where not given. */
  readonly dhcp?: readonly string[];
  /** Processors; one where it is not said. */
  readonly processors?: number;
  /** 192 where it is not said. */
  readonly memoryMb?: number;
  /** Another initramfs than the image's own: that one with more programs (`guest-programs.ts`). */
  readonly initrd?: string;
  /** QEMU runs as this user, with no right of its own. */
  readonly user?: number;
}

/** What the DHCP client in the guest was told, by udhcpc's names: `ip`, `mask`, `router`, `dns`, `hostname`, `lease`, … */
export type GuestLease = Readonly<Record<string, string>>;

const BOOT_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 30_000;

/** Where QEMU is started: a host of a lab, or whatever starts programs on one. */
export type Place = Pick<Host, "lab" | "start"> & {
  /** The user whom it starts programs as, where that is not ours. */
  readonly uid?: number;
};

/** Starts a guest on a host and waits until it obeys. */
export async function bootGuest(host: Place, options: GuestOptions): Promise<Guest> {
  const guest = new Guest(host, options);
  await guest.booted();
  return guest;
}

export class Guest {
  readonly name: string;
  readonly consoleLog: string;
  readonly process: RunningProcess;
  #answers = "";
  #boots = 0;
  #nextId = 1;
  #queue: Promise<unknown> = Promise.resolve();
  #wake: () => void = () => undefined;

  constructor(host: Place, options: GuestOptions) {
    this.name = options.name;
    this.consoleLog = join(host.lab.folder, `${options.name}.console`);
    writeFileSync(this.consoleLog, "");
    const user = options.user ?? host.uid;
    if (user !== undefined) chownSync(this.consoleLog, user, user);
    const share = user === undefined ? undefined : (path: string) => host.lab.share(path);
    this.process = host.start([...asUser(options.user), ...qemuCommand(options, { log: this.consoleLog }, share)]);
    this.process.child.stdout?.on("data", (text: string) => this.#receive(text));
    this.process.child.once("close", () => this.#wake());
  }

  /** Waits for the guest to say that it is up, for the n-th time. */
  async booted(times = 1, timeoutMs = BOOT_TIMEOUT_MS): Promise<void> {
    await this.#waitUntil(`boot ${times}`, () => (this.#boots >= times ? true : undefined), timeoutMs);
  }

  /** Runs a shell script in the guest. Throws only when no answer comes. */
  async run(script: string, timeoutMs = RUN_TIMEOUT_MS): Promise<Omit<Result, "stderr">> {
    const turn = this.#queue.then(() => this.#exchange(script, timeoutMs));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** Runs a shell script in the guest that must succeed; hands back what it printed on either stream. */
  async must(script: string, timeoutMs = RUN_TIMEOUT_MS): Promise<string> {
    const { status, stdout } = await this.run(script, timeoutMs);
    if (status !== 0) throw new Error(`guest ${this.name}: ${script}: status ${status}\n${stdout}`);
    return stdout;
  }

  /** What the DHCP client was told; waits for its first lease. */
  async lease(nic = "eth0", timeoutMs = RUN_TIMEOUT_MS): Promise<GuestLease> {
    const seconds = Math.ceil(timeoutMs / 1000);
    const text = await this.must(`wait-for /run/dhcp/${nic}.ready ${seconds} && cat /run/dhcp/${nic}`, timeoutMs + 5_000);
    const lines = text.trimEnd().split("\n");
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
  }

  /** Resets the guest as a power cut would, and waits until it is up again. */
  async reboot(): Promise<void> {
    const boots = this.#boots;
    await this.#queue;
    this.#send("0", "echo b >/proc/sysrq-trigger");
    await this.booted(boots + 1);
  }

  /** Ends QEMU, which runs its downscript; resolves when it is gone. */
  async stop(): Promise<void> {
    await this.process.stop();
  }

  /** The end of the console, for a failure's message. */
  get console(): string {
    return existsSync(this.consoleLog) ? readFileSync(this.consoleLog, "latin1").split("\n").slice(-30).join("\n") : "";
  }

  async #exchange(script: string, timeoutMs: number): Promise<Omit<Result, "stderr">> {
    const id = String(this.#nextId++);
    const end = new RegExp(`^([^]*)^= ${id} ([0-9]+)$`, "m");
    this.#answers = "";
    this.#send(id, script);
    const match = await this.#waitUntil(script, () => end.exec(this.#answers) ?? undefined, timeoutMs);
    return { status: Number(match[2]), stdout: Buffer.from(match[1], "base64").toString() };
  }

  #send(id: string, script: string): void {
    this.process.child.stdin?.write(`${id} ${Buffer.from(script).toString("base64")}\n`);
  }

  #receive(text: string): void {
    this.#answers += text;
    const [before, after] = split(this.#answers, "= ready 0\n");
    if (after !== undefined) {
      this.#boots++;
      this.#answers = before + after;
    }
    this.#wake();
  }

  async #waitUntil<Found>(what: string, look: () => Found | undefined, timeoutMs: number): Promise<Found> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0 || !this.process.running) {
        const why = this.process.running ? `no answer in ${timeoutMs} ms` : "QEMU has ended";
        throw new Error(`guest ${this.name}: ${what}: ${why}\n${this.process.stderr}\n${this.console}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** QEMU's command line for a guest: one that obeys, its console in a log, or one with a shell on the terminal that QEMU has. */
export function qemuCommand(
  options: Omit<GuestOptions, "user">,
  console: { readonly log: string } | "terminal",
  share: (path: string) => string = (path) => path,
): string[] {
  const image = guestImage();
  if (image === undefined) throw new Error("there is no guest image: run scripts/guest-image");
  const initrd = options.initrd ?? share(join(image, "initrd"));
  const dhcp = options.dhcp ?? options.nics.map((_, index) => `eth${index}`);
  const shell = console === "terminal" ? " guest.shell" : "";
  const serial = console === "terminal" ? ["-serial", "mon:stdio"] : ["-serial", `file:${console.log}`, "-serial", "stdio"];
  return [
    "qemu-system-x86_64",
    ...["-accel", "tcg", "-cpu", "max", "-smp", String(options.processors ?? 1), "-m", String(options.memoryMb ?? 192)],
    ...["-nodefaults", "-no-user-config", "-display", "none"],
    ...["-kernel", share(join(image, "vmlinuz")), "-initrd", initrd],
    ...["-append", `console=ttyS0 quiet panic=1 guest.name=${options.name} guest.dhcp=${dhcp.join(",")}${shell}`],
    ...serial,
    ...options.nics.flatMap(({ netdev, mac, device }, index) => [
      ...["-netdev", insertId(netdev, `net${index}`)],
      ...["-device", ["virtio-net-pci", `netdev=net${index}`, `mac=${mac}`, "romfile=", device ?? []].flat().join(",")],
    ]),
  ];
}

/** `tap,ifname=…` → `tap,id=net0,ifname=…`. */
function insertId(netdev: string, id: string): string {
  return netdev.replace(/^[^,]+/, (type) => `${type},id=${id}`);
}

/** The death signal is set again: the kernel forgets it when the user changes. */
function asUser(user: number | undefined): string[] {
  if (user === undefined) return [];
  return ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--no-new-privs", "--pdeathsig", "KILL", "--"];
}

function split(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
