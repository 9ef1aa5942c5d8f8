import { FormatError } from "../error.ts";
import type { Value } from "../onnx/build.ts";
import { type Attributes, doublesOf } from "./attributes.ts";
import type { Part } from "./fitted.ts";

/**
 * What HistGradientBoosting does to categories before its trees: from 1.4 on an encoder numbers
 * them and puts their columns first; before, they are their own numbers. What is not known goes the
 * way of missing values.
 */
export function categoriesBefore(part: Part, x: Value): { x: Value; width: number } {
  const { estimator, columns } = part;
  const width = columns.length;
  const mask = estimator.maybeDoubles(["is_categorical_"], 1)?.values;
  if (mask === undefined || mask.every((one) => one === 0)) return { x, width };
  const encoder = encoderOf(estimator);
  // The mask is of the columns as they are after the encoder, which puts categories first.
  const places =
    encoder === undefined ? [...mask.keys()].filter((at) => mask[at] === 1) : encoder.columns;
  const rest = [...columns.keys()].filter((at) => !places.includes(at));
  const known = encoder === undefined ? knownOf(estimator, places) : encoder.categories;
  const coded = places.map((at, index) => {
    const values = known[index] ?? [];
    return encoder === undefined ? onlyKnown(part, x, at, values) : numbered(part, x, at, values);
  });
  if (encoder === undefined) {
    const all = [...columns.keys()].map(
      (at) => coded[places.indexOf(at)] ?? part.graph.columns(x, [at]),
    );
    return { x: part.graph.concat(all), width };
  }
  return {
    x: part.graph.concat([...coded, ...(rest.length > 0 ? [part.graph.columns(x, rest)] : [])]),
    width,
  };
}

interface Encoder {
  readonly columns: readonly number[];
  readonly categories: readonly (readonly number[])[];
}

function encoderOf(estimator: Attributes): Encoder | undefined {
  if (estimator.get("_preprocessor") === undefined) return undefined;
  const preprocessor = estimator.child("_preprocessor");
  const [first] = preprocessor.items("transformers_");
  if (typeof first !== "object" || first?.kind !== "tuple")
    throw preprocessor.unknown("transformers_");
  const [, encoder, chosen] = first.items;
  if (
    typeof encoder !== "object" ||
    encoder?.kind !== "object" ||
    encoder.type.name !== "OrdinalEncoder"
  ) {
    throw preprocessor.unknown("transformers_");
  }
  const mask = doublesMask(chosen, preprocessor);
  const categories = encoder.attributes.get("categories_");
  if (typeof categories !== "object" || categories?.kind !== "list")
    throw preprocessor.unknown("categories_");
  return {
    columns: mask,
    categories: categories.items.map((one) => {
      if (
        typeof one === "object" &&
        one?.kind === "array" &&
        (one.dtype.code === "O" || one.dtype.code === "U")
      ) {
        throw new FormatError(
          `${estimator.name} with categories of text is not supported; export the model to ONNX`,
        );
      }
      return [...doublesOf(one, preprocessor, "categories_").values];
    }),
  };
}

function doublesMask(value: unknown, owner: Attributes): number[] {
  if (typeof value === "object" && value !== null && "kind" in value && value.kind === "array") {
    // Arrays of a pickle are values of it.
    const { values } = doublesOf(value as Parameters<typeof doublesOf>[0], owner, "transformers_");
    return [...values.keys()].filter((at) => values[at] === 1);
  }
  throw owner.unknown("transformers_");
}

/** Up to 1.3: which numbers were seen, in the order of the categorical columns. */
function knownOf(estimator: Attributes, places: readonly number[]): number[][] {
  const mapper = estimator.child("_bin_mapper");
  const thresholds = mapper.items("bin_thresholds_");
  return places.map((at) => {
    const own = thresholds[at];
    if (own === undefined) throw estimator.unknown("is_categorical_");
    return [...doublesOf(own, mapper, "bin_thresholds_").values];
  });
}

/** NaN for what is no known category. */
function onlyKnown({ graph }: Part, x: Value, at: number, known: readonly number[]): Value {
  const column = graph.columns(x, [at]);
  const equal = graph.node("Equal", [column, graph.doubles(known, [1, known.length])]);
  const any = graph.rowMax(graph.cast(equal, "FP64"));
  return graph.where(graph.cast(any, "BOOL"), column, graph.double(Number.NaN));
}

/** The category's number; NaN for what is no known one. */
function numbered({ graph }: Part, x: Value, at: number, known: readonly number[]): Value {
  const column = graph.columns(x, [at]);
  const seen = known.filter((value) => !Number.isNaN(value));
  const equal = graph.cast(
    graph.node("Equal", [column, graph.doubles(seen, [1, seen.length])]),
    "FP64",
  );
  const any = graph.cast(graph.rowMax(equal), "BOOL");
  const index = graph.matmul(equal, graph.doubles([...seen.keys()], [seen.length, 1]));
  return graph.where(any, index, graph.double(Number.NaN));
}
