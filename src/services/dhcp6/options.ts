import * as addressList from "../../wire/dhcp6/address-list.js";
import { OPTION } from "../../wire/dhcp6/codes.js";
import * as ntpServer from "../../wire/dhcp6/ntp-server.js";
import * as opaqueList from "../../wire/dhcp6/opaque-list.js";
import * as domainList from "../../wire/domain-list.js";
import type { Dhcp6Options } from "./network.js";

/** An option's data, ready to be copied into every reply. */
export interface ReadyOption {
  readonly code: number;
  readonly data: Uint8Array;
}

export interface ReadyBootFile {
  readonly architecture: number | undefined;
  readonly url: Uint8Array;
  /** Empty for none. */
  readonly parameters: Uint8Array;
}

/** A network's options as bytes, made when the configuration is, so that a reply only copies. */
export interface ReadyOptions {
  /** For every exchange that carries configuration. */
  readonly always: readonly ReadyOption[];
  /** For replies to Information-request alone (RFC 8415 §21.23, §21.25). */
  readonly stateless: readonly ReadyOption[];
  readonly bootFiles: readonly ReadyBootFile[];
}

export function readyOptions(options: Dhcp6Options): ReadyOptions {
  const always: ReadyOption[] = [];
  if (options.dnsServers.length > 0) always.push(addresses(OPTION.dnsServers, options.dnsServers));
  if (options.searchDomains.length > 0) {
    const length = domainList.emittedBytes(options.searchDomains);
    always.push(made(OPTION.domainList, length, (view) => domainList.emit(options.searchDomains, view, 0)));
  }
  if (options.sntpServers.length > 0) always.push(addresses(OPTION.sntpServers, options.sntpServers));
  for (const source of options.ntpServers) {
    always.push(made(OPTION.ntpServer, ntpServer.emittedBytes([source]), (view) => ntpServer.emit([source], view, 0)));
  }
  if (options.solMaxRtSeconds !== undefined) always.push(seconds(OPTION.solMaxRt, options.solMaxRtSeconds));
  const stateless: ReadyOption[] = [];
  if (options.informationRefreshSeconds !== undefined) {
    stateless.push(seconds(OPTION.informationRefreshTime, options.informationRefreshSeconds));
  }
  if (options.infMaxRtSeconds !== undefined) stateless.push(seconds(OPTION.infMaxRt, options.infMaxRtSeconds));
  return { always, stateless, bootFiles: options.bootFiles.map(readyBootFile) };
}

function readyBootFile(file: Dhcp6Options["bootFiles"][number]): ReadyBootFile {
  const items = file.parameters.map((parameter) => new Uint8Array(Buffer.from(parameter)));
  const parameters = new Uint8Array(opaqueList.emittedBytes(items));
  opaqueList.emit(items, new DataView(parameters.buffer), 0);
  return { architecture: file.architecture, url: new Uint8Array(Buffer.from(file.url)), parameters };
}

function addresses(code: number, list: Dhcp6Options["dnsServers"]): ReadyOption {
  return made(code, addressList.emittedBytes(list), (view) => addressList.emit(list, view, 0));
}

function seconds(code: number, value: number): ReadyOption {
  return made(code, 4, (view) => view.setUint32(0, value));
}

function made(code: number, length: number, emit: (view: DataView) => void): ReadyOption {
  const data = new Uint8Array(length);
  emit(new DataView(data.buffer));
  return { code, data };
}
