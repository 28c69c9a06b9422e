import { configurationSchema } from "../../config/index.js";
import { type Context, printJson } from "../context.js";

/** `tapnet config schema`. */
export async function configSchema(context: Context): Promise<undefined> {
  printJson(context, configurationSchema());
}
