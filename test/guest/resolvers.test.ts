/** The resolvers that guests have, in a real guest: those of glibc and musl, systemd-resolved, and the programs that ask by hand. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { bootGuest, type Guest } from "../support/guest.js";
import { guestPrograms } from "../support/guest-programs.js";
import { Lab } from "../support/lab.js";
import { muslResolver } from "../support/musl-resolver.js";
import { command, needs, nft, qemu, root, tap } from "../support/needs.js";
import { hook } from "../support/paths.js";
import { makeSite } from "../support/site.js";
import { unpacked, unpackedProgram } from "../support/unpacked.js";

const CONFIGURATION = `
networks:
  default: { kind: nat, ipv4: 10.77.0.0/24, ipv6: "fd00:77::/64" }
guests:
  web1: { mac: "52:54:00:00:00:10", ipv4: 10.77.0.10, names: [www] }
  db1: { mac: "52:54:00:00:00:11", ipv4: 10.77.0.11 }
`;
const RESOLVED = "lib/systemd/systemd-resolved";
const NAMES = ["web1", "web1.tapnet.internal", "www.tapnet.internal"];

describe(
  "a real guest's resolvers",
  needs(
    ...[root, tap, nft, qemu, command("dig", "bind9-dnsutils"), command("host", "bind9-host"), command("cpio")],
    ...[command("musl-gcc", "musl-tools"), unpackedProgram(RESOLVED, "--version")],
  ),
  () => {
    const lab = new Lab({ after });
    let guest: Guest;

    before(async () => {
      const { host } = await makeSite(lab, CONFIGURATION);
      const programs = Object.fromEntries(
        ["dig", "host", "nslookup", "getent"].map((name) => [`usr/bin/${name}`, `/usr/bin/${name}`]),
      );
      const initrd = await guestPrograms(lab, {
        programs: { ...programs, "usr/bin/musl-resolve": await muslResolver(lab.folder), [RESOLVED]: unpacked(RESOLVED) },
        files: {
          "etc/nsswitch.conf": "hosts: files dns\n",
          "etc/hosts": "127.0.0.1 localhost\n",
          "etc/passwd": "root:x:0:0::/root:/bin/sh\nsystemd-resolve:x:996:996::/:/bin/false\n",
          "etc/group": "root:x:0:\nsystemd-resolve:x:996:\n",
        },
      });
      const netdev = `tap,ifname=tn-web1,script=${hook("qemu-ifup")},downscript=${hook("qemu-ifdown")}`;
      guest = await bootGuest(host, { name: "web1", nics: [{ netdev, mac: "52:54:00:00:00:10" }], initrd, memoryMb: 640 });
      await guest.lease();
    });

    test("glibc: getent", async () => {
      for (const name of NAMES)
        assert.match(await guest.must(`/usr/bin/getent ahostsv4 ${name}`), /^10\.77\.0\.10 +STREAM/, name);
      assert.match(await guest.must("/usr/bin/getent hosts 10.77.0.10"), /web1\.tapnet\.internal/);
      assert.match(await guest.must("/usr/bin/getent ahostsv4 world.example"), /^198\.51\.100\.1 /);
      assert.equal((await guest.run("/usr/bin/getent hosts nobody.tapnet.internal")).status, 2);
      assert.equal((await guest.must("/usr/bin/getent ahostsv4 many.example")).match(/STREAM/g)?.length, 60);
    });

    test("musl", async () => {
      for (const name of NAMES) assert.match(await guest.must(`/usr/bin/musl-resolve ${name}`), /^10\.77\.0\.10$/m, name);
      assert.match(await guest.must("/usr/bin/musl-resolve world.example"), /^198\.51\.100\.1$/m);
      assert.match((await guest.run("/usr/bin/musl-resolve nobody.tapnet.internal")).stdout, /^error -2$/m);
    });

    test("busybox: nslookup and ping", async () => {
      assert.match(await guest.must("busybox nslookup -type=a www.tapnet.internal"), /^Address: *10\.77\.0\.10$/m);
      assert.match(await guest.must("busybox ping -c 1 gateway.tapnet.internal"), /1 packets received/);
    });

    test("dig: EDNS, TCP, without EDNS, and more than a datagram holds", async () => {
      const short = async (words: string) => (await guest.must(`/usr/bin/dig +short +tries=1 ${words}`)).trim();
      for (const words of ["", "+edns=0", "+noedns", "+tcp", "+tcp +edns=0 +dnssec", "+cookie +bufsize=512"])
        assert.equal(await short(`${words} web1.tapnet.internal`), "10.77.0.10", words);
      assert.equal(await short("-x 10.77.0.10"), "web1.tapnet.internal.");
      assert.match(
        await guest.must("/usr/bin/dig +tries=1 +bufsize=512 many.example"),
        /Truncated, retrying in TCP mode[\s\S]*ANSWER: 60/,
      );
      assert.match(await guest.must("/usr/bin/dig +tries=1 web9.tapnet.internal"), /status: NXDOMAIN/);
    });

    test("host", async () => {
      assert.match(await guest.must("/usr/bin/host web1"), /web1\.tapnet\.internal has address 10\.77\.0\.10/);
      assert.match(await guest.must("/usr/bin/host 10.77.0.10"), /domain name pointer web1\.tapnet\.internal\./);
      assert.match((await guest.run("/usr/bin/host web9.tapnet.internal")).stdout, /not found: 3\(NXDOMAIN\)/);
    });

    test("nslookup", async () => {
      assert.match(
        await guest.must("/usr/bin/nslookup www.tapnet.internal"),
        /Name:\s+www\.tapnet\.internal\s+Address: 10\.77\.0\.10/,
      );
      assert.match((await guest.run("/usr/bin/nslookup web9.tapnet.internal")).stdout, /NXDOMAIN/);
    });

    test("systemd-resolved, which asks the gateway", async () => {
      await guest.must(
        "mkdir -p /run/systemd/resolve; chown 996:996 /run/systemd/resolve; ip link set lo up; (/lib/systemd/systemd-resolved >/tmp/resolved 2>&1 &) ; " +
          "for i in 1 2 3 4 5 6 7 8 9 10; do /usr/bin/dig +short +time=2 +tries=1 @127.0.0.53 web1.tapnet.internal | grep -q . && break; sleep 1; done",
      );
      const ask = async (words: string) => (await guest.must(`/usr/bin/dig +short +time=5 +tries=1 @127.0.0.53 ${words}`)).trim();
      assert.equal(await ask("web1.tapnet.internal"), "10.77.0.10");
      assert.equal(await ask("-x 10.77.0.10"), "web1.tapnet.internal.");
      assert.equal(await ask("world.example"), "198.51.100.1");
      assert.match(await guest.must("/usr/bin/dig +time=5 +tries=1 @127.0.0.53 web9.tapnet.internal"), /status: NXDOMAIN/);
    });
  },
);
