import { posix } from "node:path";
import type { Finding, Source } from "./house.js";

/** A rule of the house that looks at the whole tree. */
export interface TreeRule {
  readonly name: string;
  check(sources: readonly Source[]): Finding[];
  /** A tree that breaks the rule: proves that the rule sees. */
  readonly canary: Readonly<Record<string, string>>;
}

/**
 * Who may import whom; types count too. `daemon` wires everything and `index.ts` is what library users see, so neither is here.
 *
 * The CLI checks a configuration before there is a daemon to ask, so it may read one; a capture runs in its process.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: ["base"],
  os: ["base"],
  lease: ["base"],
  frame: ["base", "wire", "os", "lease"],
  services: ["base", "wire", "lease", "frame"],
  network: ["base", "lease"],
  guest: ["base", "lease", "network"],
  config: ["base", "network"],
  control: ["base"],
  capture: ["base", "wire", "os", "frame", "control"],
  web: ["base", "control"],
  cli: ["base", "control", "config", "capture", "web"],
};

/** What runs in a browser, and what it may import there: nothing of Node.js, no server, and of `control` only types. */
const PAGE = "src/web/page/";
const PAGE_MAY_IMPORT =
  /^(?:src\/web\/(?:page\/.*|session\.ts)|src\/base\/(?:sizes|times)\.ts|src\/control\/(?:views|api)\.ts|preact(?:\/hooks)?|@preact\/signals|uplot)$/;

const ADDON_LOADER = "src/os/addon.ts";
const FRONT_PAGE_LINES_MOST = 25;

interface Import {
  readonly from: string;
  readonly line: number;
  /** A path of the tree, or the name of a package. */
  readonly target: string;
}

/** Every import of a file, `import type` and `import()` included. */
function importsOf({ path, lines }: Source): Import[] {
  const pattern = /(?:\bfrom|\bimport\(|^import)\s*"([^"]+)"/g;
  return lines.flatMap((line, index) =>
    [...line.matchAll(pattern)].map(([, name]) => {
      const target = name.startsWith(".") ? posix.join(posix.dirname(path), name).replace(/\.js$/, ".ts") : name;
      return { from: path, line: index + 1, target };
    }),
  );
}

const isOurs = ({ path }: Source): boolean => path.startsWith("src/") && /\.tsx?$/.test(path);

/** `lease` for `src/lease/book.ts`; undefined for `src/index.ts` and for what is not in `src`. */
function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

const importDirection: TreeRule = {
  name: "imports go one way",
  check(sources) {
    return sources.filter(isOurs).flatMap((source) => {
      const room = roomOf(source.path);
      const allowed = room === undefined ? undefined : MAY_IMPORT[room];
      if (allowed === undefined) return [];
      return importsOf(source).flatMap(({ from, line, target }): Finding[] => {
        const other = roomOf(target);
        if (other === undefined || other === room || allowed.includes(other)) return [];
        const rule = allowed.length === 0 ? "nothing" : allowed.join(", ");
        const message = `${room} may import ${rule}, not ${other}: declare the interface that you need, and let daemon hand it in`;
        return [{ path: from, line, message }];
      });
    });
  },
  canary: { "src/base/mac.ts": 'import type { Lease } from "../lease/lease.js";\n' },
};

const roomsAreKnown: TreeRule = {
  name: "every room of src is in the table of imports",
  check(sources) {
    const rooms = new Set(sources.filter(isOurs).map(({ path }) => roomOf(path)));
    const unknown = [...rooms].filter((room) => room !== undefined && room !== "daemon" && !(room in MAY_IMPORT));
    return unknown.map((room) => ({
      path: `src/${room}`,
      line: 0,
      message: "say in test/tidy/tree-rules.ts what it may import",
    }));
  },
  canary: { "src/attic/box.ts": "" },
};

const onlyInwards: TreeRule = {
  name: "src imports nothing from outside src",
  check(sources) {
    return sources.filter(isOurs).flatMap((source) =>
      importsOf(source).flatMap(({ from, line, target }) => {
        if (!/^(?:test|bench|scripts)\//.test(target)) return [];
        return [{ path: from, line, message: `${target} is not shipped: move what you need into src` }];
      }),
    );
  },
  canary: { "src/base/mac.ts": 'import { lab } from "../../test/support/lab.js";\n' },
};

const pageImports: TreeRule = {
  name: "the page imports nothing that is not for browsers, and nobody imports the page",
  check(sources) {
    return sources.filter(isOurs).flatMap((source) =>
      importsOf(source).flatMap(({ from, line, target }) => {
        const inPage = from.startsWith(PAGE);
        if (inPage ? PAGE_MAY_IMPORT.test(target) : !target.startsWith(PAGE)) return [];
        const message = inPage ? `${target} is not for browsers` : "the page runs in browsers only: share by src/web/session.ts";
        return [{ path: from, line, message }];
      }),
    );
  },
  canary: { "src/web/page/main.tsx": 'import { readFileSync } from "node:fs";\n' },
};

const addonLoader: TreeRule = {
  name: "one file loads the addon",
  check(sources) {
    return sources
      .filter((source) => isOurs(source) && source.path !== ADDON_LOADER)
      .flatMap(({ path, lines }) =>
        lines.flatMap((line, index) => {
          if (!/"node-gyp-build"|\.node["'`]/.test(line)) return [];
          return [{ path, line: index + 1, message: `only ${ADDON_LOADER} loads the addon: import from there` }];
        }),
      );
  },
  canary: { "src/os/tap.ts": 'const addon = require("../build/Release/tapnet.node");\n' },
};

const noCircles: TreeRule = {
  name: "no imports in a circle",
  check(sources) {
    // An import does not say whether what it means is TSX; no folder has a file of the same name of either kind.
    const graph = new Map(sources.filter(isOurs).map((source) => [source.path.replace(/\.tsx$/, ".ts"), importsOf(source)]));
    const done = new Set<string>();
    const findings: Finding[] = [];
    for (const path of graph.keys()) visit(path, [], graph, done, findings);
    return findings;
  },
  canary: {
    "src/base/hen.ts": 'import { egg } from "./egg.js";\n',
    "src/base/egg.ts": 'import type { Hen } from "./hen.js";\n',
  },
};

function visit(path: string, trail: Import[], graph: Map<string, Import[]>, done: Set<string>, findings: Finding[]): void {
  const start = trail.findIndex(({ from }) => from === path);
  if (start >= 0) {
    const circle = [...trail.slice(start).map(({ from }) => from), path].join(" → ");
    findings.push({ path, line: trail[start].line, message: `${circle}: move what they share into a file of its own` });
    return;
  }
  if (done.has(path)) return;
  for (const step of graph.get(path) ?? []) visit(step.target, [...trail, step], graph, done, findings);
  done.add(path);
}

const frontPages: TreeRule = {
  name: "each folder of src has a front page",
  check(sources) {
    const folders = new Set(sources.filter(isOurs).map(({ path }) => posix.dirname(path)));
    folders.delete("src");
    return [...folders].flatMap((folder): Finding[] => {
      const fronts = sources.filter(({ path }) => path === `${folder}/README.md` || path === `${folder}/index.ts`);
      if (fronts.some(({ lines }) => lines.length <= FRONT_PAGE_LINES_MOST)) return [];
      const message =
        fronts.length === 0
          ? `write a README.md or index.ts: purpose, contract, what is not here, in ${FRONT_PAGE_LINES_MOST} lines`
          : `its front page is too long: ${FRONT_PAGE_LINES_MOST} lines are the limit`;
      return [{ path: folder, line: 0, message }];
    });
  },
  canary: { "src/base/mac.ts": "" },
};

export const TREE_RULES: readonly TreeRule[] = [
  importDirection,
  roomsAreKnown,
  onlyInwards,
  pageImports,
  addonLoader,
  noCircles,
  frontPages,
];
