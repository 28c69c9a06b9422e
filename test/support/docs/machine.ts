/**
 * A machine of a page's site: a lab host that has its own files and processes as well.
 *
 * Theory of operation. `ip netns exec` and `unshare` give it network, mount, process and host name namespaces; a process that
 * sleeps holds them, and when it is killed the kernel ends whatever else ran there. /run and /tmp are empty, /etc, /usr, /var, /home
 * and /root are the real ones with a layer of the machine's own on top, so a page may write `/etc/tapnet/tapnet.yaml` and start
 * `/usr/bin/tapnet`: what `stage` holds lies over the real tree as if a package had installed it. There is a user `alice` without
 * rights. The checkout is at /run/checkout, where alice may read it wherever it is for us; the lab's folder is at /run/lab.
 */
import { readFileSync } from "node:fs";
import type { Place } from "../guest.js";
import type { Host, Lab } from "../lab.js";
import { packageRoot } from "../paths.js";
import { type ProcessOptions, type Result, RunningProcess, run } from "../process.js";
import { until } from "../wait.js";

export const ALICE = { uid: 1077, home: "/home/alice" };
export const CHECKOUT = "/run/checkout";
export const LAB_FOLDER = "/run/lab";

const SETUP = `
set -e
hostname "$NAME"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p ${LAB_FOLDER} ${CHECKOUT} /run/bin /run/lock /run/netns
mount --bind "$LAB" ${LAB_FOLDER}
mount --bind "$ROOT" ${CHECKOUT}
touch /run/bin/node
mount --bind "$NODE" /run/bin/node
for folder in etc usr var home root; do
  mkdir -p /run/layers/$folder/upper /run/layers/$folder/work
  lower=/$folder
  if [ -d ${LAB_FOLDER}/stage/$folder ]; then lower=${LAB_FOLDER}/stage/$folder:$lower; fi
  mount -t overlay -o "lowerdir=$lower,upperdir=/run/layers/$folder/upper,workdir=/run/layers/$folder/work" overlay /$folder
done
mount -t tmpfs -o mode=1777 tmpfs /tmp
# Both stay where they are for us, too, also where that was below a folder that is another now.
for pair in "${LAB_FOLDER} $LAB" "${CHECKOUT} $ROOT"; do
  if [ ! -d "\${pair#* }" ]; then mkdir -p "\${pair#* }" && mount --bind "\${pair%% *}" "\${pair#* }"; fi
done
# As systemd sets it: everybody may ping.
echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range
echo "alice:x:${ALICE.uid}:${ALICE.uid}::${ALICE.home}:/bin/sh" >>/etc/passwd
echo "alice:x:${ALICE.uid}:" >>/etc/group
mkdir -p ${ALICE.home} /run/user/${ALICE.uid}
chown ${ALICE.uid}:${ALICE.uid} ${ALICE.home} /run/user/${ALICE.uid}
chmod 700 /run/user/${ALICE.uid}
# As udev makes it on a real machine: everybody may open it, and needs rights over a namespace to do anything with it.
if mknod -m 666 /run/tun c 10 200; then mount --bind /run/tun /dev/net/tun; fi
rm -f /etc/resolv.conf
if [ -n "$NAMESERVER" ]; then echo "nameserver $NAMESERVER" >/etc/resolv.conf; fi
echo ready
# The first process, so it has to bury those whose parents have gone.
while :; do
  sleep 3600 &
  wait $!
done
`;

export interface MachineOptions {
  readonly nameserver?: string;
  readonly forwarding?: boolean;
}

/** What keeps a machine: `unshare`, which takes no SIGTERM while its child lives. With it the whole machine ends. */
class Holder extends RunningProcess {
  override async stop(): Promise<number> {
    return super.stop("SIGKILL");
  }
}

export class Machine {
  readonly host: Host;
  readonly #holder: Holder;
  /** The process that is the first one in there. */
  readonly #pid: number;

  private constructor(host: Host, holder: Holder, pid: number) {
    this.host = host;
    this.#holder = holder;
    this.#pid = pid;
  }

  static async make(lab: Lab, name: string, options: MachineOptions = {}): Promise<Machine> {
    const host = await lab.host(name, { forwarding: options.forwarding ?? false });
    const unshare = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const env = { NAME: name, LAB: lab.folder, ROOT: packageRoot, NODE: process.execPath, NAMESERVER: options.nameserver ?? "" };
    const holder = new Holder(host.argv(...unshare, "sh", "-c", SETUP), { env });
    lab.adopt(holder);
    await holder.waitFor(/^ready$/m);
    const children = `/proc/${holder.pid}/task/${holder.pid}/children`;
    const pid = await until(`the first process of ${name}`, () => Number(readFileSync(children, "utf8")) || undefined);
    return new Machine(host, holder, pid);
  }

  get name(): string {
    return this.host.name;
  }

  /** The words that run a command there, with the environment of somebody who has logged in. It dies with its `nsenter`. */
  argv(user: "root" | "alice", command: readonly string[]): string[] {
    if (!this.#holder.running) throw new Error(`the machine ${this.name} has ended: ${this.#holder.output}`);
    const home = user === "root" ? "/root" : ALICE.home;
    const alice = [`--reuid=${ALICE.uid}`, `--regid=${ALICE.uid}`, "--init-groups", "--inh-caps=-all"];
    return [
      ...["nsenter", `--target=${this.#pid}`, "--mount", "--uts", "--net", "--pid", "--"],
      ...["env", "-i", "-C", home],
      ...[`HOME=${home}`, `USER=${user}`, `LOGNAME=${user}`, "LANG=C.UTF-8", "TERM=dumb"],
      "PATH=/run/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      ...(user === "alice" ? [`XDG_RUNTIME_DIR=/run/user/${ALICE.uid}`] : []),
      ...["setpriv", "--pdeathsig=KILL", ...(user === "alice" ? alice : []), "--"],
      ...command,
    ];
  }

  async run(user: "root" | "alice", command: readonly string[], options: ProcessOptions = {}): Promise<Result> {
    return run(this.argv(user, command), options);
  }

  /** The machine as a place where alice starts the real QEMU, and none that stands in for it. */
  get alicesPlace(): Place {
    const path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    return { lab: this.host.lab, start: (command) => this.start("alice", ["env", path, ...command]), uid: ALICE.uid };
  }

  async must(...command: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run("root", command);
    if (status !== 0) throw new Error(`${this.name}: ${command.join(" ")}: status ${status}\n${stdout}${stderr}`);
    return stdout;
  }

  start(user: "root" | "alice", command: readonly string[]): RunningProcess {
    return this.host.lab.adopt(new RunningProcess(this.argv(user, command)));
  }
}
