import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LinkBudget } from "../../../src/frame/budget.js";
import { LinkTable } from "../../../src/frame/link-table.js";
import { ipv6Of, PORT, PORT_LINK_LOCAL } from "../../support/frames.js";
import { viewOf } from "../../support/pieces.js";

describe("the table of links", () => {
  test("hands out the lowest slots again", () => {
    const links = new LinkTable();
    for (let count = 0; count < 200; count++) links.set({ ...PORT, slot: links.freeSlot(), ifindex: count });
    assert.equal(links.freeSlot(), 200);
    links.delete(70);
    links.delete(3);
    links.delete(3);
    const again = [links.freeSlot()];
    links.set({ ...PORT, slot: again[0] });
    again.push(links.freeSlot());
    links.set({ ...PORT, slot: again[1] });
    assert.deepEqual(
      again.toSorted((a, b) => a - b),
      [3, 70],
    );
    assert.equal(links.freeSlot(), 200);
    assert.equal([...links].length, 200);
    assert.equal(links.at(199)?.ifindex, 199);
  });

  test("slots may be set out of order, and a link replaced", () => {
    const links = new LinkTable();
    links.set({ ...PORT, slot: 5 });
    assert.deepEqual([links.slots, links.at(4), links.freeSlot() < 5], [6, undefined, true]);
    links.set({ ...PORT, slot: 5, guest: "web2" });
    assert.equal(links.at(5)?.guest, "web2");
  });

  test("knows our IPv6 addresses as bytes", () => {
    const links = new LinkTable();
    const linkLocalIpv6 = PORT_LINK_LOCAL + 5n;
    links.set(PORT);
    links.set({ ...PORT, slot: 1, gatewayIpv6: 0n, linkLocalIpv6 });
    const bytes = new Uint8Array(20);
    const copied = (slot: number): bigint[] => {
      const target = new Uint8Array(16);
      links.copyGatewayIpv6(slot, target);
      const gateway = ipv6Of(target);
      links.copyLinkLocalIpv6(slot, target);
      return [gateway, ipv6Of(target)];
    };
    assert.deepEqual(copied(0), [PORT.gatewayIpv6, PORT_LINK_LOCAL]);
    assert.deepEqual(copied(1), [linkLocalIpv6, linkLocalIpv6]);
    links.copyGatewayIpv6(0, bytes);
    assert.ok(links.isGatewayIpv6(0, viewOf(bytes), 0) && !links.isLinkLocalIpv6(0, viewOf(bytes), 0));
    assert.ok(!links.isGatewayIpv6(0, viewOf(bytes), 1));
    assert.ok(!links.isGatewayIpv6(1, viewOf(new Uint8Array(16)), 0));
  });
});

describe("a budget", () => {
  test("gives a burst, then its rate, and never more than a burst after a pause", () => {
    const budget = new LinkBudget({ burst: 3, perSecond: 10 });
    const taken = (nowMs: number, asked: number): number => {
      let count = 0;
      for (let index = 0; index < asked; index++) if (budget.take(9, nowMs)) count++;
      return count;
    };
    assert.deepEqual([taken(1000, 5), taken(1050, 5), taken(1100, 5), taken(1300, 5), taken(99_000, 50)], [3, 0, 1, 2, 3]);
  });

  test("is each link's own", () => {
    const budget = new LinkBudget({ burst: 1, perSecond: 1 });
    assert.deepEqual(
      [0, 0, 1, 5000, 1, 0].map((slot) => budget.take(slot, 10)),
      [true, false, true, true, false, false],
    );
    budget.reset(0);
    assert.ok(budget.take(0, 10));
  });
});
