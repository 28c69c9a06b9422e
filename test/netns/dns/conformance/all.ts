import type { Check } from "./check.js";
import { extensions } from "./edns.js";
import { forwarding } from "./forwarding.js";
import { messages } from "./messages.js";
import { names } from "./names.js";
import { streams } from "./streams.js";

/** Every check. Those that wait for long come first, so that the others run beside them. */
export const all: readonly Check[] = [...streams, ...forwarding, ...messages, ...extensions, ...names];
