/** Two real guests in QEMU with iperf3: slow under emulation, but the frames are a real driver's and the TAPs a real VMM's. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Daemon } from "../../../test/support/daemon.js";
import { bootGuest, type Guest } from "../../../test/support/guest.js";
import type { Host, Lab } from "../../../test/support/lab.js";
import { command, guestImage, qemu } from "../../../test/support/needs.js";
import { hook } from "../../../test/support/paths.js";
import { must, run } from "../../../test/support/process.js";
import type { BenchSize } from "../../frame/bench.js";
import { macOf } from "../../frame/guests.js";
import { programVersion } from "../../frame/machine.js";
import type { Report } from "../../frame/report.js";
import { runRounds, type System } from "../../frame/rounds.js";

const NAME = "tapnet, two QEMU guests (TCG)";
const MOST_MS = 60_000;

interface Workload {
  readonly words: string;
}

interface IperfReport {
  readonly end: {
    readonly sum_received?: { readonly bits_per_second: number };
    readonly sum?: { readonly bits_per_second: number };
  };
}

const CASES = [
  { name: "iperf3 between two guests, TCP", workload: { words: "" } },
  { name: "iperf3 between two guests, UDP 1,400 B", workload: { words: "-u -b 0 -l 1400" } },
] as const;

/** Measures two guests under emulation, or says why it could not. */
export async function measureGuests(lab: Lab, size: BenchSize, report: Report): Promise<void> {
  if (size.only !== undefined && !CASES.some(({ name }) => name.includes(size.only ?? ""))) return;
  const missing = qemu() ?? command("iperf3")() ?? command("cpio")();
  if (missing !== undefined) {
    report.miss(NAME, missing);
    return;
  }
  report.versions["qemu"] = /version ([\d.]+)/.exec(programVersion("qemu-system-x86_64", "--version") ?? "")?.[1] ?? "unknown";
  report.versions["iperf3"] = /iperf ([\d.]+)/.exec(programVersion("iperf3", "--version") ?? "")?.[1] ?? "unknown";
  const host = await lab.host("guests");
  await new Daemon(host, "networks:\n  default: { kind: routed, ipv4: 10.77.0.0/24 }\n").start();
  const initrd = await makeInitrd(lab);
  const [one, other] = await Promise.all([boot(host, "g1", 1, initrd), boot(host, "g2", 2, initrd)]);
  const { ip } = await other.lease();
  await one.lease();
  await other.must("iperf3 -s -D; for i in $(seq 50); do netstat -ltn | grep -q :5201 && exit; usleep 100000; done; exit 1");
  const system: System<Workload> = {
    name: NAME,
    async measure({ words }) {
      const seconds = size.smoke ? 1 : 3;
      const { end } = JSON.parse(await one.must(`iperf3 -J -c ${ip} -t ${seconds} ${words}`, MOST_MS)) as IperfReport;
      const bits = (end.sum_received ?? end.sum)?.bits_per_second ?? 0;
      if (bits === 0) throw new Error("iperf3 moved nothing");
      return [{ metric: "throughput", unit: "Gbit/s", value: bits / 1e9 }];
    },
  };
  await runRounds({ cases: CASES, systems: [system] }, size, report);
}

async function boot(host: Host, name: string, number: number, initrd: string): Promise<Guest> {
  const netdev = `tap,ifname=tn-${name},script=${hook("qemu-ifup")},downscript=${hook("qemu-ifdown")}`;
  return bootGuest(host, { name, initrd, nics: [{ netdev, mac: macOf(number) }] });
}

/** The guest's initramfs with iperf3 and its libraries: the kernel unpacks archives in a row, one over the other. */
async function makeInitrd(lab: Lab): Promise<string> {
  const image = guestImage();
  if (image === undefined) throw new Error("there is no guest image: run scripts/guest-image");
  const tree = lab.subfolder("iperf3");
  const program = (await must(["sh", "-c", "command -v iperf3"])).trim();
  const libraries = [...(await must(["ldd", program])).matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path);
  for (const path of libraries) {
    mkdirSync(join(tree, dirname(path)), { recursive: true });
    copyFileSync(path, join(tree, path));
  }
  mkdirSync(join(tree, "bin"), { recursive: true });
  copyFileSync(program, join(tree, "bin", "iperf3"));
  const archive = join(lab.folder, "iperf3.cpio");
  const packed = await run(["sh", "-c", 'cd "$0" && find . | cpio --quiet -o -H newc --owner 0:0 >"$1"', tree, archive]);
  if (packed.status !== 0) throw new Error(`cpio: ${packed.stderr}`);
  const initrd = join(lab.folder, "initrd");
  writeFileSync(initrd, Buffer.concat([readFileSync(join(image, "initrd")), readFileSync(archive)]));
  return initrd;
}
