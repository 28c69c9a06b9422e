import { formatIpv6 } from "../../base/ipv6-address.js";
import { hex } from "../octets.js";
import { optionName, statusName } from "./codes.js";
import * as duid from "./duid.js";
import type { NtpSource } from "./ntp-server.js";
import type { Option } from "./option-repr.js";

/** Each option in parentheses, with a blank before it: `" (rapid-commit) (elapsed-time 0)"`. */
export function describeOptions(options: readonly Option[]): string {
  return options.map((one) => ` (${kebab(optionName(one.code))}${describeData(one)})`).join("");
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function describeData(one: Option): string {
  switch (one.kind) {
    case "duid":
      return ` ${duid.format(one.duid)}`;
    case "ia":
      return ` IAID:${one.iaid} T1:${one.t1Seconds} T2:${one.t2Seconds}${describeOptions(one.options)}`;
    case "temporary-ia":
      return ` IAID:${one.iaid}${describeOptions(one.options)}`;
    case "ia-address":
      return ` ${formatIpv6(one.address)}${describeLifetimes(one)}`;
    case "ia-prefix":
      return ` ${formatIpv6(one.prefix)}/${one.prefixLength}${describeLifetimes(one)}`;
    case "status":
      return ` ${kebab(statusName(one.status))}${one.message === "" ? "" : ` ${JSON.stringify(one.message)}`}`;
    case "flag":
      return "";
    case "uint8":
    case "uint16":
    case "uint32":
      return ` ${one.value}`;
    case "codes":
      return one.codes.map((code) => ` ${kebab(optionName(code))}`).join("");
    case "addresses":
      return one.addresses.map((address) => ` ${formatIpv6(address)}`).join("");
    case "domains":
      return one.names.map((name) => ` ${name}.`).join("");
    case "fqdn":
      return ` flags:${one.flags} ${one.name}${one.complete ? "." : ""}`;
    case "ntp":
      return one.sources.map(describeSource).join("");
    case "items":
      return one.items.map((item) => ` ${hex(item)}`).join("");
    case "vendor-class":
      return ` ${one.enterprise}${one.items.map((item) => ` ${hex(item)}`).join("")}`;
    case "vendor-options":
      return ` ${one.enterprise}${one.suboptions.map(({ code, data }) => ` ${code}:${hex(data)}`).join("")}`;
    case "remote-id":
      return ` ${one.enterprise} ${hex(one.data)}`;
    case "link-layer-address":
      return ` type ${one.hardwareType} ${duid.format(one.address)}`;
    case "opaque":
      return ` ${hex(one.data)}`;
  }
}

function describeLifetimes(one: Extract<Option, { kind: "ia-address" | "ia-prefix" }>): string {
  return ` pltime:${one.preferredSeconds} vltime:${one.validSeconds}${describeOptions(one.options)}`;
}

function describeSource(source: NtpSource): string {
  if (source.kind === "unknown") return ` ${source.code}:${hex(source.data)}`;
  return source.kind === "name" ? ` ${source.name}.` : ` ${formatIpv6(source.address)}`;
}
