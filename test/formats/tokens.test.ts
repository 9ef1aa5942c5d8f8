import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tokenExpression } from "../../src/formats/stages/token-pattern.ts";

/** `token_pattern` against Python's re (`goldens/tokens.py`). */

interface Goldens {
  readonly refused: readonly string[];
  readonly texts: readonly string[];
  readonly found: readonly { readonly pattern: string; readonly tokens: readonly string[][] }[];
}

const path = join(import.meta.dirname, "goldens/tokens.json");
const { refused, texts, found }: Goldens = JSON.parse(readFileSync(path, "utf8"));

describe("patterns of tokens", () => {
  it.each(found)("$pattern finds what Python finds", ({ pattern, tokens }) => {
    const expression = tokenExpression(pattern);
    if (expression === undefined) expect.fail("the pattern is refused");
    expect(texts.map((text) => [...(text.match(expression) ?? [])])).toEqual(tokens);
  });

  it.each(refused)("'%s' is refused", (pattern) => {
    expect(tokenExpression(pattern)).toBeUndefined();
  });

  it("stay linear on a long text", () => {
    const text = "a".repeat(300_000);
    for (const { pattern } of found) {
      const expression = tokenExpression(pattern);
      if (expression !== undefined) text.match(expression);
    }
  });
});
