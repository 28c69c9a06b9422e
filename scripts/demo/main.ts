/**
 * What `scripts/run` shows: tapnetd serving a real guest. Started by that script, in namespaces of its own unless `--host`.
 *
 * Goes up step by step, shows what the guest got, serves until Ctrl-C (SIGTERM and SIGHUP do the same), and goes down in the
 * opposite order, also after a failure. Status 0 only if everything that was to be shown was good.
 */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { errorMessage } from "../../src/base/errors.js";
import { bootGuest, type Guest, qemuCommand } from "../../test/support/guest.js";
import { type Host, Lab } from "../../test/support/lab.js";
import { guestImage } from "../../test/support/needs.js";
import { hook, script } from "../../test/support/paths.js";
import { type RunningProcess, run } from "../../test/support/process.js";
import { until } from "../../test/support/wait.js";
import { findings } from "./findings.js";
import { makePrivate, makeWorld, WORLD } from "./ground.js";
import { beginEnding, line, page, step, style } from "./show.js";

const flags = new Set(process.argv.slice(2));
const onHost = flags.has("--host");
const withGuest = !flags.has("--no-guest");
const onlyOnce = flags.has("--once");

const GUEST = { name: "web1", mac: "52:54:00:77:00:01" };
const SECOND = { name: "web2", mac: "52:54:00:77:00:02" };
const RUN_FOLDER = "/run/tapnet";
const STATE_FOLDER = "/run/tapnet-state";
const DAEMON_START_MS = 10_000;
const TYPED_COMMAND_MS = 600_000;

/** The exit status; that of a program ended by Ctrl-C until there was something to show. */
let status = 130;

async function main(): Promise<void> {
  const told = Promise.race((["SIGINT", "SIGTERM", "SIGHUP"] as const).map((signal) => once(process, signal)));
  if (!onHost) await makePrivate();
  const lab = new Lab();
  try {
    await Promise.race([rise(lab, told), told]);
  } catch (thrown) {
    status = 1;
    console.error(`  ${errorMessage(thrown)}`);
  } finally {
    beginEnding();
    await lab.dispose();
    if (onHost) await run([...script("src/daemon/main"), "--cleanup"]);
  }
}

/** Everything up, shown, and kept up. */
async function rise(lab: Lab, told: Promise<unknown>): Promise<void> {
  const host = lab.here("host");
  if (!onHost)
    await step(
      "the world",
      () => makeWorld(lab, host),
      () => `${WORLD.ipv4}, behind a veth pair`,
    );
  const daemon = await step(
    "tapnetd",
    () => startDaemon(host),
    () => "network default, NAT, 10.77.0.0/24",
  );
  await Promise.race([serve(host, daemon, told), failed(daemon)]);
}

async function startDaemon(host: Host): Promise<RunningProcess> {
  const state = onHost ? [] : ["--state", STATE_FOLDER];
  const daemon = host.start([...script("src/daemon/main"), ...state]);
  await Promise.race([until("tapnetd's socket", () => existsSync(`${RUN_FOLDER}/hook.sock`), DAEMON_START_MS), failed(daemon)]);
  return daemon;
}

/** Never resolves; throws when the daemon ends by itself. */
async function failed(daemon: RunningProcess): Promise<never> {
  throw new Error(`tapnetd ended with status ${await daemon.exited}:\n${daemon.output}`);
}

/** Shows the guest, then serves until told to stop. */
async function serve(host: Host, daemon: RunningProcess, told: Promise<unknown>): Promise<void> {
  const guest = withGuest ? await showGuest(host, daemon) : undefined;
  if (guest === undefined) status = 0;
  if (onlyOnce) return;
  showCommands(guest === undefined ? GUEST : SECOND);
  if (guest !== undefined && process.stdin.isTTY) promptFor(guest);
  await told;
}

async function showGuest(host: Host, daemon: RunningProcess): Promise<Guest> {
  const boot = async (): Promise<Guest> => bootGuest(host, { name: GUEST.name, nics: [nic(GUEST)] });
  const guest = await step("guest", boot, () => `${GUEST.name}, a Debian kernel in QEMU`);
  const found = await findings(guest, { name: GUEST.name, domain: "tapnet.internal", world: onHost ? undefined : WORLD });
  page(`The guest ${GUEST.name} has its whole network from tapnetd`, found);
  status = found.every((finding) => finding.good) ? 0 : 1;
  if (status !== 0) {
    line(`  ${style("red", "Not everything is as it should be.")} The guest's console:\n${guest.console}`);
    line(`  tapnetd logged:\n${daemon.output}`);
  }
  return guest;
}

function nic({ name, mac }: typeof GUEST): { netdev: string; mac: string } {
  return { netdev: `tap,ifname=tn-${name},script=${hook("qemu-ifup")},downscript=${hook("qemu-ifdown")}`, mac };
}

/** What can be typed in another terminal while this one serves. */
function showCommands(guest: typeof GUEST): void {
  const enter = onHost
    ? []
    : ["nsenter", "--target", String(process.pid), ...(process.env["TAPNET_DEMO_USER"] ? ["--user"] : []), "--mount", "--net"];
  line(`  ${style("bold", "In another terminal")}`);
  line(`  what is served:\n    ${[...enter, ...script("src/cli/main"), "status"].join(" ")}`);
  if (guestImage() !== undefined) {
    const words = qemuCommand({ name: guest.name, nics: [nic(guest)] }, "terminal");
    line(`  a guest with a shell (leave it with Ctrl-A X):\n    ${[...enter, ...words].map(quote).join(" ")}`);
  } else {
    const { netdev, mac } = nic(guest);
    const words = `qemu-system-x86_64 … -netdev ${netdev},id=net0 -device virtio-net-pci,netdev=net0,mac=${mac}`;
    line(`  a guest of your own:\n    ${enter.join(" ")} ${words}`);
  }
  line(`\n  Serving until Ctrl-C.`);
}

/** Every line typed here is run in the guest. */
function promptFor(guest: Guest): void {
  const prompt = createInterface({ input: process.stdin, output: process.stdout, prompt: `  ${guest.name}# ` });
  line(style("dim", `  What you type here is run in the guest ${guest.name}.`));
  prompt.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  const runTyped = async (typed: string): Promise<void> => {
    if (typed.trim() !== "") {
      process.stdout.write(await guest.run(typed, TYPED_COMMAND_MS).then(({ stdout }) => stdout, errorMessage));
    }
    prompt.prompt();
  };
  prompt.on("line", (typed) => void runTyped(typed));
  prompt.prompt();
}

function quote(word: string): string {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

// A terminal that has gone away must not stop the clean-up.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);
await main();
process.exit(status);
