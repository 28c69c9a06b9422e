/** Who reaches whom, on hosts of a lab: each answers on some ports, and asks others. */
import type { Host } from "./lab.js";
import { script } from "./paths.js";
import { until } from "./wait.js";

/** Answers on these TCP and UDP ports with its name and the address that it saw. */
export async function respond(host: Host, ...ports: readonly number[]): Promise<void> {
  await host.start([...script("test/support/responder"), host.name, ...ports.map(String)]).waitFor(/ready/);
}

/** What each question (`tcp 10.77.0.10 80`, `udp fd00::1 53`, `icmp 10.77.0.1`) is answered from here: `web1 10.77.0.11`, `pong`, null. */
export async function ask(host: Host, questions: readonly string[]): Promise<(string | null)[]> {
  return JSON.parse(await host.must(...script("test/support/prober"), JSON.stringify(questions))) as (string | null)[];
}

/** Waits until somebody listens on these ports of a host: what was started with a fixed pause behind it may not, on a busy machine. */
export async function listening(host: Host, protocol: "tcp" | "udp", ...ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const look = ["ss", "-Hn", protocol === "tcp" ? "-lt" : "-lu", `sport = ${port}`];
    await until(`somebody on port ${port}/${protocol}`, async () => (await host.must(...look)) !== "");
  }
}
