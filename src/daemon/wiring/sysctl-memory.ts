/**
 * Theory of operation
 *
 * Settings of the host that this daemon changes, with what they were, so that `--cleanup` can put them back. They are written down
 * before they are changed, in the run directory: it outlives the daemon, and a reboot, after which the host's settings are what
 * its own files say, forgets it. What somebody else has changed since is theirs, and stays. Last changed is first put back,
 * since some settings carry others with them (`ip_forward` all interfaces' `forwarding`).
 *
 * Forwarding is not switched off where others have come to rely on it meanwhile: Docker or libvirt find it on and write nothing,
 * so nothing tells that it is theirs now, and their guests would be cut off. Their links tell that they are there.
 *
 * A port's own settings are not among them: they go with its link.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileReason } from "../../base/errors.js";
import type { Logger } from "../../base/log.js";
import type { Sysctl } from "../../network/kernel.js";
import { readWholeFile, writeWholeFile } from "../../os/whole-file.js";

const FILE = "sysctls.json";
const FORWARDING = /(?:^|\/)(?:ip_)?forwarding$|\/ip_forward$/;
const OF_PORTS = /\/disable_ipv6$/;

interface Changed {
  readonly earlier: string;
  readonly ours: string;
}

export class SysctlMemory implements Sysctl {
  readonly #path: string;
  readonly #sysctl: Sysctl;
  readonly #log: Logger;
  /** By path, in the order of the changes; undefined until it is needed. */
  #changed: Map<string, Changed> | undefined;

  constructor(runDirectory: string, sysctl: Sysctl, log: Logger) {
    this.#path = join(runDirectory, FILE);
    this.#sysctl = sysctl;
    this.#log = log;
  }

  read(path: string): string | undefined {
    return this.#sysctl.read(path);
  }

  write(path: string, value: string): void {
    if (!OF_PORTS.test(path)) this.#remember(path, value);
    this.#sysctl.write(path, value);
  }

  /** Everything as it was, but for what is somebody else's by now; `routers` are links for which others may have this host forward. */
  putBack(routers: readonly string[]): void {
    for (const [path, { earlier, ours }] of [...this.#all()].reverse()) {
      try {
        const present = this.#sysctl.read(path);
        if (present !== ours) continue;
        if (FORWARDING.test(path) && routers.length > 0) {
          const what = { sysctl: path, value: ours, earlier, links: routers };
          this.#log.info(what, "forwarding stays on, since others on this host may rely on it: tapnetd had switched it on");
          continue;
        }
        this.#sysctl.write(path, earlier);
        this.#log.info({ sysctl: path, value: earlier }, "a setting of the host is as it was before");
      } catch (thrown) {
        this.#log.warn({ sysctl: path, error: fileReason(thrown) }, "a setting of the host could not be put back");
      }
    }
    this.#changed = new Map();
    rmSync(this.#path, { force: true });
  }

  #remember(path: string, ours: string): void {
    const present = this.#sysctl.read(path);
    if (present === undefined || present === ours) return;
    const all = this.#all();
    const known = all.get(path);
    // Our own earlier value is nothing to go back to.
    const earlier = known !== undefined && known.ours === present ? known.earlier : present;
    all.delete(path);
    all.set(path, { earlier, ours });
    try {
      writeWholeFile(this.#path, `${JSON.stringify(Object.fromEntries(all), undefined, 2)}\n`);
    } catch (thrown) {
      this.#log.warn({ path: this.#path, error: fileReason(thrown) }, "what settings of the host were cannot be kept");
    }
  }

  #all(): Map<string, Changed> {
    if (this.#changed === undefined) this.#changed = this.#load();
    return this.#changed;
  }

  #load(): Map<string, Changed> {
    try {
      const text = readWholeFile(this.#path);
      return new Map(Object.entries(text === undefined ? {} : (JSON.parse(text) as Record<string, Changed>)));
    } catch (thrown) {
      this.#log.warn({ path: this.#path, error: fileReason(thrown) }, "what settings of the host were is forgotten");
      return new Map();
    }
  }
}
