import type { YAMLParseError, YAMLWarning } from "yaml";

/** What is wrong with a text that is no YAML, in words for people who write a configuration and do not read YAML's grammar. */
export interface SyntaxFault {
  /** Offsets into the text. */
  readonly start: number;
  readonly end: number;
  readonly message: string;
}

export function describeSyntax(error: YAMLParseError | YAMLWarning, text: string): SyntaxFault {
  const [start, end] = error.pos;
  const at = (message: string): SyntaxFault => ({ start, end, message });
  switch (error.code) {
    case "TAB_AS_INDENT":
      return at("a tab cannot indent YAML; use spaces");
    case "MULTIPLE_DOCS":
      return at("a second document begins here; write one only");
    case "TAG_RESOLVE_FAILED":
      return at("tags mean nothing here; remove it");
    case "BLOCK_IN_FLOW":
      return at("a comma is missing in this: inside { } and [ ] each entry but the last ends with one");
    case "BLOCK_AS_IMPLICIT_KEY":
      return at('a value cannot have keys below or behind it; give each key its own line, and quote a value with ": " in it');
    case "MULTILINE_IMPLICIT_KEY":
      return at("a colon is missing; write a key, a colon, a space and its value");
    case "BAD_SCALAR_START":
      return at(`a value that begins with ${text[start]} belongs into quotes`);
    case "BAD_INDENT":
    case "MISSING_CHAR":
      return unclosed(error, text) ?? displaced(start, text);
    default:
      return at(`this is not YAML: ${error.message.charAt(0).toLowerCase()}${error.message.slice(1)}`);
  }
}

function displaced(lineStart: number, text: string): SyntaxFault {
  const [indent = ""] = /^ */.exec(text.slice(lineStart)) ?? [];
  const start = lineStart + indent.length;
  return { start, end: start + 1, message: "begins at another column than its neighbours; indent them alike" };
}

/** A bracket or quote without an end: the parser notices it where the next line begins, or at the end of the file. */
function unclosed({ message, pos: [noticed] }: YAMLParseError | YAMLWarning, text: string): SyntaxFault | undefined {
  const [, quote] = /^Missing closing (["'])quote/.exec(message) ?? [];
  const [, closing] = /end with a ([}\]])/.exec(message) ?? [];
  const opening = quote ?? (closing === "}" ? "{" : closing === "]" ? "[" : undefined);
  if (opening === undefined) return undefined;
  const start = Math.max(
    0,
    quote === undefined ? openBracket(text, opening, closing, noticed) : text.lastIndexOf(opening, noticed - 1),
  );
  return { start, end: start + 1, message: `this ${opening} is not closed; write ${quote ?? closing} where it ends` };
}

/** The last `opening` before an offset that has no `closing` behind it. */
function openBracket(text: string, opening: string, closing: string | undefined, before: number): number {
  let closed = 0;
  for (let offset = before - 1; offset >= 0; offset--) {
    if (text[offset] === closing) closed++;
    else if (text[offset] === opening && closed-- === 0) return offset;
  }
  return before;
}
