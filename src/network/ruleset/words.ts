/** The words of libnftables-json(5) that our rules are made of. */

/** A value, something that is read from a packet, or a verdict. */
export type Word = string | number | object;

export const meta = (key: string): Word => ({ meta: { key } });
export const payload = (protocol: string, field: string): Word => ({ payload: { protocol, field } });
export const concat = (...parts: Word[]): Word => ({ concat: parts });
export const anyOf = (...members: Word[]): Word => ({ set: members });
export const prefix = (address: string | number, length: number): Word => ({ prefix: { addr: address, len: length } });
export const masked = (value: Word, mask: string | number): Word => ({ "&": [value, mask] });
export const inSet = (name: string): Word => `@${name}`;

export const is = (left: Word, right: Word): Word => ({ match: { op: "==", left, right } });
export const isNot = (left: Word, right: Word): Word => ({ match: { op: "!=", left, right } });
/** Any of these flags. */
export const hasAny = (left: Word, ...flags: string[]): Word => ({ match: { op: "in", left, right: flags } });

/** An IPv6 packet with this extension header. */
export const hasExtension = (name: string): Word => ({ match: { op: "==", left: { exthdr: { name } }, right: true } });

export const RETURN: Word = { return: null };
export const ACCEPT: Word = { accept: null };
export const DROP: Word = { drop: null };
export const goto = (chain: string): Word => ({ goto: { target: chain } });
/** As `goto`, but what that chain does not decide comes back. */
export const jump = (chain: string): Word => ({ jump: { target: chain } });
/** ICMP or ICMPv6 "administratively prohibited". */
export const REJECT: Word = { reject: { type: "icmpx", expr: "admin-prohibited" } };
/** Counts in a named counter: one inside the rule would change the rule's bytes. */
export const count = (counter: string): Word => ({ counter });
export const byValue = (key: Word, verdicts: readonly (readonly [Word, Word])[]): Word => ({
  vmap: { key, data: { set: verdicts } },
});
/** Adds what the packet shows to a set, or renews it. */
export const remember = (element: Word, set: string): Word => ({ set: { op: "update", elem: element, set: `@${set}` } });

/** The same for so long, whatever the set says. */
export const rememberFor = (element: Word, seconds: number, set: string): Word =>
  remember({ elem: { val: element, timeout: seconds } }, set);

/** Where in the whole packet this fragment belongs; of the first, and of what is none, 0. */
export const fragmentOffset = (family: 4 | 6): Word =>
  family === 4 ? { "&": [payload("ip", "frag-off"), 0x1fff] } : { exthdr: { name: "frag", field: "frag-off" } };

/** Of what kind the destination is here: `local`, `unicast`, … */
export const FIB_TYPE: Word = { fib: { result: "type", flags: ["daddr"] } };
/** What a map of the table has for this key. */
export const mapped = (key: Word, map: string): Word => ({ map: { key, data: inSet(map) } });
export const setMeta = (key: string, value: Word): Word => ({ mangle: { key: meta(key), value } });
/** Where a map has nothing for the packet, the rule does not match. */
export const destinationNat = (family: 4 | 6, address: Word, port?: Word): Word => ({
  dnat: { family: family === 4 ? "ip" : "ip6", addr: address, ...(port === undefined ? {} : { port }) },
});
export const sourceNat = (family: 4 | 6, address: Word): Word => ({
  snat: { family: family === 4 ? "ip" : "ip6", addr: address },
});
export const MASQUERADE: Word = { masquerade: null };
export const masqueradeToPorts = (first: number, last: number): Word => ({ masquerade: { port: { range: [first, last] } } });
