import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { errorMessage } from "../../base/errors.js";
import { ControlClient } from "../../control/client.js";
import { packageVersion, qemuWords } from "../../control/package.js";
import { checkListenAddress, isLoopback, parseListenAddress } from "../../web/server/listening.js";
import { WebServer } from "../../web/server/server.js";
import { type Context, printJson } from "../context.js";
import { realHost } from "../doctor/host.js";
import { examine } from "../doctor/index.js";
import { printable } from "../terminal.js";

const KEY_BYTES = 24;
const PAGE_FOLDER = fileURLToPath(new URL("../../web/static", import.meta.url));

/** `tapnet web`: serves the page until it is interrupted. */
export async function web(
  context: Context,
  options: { listen: string; readOnly?: boolean; expose?: boolean },
): Promise<undefined> {
  const exposed = options.expose === true;
  const readOnly = options.readOnly === true;
  const listen = parseListenAddress(options.listen);
  checkListenAddress(listen, exposed);
  const { runDirectory } = context;
  const server = await WebServer.listen({
    runDirectory,
    listen,
    exposed,
    key: randomBytes(KEY_BYTES).toString("base64url"),
    pageFolder: PAGE_FOLDER,
    session: { version: packageVersion(), host: hostname(), readOnly, qemu: qemuWords("web1") },
    examine: () => examine(realHost(), runDirectory),
  });
  if (context.json) printJson(context, { url: server.url, listen: server.address, readOnly });
  else describe(context, server, await absence(runDirectory));
  await interrupted();
  await server.close();
}

/**
 * The URL is for a person to open: no browser is started, since every user of this machine can read the arguments of its
 * programs, and the key would be among them.
 */
function describe({ terminal, runDirectory }: Context, { url, address }: WebServer, absent: string | undefined): void {
  terminal.print(terminal.paint("bold", url));
  const note = (text: string): void => terminal.note(terminal.paint("dim", text));
  note(`Shows the daemon at ${printable(runDirectory)}. Whoever has this URL may do here what you may. Ctrl-C ends it.`);
  if (absent !== undefined) terminal.note(terminal.paint("yellow", `${absent}; the page waits for it.`));
  if (isLoopback(address.host)) {
    const to = address.host.includes(":") ? `[${address.host}]` : address.host;
    note(`From another machine: ssh -L ${address.port}:${to}:${address.port} ${hostname()}, and open the same URL there.`);
  } else {
    terminal.note(terminal.paint("yellow", "Others can reach this port, and what passes is not encrypted."));
  }
}

/** Why there is nothing to see yet; undefined where the daemon answers. */
async function absence(runDirectory: string): Promise<string | undefined> {
  try {
    await new ControlClient(runDirectory).version();
    return undefined;
  } catch (thrown) {
    return errorMessage(thrown);
  }
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
}
