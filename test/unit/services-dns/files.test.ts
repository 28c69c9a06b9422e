/** Hosts files and resolv.conf: what is read in them, and that changes are followed. */
import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isForOthers, parseHosts } from "../../../src/services/dns/hosts-file.js";
import { parseResolvConf, parseSearch } from "../../../src/services/dns/resolv-conf.js";
import { formatUpstream } from "../../../src/services/dns/upstream.js";
import { type FileSource, systemFiles, WatchedFile } from "../../../src/services/dns/watched-file.js";
import { formatName } from "../../../src/wire/dns/name.js";
import { RCODE } from "../../../src/wire/dns/numbers.js";
import { ManualClock } from "../../support/manual-clock.js";
import { answerTo, Laboratory, record, upstream as serverAt } from "./laboratory.js";

describe("hosts(5)", () => {
  test("addresses, names, comments, what is no line", () => {
    const text = [
      "# comment",
      "192.168.1.5\tnas.home NAS # the big one",
      "  2001:db8::5   nas.home.  ",
      "192.168.1.6",
      "not-an-address name",
      "192.168.1.256 wrong",
      "0.0.0.0 ads.example",
      "192.168.1.7 a..b good.home",
      "",
    ].join("\r\n");
    const entries = parseHosts(text).map(({ address, names }) => [address, names.map((name) => formatName(name))]);
    assert.deepEqual(entries, [
      [0xc0a80105, ["nas.home", "nas"]],
      [(0x20010db8n << 96n) | 5n, ["nas.home"]],
      [0, ["ads.example"]],
      [0xc0a80107, ["good.home"]],
    ]);
  });

  test("what only means the host itself is not for others", () => {
    const text =
      "127.0.0.1 localhost\n127.0.1.1 myhost\n::1 ip6-localhost\nff02::1 ip6-allnodes\nfe00::0 ip6-localnet\n192.0.2.1 real\n2001:db8::1 real";
    assert.deepEqual(parseHosts(text).map(isForOthers), [false, false, false, false, false, true, true]);
  });
});

/** Files that are a map; each write is a change. */
class MapFiles implements FileSource {
  readonly texts = new Map<string, string>();
  stamp = async (path: string) => this.texts.get(path);
  read = async (path: string) => this.texts.get(path);
}

/** Lets watchers look: their reading is asynchronous. */
async function look(lab: Laboratory): Promise<void> {
  lab.clock.advance(600);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("hosts files in the service", () => {
  test("are answered forwards and backwards, followed as they change, and forgotten when they go", async () => {
    const files = new MapFiles();
    files.texts.set("/etc/hosts", "127.0.1.1 myhost\n192.0.2.7 printer printer.office\n");
    files.texts.set(
      "/extra",
      "0.0.0.0 ads.example\n127.0.0.1 tracker.example\n192.0.2.7 second.office\n192.0.2.8 printer.office",
    );
    const lab = new Laboratory({ files, hostsFiles: ["/etc/hosts", "/extra"] });
    await lab.dns.start();
    const before = lab.dns.stats().names;
    assert.deepEqual(lab.words("printer.office"), [
      "NOERROR",
      "printer.office. 60 A 192.0.2.7",
      "printer.office. 60 A 192.0.2.8",
    ]);
    assert.deepEqual(lab.words("printer"), ["NOERROR", "printer. 60 A 192.0.2.7"]);
    assert.deepEqual(lab.words("7.2.0.192.in-addr.arpa", "PTR")[1], "7.2.0.192.in-addr.arpa. 60 PTR printer.");
    assert.deepEqual(lab.words("ads.example"), ["NOERROR", "ads.example. 60 A 0.0.0.0"]);
    assert.deepEqual(lab.words("tracker.example"), ["NOERROR", "tracker.example. 60 A 127.0.0.1"]);
    assert.deepEqual(lab.words("ads.example", "AAAA"), ["NOERROR"]);
    assert.deepEqual(lab.words("myhost"), ["NXDOMAIN"]);

    files.texts.set("/etc/hosts", "192.0.2.9 printer.office\n");
    await look(lab);
    assert.deepEqual(lab.words("printer.office").length, 3);
    assert.deepEqual(lab.words("printer"), ["NXDOMAIN"]);
    files.texts.clear();
    await look(lab);
    assert.equal(lab.dns.list().length, 2);
    assert.ok(lab.dns.stats().names < before);
    lab.dns.stop();
    files.texts.set("/etc/hosts", "192.0.2.9 printer.office\n");
    await look(lab);
    assert.equal(lab.dns.list().length, 2);
  });

  test("other files take the place of those before; a cache of another size begins empty", async () => {
    const files = new MapFiles();
    files.texts.set("/one", "192.0.2.1 one.office\n");
    files.texts.set("/two", "192.0.2.2 two.office\n");
    files.texts.set("/three", "192.0.2.3 three.office\n");
    const settings = { staleSeconds: 0, limits: { upstreamPerSecond: 1000, openQuestions: 100 } };
    const lab = new Laboratory({ files, hostsFiles: ["/one", "/two"] });
    await lab.dns.start();
    const known = () => ["one", "two", "three"].filter((name) => lab.dns.list().some((entry) => entry.name === `${name}.office`));
    assert.deepEqual(known(), ["one", "two"]);
    const { cache } = lab.dns.stats();
    lab.dns.configure({ ...settings, cacheBytes: cache.sizeBytes, hostsFiles: ["/two", "/three"] });
    assert.deepEqual(known(), ["two"]);
    await look(lab);
    assert.deepEqual(known(), ["two", "three"]);
    files.texts.set("/one", "192.0.2.9 one.office\n");
    files.texts.set("/two", "192.0.2.9 new.office\n");
    await look(lab);
    assert.deepEqual(known(), ["three"]);
    lab.internet.servers.set("192.0.2.53", (asked) =>
      answerTo(asked, { answers: [record("a.example", "A", { address: 0x01020304 })] }),
    );
    lab.ask("a.example");
    lab.dns.configure({ ...settings, cacheBytes: cache.sizeBytes });
    assert.equal(lab.dns.stats().cache.answers, 1);
    lab.dns.configure({ ...settings, cacheBytes: 128 * 1024 });
    assert.deepEqual([lab.dns.stats().cache.answers, lab.dns.stats().cache.sizeBytes, known()], [0, 128 * 1024, []]);
    assert.equal(lab.ask("a.example").answers.length, 1);
    assert.equal(lab.dns.stats().cache.answers, 1);
    lab.dns.stop();
  });

  test("a hundred thousand lines are taken in", async () => {
    const files = new MapFiles();
    files.texts.set("/block", Array.from({ length: 100_000 }, (_, index) => `0.0.0.0 ad${index}.example`).join("\n"));
    const lab = new Laboratory({ files, hostsFiles: ["/block"] });
    await lab.dns.start();
    assert.deepEqual(lab.words("ad99999.example"), ["NOERROR", "ad99999.example. 60 A 0.0.0.0"]);
    lab.dns.stop();
  });
});

describe("resolv.conf(5)", () => {
  test("nameserver lines, in their order, eight at most", () => {
    const text =
      "# nameserver 1.1.1.1\nsearch example\nnameserver 192.0.2.1 \nnameserver\t2001:db8::53 # second\nnameserver fe80::1%eth0\nnameserver bogus\noptions edns0\n; nameserver 9.9.9.9\n";
    assert.deepEqual(parseResolvConf(text).map(formatUpstream), ["192.0.2.1:53", "[2001:db8::53]:53", "[fe80::1]:53@eth0"]);
    assert.equal(parseResolvConf("nameserver 192.0.2.1\n".repeat(20)).length, 8);
  });

  async function lab(): Promise<{ lab: Laboratory; files: MapFiles; upstreams: () => string[] }> {
    const files = new MapFiles();
    const made = new Laboratory({ files, resolvConfPaths: { main: "/r", resolved: "/behind" } });
    made.dns.configureForwarding({});
    return { lab: made, files, upstreams: () => made.dns.stats().upstreams.map(({ upstream }) => upstream) };
  }

  test("search and domain lines: the last one, in lower case, without comments", () => {
    assert.deepEqual(parseSearch("search a.example\ndomain B.Example. # c\nnameserver 192.0.2.1\n"), ["b.example"]);
    assert.deepEqual(parseSearch("search home.arpa\tcorp.local ; x\n"), ["home.arpa", "corp.local"]);
    assert.deepEqual(parseSearch("options edns0\n#search x\n"), []);
  });

  test("a host that is in a special-use domain has servers that know it; the same names stay unknown elsewhere (RFC 8375)", async () => {
    const { lab: made, files } = await lab();
    files.texts.set("/r", "nameserver 192.0.2.1\nsearch home.arpa corp.local com\n");
    await made.dns.start();
    made.internet.servers.set("192.0.2.1", (asked) =>
      answerTo(asked, { answers: [record(asked.message.questions[0].name, "A", { address: 0xc0a8_0105 })] }),
    );
    for (const name of ["nas.home.arpa", "a.corp.local"]) assert.equal(made.ask(name).answers.length, 1, name);
    for (const name of ["printer.local", "x.test"]) assert.equal(made.ask(name).rcode, RCODE.NXDOMAIN, name);
    // What is no special-use name is the world's, with its protection.
    assert.equal(made.ask("www.example.com").rcode, RCODE.REFUSED);
    files.texts.set("/r", "nameserver 192.0.2.1\n");
    await look(made);
    assert.equal(made.ask("other.home.arpa").rcode, RCODE.NXDOMAIN);
    made.dns.configureForwarding({ domains: [{ domain: "home.arpa", upstreams: [serverAt("192.0.2.1")] }] });
    assert.equal(made.ask("third.home.arpa").answers.length, 1);
    made.dns.stop();
  });

  test("is followed live, and what the servers before said is forgotten", async () => {
    const { lab: made, files, upstreams } = await lab();
    files.texts.set("/r", "nameserver 192.0.2.1\n");
    await made.dns.start();
    for (const server of ["192.0.2.1", "192.0.2.2"]) {
      made.internet.servers.set(server, (asked) =>
        answerTo(asked, { answers: [record("www.example.com", "A", { address: 0x0101_0101 })] }),
      );
    }
    made.ask("www.example.com");
    files.texts.set("/r", "nameserver 192.0.2.2\n");
    await look(made);
    assert.deepEqual(upstreams(), ["192.0.2.2:53"]);
    made.ask("www.example.com");
    assert.deepEqual(
      made.internet.asked.map(({ server }) => server),
      ["192.0.2.1", "192.0.2.2"],
    );
    files.texts.set("/r", "nameserver 192.0.2.2\n# only a comment\n");
    await look(made);
    made.ask("www.example.com");
    assert.equal(made.internet.asked.length, 2);
    files.texts.delete("/r");
    await look(made);
    assert.deepEqual(upstreams(), []);
    made.dns.stop();
  });

  test("where it names systemd-resolved, the servers behind that are asked", async () => {
    const { lab: made, files, upstreams } = await lab();
    files.texts.set("/r", "nameserver 127.0.0.53\noptions edns0 trust-ad\n");
    files.texts.set("/behind", "nameserver 192.0.2.3\nnameserver 192.0.2.4\n");
    await made.dns.start();
    assert.deepEqual(upstreams(), ["192.0.2.3:53", "192.0.2.4:53"]);
    files.texts.delete("/behind");
    await look(made);
    assert.deepEqual(upstreams(), ["127.0.0.53:53"]);
    made.dns.stop();
  });
});

describe("a watched file on disk", () => {
  test("written over, replaced, behind a link that changes, gone", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "tapnet-dns-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const at = (name: string) => join(folder, name);
    const texts: string[] = [];
    const file = new WatchedFile(at("link"), new ManualClock(), systemFiles, (text) => void texts.push(text));
    await file.look();
    writeFileSync(at("one"), "one");
    symlinkSync("one", at("link"));
    await file.look();
    await file.look();
    writeFileSync(at("one"), "one!");
    await file.look();
    writeFileSync(at("two"), "two");
    symlinkSync("two", at("link.new"));
    renameSync(at("link.new"), at("link"));
    await file.look();
    rmSync(at("two"));
    await file.look();
    assert.deepEqual(texts, ["one", "one!", "two", ""]);
  });
});
