import { z } from "zod";
import { account, label } from "./names.js";
import { list, section } from "./scalars.js";

/** One entry of `access:`: who may take TAPs of which networks through `qemu-helper`. */
export const accessRule = section({
  user: account.optional(),
  group: account.optional(),
  networks: z
    .preprocess((value) => (value === "all" ? ["all"] : value), list(label, "default"))
    .meta({ type: ["string", "array"], items: { type: "string" }, description: "names of networks, or all" }),
});

export type AccessInput = z.output<typeof accessRule>;
