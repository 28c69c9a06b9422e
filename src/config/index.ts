/** Configuration: YAML in, a typed and complete `Configuration` out, or every mistake with its place. */

export { explainLoopback, explainNoForwards, explainOwnPublics, explainUnasked } from "./check/forwards.js";
export { makeMac } from "./check/nics.js";
export * from "./configuration.js";
export { formatDuration, parseDuration } from "./duration.js";
export { configurationSchema } from "./json-schema.js";
export {
  type ConfigurationUse,
  INSTALLED_PATH,
  installedConfiguration,
  loadConfiguration,
  ownConfigurationPath,
  parseConfiguration,
} from "./load.js";
export { ConfigurationError, type Problem } from "./problems.js";
export { formatForward, parseForward } from "./schema/forward.js";
export { explainLabel } from "./schema/names.js";
export { DEFAULT_STATE_DIRECTORY } from "./schema/root.js";
export { describeConfiguration, showConfiguration } from "./show.js";
