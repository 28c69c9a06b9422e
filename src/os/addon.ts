import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { SystemError, TapnetError } from "../base/errors.js";
import { errnoName } from "./errno.js";
import type { Native } from "./native.js";

let loaded: Native | undefined;

/**
 * The native addon, loaded at first use: a prebuilt binary for this machine, or what `npm run build:native` made.
 *
 * Each thread loads it once for itself. Nothing else in tapnet loads a `.node` file.
 */
export function addon(): Native {
  loaded ??= load();
  return loaded;
}

function load(): Native {
  const packageRoot = fileURLToPath(new URL("../../..", import.meta.url));
  const require = createRequire(import.meta.url);
  let native: Native;
  try {
    const find = require("node-gyp-build") as (directory: string) => Native;
    native = find(packageRoot);
  } catch (cause) {
    throw new TapnetError(
      "ADDON_MISSING",
      `no native addon for ${process.platform}-${process.arch} in ${packageRoot}: run \`npm run build:native\` there`,
      { cause },
    );
  }
  native.setErrorFactories(
    (code, message) => new TapnetError(code, message),
    (errno, syscall, object, hint) => systemError(errno, syscall, object, hint),
  );
  return native;
}

/** A SystemError from what the kernel said; `hint` says what to do about it, where that is known. */
export function systemError(errno: number, syscall: string, object: string, hint = "", cause?: unknown): SystemError {
  const code = errnoName(errno);
  const message = `${syscall} ${object}: ${code}${hint === "" ? "" : ` (${hint})`}`;
  return new SystemError({ code, errno, syscall, object, message, cause });
}
