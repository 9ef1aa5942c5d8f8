import { invalid, type ServingError } from "../../domain/error.ts";
import { clip } from "../../domain/text.ts";

/** Refusals of names that a model does not have. */

export interface Named {
  readonly name: string;
}

/** The inputs given are not those expected. */
export function wrongInputs(
  given: readonly Named[],
  inputs: readonly Named[],
  model: string,
): ServingError {
  const names = [...new Set(given.map(({ name }) => name))];
  const expected = inputs.map(({ name }) => name);
  const missing = expected.filter((name) => !names.includes(name));
  const unknown = names.filter((name) => !expected.includes(name));
  const counts =
    `expected ${expected.length} inputs but got ${names.length} inputs for model ` +
    `'${model}'. Got input(s) [${quoted(names)}]`;
  if (missing.length > 0) {
    const rest = unknown.length > 0 ? ` The model has no input(s) [${quoted(unknown)}].` : "";
    return invalid(
      `${counts}, but missing required input(s) [${quoted(missing)}]. Please provide all ` +
        `required input(s).${rest}`,
    );
  }
  return invalid(
    `unexpected inference input '${clip(unknown[0] ?? "")}' for model '${model}': ` +
      `${counts}, but it has only [${quoted(expected)}].`,
  );
}

export function unknownOutput(
  name: string,
  outputs: readonly string[],
  model: string,
): ServingError {
  return invalid(
    `unexpected inference output '${clip(name)}' for model '${model}'. It has ` +
      `[${quoted(outputs)}].`,
  );
}

const quotedMax = 20;

export function quoted(names: readonly string[]): string {
  const shown = names.slice(0, quotedMax).map((name) => `'${clip(name)}'`);
  return shown.join(",") + (names.length > quotedMax ? `,… (${names.length} in all)` : "");
}
