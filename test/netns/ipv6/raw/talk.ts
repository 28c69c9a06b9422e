/** What the checks say to a server and how they hear it; every expectation that holds for any answer is asked here. */
import assert from "node:assert/strict";
import { type Answer, type Asker, newDuid, newTransaction } from "./asker.js";
import { type Association, associations, CODE, type Message, message, type Octets, option, TYPE, written } from "./octets.js";

/** What came for a client's message. */
export const all = async (on: Asker, type: number, ...options: readonly Octets[]): Promise<Answer[]> => {
  const transaction = newTransaction();
  return on.ask(message(type, transaction, ...options), transaction);
};

/** Nothing comes for it. */
export const silent = async (on: Asker, type: number, ...options: readonly Octets[]): Promise<void> => {
  assert.deepEqual(await all(on, type, ...options), []);
};

/** The one answer to a client's message. */
export const ask = async (on: Asker, type: number, ...options: readonly Octets[]): Promise<Message> => {
  const answers = await all(on, type, ...options);
  assert.equal(answers.length, 1);
  assert.deepEqual([answers[0].levels.length, answers[0].toPort, answers[0].fromPort], [0, 546, 547]);
  return answers[0].message;
};

/** The identifier of a client, a new one unless said. */
export const client = (duid: Octets = newDuid()): Octets => option(CODE.clientId, duid);

/** Gets an address and, where asked, a prefix for a new client; both as people write them. */
export const lease = async (on: Asker, who: Octets, ...ias: readonly Octets[]): Promise<Association[]> => {
  const got = associations(await ask(on, TYPE.request, who, on.serverId, ...ias));
  for (const one of got) assert.equal(one.leaves.length, 1, `IA ${one.iaid}: status ${one.status}`);
  return got;
};

/** The one address of an association, as it is written. */
export const addressIn = (one: Association): string => written(one.leaves[0].address);

/** The one prefix. */
export const prefixIn = (one: Association): string => `${written(one.leaves[0].address)}/${one.leaves[0].length}`;
