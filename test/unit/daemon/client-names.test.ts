/** Names of shared links' clients: who is found by which, and who cannot take another's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientNames } from "../../../src/daemon/wiring/client-names.js";
import type { LeaseRecord } from "../../../src/lease/lease.js";
import { BookLab, leaseOf } from "../../support/leases.js";
import { ipv4, Laboratory } from "../services-dns/laboratory.js";

const client = (number: number, hostname: string, identity = `id:${number}`): LeaseRecord =>
  leaseOf(number, { address: ipv4(`10.77.0.${number}`), hostname, identity });

class NamesLab {
  readonly leases = new BookLab({ size: 250 });
  readonly dns = new Laboratory();
  readonly names: ClientNames;

  constructor(...records: LeaseRecord[]) {
    this.leases.book.load(records);
    this.names = new ClientNames({
      names: this.dns.dns.names,
      networks: () => [{ name: "default", domain: "tapnet.internal" }],
      books: () => [this.leases.book],
    });
    this.names.recall();
    this.dns.dns.lateNames = this.names;
  }

  /** The address or the name that a name leads to. */
  ask(name: string, type: "A" | "PTR" = "A"): string {
    const [rcode, record] = this.dns.words(name, type);
    return rcode === "NOERROR" ? (record?.split(" ").at(-1) ?? "nothing") : rcode;
  }
}

test("a client is found by its address, by its name and backwards; a guest of a port is none of them", () => {
  const lab = new NamesLab(client(10, "printer"), client(11, ""), client(12, "web", "guest:web1"));
  assert.equal(lab.ask("printer.tapnet.internal"), "10.77.0.10");
  assert.equal(lab.ask("printer"), "10.77.0.10");
  assert.equal(lab.ask("host-10-77-0-10.tapnet.internal"), "10.77.0.10");
  assert.equal(lab.ask("host-10-77-0-11.tapnet.internal"), "10.77.0.11");
  assert.equal(lab.ask("11.0.77.10.in-addr.arpa", "PTR"), "host-10-77-0-11.tapnet.internal.");
  for (const nobody of ["host-10-77-0-12", "host-10-77-0-13", "host-10-77-0", "host-", "web", "a.printer"]) {
    assert.equal(lab.ask(`${nobody}.tapnet.internal`), "NXDOMAIN", nobody);
  }
});

test("the first who calls itself so is meant, and when it is gone the one that has waited longest", () => {
  const lab = new NamesLab(...[10, 11, 12, 13].map((number) => client(number, "printer")));
  const leave = (number: number, next: string): void => {
    lab.leases.book.release(lab.leases.book.at(ipv4(`10.77.0.${number}`)) ?? assert.fail());
    lab.names.unbound(client(number, "printer"));
    assert.equal(lab.ask("printer.tapnet.internal"), next);
  };
  assert.equal(lab.ask("printer.tapnet.internal"), "10.77.0.10");
  assert.equal(lab.ask("host-10-77-0-12.tapnet.internal"), "10.77.0.12");
  leave(11, "10.77.0.10");
  leave(10, "10.77.0.12");
  lab.leases.book.take(client(12, "scanner"));
  lab.names.bound(client(12, "scanner"), client(12, "printer"));
  assert.equal(lab.ask("printer.tapnet.internal"), "10.77.0.13");
  lab.names.bound(client(10, "printer"), undefined);
  assert.equal(lab.ask("printer.tapnet.internal"), "10.77.0.13");
  leave(13, "NXDOMAIN");
});

test("nobody is called after another's address, nor as the names that software trusts blindly", () => {
  const lab = new NamesLab(client(10, "host-10-77-0-11"), client(12, "wpad"), client(13, "gateway"));
  assert.equal(lab.ask("host-10-77-0-11.tapnet.internal"), "NXDOMAIN");
  assert.equal(lab.ask("host-10-77-0-10.tapnet.internal"), "10.77.0.10");
  assert.equal(lab.ask("wpad.tapnet.internal"), "NXDOMAIN");
  assert.equal(lab.ask("gateway.tapnet.internal"), "10.77.0.1");
});

test("another name and another owner of an address are told with the next question", () => {
  const lab = new NamesLab(client(10, "old"));
  assert.equal(lab.ask("old.tapnet.internal"), "10.77.0.10");
  lab.leases.book.take(client(10, "new"));
  lab.names.bound(client(10, "new"), client(10, "old"));
  assert.equal(lab.ask("old.tapnet.internal"), "NXDOMAIN");
  assert.equal(lab.ask("new.tapnet.internal"), "10.77.0.10");
});

test("of the names that were asked for, some thousands stay in the DNS, and all are found", () => {
  const lab = new NamesLab();
  lab.leases.book.replacePools([]);
  const record = (number: number) => leaseOf(number, { address: ipv4("10.77.16.0") + number });
  lab.leases.book.load(Array.from({ length: 5000 }, (_, number) => record(number)));
  lab.names.recall();
  for (let number = 0; number < 5000; number++)
    lab.names.place(`host-10-77-${16 + (number >> 8)}-${number & 255}.tapnet.internal`);
  assert.equal(lab.dns.dns.names.count, 4096);
  assert.equal(lab.ask("host-10-77-16-0.tapnet.internal"), "10.77.16.0");
  assert.equal(lab.dns.dns.names.count, 4096);
});
