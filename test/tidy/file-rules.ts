import type { Finding, Source } from "./house.js";

/** A rule of the house that looks at one file. */
export interface FileRule {
  readonly name: string;
  check(source: Source): Finding[];
  /** A file that breaks the rule: proves that the rule sees. */
  readonly canary: { readonly path: string; readonly text: string };
}

const LINES_MOST = 600;
const COLUMNS_MOST = 130;
const FUNCTION_LINES_MOST = 70;

const isTypeScript = ({ path }: Source): boolean => /\.tsx?$/.test(path);
const isCode = ({ path }: Source): boolean => /\.(?:tsx?|css|mjs|c|cc|h|sh)$/.test(path);
const isProse = (line: string): boolean => /^\s*(?:\*|\/\/|\/\*)/.test(line);

/** A rule about single lines: every match is a finding. */
function lineRule(
  name: string,
  applies: (source: Source) => boolean,
  pattern: RegExp,
  message: string,
  canary: FileRule["canary"],
): FileRule {
  const check = (source: Source): Finding[] => {
    if (!applies(source)) return [];
    return source.lines.flatMap((line, index) => (pattern.test(line) ? [{ path: source.path, line: index + 1, message }] : []));
  };
  return { name, check, canary };
}

/** These files quote what they look for. */
const isTidy = ({ path }: Source): boolean => path.startsWith("test/tidy/");

const fileLength: FileRule = {
  name: `a file has at most ${LINES_MOST} lines`,
  check(source) {
    const { path, lines } = source;
    if (!isCode(source) || lines.length <= LINES_MOST) return [];
    return [{ path, line: 0, message: `${lines.length} lines: split it by concern, ${LINES_MOST} are the limit` }];
  },
  canary: { path: "src/base/long.ts", text: "// one\n".repeat(LINES_MOST + 1) },
};

/** Strings and patterns: the formatter does not break them, and broken ones cannot be searched for. */
const LITERAL = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|\/(?:[^/\\\n]|\\.)+\/[a-z]*/g;

const lineLength: FileRule = {
  name: `a line has at most ${COLUMNS_MOST} columns, strings left out`,
  check(source) {
    if (!isCode(source)) return [];
    return source.lines.flatMap((line, index) => {
      if (line.replaceAll(LITERAL, '""').length <= COLUMNS_MOST) return [];
      return [{ path: source.path, line: index + 1, message: `${line.length} columns: break it, ${COLUMNS_MOST} are the limit` }];
    });
  },
  canary: { path: "src/base/wide.ts", text: `const wide = ${"wide + ".repeat(COLUMNS_MOST)}1;\n` },
};

const FUNCTION_START = new RegExp(
  [
    String.raw`^\s*(?:export )?(?:async )?function\b.*\{$`,
    String.raw`^\s*(?:(?:static|async|override|get|set) )*[#*]?(?!if\b|for\b|while\b|switch\b|catch\b)\w+(?:<.*>)?\(.*\).*\{$`,
    String.raw`^\s*\)(?:: .*)? \{$`,
    String.raw`=> \{$`,
  ].join("|"),
);

const functionLength: FileRule = {
  name: `a function has at most ${FUNCTION_LINES_MOST} lines`,
  check(source) {
    const { path, lines } = source;
    if (!/\.(?:tsx?|c|cc)$/.test(path) || /\.test\.tsx?$/.test(path)) return [];
    return lines.flatMap((line, index) => {
      if (isProse(line) || !FUNCTION_START.test(line)) return [];
      const count = blockLines(lines, index);
      if (count <= FUNCTION_LINES_MOST) return [];
      return [{ path, line: index + 1, message: `a function of ${count} lines: take a part of it out and name it` }];
    });
  },
  canary: { path: "src/base/tall.ts", text: `function tall() {\n${"  step();\n".repeat(FUNCTION_LINES_MOST)}}\n` },
};

/** How many lines the block has that begins here: formatted code closes it at its own indentation. */
function blockLines(lines: readonly string[], start: number): number {
  const indentation = /^\s*/.exec(lines[start])?.[0] ?? "";
  const end = lines.findIndex((line, index) => index > start && line.startsWith(`${indentation}}`));
  return end < 0 ? 0 : end - start + 1;
}

const fileName: FileRule = {
  name: "files are named in kebab-case",
  check(source) {
    const kebab = /^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)+[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.d)?\.tsx?$/.test(source.path);
    if (!isTypeScript(source) || kebab) return [];
    return [{ path: source.path, line: 0, message: "name it in kebab-case, folders too" }];
  },
  canary: { path: "src/base/ipAddress.ts", text: "" },
};

const vagueFile: FileRule = {
  name: "no file is a manager, helper, util or misc",
  check({ path }) {
    const words = path.replaceAll(/qemu[-_]helper/g, "").split(/[/._-]/);
    const vague = words.find((word) => /^(?:manager|helper|util|misc)s?$/.test(word));
    return vague === undefined ? [] : [{ path, line: 0, message: `"${vague}" says nothing: name it after what it does` }];
  },
  canary: { path: "src/base/string-utils.ts", text: "" },
};

const vagueName = lineRule(
  "no class, function or type is a manager, helper, util or misc",
  (source) => isTypeScript(source) && !isTidy(source),
  /\b(?:(?:class|interface|type|function|const) \w*(?:Manager|Util|Misc)|class \w*Helper)/,
  "name it after what it does",
  { path: "src/base/lease.ts", text: "export class LeaseManager {}\n" },
);

const consoleUse = lineRule(
  "only programs for people write to the console",
  (source) => isTypeScript(source) && source.path.startsWith("src/") && !source.path.startsWith("src/cli/"),
  /^(?!\s*(?:\*|\/\/)).*\bconsole\.\w+\(/,
  "use the Logger that was handed in",
  { path: "src/lease/book.ts", text: 'console.log("here");\n' },
);

const anyType = lineRule(
  "no any",
  (source) => isTypeScript(source) && !isTidy(source),
  /^(?!\s*(?:\*|\/\/)).*(?::\s*|\bas\s+|<)any\b\s*(?:[;,)>\]=[|{]|$)/,
  "say what it is, or unknown and look",
  { path: "src/base/loose.ts", text: "let loose: any;\n" },
);

const checkerComments = lineRule(
  "no comment switches the type checker off",
  (source) => isTypeScript(source) && !isTidy(source),
  /@ts-(?:ignore|expect-error|nocheck)/,
  "make the types right",
  { path: "src/base/loose.ts", text: "// @ts-ignore\n" },
);

const linterComments = lineRule(
  "a comment that switches the linter off says why",
  (source) => isCode(source) && !isTidy(source),
  /oxlint-disable(?!.* -- \S)|biome-ignore [^:]*(?:: *)?$/,
  "end it with the reason",
  { path: "src/base/loose.ts", text: "// oxlint-disable-next-line no-await-in-loop\n" },
);

const skips = lineRule(
  "no test is skipped without a reason, none runs alone",
  (source) => source.path.startsWith("test/") && !isTidy(source),
  /\b(?:test|describe|it)\.(?:skip|only|todo)\(|\b(?:skip|only|todo): true\b/,
  "use needs(…), which names the reason, or delete the test",
  { path: "test/unit/base/some.test.ts", text: 'test.skip("later", () => {});\n' },
);

const openEnds = lineRule(
  "no open ends",
  (source) => !isTidy(source),
  /\b(?:TODO|FIXME|XXX)\b/,
  "do it, or open an issue and say in the code how it is now",
  { path: "src/base/some.ts", text: "// TODO: the rest\n" },
);

const machinePaths = lineRule(
  "no path of somebody's machine",
  (source) => !isTidy(source),
  /(?<![\w.~}-])\/(?:work|home\/\w+|root|Users\/\w+)\//,
  "write it relative to the package, or take it from the environment",
  { path: "README.md", text: "cd /home/alice/tapnet\n" },
);

const temporaryPaths = lineRule(
  "temporary files are where the system wants them",
  (source) => isTypeScript(source) && !isTidy(source),
  /^(?!\s*(?:\*|\/\/)).*["'`]\/tmp\//,
  "use mkdtemp in os.tmpdir()",
  { path: "test/unit/base/some.test.ts", text: 'const folder = "/tmp/some";\n' },
);

export const FILE_RULES: readonly FileRule[] = [
  fileLength,
  lineLength,
  functionLength,
  fileName,
  vagueFile,
  vagueName,
  consoleUse,
  anyType,
  checkerComments,
  linterComments,
  skips,
  openEnds,
  machinePaths,
  temporaryPaths,
];
