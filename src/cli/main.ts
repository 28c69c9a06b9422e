#!/usr/bin/env node
import { fileReason } from "../base/errors.js";
import { EXIT } from "./exit-codes.js";
import { runProgram } from "./program.js";
import { processTerminal } from "./terminal.js";

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // `tapnet lease list | head` closes the pipe early; that is no mistake of anybody.
  if (error.code === "EPIPE") process.exit(EXIT.done);
  process.stderr.write(`tapnet: the answer cannot be written: ${fileReason(error)}\n`);
  process.exit(EXIT.failed);
});

process.exitCode = await runProgram(process.argv.slice(2), processTerminal(), process.env);
