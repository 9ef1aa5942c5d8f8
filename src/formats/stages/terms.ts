import { assert } from "../../domain/error.ts";
import type { VectorizeStage } from "./stage.ts";
import { spaces, tokenExpression } from "./token-pattern.ts";

/** Terms of a text, as scikit-learn's vectorisers find them (feature_extraction/text.py). */

type Analysis = Pick<
  VectorizeStage,
  "analyzer" | "tokens" | "lowercase" | "stripAccents" | "ngrams" | "stopWords"
>;

export function termsIn(text: string, analysis: Analysis): string[] {
  const { analyzer, ngrams } = analysis;
  const clean = stripped(analysis.lowercase ? text.toLowerCase() : text, analysis.stripAccents);
  if (analyzer === "word") {
    const stop = new Set(analysis.stopWords);
    const tokens = wordsIn(clean, analysis.tokens).filter((token) => !stop.has(token));
    return wordRuns(tokens, ngrams);
  }
  const spaced = [...clean.replace(severalSpaces, " ")];
  return analyzer === "char"
    ? characterRuns(spaced, ngrams)
    : runsWithinWords(spaced.join(""), ngrams);
}

/** `\s\s+` of Python: two or more become one space. */
const severalSpaces = new RegExp(`[${spaces}]{2,}`, "gu");

const expressions = new Map<string, RegExp | undefined>();

/** By a pattern that `tokenExpression` takes. */
function wordsIn(text: string, pattern: string): string[] {
  let expression = expressions.get(pattern);
  if (expression === undefined) {
    expression = tokenExpression(pattern);
    expressions.set(pattern, expression);
  }
  assert(expression !== undefined, "a pattern that was not looked at");
  return text.match(expression) ?? [];
}

function stripped(text: string, accents: Analysis["stripAccents"]): string {
  switch (accents) {
    case "none":
      return text;
    case "composed":
    case "unicode": {
      const decomposed = text.normalize("NFKD");
      if (accents === "composed" && decomposed === text) return text;
      return decomposed.replace(marks, (mark) => (isCombining(mark) ? "" : mark));
    }
    case "ascii":
      // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is kept.
      return text.normalize("NFKD").replace(/[^\x00-\x7f]/gu, "");
    default:
      return accents satisfies never;
  }
}

const marks = /\p{M}/gu;
const combining = new Map<string, boolean>();

/**
 * Whether a mark has a combining class, as `unicodedata.combining` says it: then it changes places
 * with one of a higher or of a lower class when a text is decomposed.
 */
function isCombining(mark: string): boolean {
  let is = combining.get(mark);
  if (is === undefined) {
    const [low, high] = ["\u0334", "\u0345"];
    is = [`a${high}${mark}`, `a${mark}${low}`].some((text) => text.normalize("NFD") !== text);
    // Those two stand in order beside themselves.
    is ||= mark === low || mark === high;
    combining.set(mark, is);
  }
  return is;
}

function wordRuns(tokens: readonly string[], [from, to]: readonly [number, number]): string[] {
  if (to === 1) return [...tokens];
  const terms: string[] = from === 1 ? [...tokens] : [];
  for (let size = from === 1 ? 2 : from; size <= Math.min(to, tokens.length); size += 1) {
    for (let at = 0; at + size <= tokens.length; at += 1) {
      terms.push(tokens.slice(at, at + size).join(" "));
    }
  }
  return terms;
}

function characterRuns(
  letters: readonly string[],
  [from, to]: readonly [number, number],
): string[] {
  const terms: string[] = [];
  for (let size = from; size <= Math.min(to, letters.length); size += 1) {
    for (let at = 0; at + size <= letters.length; at += 1) {
      terms.push(letters.slice(at, at + size).join(""));
    }
  }
  return terms;
}

/** Runs of each word with a space on either side; a word shorter than the run counts once. */
function runsWithinWords(text: string, [from, to]: readonly [number, number]): string[] {
  const terms: string[] = [];
  for (const word of text.split(space).filter((one) => one !== "")) {
    const letters = [" ", ...word, " "];
    for (let size = from; size <= to; size += 1) {
      terms.push(letters.slice(0, size).join(""));
      let at = 0;
      while (at + size < letters.length) {
        at += 1;
        terms.push(letters.slice(at, at + size).join(""));
      }
      if (at === 0) break;
    }
  }
  return terms;
}

const space = new RegExp(`[${spaces}]+`, "u");
