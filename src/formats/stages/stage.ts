/** Work on a table that no graph does, done before the graph. Plain, so it is kept. */
export type Stage = VectorizeStage | KnownStage;

/** Text → counts of its terms, as CountVectorizer and TfidfVectorizer have them. */
export interface VectorizeStage {
  readonly kind: "vectorize";
  /** The feed of text, and the column in it. */
  readonly feed: string;
  readonly column: number;
  /** The graph's input that is made, FP64 [N, terms]. */
  readonly output: string;
  readonly analyzer: "word" | "char" | "char_wb";
  /** `token_pattern`, one that `tokenExpression` takes. */
  readonly tokens: string;
  readonly terms: readonly string[];
  readonly lowercase: boolean;
  /** Before 0.22 `unicode` left text alone that was decomposed already: `composed`. */
  readonly stripAccents: "none" | "unicode" | "composed" | "ascii";
  readonly ngrams: readonly [from: number, to: number];
  readonly stopWords: readonly string[];
  readonly binary: boolean;
}

/** Refuses what an encoder has not seen when it was fitted. */
export interface KnownStage {
  readonly kind: "known";
  readonly feed: string;
  readonly column: number;
  /** For the message. */
  readonly position: number;
  readonly values: readonly (string | number)[];
  /** A missing value is known, too. */
  readonly missing: boolean;
}

/** What stands for a missing text in front of an encoder that knows one: no category of anybody. */
export const missingText = "\u0001missing";
