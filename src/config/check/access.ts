import type { AccessRule } from "../configuration.js";
import type { ConfigDocument } from "../document.js";
import type { AccessInput } from "../schema/access.js";
import { suggestion } from "../spelling.js";

/** One entry of `access:`: one account, networks that exist. */
export function checkAccessRule(
  input: AccessInput,
  index: number,
  names: readonly string[],
  document: ConfigDocument,
): AccessRule | undefined {
  const path = ["access", index];
  for (const [position, name] of input.networks.entries()) {
    if (name === "all" || names.includes(name)) continue;
    document.problem([...path, "networks", position], `there is no network ${name}; ${suggestion(name, names)}`);
  }
  const { user, group } = input;
  if ((user === undefined) === (group === undefined)) {
    document.problem(
      path,
      user === undefined ? "says for whom it is in no way; give user: or group:" : "has user: and group:; write two entries",
    );
    return undefined;
  }
  const account = user === undefined ? ({ kind: "group", name: group ?? "" } as const) : ({ kind: "user", name: user } as const);
  return { account, networks: input.networks.includes("all") ? "all" : input.networks };
}
