// `npm run test:native`: builds the native code with AddressSanitizer and UndefinedBehaviorSanitizer and runs its tests, its fuzz
// targets for a few seconds each, and the JavaScript tests of the addon on the sanitized addon. Canaries come first: if the
// sanitizers do not see a planted mistake, nothing else counts. FUZZ_SECONDS sets the time for each fuzz target.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const out = join(root, ".cache/native");
const fuzzSeconds = process.env.FUZZ_SECONDS ?? "5";
let failed = 0;

const say = (text) => process.stdout.write(`${text}\n`);
const runs = (command, options) => spawnSync(command, options, { stdio: "ignore" }).status === 0;
const output = (command, options) => spawnSync(command, options, { encoding: "utf8" }).stdout?.trim() ?? "";

/** Runs one step and shows what it printed if its outcome is not the expected one. */
function step(name, command, options, { env = {}, expect = (result) => result.status === 0 } = {}) {
  const result = spawnSync(command, options, { cwd: root, encoding: "utf8", env: { ...process.env, ...env } });
  const good = result.error === undefined && expect(result);
  say(`${good ? "ok" : "FAILED"} ${name}`);
  for (const line of `${result.stdout}`.split("\n").filter((text) => text.startsWith("skipped: "))) say(line);
  if (!good) {
    failed++;
    say(`${result.error?.message ?? ""}${result.stdout}${result.stderr}`.slice(-20_000));
  }
  return good;
}

/** Whether clang is here with its libFuzzer. */
function hasFuzzer() {
  const program = "int LLVMFuzzerTestOneInput(const unsigned char *b, unsigned long n) { return b && n > 9 ? 0 : 0; }";
  const options = ["-fsanitize=fuzzer,address", "-x", "c", "-", "-o", join(out, "fuzzer-probe")];
  return spawnSync("clang", options, { input: program }).status === 0;
}

function build(clang) {
  const compiler = clang ? ["--cc=clang", "--cxx=clang++"] : ["--cc=gcc", "--cxx=g++"];
  const options = ["native/build.mjs", "cmake-js", "compile", "-O", out, "-B", "Debug", ...compiler];
  return step("build with sanitizers", process.execPath, [...options, `--CDFUZZ=${clang ? "ON" : "OFF"}`]);
}

const caught = (pattern) => (result) => result.status !== 0 && pattern.test(result.stderr);

function runAll(clang) {
  const bin = (name) => join(out, "bin", name);
  step("canary: AddressSanitizer sees", bin("canary"), ["overflow"], { expect: caught(/heap-buffer-overflow/) });
  step("canary: UndefinedBehaviorSanitizer sees", bin("canary"), ["shift"], { expect: caught(/shift exponent/) });
  step("native tests", bin("native-tests"), []);
  if (clang) {
    fuzz(bin);
  } else {
    say("skipped: fuzzing: needs clang with libFuzzer (Debian packages clang and libclang-rt-dev)");
  }
  runAddonTests(clang);
}

function fuzz(bin) {
  const artifacts = `-artifact_prefix=${out}/`;
  step("canary: the fuzzer finds", bin("fuzz-canary"), [artifacts, "-max_total_time=20"], {
    expect: caught(/heap-buffer-overflow/),
  });
  for (const name of readdirSync(join(root, "native/fuzz")).filter((file) => /\.cc?$/.test(file))) {
    const target = name.replace(/\.cc?$/, "");
    if (target === "canary") continue;
    const corpus = join(out, "corpus", target);
    mkdirSync(corpus, { recursive: true });
    const limits = [`-max_total_time=${fuzzSeconds}`, "-max_len=2048", "-timeout=5", "-rss_limit_mb=1024"];
    step(`fuzz ${target} for ${fuzzSeconds} s`, bin(`fuzz-${target}`), [...limits, artifacts, corpus]);
  }
}

/** Node itself is not instrumented and keeps what it has to its end: leaks are looked for by counting, not here. */
function runAddonTests(clang) {
  const runtime = clang
    ? output("clang", ["-print-file-name=libclang_rt.asan-x86_64.so"])
    : output("gcc", ["-print-file-name=libasan.so"]);
  const tests = ["state-matrix", "workers"].map((name) => join(root, `dist/test/native/${name}.test.js`));
  if (!existsSync(runtime) || !tests.every((path) => existsSync(path))) {
    say(
      `skipped: the addon under sanitizers: needs ${existsSync(runtime) ? "npm run build:ts" : "the sanitizer's shared runtime"}`,
    );
    return;
  }
  step("the addon under sanitizers", process.execPath, ["--test", ...tests], {
    env: {
      LD_PRELOAD: runtime,
      TAPNET_PREBUILD: join(out, "addon"),
      ASAN_OPTIONS: "detect_leaks=0:abort_on_error=0:halt_on_error=1",
      UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
    },
  });
}

mkdirSync(out, { recursive: true });
const clang = hasFuzzer();
if (!runs("cmake", ["--version"])) {
  say("skipped: native tests under sanitizers: needs cmake (Debian package cmake)");
} else if (!clang && !runs("g++", ["--version"])) {
  say("skipped: native tests under sanitizers: needs a C++ compiler (Debian package clang or g++)");
} else if (build(clang)) {
  runAll(clang);
}
process.exitCode = failed === 0 ? 0 : 1;
