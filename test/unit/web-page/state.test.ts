import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import type { EventView, GuestView, StatusView } from "../../../src/control/views.js";
import { formatCount, formatFrequency, formatRate, formatShare, words } from "../../../src/web/page/parts/texts.js";
import { findEvents } from "../../../src/web/page/state/events.js";
import {
  findGuests,
  matches,
  PAGE_ROWS,
  pageOf,
  type Rates,
  replaceGuests,
  type TablePage,
  type TableState,
} from "../../../src/web/page/state/guest-table.js";
import { splitFragment } from "../../../src/web/page/state/key.js";
import { cacheShare, pulse, takeStatus } from "../../../src/web/page/state/pulse.js";
import { rateOf, Series } from "../../../src/web/page/state/rates.js";
import { formatRoute, parseRoute } from "../../../src/web/page/state/route.js";
import { MessageReader } from "../../../src/web/page/state/sse.js";
import { dropped, ratesOf, takeTraffic, trafficOf } from "../../../src/web/page/state/traffic.js";
import { guest } from "./views.js";

const START: TableState = { search: "", network: "", sort: "name", descending: false, page: 0 };
const still = (): readonly [number, number] => [0, 0];

function tablePage(all: readonly GuestView[], state: TableState, rates: Rates): TablePage {
  return pageOf(findGuests(all, state, rates), state);
}

describe("rates", () => {
  const at = (atMs: number, ...counts: number[]) => ({ atMs, counts });

  test("are differences by time", () => {
    assert.equal(rateOf(undefined, at(1000, 5)), undefined);
    assert.deepEqual(rateOf(at(1000, 5, 0), at(3000, 9, 1)), [2, 0.5]);
    assert.equal(rateOf(at(1000, 5), at(1000, 9)), undefined, "no time has passed");
    assert.equal(rateOf(at(1000, 5, 5), at(2000, 6, 4)), undefined, "an interface that was made anew");
    assert.deepEqual(rateOf(at(0, 0), at(1000, 2 ** 52)), [2 ** 52]);
  });

  test("make a series that forgets the oldest, and is not disturbed by a sample that is no later", () => {
    const series = new Series(1, 3);
    assert.equal(series.latest, undefined);
    for (const [second, count] of [0, 10, 30, 60, 100].entries()) {
      series.add(at(second * 1000, count));
      series.add(at(second * 1000, 1_000_000));
      series.add(at(second * 1000 + 400, 1_000_000));
    }
    assert.deepEqual(series.times, [2, 3, 4]);
    assert.deepEqual(series.values, [[20, 30, 40]]);
    assert.deepEqual(series.latest, [40]);
    series.add(at(5000, 0));
    assert.deepEqual(series.latest, [40], "counters that began anew give no rate");
    series.add(at(6000, 7));
    assert.deepEqual(series.latest, [7]);
  });
});

describe("traffic", () => {
  const view = (atMs: number, name: string, bytes: number) => ({
    at: new Date(atMs).toISOString(),
    guests: [
      { guest: name, network: "default", sent: { packets: 1, bytes }, received: { packets: 1, bytes: 2 * bytes }, spoofed: 3 },
    ],
    dropped: { spoofed: 3 },
  });

  it("becomes rates, a guest at a time", () => {
    takeTraffic(view(10_000, "web1", 1000));
    assert.deepEqual(ratesOf("web1", "default"), [0, 0]);
    takeTraffic(view(12_000, "web1", 3000));
    assert.deepEqual(ratesOf("web1", "default"), [1000, 2000]);
    assert.deepEqual(ratesOf("web1", "other"), [0, 0]);
    assert.equal(trafficOf("web1", "default")?.now.spoofed, 3);
    assert.deepEqual(dropped.value, { spoofed: 3 });
  });

  it("begins anew after a pause: a rate over minutes says nothing of now", () => {
    takeTraffic(view(200_000, "web1", 900_000));
    assert.equal(trafficOf("web1", "default")?.series.latest, undefined);
  });

  it("is kept of those that were looked at last", () => {
    takeTraffic(view(100_000, "first", 1));
    for (let count = 0; count < 400; count++) takeTraffic(view(100_000, `other${count}`, 1));
    assert.equal(trafficOf("first", "default"), undefined);
    assert.ok(trafficOf("other399", "default"));
  });
});

describe("the pulse of the daemon", () => {
  const status = (startedAt: string, questions: number): StatusView => ({
    version: "0.1.0",
    pid: 1,
    startedAt,
    configuration: "",
    rootless: false,
    networks: 1,
    guests: { attached: 0, configured: 0 },
    leases: { bound: 0, declined: 0 },
    warnings: [],
    counters: { dns: { questions, local: questions / 2, cached: questions / 4 }, dhcp4: { discover: 1 } },
  });

  test("is questions, those answered from here, and DHCP, in a second", () => {
    takeStatus(status("one", 0), 1000);
    takeStatus(status("one", 80), 3000);
    assert.deepEqual(pulse().latest, [40, 30, 0]);
  });

  test("begins anew with another daemon", () => {
    takeStatus(status("two", 1000), 5000);
    assert.equal(pulse().latest, undefined);
  });

  test("has a share of the cache where there was something to share", () => {
    assert.equal(cacheShare({}), undefined);
    assert.equal(cacheShare({ cached: 2, stale: 1, forwarded: 1 }), 0.75);
  });
});

describe("the table of guests", () => {
  const names = ["web10", "web2", "db1", "web1"];
  const all = names.map((name, index) => guest({ name, network: index < 2 ? "default" : "lab", ipv4: [`10.0.0.${10 - index}`] }));
  const shown = (state: Partial<TableState>, guests: readonly GuestView[] = all): string[] =>
    tablePage(guests, { ...START, ...state }, still).rows.map(({ name }) => name);

  it("sorts names as people do, either way", () => {
    assert.deepEqual(shown({}), ["db1", "web1", "web2", "web10"]);
    assert.deepEqual(shown({ descending: true }), ["web10", "web2", "web1", "db1"]);
    assert.deepEqual(shown({ sort: "network" }), ["web2", "web10", "db1", "web1"]);
    assert.deepEqual(shown({ sort: "address" }), ["web1", "db1", "web2", "web10"]);
    assert.deepEqual(shown({ sort: "address" }, [guest({ name: "none", ipv4: [] }), ...all]).at(-1), "none");
  });

  it("sorts by rate, the names within what is equal", () => {
    const rates = (name: string): readonly [number, number] => (name === "db1" ? [5, 1] : name === "web2" ? [1, 5] : [0, 0]);
    const by = (sort: "sent" | "received"): string[] =>
      tablePage(all, { ...START, sort, descending: true }, rates).rows.map(({ name }) => name);
    assert.deepEqual(by("sent"), ["db1", "web2", "web1", "web10"]);
    assert.deepEqual(by("received"), ["web2", "db1", "web1", "web10"]);
  });

  it("finds by every word, in whatever is shown", () => {
    const one = guest({ name: "web1", mac: "52:54:00:aa:bb:cc", ipv6: ["fd00::1"], names: ["www.lan"], public: ["203.0.113.9"] });
    for (const text of ["web", "WEB1 attached", "aa:bb", "fd00 www", "203.0.113.9", "tn-", "  "])
      assert.ok(matches(one, text, ""), text);
    for (const text of ["db", "web1 db", "10.0.0.99"]) assert.ok(!matches(one, text, ""), text);
    assert.ok(!matches(one, "web", "lab"));
  });

  it("has fifty rows a page, and none beyond the last page, of five thousand guests", () => {
    const many = Array.from({ length: 5000 }, (_, index) => guest({ name: `n${index}` }));
    const page = tablePage(many, { ...START, page: 3 }, still);
    assert.equal(page.rows.length, PAGE_ROWS);
    assert.equal(page.rows[0].name, "n150");
    assert.deepEqual([page.total, page.pages], [5000, 100]);
    const beyond = tablePage(many, { ...START, search: "n499", page: 80 }, still);
    assert.deepEqual([beyond.page, beyond.rows.length], [0, 11]);
    assert.deepEqual(tablePage([], START, still), { rows: [], total: 0, page: 0, pages: 1 });
  });

  it("takes single guests in the place of what was known of them", () => {
    const fresh = [guest({ name: "web2", network: "lab" })];
    const after = replaceGuests(all, new Set(["web2", "db1"]), fresh);
    assert.deepEqual(after.map(({ name, network }) => `${name} ${network}`).sort(), ["web1 lab", "web10 default", "web2 lab"]);
  });
});

describe("the stream of events", () => {
  it("is read however it is cut", () => {
    const text =
      ': hello\n\nevent: state\ndata: {"daemon":"there"}\n\nid: 7\ndata: one\ndata: two\n\nid: 8\ndata:three\n\nevent: nothing\n\n';
    const wanted = [
      { event: "state", data: '{"daemon":"there"}', id: "" },
      { event: "message", data: "one\ntwo", id: "7" },
      { event: "message", data: "three", id: "8" },
    ];
    for (const size of [1, 2, 3, 7, 1000]) {
      const reader = new MessageReader();
      const messages = [];
      for (let at = 0; at < text.length; at += size) messages.push(...reader.read(text.slice(at, at + size)));
      assert.deepEqual(messages, wanted, `${size} at a time`);
    }
  });

  it("is searched by kind and by words", () => {
    const event = (kind: string, message: string): EventView => ({ at: "", kind, network: null, guest: null, message });
    const all = [event("lease.bound", "10.0.0.1 to web1"), event("lease.ended", "10.0.0.1"), event("leaser", "web1")];
    assert.equal(findEvents(all, "", "").length, 3);
    assert.equal(findEvents(all, "lease", "").length, 2);
    assert.equal(findEvents(all, "lease.bound", "").length, 1);
    assert.equal(findEvents(all, "", "WEB1 lease").length, 2);
    assert.equal(findEvents(all, "lease", "nobody").length, 0);
  });
});

describe("the address bar", () => {
  test("says the view there and back", () => {
    for (const what of ["web1", "a/b ü?#", "%"]) {
      assert.deepEqual(parseRoute(formatRoute("guests", what, { network: "a&b", empty: "" })), {
        view: "guests",
        what,
        query: { network: "a&b" },
      });
    }
    assert.equal(formatRoute("overview"), "#/");
    for (const text of ["", "#", "#/", "#/nowhere", "#/../etc"]) assert.equal(parseRoute(text).view, "overview", text);
    assert.equal(parseRoute("#/guests/%zz").what, "%zz");
    assert.equal(parseRoute("#/guests/").what, undefined);
  });

  test("gives up the key", () => {
    assert.deepEqual(splitFragment("#key=abc-_1"), { key: "abc-_1", rest: "" });
    assert.deepEqual(splitFragment("#key=abc#/guests"), { key: "abc", rest: "#/guests" });
    assert.deepEqual(splitFragment("#/guests"), { key: undefined, rest: "#/guests" });
    assert.deepEqual(splitFragment(""), { key: undefined, rest: "" });
  });
});

test("numbers as people read them", () => {
  assert.deepEqual([undefined, 0, 999.6, 1234, 1.5e9].map(formatRate), ["–", "0 B/s", "1.0 kB/s", "1.2 kB/s", "1.5 GB/s"]);
  assert.deepEqual([undefined, 0, 0.04, 9.94, 12_345.6].map(formatFrequency), ["–", "0", "0.0", "9.9", "12,346"]);
  assert.deepEqual([undefined, 0, 0.746].map(formatShare), ["–", "0 %", "75 %"]);
  assert.equal(formatCount(1_234_567), "1,234,567");
  assert.deepEqual(["rate-limited", "over_limit", "openQuestions"].map(words), ["rate limited", "over limit", "open questions"]);
});
