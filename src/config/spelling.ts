/** What people of other programs write for a word of ours. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ["mode", "kind"],
  ["type", "kind"],
  ["subnet", "ipv4"],
  ["cidr", "ipv4"],
  ["address", "ipv4"],
  ["ip", "ipv4"],
  ["ip4", "ipv4"],
  ["inet", "ipv4"],
  ["ip6", "ipv6"],
  ["inet6", "ipv6"],
  ["router", "gateway"],
  ["hwaddr", "mac"],
  ["macaddress", "mac"],
  ["tap", "ifname"],
  ["interface", "ifname"],
  ["device", "ifname"],
  ["hostname", "names"],
  ["aliases", "names"],
  ["range", "ranges"],
  ["pool", "ranges"],
  ["pools", "ranges"],
  ["lease-time", "lease"],
  ["ttl", "lease"],
  ["nameservers", "upstreams"],
  ["servers", "upstreams"],
  ["forwarders", "upstreams"],
  ["ports", "forwards"],
  ["duid", "client-id"],
  ["vms", "guests"],
  ["loglevel", "log"],
]);

/** The known word that was most likely meant, or undefined when none is near. */
export function closestWord(written: string, known: readonly string[]): string | undefined {
  const word = written.toLowerCase().replaceAll("_", "-");
  if (known.includes(word)) return word;
  const synonym = SYNONYMS.get(word);
  if (synonym !== undefined && known.includes(synonym)) return synonym;
  const furthest = Math.max(1, Math.floor(word.length / 3));
  let best: string | undefined;
  let bestDistance = furthest + 1;
  for (const candidate of known) {
    const distance = editDistance(word, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `did you mean kind?`, or the known words when none is near. */
export function suggestion(written: string, known: readonly string[]): string {
  const [, key = "", value = ""] = /^([^:]+):(.+)$/.exec(written) ?? [];
  if (known.includes(key)) return `write ${key}: ${value}, with a space behind the colon`;
  const closest = closestWord(written, known);
  if (closest !== undefined) return `did you mean ${closest}?`;
  if (known.length === 0) return "there are none yet";
  const shown = known.slice(0, 12);
  return `known: ${shown.join(", ")}${known.length > shown.length ? ", …" : ""}`;
}

/** Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let distance = Math.min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (swapped) distance = Math.min(distance, beforeLast[column - 2] + 1);
      current.push(distance);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length];
}
