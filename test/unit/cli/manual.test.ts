import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { configurationSchema, parseConfiguration } from "../../../src/config/index.js";
import { command, needs } from "../../support/needs.js";
import { packageRoot } from "../../support/paths.js";
import { run } from "../../support/process.js";
import { LEAVES } from "./commands.js";

function packaged(path: string): string {
  return readFileSync(join(packageRoot, "packaging", path), "utf8");
}

/** Every key of the JSON Schema, at whatever depth. */
function keysOf(schema: unknown): Set<string> {
  const keys = new Set<string>();
  const visit = (value: unknown, isProperties: boolean): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (isProperties) keys.add(key);
      visit(inner, !isProperties && key === "properties");
    }
  };
  visit(schema, false);
  return keys;
}

describe("the manual", () => {
  const page = packaged("man/tapnet.1");

  for (const { words, options } of LEAVES) {
    it(`has tapnet ${words} with all its options`, () => {
      const start = page.indexOf(`.It Cm ${words}`);
      assert(start >= 0, "the command is missing");
      const entry = page.slice(start, page.indexOf("\n", start));
      for (const option of options) assert.match(entry, new RegExp(`(?:Fl|\\|) -${option}\\b`));
    });
  }

  for (const file of readdirSync(join(packageRoot, "packaging/man"))) {
    it(`${file} has nothing that mandoc warns of`, needs(command("mandoc")), async () => {
      const { stdout, stderr } = await run(["mandoc", "-Tlint", "-Wwarning", join(packageRoot, "packaging/man", file)]);
      assert.equal(stdout + stderr, "");
    });
  }

  it("names no command that there is not", () => {
    const known = new Set(LEAVES.map((leaf) => leaf.words));
    const overview = page.slice(page.indexOf(".Sh OVERVIEW"), page.indexOf(".Sh ENVIRONMENT"));
    for (const [, words] of overview.matchAll(/^\.It Cm ((?:[a-z]+ ?)+)/gm)) {
      const named = words.trim().replace(/ [A-Z].*$/, "");
      assert(known.has(named), named);
    }
  });

  it("explains every key of the configuration", () => {
    const configuration = packaged("man/tapnet.yaml.5");
    const explained = new Set(
      [...configuration.matchAll(/^\.(?:It Cm|Cm) (.+)$/gm)].flatMap(([, words]) => words.split(/[ ,]+/)),
    );
    const options = keysOf(configurationSchema());
    // Names of DHCP options are the table's own, and the parts of a route and an option's long form stand in examples.
    for (const name of ["to", "via"]) options.delete(name);
    const { properties } = configurationSchema() as { properties: Record<string, unknown> };
    for (const name of dhcpOptionNames(properties)) options.delete(name);
    assert.deepEqual(
      [...options].filter((key) => !explained.has(key)),
      [],
    );
  });
});

function dhcpOptionNames(properties: Record<string, unknown>): string[] {
  const { guests } = properties as { guests: { additionalProperties: { properties: { options: { properties: object } } } } };
  return Object.keys(guests.additionalProperties.properties.options.properties);
}

describe("the example configuration", () => {
  it("is good", () => {
    const { networks, guests } = parseConfiguration(packaged("examples/tapnet.yaml"), "tapnet.yaml");
    assert.deepEqual(
      networks.map((network) => network.name),
      ["default", "public", "home", "lab", "office"],
    );
    assert.deepEqual(
      guests.map((guest) => guest.ifname),
      ["tn-web1", "tap-mail", "tn-gate", "tn-gate.2"],
    );
  });
});

describe("the protocol number of our routes", () => {
  it("is 157 for iproute2", () => assert.match(packaged("iproute2/rt_protos.d/tapnet.conf"), /^157\ttapnet$/m));
});
