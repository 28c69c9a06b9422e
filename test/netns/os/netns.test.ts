import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { describe, test } from "node:test";
import { interfaceIndex } from "../../../src/os/interface.js";
import { enterNetworkNamespace, openNetworkNamespace, rootlessCommand, unshareNetworkNamespace } from "../../../src/os/netns.js";
import { interfaceSysctl, readSysctl, writeSysctl } from "../../../src/os/sysctl.js";
import { createTap } from "../../../src/os/tap.js";
import { Lab } from "../../support/lab.js";
import { needs, root, tap } from "../../support/needs.js";
import { RunningProcess } from "../../support/process.js";

describe("network namespaces", needs(root, tap), () => {
  test("are entered by path, descriptor and process, and left again", async (t) => {
    const home = openNetworkNamespace("/proc/thread-self/ns/net");
    t.after(() => closeSync(home));
    const lab = new Lab(t);
    const host = await lab.host("blue");
    await host.ip("tuntap add tn-blue mode tap");
    const path = `/run/netns/${host.namespace}`;

    enterNetworkNamespace(path);
    assert.ok(interfaceIndex("tn-blue") > 1);
    enterNetworkNamespace(home);
    assert.throws(() => interfaceIndex("tn-blue"), { code: "ENODEV" });

    const sleeper = host.start(["sleep", "60"]);
    await sleeper.waitFor(/^/);
    enterNetworkNamespace({ pid: sleeper.pid });
    enterNetworkNamespace(home);
  });

  test("one that is made is empty, and settings are its own", (t) => {
    const home = openNetworkNamespace({ pid: process.pid });
    t.after(() => {
      enterNetworkNamespace(home);
      closeSync(home);
    });
    unshareNetworkNamespace();
    const made = createTap({ name: "tn-dot.1" });
    assert.equal(made.ifindex, 2);
    const key = interfaceSysctl(4, "conf", "tn-dot.1", "proxy_arp");
    assert.equal(readSysctl(key), "0");
    writeSysctl(key, 1);
    assert.equal(readSysctl(key), "1");
    assert.throws(() => writeSysctl(key, "nonsense"), {
      name: "SystemError",
      code: "EINVAL",
      message: /does not take this value/,
    });
    made.close();
    assert.throws(() => readSysctl(key), { code: "ENOENT", message: /the interface is gone/ });
  });

  test("what is no namespace is refused", () => {
    assert.throws(() => enterNetworkNamespace("/run/netns/tnt-nobody"), {
      name: "SystemError",
      code: "ENOENT",
      object: "/run/netns/tnt-nobody",
    });
    assert.throws(() => enterNetworkNamespace("/proc/self/ns/uts"), { code: "EINVAL", syscall: "setns" });
    assert.throws(() => enterNetworkNamespace(0x7fff_ffff), { code: "EBADF" });
    assert.throws(() => rootlessCommand([]), { code: "INVALID_ARGUMENT" });
  });

  test("rootless: a user without any right makes a TAP in a namespace of its own", async (t) => {
    const module = JSON.stringify(new URL("../../../src/os/tap.js", import.meta.url).href);
    const program = `import(${module}).then(({ createTap }) =>
      console.log(process.getuid(), createTap({ name: "tn-mine" }).ifindex))`;
    const command = rootlessCommand([process.execPath, "-e", program]);
    const alone = new RunningProcess(["setpriv", "--bounding-set=-all,+setfcap", "--inh-caps=-all", "--", ...command]);
    t.after(() => alone.stop());
    await alone.waitFor(/^0 2$/m);
  });
});
