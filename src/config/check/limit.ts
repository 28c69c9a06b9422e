import type { GuestLimit } from "../configuration.js";
import type { LimitInput } from "../schema/limit.js";

/** A limit as it is in force: what is written, over what holds for the whole network. Undefined where nothing is limited. */
export function completeLimit(input: LimitInput | undefined, over?: GuestLimit): GuestLimit | undefined {
  if (input === undefined) return over;
  const limit: GuestLimit = {
    upBitsPerSecond: input.up ?? over?.upBitsPerSecond,
    downBitsPerSecond: input.down ?? over?.downBitsPerSecond,
    burstBytes: input.burst ?? over?.burstBytes,
    packetsPerSecond: input.packets ?? over?.packetsPerSecond,
    connections: input.connections ?? over?.connections,
  };
  return Object.values(limit).some((value) => value !== undefined) ? limit : undefined;
}
