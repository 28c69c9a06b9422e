import { importDnsmasq } from "./dnsmasq.js";
import { importKea } from "./kea.js";
import type { ImportedLeases, ImportTarget } from "./lease-file.js";
import { importLibvirt } from "./libvirt.js";
import { importOwn } from "./own.js";

export type LeaseFileFormat = "tapnet" | "dnsmasq" | "kea" | "libvirt";

/** Whose file a text is, by how it begins. */
export function detectLeaseFile(text: string): LeaseFileFormat {
  const start = text.trimStart();
  if (start.startsWith("[")) return "libvirt";
  if (start.startsWith("{")) return "tapnet";
  return start.startsWith("address,") ? "kea" : "dnsmasq";
}

/** Reads a lease file of ours or of another server; what cannot be taken over is told by line, the rest is taken. */
export function importLeases(text: string, target: ImportTarget, format = detectLeaseFile(text)): ImportedLeases {
  switch (format) {
    case "tapnet":
      return importOwn(text);
    case "dnsmasq":
      return importDnsmasq(text, target);
    case "kea":
      return importKea(text, target);
    case "libvirt":
      return importLibvirt(text, target);
  }
}
