/** How the list of guests is kept fresh, against a server that answers when the test says. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import type { EventView, GuestView } from "../../../src/control/views.js";
import { guests, loadGuests, noteGuestEvent } from "../../../src/web/page/state/guests.js";
import { guest } from "./views.js";

const GATHERED_MS = 260;

let there: GuestView[] = [];
let asked: string[] = [];

function answer(path: string): Response {
  asked.push(path);
  const names = new URL(path, "http://localhost").searchParams.getAll("guest");
  return Response.json(names.length === 0 ? there : there.filter(({ name }) => names.includes(name)));
}

function happen(name: string, kind = "guest.attached"): void {
  const event: EventView = { at: "", kind, network: "default", guest: name, message: "" };
  noteGuestEvent(event);
}

/** Lets time pass, and what is on its way arrive. */
async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

const shown = (): string[] => (guests.value ?? []).map(({ name, state }) => `${name} ${state}`).sort();

describe("the list of guests", () => {
  beforeEach(async () => {
    mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000_000 });
    mock.method(globalThis, "fetch", async (path: string) => answer(path));
    there = [guest({ name: "web1" }), guest({ name: "db1" })];
    await loadGuests();
    asked = [];
  });
  afterEach(() => {
    mock.timers.reset();
    mock.restoreAll();
    guests.value = undefined;
  });

  it("reads anew only the guests that something has happened to, together", async () => {
    there = [guest({ name: "web1", state: "configured" }), guest({ name: "new" }), guest({ name: "db1" })];
    happen("web1", "guest.detached");
    happen("new");
    happen("new", "lease.bound");
    await pass(GATHERED_MS);
    assert.deepEqual(asked, ["/v1/guests?guest=web1&guest=new"]);
    assert.deepEqual(shown(), ["db1 attached", "new attached", "web1 configured"]);
    there = [guest({ name: "db1" })];
    happen("new", "guest.detached");
    await pass(GATHERED_MS);
    assert.deepEqual(shown(), ["db1 attached", "web1 configured"]);
  });

  it("has nobody twice when all are read between an event and its reading", async () => {
    happen("web1");
    await loadGuests();
    await pass(GATHERED_MS);
    assert.deepEqual(shown(), ["db1 attached", "web1 attached"]);
    assert.deepEqual(asked, ["/v1/guests"]);
  });

  it("reads in turn, so that what comes last is the newest", async () => {
    let release = (): void => undefined;
    mock.restoreAll();
    mock.method(globalThis, "fetch", async (path: string) => {
      const now = answer(path);
      if (asked.length === 1) await new Promise<void>((resolve) => (release = resolve));
      return now;
    });
    const all = loadGuests();
    await pass(0);
    there = [guest({ name: "web1", state: "configured" }), guest({ name: "db1" })];
    happen("web1", "guest.detached");
    await pass(GATHERED_MS);
    assert.equal(asked.length, 1, "the second waits for the first");
    release();
    await all;
    await pass(0);
    assert.deepEqual(shown(), ["db1 attached", "web1 configured"]);
  });

  it("reads all when many change at a time, and not again for ten seconds", async () => {
    const swarm = (): void => {
      for (let count = 0; count < 50; count++) happen(`n${count}`);
    };
    await pass(10_000);
    for (let second = 0; second < 9; second++) {
      swarm();
      await pass(1000);
    }
    assert.deepEqual(asked, ["/v1/guests"]);
    await pass(2000);
    await pass(2000);
    assert.deepEqual(asked, ["/v1/guests", "/v1/guests"]);
  });

  it("goes on after a failure", async () => {
    mock.restoreAll();
    const failing = mock.method(globalThis, "fetch", async () => {
      throw new TypeError("network error");
    });
    happen("web1");
    await pass(GATHERED_MS);
    assert.equal(failing.mock.callCount(), 1);
    mock.restoreAll();
    mock.method(globalThis, "fetch", async (path: string) => answer(path));
    there = [guest({ name: "web1", state: "configured" })];
    await loadGuests();
    assert.deepEqual(shown(), ["web1 configured"]);
  });
});
