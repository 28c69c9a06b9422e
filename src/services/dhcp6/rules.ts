import { MESSAGE } from "../../wire/dhcp6/codes.js";
import type { Dhcp6Request } from "../../wire/dhcp6/request.js";

/** Why a message that is well formed gets no answer. */
export type RuleDrop =
  | "message-type"
  | "client-id-missing"
  | "server-id-missing"
  | "server-id-present"
  | "server-id-other"
  | "ia-unexpected";

/**
 * A message's obligations (RFC 8415 §16): `must`, `mustNot`, or `may` name a server, and whether a client identifier is
 * needed.
 */
interface Rule {
  readonly clientId: boolean;
  readonly serverId: "must" | "must-not" | "may";
  readonly ias: boolean;
}

const RULES: readonly (Rule | undefined)[] = rulesByType();

function rulesByType(): (Rule | undefined)[] {
  const toAny: Rule = { clientId: true, serverId: "must-not", ias: true };
  const toOne: Rule = { clientId: true, serverId: "must", ias: true };
  const rules = Array<Rule | undefined>(256).fill(undefined);
  for (const type of [MESSAGE.solicit, MESSAGE.confirm, MESSAGE.rebind]) rules[type] = toAny;
  for (const type of [MESSAGE.request, MESSAGE.renew, MESSAGE.release, MESSAGE.decline]) rules[type] = toOne;
  rules[MESSAGE.informationRequest] = { clientId: false, serverId: "may", ias: false };
  return rules;
}

/** Judges a message by its type; undefined when it deserves an answer. */
export function judge(request: Dhcp6Request, serverDuid: Uint8Array): RuleDrop | undefined {
  const rule = RULES[request.type];
  if (rule === undefined) return "message-type";
  if (rule.clientId && request.clientIdOffset < 0) return "client-id-missing";
  if (!rule.ias && request.iaCount > 0) return "ia-unexpected";
  if (request.serverIdOffset < 0) return rule.serverId === "must" ? "server-id-missing" : undefined;
  if (rule.serverId === "must-not") return "server-id-present";
  return isServer(request, serverDuid) ? undefined : "server-id-other";
}

function isServer(request: Dhcp6Request, serverDuid: Uint8Array): boolean {
  if (request.serverIdLength !== serverDuid.length) return false;
  for (let index = 0; index < serverDuid.length; index++) {
    if (request.view.getUint8(request.serverIdOffset + index) !== serverDuid[index]) return false;
  }
  return true;
}

/** Messages that a client may have sent to one server's own address (RFC 8415 §18.4); the others must be multicast. */
export function wasOnceUnicast(type: number): boolean {
  return type === MESSAGE.request || type === MESSAGE.renew || type === MESSAGE.release || type === MESSAGE.decline;
}
