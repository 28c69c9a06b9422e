import type { Names } from "../../guest/services.js";
import type { Port } from "../../network/model.js";
import type { PortNames } from "./guest-services.js";

/** Who is told each time a port's addresses have changed: DNS, and whatever else leads to a guest. */
export class AddressFollowers implements Names {
  readonly #names: PortNames;
  readonly #others: readonly Names[];

  constructor(names: PortNames, others: readonly Names[]) {
    this.#names = names;
    this.#others = others;
  }

  add(port: Port): void {
    this.#names.add(port);
    for (const other of this.#others) void other.add(port);
  }

  remove(port: Port): void {
    this.#names.remove(port);
    for (const other of this.#others) void other.remove(port);
  }

  /** What the guest calls itself; takes effect with the next `add`. */
  setHostname(guest: string, network: string, hostname: string): void {
    this.#names.setHostname(guest, network, hostname);
  }
}
