import assert from "node:assert/strict";
import { afterEach, describe, it, test } from "node:test";
import { renderToString } from "preact-render-to-string";
import { TroubleBanner } from "../../../src/web/page/app.js";
import { NoticeBar } from "../../../src/web/page/parts/dialog.js";
import { Bar, Facts } from "../../../src/web/page/parts/pieces.js";
import { Sparkline, sparkPoints } from "../../../src/web/page/parts/sparkline.js";
import { Pager, Table } from "../../../src/web/page/parts/table.js";
import { noteFailure, session, trouble } from "../../../src/web/page/state/api.js";
import { notice } from "../../../src/web/page/state/asking.js";
import { events } from "../../../src/web/page/state/events.js";
import { guests } from "../../../src/web/page/state/guests.js";
import { forwards, networks } from "../../../src/web/page/state/lists.js";
import { takeTraffic } from "../../../src/web/page/state/traffic.js";
import { Answer, Counters } from "../../../src/web/page/views/dns.js";
import { EventLines, waitingSince } from "../../../src/web/page/views/events.js";
import { ForwardsPage } from "../../../src/web/page/views/forwards.js";
import { GuestPage } from "../../../src/web/page/views/guest.js";
import { describeLink, settingsOf } from "../../../src/web/page/views/guest-facts.js";
import { GuestsPage } from "../../../src/web/page/views/guests.js";
import { findLeases, historyPath, LeaseTable } from "../../../src/web/page/views/leases.js";
import { NetworkCard } from "../../../src/web/page/views/networks.js";
import { Overview } from "../../../src/web/page/views/overview.js";
import { guest, NETWORK } from "./views.js";

const HOSTILE = `<img src=x onerror="alert(1)">`;
const SESSION = { version: "0.1.0", host: "here", readOnly: false, qemu: "-netdev tap,ifname=tn-web1" };
const LEASE = {
  network: "default",
  address: "10.77.0.10",
  state: "bound",
  identity: "guest:web1",
  mac: "52:54:00:00:00:01",
  clientId: null,
  hostname: HOSTILE,
  boundAt: null,
  renewedAt: null,
  expiresAt: null,
} as const;

afterEach(() => {
  session.value = undefined;
  trouble.value = undefined;
  notice.value = undefined;
  guests.value = undefined;
  networks.value.value = undefined;
  forwards.value.value = undefined;
  events.value = [];
});

/** What is written, without the elements. */
function textOf(html: string): string {
  return html.replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ");
}

describe("the list of guests", () => {
  it("says how the first guest comes", () => {
    session.value = SESSION;
    guests.value = [];
    const text = textOf(renderToString(<GuestsPage />));
    assert.match(text, /No guests yet\. .* -netdev tap,ifname=tn-web1/);
  });

  it("waits while nothing is known", () => {
    assert.match(renderToString(<GuestsPage />), /role="status" aria-label="loading"/);
  });

  it("has fifty rows of five thousand", () => {
    guests.value = Array.from({ length: 5000 }, (_, index) => guest({ name: `n${index}` }));
    const html = renderToString(<GuestsPage />);
    assert.equal(html.match(/<tr>/g)?.length, 51);
    assert.match(textOf(html), /5,000 guests .* 1 of 100/);
    assert.match(html, /aria-sort="ascending"/);
  });

  it("shows rates when there are two samples, and a dash for whoever is not here", () => {
    guests.value = [
      guest({ name: "web1", sent: { packets: 1, bytes: 5 }, received: { packets: 1, bytes: 5 } }),
      guest({ name: "away", state: "configured" }),
    ];
    for (const [atMs, bytes] of [
      [1000, 0],
      [2000, 1_200_000],
    ]) {
      const counts = { packets: 1, bytes };
      const traffic = { guest: "web1", network: "default", sent: counts, received: counts, spoofed: 12 };
      takeTraffic({ at: new Date(atMs).toISOString(), guests: [traffic], dropped: {} });
    }
    const text = textOf(renderToString(<GuestsPage />));
    assert.match(text, /web1 .*1\.2 MB\/s/);
    assert.match(text, /away .* configured .* tn-away – – –/);
  });

  it("takes for text what guests have chosen", () => {
    guests.value = [guest({ name: HOSTILE, names: [HOSTILE], mac: HOSTILE })];
    for (const html of [renderToString(<GuestsPage />), renderToString(<GuestPage name={HOSTILE} />)]) {
      assert.doesNotMatch(html, /<img/);
      assert.match(html, /&lt;img/);
    }
  });
});

describe("the view of a guest", () => {
  it("says that there is none", () => {
    guests.value = [];
    assert.match(textOf(renderToString(<GuestPage name="nobody" />)), /There is no guest nobody\./);
  });

  it("offers changes, but not to a page that is only to look at", () => {
    guests.value = [guest({ name: "web1", attachedAt: "2025-01-31T12:00:00.000Z" })];
    forwards.value.value = [];
    session.value = SESSION;
    assert.match(renderToString(<GuestPage name="web1" />), />Detach</);
    session.value = { ...SESSION, readOnly: true };
    const html = renderToString(<GuestPage name="web1" />);
    assert.doesNotMatch(html, /Detach|<form|Log its DNS/);
  });

  it("has each interface of a guest with several", () => {
    guests.value = [guest({ name: "web1" }), guest({ name: "web1", network: "back", ifname: "tn-web1.2" })];
    assert.match(textOf(renderToString(<GuestPage name="web1" />)), /default .* tn-web1 back .* tn-web1\.2/);
  });

  it("has what the configuration says of it", () => {
    const configuration = {
      guests: {
        web1: { network: "default", ipv4: "10.77.0.10", limit: { up: "200mbit" }, forwards: ["80:80/tcp", "443:443/tcp"] },
      },
    };
    assert.deepEqual(settingsOf(configuration, "web1"), [
      ["ipv4", "10.77.0.10"],
      ["limit.up", "200mbit"],
      ["forwards", "80:80/tcp 443:443/tcp"],
    ]);
    assert.deepEqual(settingsOf(configuration, "toString"), []);
    assert.deepEqual(settingsOf({}, "web1"), []);
  });

  it("says what of its link makes it fast", () => {
    const link = {
      guest: "web1",
      network: "default",
      ifname: "tn-web1",
      mtu: 1500,
      queues: 1,
      queuesWanted: 4,
      multiQueue: true,
    };
    const tap = { ...link, vnetHeader: true, offloads: ["checksum", "tso4"], persistent: false, socket: null };
    assert.deepEqual(describeLink(tap), [
      ["MTU", "1500"],
      ["queues", "1 of 4"],
      ["offloads", "checksum, tso4"],
    ]);
    assert.match(describeLink({ ...tap, vnetHeader: false })[2][1], /no vnet_hdr/);
    assert.match(describeLink({ ...tap, socket: { kind: "dgram", path: "/run/s" } })[1][1], /dgram at \/run\/s/);
  });
});

describe("leases", () => {
  it("are found by every word", () => {
    const other = { ...LEASE, address: "10.77.0.11", identity: "mac:02:00:00:00:00:01", hostname: null };
    assert.equal(findLeases([LEASE, other], "").length, 2);
    assert.deepEqual(findLeases([LEASE, other], "10.77 GUEST"), [LEASE]);
  });

  it("lead to their guest, and can be ended by whoever may", () => {
    session.value = SESSION;
    const html = renderToString(<LeaseTable leases={[LEASE]} empty="none" onChange={() => undefined} />);
    assert.match(html, /href="#\/guests\/web1"/);
    assert.match(html, />end</);
    assert.doesNotMatch(html, /<img/);
    session.value = { ...SESSION, readOnly: true };
    assert.doesNotMatch(renderToString(<LeaseTable leases={[LEASE]} empty="none" onChange={() => undefined} />), />end</);
    assert.match(renderToString(<LeaseTable leases={[]} empty="none at all" onChange={() => undefined} />), /none at all/);
  });

  test("whose they were is asked by address, guest and time", () => {
    assert.equal(historyPath("", ""), undefined);
    assert.equal(historyPath(" 10.77.0.10 ", ""), "/v1/leases/history?address=10.77.0.10");
    assert.equal(historyPath("fd00::1", ""), "/v1/leases/history?address=fd00%3A%3A1");
    assert.equal(historyPath("web1", ""), "/v1/leases/history?guest=web1");
    const at = new Date(2025, 0, 31, 12).toISOString();
    assert.equal(historyPath("", "2025-01-31T12:00:00"), `/v1/leases/history?at=${encodeURIComponent(at)}`);
  });
});

describe("the overview", () => {
  it("says what it does not know yet, and how the first guest comes", () => {
    session.value = SESSION;
    guests.value = [];
    networks.value.value = [NETWORK];
    const text = textOf(renderToString(<Overview />));
    assert.match(text, /Guests attached –/);
    assert.match(text, /No guests yet/);
    assert.match(text, /default nat .* 250 of 250/);
    assert.match(text, /Nothing has happened/);
  });
});

describe("forwards", () => {
  const forward = {
    guest: "web1",
    forward: "8080:80/tcp",
    protocol: "tcp",
    address: null,
    firstPort: 8080,
    lastPort: 8090,
  } as const;

  it("say where they lead, and only those that were added can be ended", () => {
    session.value = SESSION;
    forwards.value.value = [
      { ...forward, guestPort: 80, source: "configuration", ipv4: "10.77.0.10", ipv6: "fd00::1" },
      { ...forward, guestPort: 80, source: "live", forward: "9090:80/tcp", ipv4: null, ipv6: null },
    ];
    const html = renderToString(<ForwardsPage />);
    assert.match(textOf(html), /10\.77\.0\.10:80–90 \[fd00::1\]:80–90 .* nowhere yet/);
    assert.equal(html.match(/>end</g)?.length, 1);
  });
});

describe("events", () => {
  const event = { at: "2025-01-31T12:00:00.000Z", kind: "guest.attached", network: "default", guest: "web1" };

  it("lead to their guest, whose name is in the sentence", () => {
    const html = renderToString(
      <EventLines
        events={[
          { ...event, message: "web1 is attached" },
          { ...event, message: HOSTILE },
        ]}
      />,
    );
    assert.match(html, /<a href="#\/guests\/web1">web1<\/a> is attached/);
    assert.doesNotMatch(html, /<img/);
  });

  test("that came while it was paused are counted", () => {
    const [one, two, three] = ["1", "2", "3"].map((message) => ({ ...event, message }));
    assert.equal(waitingSince([three, two, one], [one]), 2);
    assert.equal(waitingSince([one], [one]), 0);
    assert.equal(waitingSince([two, one], []), 2);
    assert.equal(waitingSince([three], [one]), 1);
  });
});

test("a network that is full is seen and heard to be", () => {
  const html = renderToString(<NetworkCard network={NETWORK} />);
  assert.match(html, /class="bar bar-full" role="meter" aria-label="addresses of default" .*aria-valuetext="250 of 250"/);
  assert.match(textOf(html), /250 of 250 addresses leased, 0 free/);
  assert.match(renderToString(<Bar used={230} total={250} label="" />), /bar-high/);
  assert.doesNotMatch(renderToString(<Bar used={3} total={250} label="" />), /bar-(?:high|full)/);
  assert.doesNotMatch(renderToString(<Bar used={0} total={0} label="" />), /NaN|width/);
});

test("what is absent is left out of facts", () => {
  const text = textOf(
    renderToString(
      <Facts
        rows={[
          ["one", "1"],
          ["two", null],
          ["three", ""],
          ["four", undefined],
        ]}
      />,
    ),
  );
  assert.equal(text.trim(), "one 1");
});

test("a table without sorting has no buttons; pages have ends", () => {
  const columns = [{ title: "Name", sort: "name", cell: (row: string) => row }];
  assert.doesNotMatch(renderToString(<Table columns={columns} rows={["x"]} keyOf={(row) => row} caption="" />), /<button/);
  const pager = renderToString(<Pager page={0} pages={2} total={51} what="guest" onPage={() => undefined} />);
  assert.equal(pager.match(/disabled/g)?.length, 1);
  assert.doesNotMatch(renderToString(<Pager page={0} pages={1} total={3} what="guest" onPage={() => undefined} />), /<button/);
});

test("a sparkline ends at the right edge and stays inside", () => {
  assert.equal(sparkPoints([100, 130], [0, 10], 10, 60), "48.0,22.5 96.0,1.5");
  assert.equal(sparkPoints([0, 100, 120, 160], [1, 2, 3, 4], 4, 60), "0.0,12.0 32.0,6.8 96.0,1.5");
  assert.doesNotMatch(renderToString(<Sparkline times={[1]} lines={[{ name: "sent", values: [1] }]} />), /polyline/);
  assert.doesNotMatch(renderToString(<Sparkline times={[1, 2]} lines={[{ name: "sent", values: [0, 0] }]} />), /NaN/);
  const long = Array.from({ length: 3600 }, (_, index) => index);
  const html = renderToString(<Sparkline times={long} lines={[{ name: "sent", values: long }]} />);
  assert.ok(html.length < 2500, "only the last minute is drawn");
});

test("an answer of DNS says from where it is", () => {
  const view = { name: "x", type: "A", status: "NXDOMAIN", answers: [], from: "upstream", elapsedMs: 1.25 };
  assert.match(textOf(renderToString(<Answer view={view} />)), /NXDOMAIN 0 records from upstream in 1\.3 ms No records\./);
  const counters = textOf(renderToString(<Counters counts={{ questions: 0, refused: 0, timeouts: 2, names: 5 }} />));
  assert.equal(counters.trim(), "questions 0 timeouts 2");
});

test("what is wrong with the connection is said, and what is only refused is not", () => {
  noteFailure("LOST", "");
  assert.match(textOf(renderToString(<TroubleBanner />)), /Connection lost\. .* trying again/);
  noteFailure("ABSENT", "tapnetd is not running");
  assert.match(textOf(renderToString(<TroubleBanner />)), /tapnetd cannot be asked\. tapnetd is not running/);
  noteFailure("NO_KEY", "");
  assert.match(textOf(renderToString(<TroubleBanner />)), /needs its key/);
  noteFailure("NOT_FOUND", "no such guest");
  assert.equal(textOf(renderToString(<TroubleBanner />)).trim(), "");
  notice.value = { kind: "failed", text: HOSTILE };
  assert.doesNotMatch(renderToString(<NoticeBar />), /<img/);
});
