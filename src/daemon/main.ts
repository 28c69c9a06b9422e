#!/usr/bin/env node
/**
 * V8 lets the part of the heap for new objects grow to 48 MB and never gives it back; loading what we are made of takes 17.
 * What lives long here (leases, names) outgrows it at once, and what does not is small: so it stays as it begins, and is told so
 * before anything else is loaded (`command.ts` lets it grow where there is much to take in).
 *
 * The build puts what is loaded into one file (`scripts/lib/build-daemon.mjs`), since Node takes nearly twice as long for some six
 * hundred; without it they are loaded one by one.
 */
import { existsSync } from "node:fs";
import { setFlagsFromString } from "node:v8";

const BUNDLE = new URL("./command.bundle.js", import.meta.url);

setFlagsFromString("--semi-space-growth-factor=1");
const command = existsSync(BUNDLE) ? BUNDLE.href : "./command.js";
const { main } = (await import(command)) as typeof import("./command.js");
await main(process.argv.slice(2));
