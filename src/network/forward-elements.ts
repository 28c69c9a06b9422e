import { type IpAddress, isLoopback } from "../base/kernel-objects.js";
import type { ElementPart } from "../base/set-element.js";
import type { PortForward } from "./model.js";
import { FORWARD_SETS } from "./ruleset/port-forwards.js";
import type { PlacedElement } from "./traffic.js";

/** Where a guest's forwards lead to; undefined where it has no address of that family. */
export interface ForwardTarget {
  readonly ipv4: number | undefined;
  readonly ipv6: bigint | undefined;
}

const PROTOCOL_NUMBER = { tcp: 6, udp: 17 } as const;

/**
 * What a guest's forwards and public addresses put into the packet filter: for each port and family where they lead, and what
 * hairpin takes.
 */
export function forwardElements(
  forwards: readonly PortForward[],
  publics: readonly IpAddress[],
  target: ForwardTarget,
): PlacedElement[] {
  const elements: PlacedElement[] = [];
  for (const address of [target.ipv4, target.ipv6]) {
    if (address === undefined) continue;
    const ofFamily = forwards.filter((forward) => leadsTo(forward, address));
    const whole = publics.filter((each) => typeof each === typeof address);
    if (ofFamily.length === 0 && whole.length === 0) continue;
    const { hairpin } = FORWARD_SETS[typeof address === "number" ? 4 : 6];
    elements.push({ set: hairpin, element: { key: [addressPart(address), addressPart(address)] } });
    for (const forward of ofFamily) elements.push(...portElements(forward, address));
    elements.push(...publicElements(whole, address));
  }
  return elements;
}

/** All of them lead to the guest; it speaks to the world from the first. */
function publicElements(publics: readonly IpAddress[], target: IpAddress): PlacedElement[] {
  const { publicIn, publicOut } = FORWARD_SETS[typeof target === "number" ? 4 : 6];
  const inward = publics.map((address) => ({
    set: publicIn,
    element: { key: [addressPart(address)], data: addressPart(target) },
  }));
  const outward = publics.slice(0, 1).map((address) => ({
    set: publicOut,
    element: { key: [addressPart(target)], data: addressPart(address) },
  }));
  return [...inward, ...outward];
}

/**
 * A forward from an address of the host goes to the guest's address of the same family, one from all of them to both. The
 * loopback leads to no guest here: where it is written, without root, it is that of the host outside.
 */
function leadsTo({ address }: PortForward, target: IpAddress): boolean {
  return address === undefined || (typeof address === typeof target && !isLoopback(address));
}

/** One element a port: they are looked up by hash, which costs the same with ten and with ten thousand; intervals do not. */
function* portElements(forward: PortForward, target: IpAddress): Generator<PlacedElement> {
  const { protocol, address, firstPort, lastPort, guestPort } = forward;
  const { at, any } = FORWARD_SETS[typeof target === "number" ? 4 : 6];
  const sets = address === undefined ? any : at;
  const before: ElementPart[] = address === undefined ? [] : [addressPart(address)];
  for (let port = firstPort; port <= lastPort; port++) {
    const key = [...before, { kind: "protocol", value: PROTOCOL_NUMBER[protocol] }, portPart(port)] as const;
    yield { set: sets.address, element: { key, data: addressPart(target) } };
    yield { set: sets.port, element: { key, data: portPart(guestPort + port - firstPort) } };
  }
}

function addressPart(value: IpAddress): ElementPart {
  return { kind: "address", value };
}

function portPart(value: number): ElementPart {
  return { kind: "port", value };
}
