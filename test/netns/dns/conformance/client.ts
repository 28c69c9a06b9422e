/**
 * Runs the checks of conformance against a DNS server: `node client.js ADDRESS ZONE`, from where it shall be asked. For each a line of JSON:
 * what it is, and what is wrong where something is. It ends when all have run, eight at a time.
 */
import { all } from "./all.js";

const AT_ONCE = 8;
const [server = "", zone = ""] = process.argv.slice(2);
const waiting = [...all];

async function work(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { what } = next;
    const wrong = await next.run({ server, zone }).then(
      () => undefined,
      (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
    );
    console.log(JSON.stringify({ what, wrong }));
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
