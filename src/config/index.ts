/** Configuration: YAML in, a typed and complete `Configuration` out, or every mistake with its place. */
export * from "./configuration.js";
export { formatDuration, parseDuration } from "./duration.js";
export { configurationSchema } from "./json-schema.js";
export { INSTALLED_PATH, installedConfiguration, loadConfiguration, parseConfiguration } from "./load.js";
export { ConfigurationError, type Problem } from "./problems.js";
export { describeConfiguration, showConfiguration } from "./show.js";
