/** Expressions of elements (`nft_limit`, `nft_connlimit`): what an element counts by itself. */
import type { ElementLimit } from "../../base/set-element.js";
import { type Attributes, type MessageWriter, NESTED } from "../rtnetlink/message.js";

const EXPRESSION = { name: 1, data: 2 } as const;
/** `NFTA_LIMIT_*`, `NFTA_CONNLIMIT_*`. */
const LIMIT = { rate: 1, unit: 2, burst: 3, type: 4, flags: 5 } as const;
const CONNECTION_LIMIT = { count: 1, flags: 2 } as const;
const TYPE_PACKETS = 0;
/** Matches what goes beyond, not what stays within. */
const BEYOND = 1;

export function writeElementLimit(writer: MessageWriter, attribute: number, limit: ElementLimit): void {
  const expression = writer.beginNested(attribute | NESTED);
  writer.putString(EXPRESSION.name, limit.kind === "packets" ? "limit" : "connlimit");
  const data = writer.beginNested(EXPRESSION.data | NESTED);
  if (limit.kind === "packets") {
    writer.putU64NetworkOrder(LIMIT.rate, BigInt(limit.perSecond));
    writer.putU64NetworkOrder(LIMIT.unit, 1n);
    writer.putU32NetworkOrder(LIMIT.burst, limit.burst);
    writer.putU32NetworkOrder(LIMIT.type, TYPE_PACKETS);
    writer.putU32NetworkOrder(LIMIT.flags, BEYOND);
  } else {
    writer.putU32NetworkOrder(CONNECTION_LIMIT.count, limit.most);
    writer.putU32NetworkOrder(CONNECTION_LIMIT.flags, BEYOND);
  }
  writer.endNested(data);
  writer.endNested(expression);
}

/** Undefined where the expression is none of ours. */
export function parseElementLimit(expression: Attributes | undefined): ElementLimit | undefined {
  const data = expression?.nested(EXPRESSION.data);
  if (expression === undefined || data === undefined) return undefined;
  if (expression.string(EXPRESSION.name) === "connlimit") {
    return { kind: "connections", most: data.u32NetworkOrder(CONNECTION_LIMIT.count) ?? 0 };
  }
  if (expression.string(EXPRESSION.name) !== "limit") return undefined;
  const [perSecond, burst] = [data.u64NetworkOrder(LIMIT.rate), data.u32NetworkOrder(LIMIT.burst)];
  return { kind: "packets", perSecond: perSecond ?? 0, burst: burst ?? 0 };
}
