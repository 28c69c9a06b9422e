import { errorMessage } from "../../base/errors.js";
import { parseDnsmasqLeases } from "./dnsmasq.js";
import { parseJsonLeases } from "./json.js";
import { parseKeaLeases } from "./kea.js";
import { parseLibvirtLeases } from "./libvirt.js";
import type { ParsedLeases } from "./values.js";

export type { LeaseProblem, ParsedLeases } from "./values.js";

export type LeaseFormat = "json" | "dnsmasq" | "kea" | "libvirt";

const PARSERS: Readonly<Record<LeaseFormat, (text: string) => ParsedLeases>> = {
  json: parseJsonLeases,
  dnsmasq: parseDnsmasqLeases,
  kea: parseKeaLeases,
  libvirt: parseLibvirtLeases,
};

/** Reads leases; `auto` tells the format by how the text begins. */
export function parseLeases(text: string, format: LeaseFormat | "auto"): ParsedLeases & { readonly format: LeaseFormat } {
  const known = format === "auto" ? recognise(text) : format;
  try {
    return { format: known, ...PARSERS[known](text) };
  } catch (thrown) {
    // JSON that is none: the parsers throw for nothing else.
    return { format: known, leases: [], problems: [{ line: 1, message: errorMessage(thrown) }] };
  }
}

function recognise(text: string): LeaseFormat {
  const start = text.trimStart();
  if (start.startsWith("address,")) return "kea";
  if (start.startsWith("[") || start.startsWith("{")) return start.slice(0, 4096).includes('"ip-address"') ? "libvirt" : "json";
  return "dnsmasq";
}
