import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { hookSocket } from "../../../src/control/index.js";
import { unshareNetworkNamespace } from "../../../src/os/netns.js";
import { createTap } from "../../../src/os/tap.js";
import { UnixListener, type UnixRequest } from "../../../src/os/unix-socket.js";
import { command, needs, root, tap } from "../../support/needs.js";
import { hook } from "../../support/paths.js";
import { until } from "../../support/wait.js";

/**
 * The hooks as QEMU itself calls them. This process plays the daemon, in a network namespace of its own; the machine of the
 * guest is stopped before its first instruction (-S), since what is looked at is done by then.
 */

const NOBODY = 65_534;
const needed = needs(root, tap, command("qemu-system-x86_64"), () =>
  existsSync(hook("qemu-helper")) ? undefined : "needs the hooks: npm run build:native",
);

class Qemu {
  readonly child: ChildProcess;
  error = "";
  /** Whether it has answered over QMP, which it does in its main loop; a signal before that ends it without downscript. */
  started = false;

  constructor(netdev: string, run: string, uid = 0) {
    const machine = ["-accel", "tcg", "-m", "32", "-S", "-nodefaults", "-display", "none", "-qmp", "stdio"];
    const args = [...machine, "-netdev", netdev, "-device", "virtio-net-pci,netdev=n0,romfile="];
    this.child = spawn("qemu-system-x86_64", args, {
      env: { ...process.env, TAPNET_RUN: run },
      uid,
      gid: uid,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.child.stdin?.on("error", () => undefined);
    this.child.stdin?.write('{"execute":"qmp_capabilities"}\n');
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.started ||= text.includes('"return"')));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.error += text));
  }

  get exited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
    await until("QEMU to end", () => this.exited);
  }
}

/** Whether an interface is there, and, where it is up, whether somebody holds its other end. */
function stateOf(ifname: string): "absent" | "idle" | "held" {
  const { status, stdout } = spawnSync("ip", ["-j", "link", "show", ifname], { encoding: "utf8" });
  if (status !== 0) return "absent";
  const [link] = JSON.parse(stdout) as { flags: string[] }[];
  return link.flags.includes("NO-CARRIER") ? "idle" : "held";
}

describe("QEMU with our hooks", { ...needed, timeout: 60_000 }, () => {
  let folder = "";
  let listener: UnixListener;
  let answer: (request: UnixRequest) => void;
  const asked: string[] = [];

  before(() => {
    unshareNetworkNamespace();
    folder = mkdtempSync(join(tmpdir(), "tapnet-qemu-"));
    chmodSync(folder, 0o755);
    for (const name of ["qemu-ifup", "qemu-ifdown", "qemu-helper"]) copyFileSync(hook(name), join(folder, name));
    listener = new UnixListener({ path: hookSocket(folder), mode: 0o666 }, (request) => {
      asked.push(Buffer.from(request.message).toString());
      answer(request);
    });
  });

  after(() => {
    listener?.close();
    if (folder !== "") rmSync(folder, { recursive: true });
  });

  it("calls qemu-ifup and, at its end, qemu-ifdown", async () => {
    asked.length = 0;
    answer = (request) => request.reply("ok");
    const script = `script=${join(folder, "qemu-ifup")},downscript=${join(folder, "qemu-ifdown")}`;
    const qemu = new Qemu(`tap,id=n0,ifname=tn-web1,${script}`, folder);
    await until("QEMU to run", () => qemu.started || qemu.exited);
    assert.equal(qemu.error, "");
    assert.notEqual(stateOf("tn-web1"), "absent");
    qemu.child.stdin?.write('{"execute":"quit"}\n');
    await until("QEMU to end", () => qemu.exited);
    assert.deepEqual(asked, ["tapnet/1 ifup ifname=tn-web1", "tapnet/1 ifdown ifname=tn-web1"]);
  });

  it("does not start a guest that qemu-ifup was refused for", async () => {
    answer = (request) => request.reply("error POOL_FULL network default has no address left");
    const qemu = new Qemu(`tap,id=n0,ifname=tn-web2,script=${join(folder, "qemu-ifup")},downscript=no`, folder);
    await until("QEMU to end", () => qemu.exited);
    assert.match(qemu.error, /qemu-ifup: tn-web2: network default has no address left/);
  });

  for (const [how, helper, request] of [
    ["qemu-helper", "qemu-helper", "tapnet/1 helper bridge=lan vnet=1"],
    ["qemu-helper with arguments of its own", "qemu-helper --guest=web3", "tapnet/1 helper bridge=lan guest=web3 vnet=1"],
  ]) {
    it(`takes a TAP from ${how}, as a user without rights`, async () => {
      asked.length = 0;
      answer = (call) => {
        const made = createTap({ name: "tn-web3", vnetHdr: true });
        spawnSync("ip", ["link", "set", "tn-web3", "up"]);
        call.reply("ok web3 in lan", made.fd);
        made.close();
      };
      const qemu = new Qemu(`tap,id=n0,helper=${join(folder, helper)},br=lan`, folder, NOBODY);
      await until("the TAP to be QEMU's", () => stateOf("tn-web3") === "held" || qemu.exited);
      assert.equal(qemu.error, "");
      assert.deepEqual(asked, [request]);
      await qemu.stop();
      await until("the TAP to go", () => stateOf("tn-web3") === "absent");
    });
  }

  it("does not start a guest that qemu-helper was refused for", async () => {
    answer = (request) => request.reply("error NOT_ALLOWED user 65534 may not use the network lan");
    const qemu = new Qemu(`tap,id=n0,helper=${join(folder, "qemu-helper")},br=lan`, folder, NOBODY);
    await until("QEMU to end", () => qemu.exited);
    assert.match(qemu.error, /qemu-helper: lan: user 65534 may not use the network lan/);
  });
});
