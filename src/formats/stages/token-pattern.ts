/**
 * Regular expressions of vectorisers, `token_pattern`, in the part of Python's language (re) that
 * reads a text in linear time: classes of characters one after the other, the last of which may
 * repeat without bound, and word boundaries at both ends. It is taken apart and written anew; no
 * expression of a model is run as it is.
 */

/** Python's \w: letters, numbers and the underscore. */
const word = "\\p{L}\\p{N}_";
/** Python's \s, which differs from JavaScript's in the separators and the byte order mark. */
export const spaces =
  "\\t-\\r\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const boundary = `(?:(?<![${word}])(?=[${word}])|(?<=[${word}])(?![${word}]))`;
const classes: Readonly<Record<string, string>> = {
  w: word,
  d: "\\p{Nd}",
  s: spaces,
};
const repeatsMax = 1_000;

/** The expression in JavaScript's terms; `undefined` where it has something else in it. */
export function tokenExpression(pattern: string): RegExp | undefined {
  const [, opening, inner = "", closing] =
    /^(?:\(\?u\))?(\\b)?((?:[^\\]|\\[^b])+?)(\\b)?$/su.exec(pattern) ?? [];
  let rest = inner;
  let source = opening === undefined ? "" : boundary;
  let open = false;
  while (rest !== "") {
    const atom = atomOf(rest);
    // What follows an unbounded repetition would have to be looked for again and again.
    if (atom === undefined || open) return undefined;
    open = atom.open;
    source += atom.source;
    rest = rest.slice(atom.length);
  }
  if (source === "" || inner === "") return undefined;
  if (closing !== undefined) {
    if (open && opening === undefined) return undefined;
    source += boundary;
  }
  return new RegExp(source, "gu");
}

interface Atom {
  readonly length: number;
  readonly source: string;
  /** It may repeat without bound. */
  readonly open: boolean;
}

function atomOf(text: string): Atom | undefined {
  const [whole, set, escaped, literal, quantifier = ""] =
    /^(?:\[((?:[^\\\]]|\\.)+)\]|\\(.)|([^\\.^$*+?{}[\]|()]))(\+|\*|\?|\{\d+(?:,\d*)?\})?/su.exec(
      text,
    ) ?? [];
  if (whole === undefined) return undefined;
  const source =
    set !== undefined
      ? setOf(set)
      : escaped !== undefined
        ? escapeOf(escaped)
        : code(literal ?? "");
  const repeated = repetitionOf(quantifier);
  if (source === undefined || repeated === undefined) return undefined;
  return { length: whole.length, source: source + repeated.source, open: repeated.open };
}

function repetitionOf(quantifier: string): { source: string; open: boolean } | undefined {
  const [, least, more, most] = /^\{(\d+)(,(\d*))?\}$/.exec(quantifier) ?? [];
  if (least === undefined) return { source: quantifier, open: /[+*]/.test(quantifier) };
  if (Number(least) > repeatsMax || Number(most ?? 0) > repeatsMax) return undefined;
  return { source: quantifier, open: more !== undefined && most === "" };
}

function escapeOf(letter: string): string | undefined {
  const own = classes[letter];
  if (own !== undefined) return `[${own}]`;
  const opposite = classes[letter.toLowerCase()];
  if (opposite !== undefined) return `[^${opposite}]`;
  return literalEscape(letter);
}

/** An escaped character that stands for itself. */
function literalEscape(letter: string): string | undefined {
  return /[\p{L}\p{N}]/u.test(letter) ? undefined : code(letter);
}

/** What stands in brackets: characters, ranges of them, and classes. */
function setOf(text: string): string | undefined {
  const negated = text.startsWith("^");
  let rest = negated ? text.slice(1) : text;
  let source = "";
  while (rest !== "") {
    const [range, from = "", to = ""] = /^([^\\])-([^\\])/su.exec(rest) ?? [];
    const [single, escaped, plain = ""] = /^(?:\\(.)|(.))/su.exec(rest) ?? [];
    if (range !== undefined) {
      if ((from.codePointAt(0) ?? 0) > (to.codePointAt(0) ?? 0)) return undefined;
      source += `${code(from)}-${code(to)}`;
    } else {
      const one =
        escaped === undefined ? code(plain) : (classes[escaped] ?? literalEscape(escaped));
      if (one === undefined) return undefined;
      source += one;
    }
    rest = rest.slice((range ?? single ?? rest).length);
  }
  return source === "" ? undefined : `[${negated ? "^" : ""}${source}]`;
}

function code(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
