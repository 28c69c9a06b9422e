/** The resolvers that guests have, each asking a server of ours in a namespace of its own. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Host, Lab } from "../../support/lab.js";
import { muslResolver } from "../../support/musl-resolver.js";
import { command, needs, root } from "../../support/needs.js";
import { script } from "../../support/paths.js";

const GATEWAY = "10.77.0.1";
const GUEST = "10.77.0.10";
const WORLD = "198.51.100.53";

/** A guest, the server, and an upstream server behind it that has a few names of the world. */
class Site {
  readonly guest: Host;
  readonly lab: Lab;

  private constructor(lab: Lab, guest: Host) {
    this.lab = lab;
    this.guest = guest;
  }

  static async make(): Promise<Site> {
    const lab = new Lab();
    const [guest, server, world] = [await lab.host("guest"), await lab.host("server"), await lab.host("world")];
    await lab.link(
      { host: guest, ifname: "eth0", addresses: [`${GUEST}/24`] },
      { host: server, ifname: "tn-guest", addresses: [`${GATEWAY}/24`] },
    );
    await lab.link(
      { host: server, ifname: "up0", addresses: ["198.51.100.1/24"] },
      { host: world, ifname: "eth0", addresses: [`${WORLD}/24`] },
    );
    await world.start([...script("test/support/dns-upstream"), WORLD]).waitFor(/serving/);
    await server.start([...script("test/netns/dns/serve"), GATEWAY, WORLD]).waitFor(/serving/);
    writeFileSync(join(lab.folder, "resolv.conf"), `nameserver ${GATEWAY}\nsearch tapnet.internal\n`);
    writeFileSync(join(lab.folder, "hosts"), "127.0.0.1 localhost\n");
    writeFileSync(join(lab.folder, "nsswitch.conf"), "hosts: files dns\n");
    return new Site(lab, guest);
  }

  /** What a command prints that reads resolv.conf. */
  async resolve(...words: readonly string[]): Promise<string> {
    const own = (name: string) => join(this.lab.folder, name);
    const replaced = {
      "/etc/resolv.conf": own("resolv.conf"),
      "/etc/hosts": own("hosts"),
      "/etc/nsswitch.conf": own("nsswitch.conf"),
    };
    const { stdout, stderr } = await this.guest.run(Host.withOwnFiles(words, { replaced }));
    return stdout + stderr;
  }

  async dig(...words: readonly string[]): Promise<string> {
    return this.guest.must("dig", `@${GATEWAY}`, "+tries=1", "+time=3", ...words);
  }
}

function tabs(text: string): string {
  return text.replaceAll(/[\t ]+/g, " ");
}

describe("resolvers", needs(root), () => {
  let site: Site;
  before(async () => {
    site = await Site.make();
  });
  after(async () => {
    await site.lab.dispose();
  });

  describe("dig", needs(command("dig", "bind9-dnsutils")), () => {
    const rows: readonly [string, readonly string[], readonly RegExp[]][] = [
      [
        "address",
        ["web1.tapnet.internal"],
        [
          /status: NOERROR/,
          /flags: qr aa rd ra;/,
          /web1\.tapnet\.internal\. 60 IN A 10\.77\.0\.10/,
          /COOKIE: [0-9a-f]{48} \(good\)/,
        ],
      ],
      ["IPv6", ["+short", "AAAA", "web1.tapnet.internal"], [/^fd00:77::10$/m]],
      ["backwards", ["+short", "-x", "10.77.0.10"], [/^web1\.tapnet\.internal\.$/m]],
      ["TCP", ["+tcp", "+short", "web1.tapnet.internal"], [/^10\.77\.0\.10$/m]],
      [
        "kept TCP",
        ["+tcp", "+keepopen", "+keepalive", "web1.tapnet.internal", "A", "web1.tapnet.internal", "AAAA"],
        [/TCP KEEPALIVE|TCP-KEEPALIVE|EDNS: version: 0/i, /fd00:77::10/],
      ],
      ["no EDNS", ["+noedns", "web1.tapnet.internal"], [/status: NOERROR/, /ADDITIONAL: 0/]],
      ["EDNS 1", ["+edns=1", "+noednsnegotiation", "web1.tapnet.internal"], [/status: BADVERS/, /EDNS: version: 0/]],
      ["an unknown EDNS option", ["+ednsopt=65001:beef", "web1.tapnet.internal"], [/status: NOERROR/]],
      ["an unknown EDNS flag", ["+ednsflags=0x40", "web1.tapnet.internal"], [/status: NOERROR/, /EDNS: version: 0, flags:;/]],
      ["client subnet", ["+subnet=192.0.2.0/24", "world.example"], [/status: NOERROR/]],
      ["DO", ["+dnssec", "world.example"], [/flags: do;/, /198\.51\.100\.1/]],
      [
        "no such name",
        ["nobody.tapnet.internal"],
        [/status: NXDOMAIN/, /tapnet\.internal\. 5 IN SOA gateway\.tapnet\.internal\./],
      ],
      ["no such type", ["MX", "web1.tapnet.internal"], [/status: NOERROR/, /ANSWER: 0, AUTHORITY: 1/]],
      ["an alias", ["+short", "alias.tapnet.internal"], [/^web1\.tapnet\.internal\.\n10\.77\.0\.10$/m]],
      ["an alias to the world", ["+short", "world.tapnet.internal"], [/^world\.example\.\n198\.51\.100\.1$/m]],
      ["SRV", ["+short", "SRV", "_http._tcp.tapnet.internal"], [/^1 2 80 web1\.tapnet\.internal\.$/m]],
      ["the world", ["world.example", "TXT"], [/status: NOERROR/, /flags: qr rd ra;/, /"the rest of the world"/]],
      ["nothing in the world", ["nowhere.example"], [/status: NXDOMAIN/]],
      [
        "many addresses: truncated, then over TCP",
        ["+noedns", "farm.tapnet.internal"],
        [/Truncated, retrying in TCP mode/, /ANSWER: 60/],
      ],
      ["many addresses of the world", ["+bufsize=512", "many.example"], [/Truncated, retrying in TCP mode/, /ANSWER: 60/]],
      ["ANY", ["+notcp", "ANY", "world.example"], [/HINFO "RFC8482"/]],
      ["no recursion", ["+norecurse", "unheard.example"], [/status: REFUSED/, /EDE: 20/]],
      ["another opcode", ["+header-only", "+opcode=15", "+noedns"], [/status: NOTIMP/]],
      ["the class CH", ["CH", "TXT", "version.bind"], [/status: REFUSED/]],
      ["a zone transfer", ["AXFR", "tapnet.internal"], [/Transfer failed/]],
      [
        "a cookie of its own",
        ["+cookie=0102030405060708", "web1.tapnet.internal"],
        [/COOKIE: 0102030405060708[0-9a-f]{32} \(good\)/],
      ],
      ["the root", ["NS", "."], [/status: NXDOMAIN/]],
    ];
    for (const [name, words, expected] of rows) {
      test(name, async () => {
        const output = tabs(await site.dig(...words));
        for (const pattern of expected) assert.match(output, pattern);
        assert.doesNotMatch(output, /malformed|extra bytes|WARNING/i);
      });
    }
  });

  test("host", needs(command("host", "bind9-host")), async () => {
    const output = await site.resolve("host", "web1");
    assert.match(output, /web1\.tapnet\.internal has address 10\.77\.0\.10/);
    assert.match(output, /web1\.tapnet\.internal has IPv6 address fd00:77::10/);
    assert.match(await site.resolve("host", "10.77.0.10"), /domain name pointer web1\.tapnet\.internal\./);
    assert.match(await site.resolve("host", "nobody.tapnet.internal"), /not found: 3\(NXDOMAIN\)/);
  });

  test("nslookup", needs(command("nslookup", "bind9-dnsutils")), async () => {
    assert.match(
      tabs(await site.resolve("nslookup", "alias")),
      /alias\.tapnet\.internal canonical name = web1\.tapnet\.internal\./,
    );
    assert.match(await site.resolve("nslookup", "nobody"), /NXDOMAIN/);
  });

  test("busybox nslookup", needs(command("busybox")), async () => {
    const output = await site.resolve("busybox", "nslookup", "web1.tapnet.internal");
    assert.match(output, /Address: *10\.77\.0\.10/);
    assert.match(output, /Address: *fd00:77::10/);
    assert.match(await site.resolve("busybox", "nslookup", "nobody.tapnet.internal"), /NXDOMAIN/);
  });

  test("glibc", needs(command("getent")), async () => {
    assert.match(tabs(await site.resolve("getent", "ahostsv4", "web1")), /^10\.77\.0\.10 STREAM web1\.tapnet\.internal/);
    assert.match(tabs(await site.resolve("getent", "ahosts", "web1")), /fd00:77::10 STREAM/);
    assert.match(tabs(await site.resolve("getent", "hosts", "10.77.0.10")), /^10\.77\.0\.10 web1\.tapnet\.internal/);
    assert.equal(await site.resolve("getent", "ahosts", "nobody.tapnet.internal"), "");
    assert.equal((await site.resolve("getent", "ahostsv4", "many.example")).match(/STREAM/g)?.length, 60);
  });

  test("musl", needs(command("musl-gcc", "musl-tools")), async () => {
    const program = await muslResolver(site.lab.folder);
    for (const name of ["web1", "web1.tapnet.internal", "alias"])
      assert.match(await site.resolve(program, name), /^10\.77\.0\.10$/m, name);
    assert.match(await site.resolve(program, "world.example"), /^198\.51\.100\.1$/m);
    assert.match(await site.resolve(program, "nobody.tapnet.internal"), /^error -2$/m);
    // It never asks over TCP, and takes what a truncated answer has.
    assert.ok((await site.resolve(program, "many.example")).trim().split("\n").length >= 20);
  });
});
