import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { outputMatches, parsePage } from "../../support/docs/page.js";

const FENCE = "```";

describe("a page as steps", () => {
  it("commands have their machine, their user, their continuation and what they print", () => {
    const page = ["text", `${FENCE}console`, "# one \\", "    two", "a", "b", "", "$ three", "web1# four", "c", FENCE].join("\n");
    assert.deepEqual(parsePage(page), [
      { kind: "command", line: 3, machine: "host", user: "root", text: "one \\\n    two", expected: ["a", "b"] },
      { kind: "command", line: 8, machine: "host", user: "alice", text: "three", expected: undefined },
      { kind: "command", line: 9, machine: "web1", user: "root", text: "four", expected: ["c"] },
    ]);
  });

  it("a block with a path is a file, also where it is indented", () => {
    const page = [`  ${FENCE}yaml /etc/some.yaml`, "  a:", "    b: 1", `  ${FENCE}`].join("\n");
    assert.deepEqual(parsePage(page), [{ kind: "file", line: 1, path: "/etc/some.yaml", text: "a:\n  b: 1\n" }]);
  });

  it("what readers do not see is typed too", () => {
    const page = ["<!-- lab", "world# ip link", "-->"].join("\n");
    assert.deepEqual(parsePage(page), [
      { kind: "command", line: 2, machine: "world", user: "root", text: "ip link", expected: undefined },
    ]);
  });

  for (const [what, page, message] of [
    ["a block that nobody would run", `${FENCE}sh\nls\n${FENCE}`, /line 1: a block of sh is not run/],
    ["a block without an end", `${FENCE}console\n# ls\n`, /line 1: the block has no end/],
    ["output without a command", `${FENCE}console\nout\n${FENCE}`, /line 2: .* begins with a prompt/],
  ] as const) {
    it(`refuses ${what}`, () => assert.throws(() => parsePage(page), message));
  }
});

describe("what a page shows against what came out", () => {
  for (const [expected, output, matches] of [
    [["a  b"], "a b\n", true],
    [["a"], "a\nb\n", false],
    [["a", "…"], "a\nb\nc\n", true],
    [["a", "…"], "a\n", true],
    [["…", "c"], "a\nb\nc\n", true],
    [["…", "c"], "a\nb\n", false],
    [["10.77.0.…/24"], "10.77.0.131/24\n", true],
    [["10.77.0.…/24"], "10x77.0.131/24\n", false],
    [["…a"], "b\na\n", false],
    [["a"], "", false],
  ] as const) {
    it(`${JSON.stringify(expected)} ${matches ? "is" : "is not"} ${JSON.stringify(output)}`, () => {
      assert.equal(outputMatches(expected, output), matches);
    });
  }
});
