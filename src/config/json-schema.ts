import { z } from "zod";
import { root } from "./schema/root.js";

/** The file's form as JSON Schema (draft 2020-12), for editors: `tapnet config schema > tapnet.schema.json`. */
export function configurationSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(root, { io: "input" });
  return {
    $schema,
    title: "tapnet configuration",
    description: "What tapnetd reads from tapnet.yaml; every key is optional",
    ...schema,
  };
}
