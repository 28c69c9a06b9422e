import type { Logger } from "../../base/log.js";
import { formatName } from "../../wire/dns/name.js";
import { formatRcode, formatType } from "../../wire/dns/numbers.js";
import type { Query } from "../../wire/dns/query.js";

/** How a question was answered. */
export type AnswerSource = "local" | "cache" | "stale" | "upstream" | "refused";

/** Writes the questions of those askers who are switched on, one line each. Never called for others. */
export class QueryLog {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  record(asker: string, query: Query, bytes: Uint8Array, rcode: number, source: AnswerSource): void {
    const name = query.hasQuestion ? formatName(bytes, query.nameOffset) : "";
    this.#log.info({ asker, name, type: formatType(query.type), rcode: formatRcode(rcode), source }, "dns question");
  }
}
