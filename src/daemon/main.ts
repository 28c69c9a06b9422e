#!/usr/bin/env node
/**
 * V8 lets the part of the heap for new objects grow to 48 MB and never gives it back; loading what we are made of takes 17.
 * What lives long here (leases, names) outgrows it at once, and what does not is small: so it stays as it begins, and is told so
 * before anything else is loaded.
 */
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--semi-space-growth-factor=1");
const { main } = await import("./command.js");
await main(process.argv.slice(2));
