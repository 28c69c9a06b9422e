/** What a guest has got from tapnetd, asked in the guest itself. */
import type { Guest } from "../../test/support/guest.js";
import type { Finding } from "./show.js";

export interface Expected {
  readonly name: string;
  readonly domain: string;
  /** A host past the gateway; undefined where the demo does not know one. */
  readonly world: { readonly ipv4: string; readonly name: string } | undefined;
}

export async function findings(guest: Guest, expected: Expected): Promise<Finding[]> {
  const lease = await guest.lease();
  const fqdn = `${expected.name}.${expected.domain}`;
  const seconds = Number(lease["lease"]);
  const hostname = (await guest.must("hostname")).trim();
  const found: Finding[] = [
    { what: "address", found: `${lease["ip"]}/${lease["mask"]}, leased for ${seconds / 60} minutes`, good: seconds > 0 },
    { what: "gateway", found: lease["router"] ?? "none", good: lease["router"] !== undefined },
    {
      what: "DNS server",
      found: `${lease["dns"]}, searching ${lease["search"] ?? lease["domain"]}`,
      good: lease["dns"] !== undefined,
    },
    { what: "host name", found: hostname, good: hostname === expected.name },
    await ping(guest, "ping the gateway", lease["router"] ?? ""),
  ];
  if (expected.world !== undefined) found.push(await ping(guest, "ping past it", expected.world.ipv4));
  found.push(await resolves(guest, "its own name", fqdn, lease["ip"] ?? ""));
  if (expected.world !== undefined) found.push(await resolves(guest, "a name outside", expected.world.name, expected.world.ipv4));
  return found;
}

async function ping(guest: Guest, what: string, address: string): Promise<Finding> {
  const { stdout } = await guest.run(`ping -c 3 -i 0.2 -W 2 ${address}`);
  const answered = /(\d+) packets received/.exec(stdout)?.[1] ?? "0";
  const average = /min\/avg\/max = [\d.]+\/([\d.]+)/.exec(stdout)?.[1];
  return {
    what,
    found: `${address}: ${answered} of 3 answered${average === undefined ? "" : `, ${average} ms`}`,
    good: answered === "3",
  };
}

async function resolves(guest: Guest, what: string, name: string, wanted: string): Promise<Finding> {
  const { stdout } = await guest.run(`nslookup -type=a ${name}`);
  const addresses = [...stdout.matchAll(/^Address:\s+([\d.]+)$/gm)].map((match) => match[1]);
  const found = addresses.length > 0 ? `${name} is ${addresses.join(", ")}` : `${name} is unknown: ${stdout.trim()}`;
  return { what, found, good: addresses.includes(wanted) };
}
