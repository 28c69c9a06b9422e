/**
 * Theory of operation
 *
 * Rulesets go to the kernel as a whole through the program `nft`, which knows how to compile them; that takes milliseconds and
 * happens when networks change. Elements of sets come and go with every guest; they are composed here and sent straight to
 * the kernel, which takes microseconds whatever the size of the set.
 *
 * Whether somebody has changed the rules is told by a fingerprint: a digest of the table's chains and rules as the kernel dumps
 * them, taken after each load. Rules must count in named counters, since a counter inside a rule would change its bytes.
 */
import { createHash } from "node:crypto";
import { SystemError } from "../base/errors.js";
import type { ElementLimit } from "../base/set-element.js";
import { eachMessage, NETLINK_FLAG, NetlinkSocket, type NetlinkSubscription } from "./netlink.js";
import { parseStationKey, type StationKey } from "./nftables/element-key.js";
import { parseElementLimit } from "./nftables/element-limit.js";
import { listRuleset, loadRuleset, type Ruleset } from "./nftables/load.js";
import {
  beginMessage,
  GENERIC_HEADER_BYTES,
  NFT_MESSAGE,
  NFTA_ELEMENT,
  NFTA_ELEMENT_LIST,
  NFTA_TABLE,
  type SetKey,
  TABLE_FAMILY,
  type TableKey,
} from "./nftables/messages.js";
import { SetBatch } from "./nftables/set-batch.js";
import { Attributes, MessageWriter } from "./rtnetlink/message.js";

export type { StationKey } from "./nftables/element-key.js";
export type { Ruleset } from "./nftables/load.js";
export type { SetKey, TableFamily, TableKey } from "./nftables/messages.js";
export { SetBatch } from "./nftables/set-batch.js";

/** `NFNLGRP_NFTABLES` (linux/netfilter/nfnetlink.h). */
const GROUP_NFTABLES = 7;
const NFTA_DATA_VALUE = 1;
const NFTA_EXPRESSION_DATA = 2;
const NFTA_COUNTER = { bytes: 1, packets: 2 } as const;
const NFTA_OBJECT = { name: 2, data: 4 } as const;
const NFTA_GENERATION_PROCESS = 2;

export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** An element of a set, and what its counter says where it has one. */
export interface SetElement {
  readonly key: Uint8Array;
  /** What a map's key leads to. */
  readonly data: Uint8Array | undefined;
  readonly limit: ElementLimit | undefined;
  readonly count: Count | undefined;
}

export interface NftablesListener {
  /** A transaction of this process (by the kernel's number, which in a container differs from ours) touched these tables. */
  onChange(tables: readonly TableKey[], processId: number): void;
  /** Notifications were lost: look at everything. */
  onOverrun(): void;
}

/** The network namespace's nftables. caps: NET_ADMIN for everything */
export class Nftables {
  readonly #nft: string;
  readonly #socket = new NetlinkSocket("netfilter");

  /** `nft`: the program, by name or path. */
  constructor(nft = "nft") {
    this.#nft = nft;
  }

  /** Carries out a ruleset as a whole; see `loadRuleset` for the errors. */
  load(ruleset: Ruleset): Promise<void> {
    return loadRuleset(this.#nft, ruleset);
  }

  list(): Promise<Ruleset> {
    return listRuleset(this.#nft);
  }

  batch(): SetBatch {
    return new SetBatch(this.#socket, (set) => this.elements(set));
  }

  /** A digest of a table's chains and rules, `""` where there is no such table. Elements and counters do not change it. */
  fingerprint(table: TableKey): string {
    const hash = createHash("sha256");
    let seen = false;
    for (const type of [NFT_MESSAGE.getChain, NFT_MESSAGE.getRule]) {
      this.#eachOfTable(type, table, (attributes) => {
        seen = true;
        hash.update(attributes.bytes);
      });
    }
    return seen ? hash.digest("hex") : "";
  }

  /** All elements; none where there is no such set. */
  elements(set: SetKey): SetElement[] {
    const writer = new MessageWriter();
    beginMessage(writer, NFT_MESSAGE.getSetElement, NETLINK_FLAG.dump, set.table.family);
    writer.putString(NFTA_ELEMENT_LIST.table, set.table.name);
    writer.putString(NFTA_ELEMENT_LIST.set, set.name);
    writer.end();
    const elements: SetElement[] = [];
    const messages = this.#dump(writer);
    eachMessage(messages, (_type, offset, end) => {
      const list = new Attributes(messages, offset + GENERIC_HEADER_BYTES, end).nested(NFTA_ELEMENT_LIST.elements);
      list?.each((_element, value) => {
        const element = new Attributes(value, 0, value.length);
        const key = element.nested(NFTA_ELEMENT.key)?.value(NFTA_DATA_VALUE);
        const expression = element.nested(NFTA_ELEMENT.expression);
        const counter = expression?.nested(NFTA_EXPRESSION_DATA);
        const data = element.nested(NFTA_ELEMENT.data)?.value(NFTA_DATA_VALUE);
        if (key !== undefined) elements.push({ key, data, limit: parseElementLimit(expression), count: countOf(counter) });
      });
    });
    return elements;
  }

  /** The elements of a set of stations. */
  stations(set: SetKey): StationKey[] {
    return this.elements(set).flatMap(({ key }) => parseStationKey(key) ?? []);
  }

  /** The named counters of a table. */
  counters(table: TableKey): Map<string, Count> {
    const counters = new Map<string, Count>();
    this.#eachOfTable(NFT_MESSAGE.getObject, table, (attributes) => {
      const name = attributes.string(NFTA_OBJECT.name);
      const count = countOf(attributes.nested(NFTA_OBJECT.data));
      if (name !== undefined && count !== undefined) counters.set(name, count);
    });
    return counters;
  }

  /** Tells which tables a transaction touched, until the result is closed. */
  watch(listener: NftablesListener): NetlinkSubscription {
    let touched = new Map<string, TableKey>();
    return this.#socket.subscribe([GROUP_NFTABLES], {
      onMessages: (messages) =>
        eachMessage(messages, (type, offset, end) => {
          const attributes = new Attributes(messages, offset + GENERIC_HEADER_BYTES, end);
          if (type !== NFT_MESSAGE.newGeneration) {
            const table = tableOf(messages[offset], attributes);
            if (table !== undefined) touched.set(`${table.family} ${table.name}`, table);
            return;
          }
          const tables = [...touched.values()];
          touched = new Map();
          listener.onChange(tables, attributes.u32NetworkOrder(NFTA_GENERATION_PROCESS) ?? 0);
        }),
      onOverrun: () => listener.onOverrun(),
    });
  }

  /** May be called again. */
  close(): void {
    this.#socket.close();
  }

  /** The attributes of each object in this table; each is a copy with nothing of the message's header before it. */
  #eachOfTable(type: number, table: TableKey, visit: (attributes: Attributes) => void): void {
    const writer = new MessageWriter();
    beginMessage(writer, type, NETLINK_FLAG.dump, table.family);
    // A dump of chains takes no table: it is sieved here.
    if (type !== NFT_MESSAGE.getChain) writer.putString(NFTA_TABLE, table.name);
    writer.end();
    const messages = this.#dump(writer);
    eachMessage(messages, (_type, offset, end) => {
      const bytes = messages.subarray(offset + GENERIC_HEADER_BYTES, end);
      const attributes = new Attributes(bytes, 0, bytes.length);
      if (messages[offset] === TABLE_FAMILY[table.family] && attributes.string(NFTA_TABLE) === table.name) visit(attributes);
    });
  }

  #dump(writer: MessageWriter): Uint8Array {
    try {
      return this.#socket.dump(writer.bytes);
    } catch (error) {
      if (error instanceof SystemError && error.code === "ENOENT") return new Uint8Array(0);
      throw error;
    }
  }
}

function countOf(counter: Attributes | undefined): Count | undefined {
  const packets = counter?.u64NetworkOrder(NFTA_COUNTER.packets);
  const bytes = counter?.u64NetworkOrder(NFTA_COUNTER.bytes);
  return packets === undefined || bytes === undefined ? undefined : { packets, bytes };
}

function tableOf(familyNumber: number, attributes: Attributes): TableKey | undefined {
  const name = attributes.string(NFTA_TABLE);
  const family = Object.entries(TABLE_FAMILY).find(([, number]) => number === familyNumber)?.[0];
  return name === undefined || family === undefined ? undefined : { family: family as TableKey["family"], name };
}
