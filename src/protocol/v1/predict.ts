import { stringProblem } from "../../domain/elements.ts";
import { assert, invalid, type ServingError } from "../../domain/error.ts";
import { columnsMax, jsonDepthMax, jsonSliceBytes } from "../../domain/limits.ts";
import {
  type InferRequest,
  type Inputs,
  type NamedValues,
  noParameters,
  type Values,
} from "../../domain/request.ts";
import { clip } from "../../domain/text.ts";
import { JsonDepthError, JsonError, type JsonObject, type JsonValue } from "../../wire/json.ts";
import { type ArraySink, type Claim, type JsonPath, JsonScanner } from "../../wire/json-scanner.ts";
import { checkedName } from "../checks.ts";
import { utf8InSlices } from "../sliced.ts";
import { type InferTarget, isObject } from "../v2/json.ts";
import { base64Key, base64Text } from "./base64.ts";
import { Instances } from "./instances.ts";

/**
 * V1's `:predict` (KServe, "V1 Inference Protocol"; TensorFlow Serving, "Predict API"): rows under
 * `instances`, or under `inputs` where that is a list, as KServe takes it; columns under `inputs`
 * where that is an object. All other keys are ignored, `signature_name` among them.
 */

export function isLargePredict(body: Buffer): boolean {
  return body.length > jsonSliceBytes;
}

/** Decodes a body; yields between slices of about `sliceBytes`. Throws `invalid-request` only. */
export function* decodePredict(
  target: InferTarget,
  body: Buffer,
  sliceBytes = jsonSliceBytes,
): Generator<void, InferRequest> {
  if (!(yield* utf8InSlices(body))) throw unrecognized("it is not valid UTF-8");
  const lists = new Lists();
  const scanner = new JsonScanner(body, jsonDepthMax, (path, owner) => lists.claim(path, owner));
  while (!inWords(() => scanner.step(sliceBytes))) yield;
  const inputs = lists.inputs(scanner.value);
  return { ...target, id: undefined, parameters: noParameters, inputs, outputs: [] };
}

function unrecognized(why: string): ServingError {
  return invalid(`Unrecognized request format: ${why}`);
}

function inWords<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof JsonDepthError) throw invalid(error.message);
    if (error instanceof JsonError) throw unrecognized(error.message);
    throw error;
  }
}

/** The lists of a body, which are read while its text is. */
class Lists {
  /** The latest under each key, as in JSON. */
  readonly #rows = new Map<string, Instances>();
  readonly #columns = new Map<string, Instances>();

  claim(path: JsonPath, owner: JsonObject | undefined): Claim {
    if (owner === undefined) return nothing;
    const [first, name = ""] = path;
    if (path.length === 1) {
      if (first !== "instances" && first !== "inputs") return "skip";
      return put(this.#rows, first, new Instances(first, true));
    }
    // An object in `inputs` is of use only as a string in base64.
    if (path.length > 2) return path[2] === base64Key ? "build" : "skip";
    // One name too many is enough to refuse them.
    if (this.#columns.size > columnsMax) return "skip";
    return put(this.#columns, name, new Instances(`inputs.${clip(name)}`, false));
  }

  inputs(body: JsonValue): Inputs {
    if (!isObject(body)) throw unrecognized("expected an object");
    const { instances, inputs } = body;
    if (instances !== undefined && inputs !== undefined) {
      throw invalid('expected either "instances" or "inputs", but the request has both');
    }
    if (inputs !== undefined && isObject(inputs)) {
      return { kind: "columns", values: this.#named(inputs) };
    }
    const key = inputs === undefined ? "instances" : "inputs";
    if (instances === undefined && inputs === undefined) throw noInputs();
    const list = this.#rows.get(key);
    if (!Array.isArray(body[key]) || list === undefined) {
      throw invalid(
        `Expected "${key}" to be a list${key === "inputs" ? " of rows, or an object" : ""}`,
      );
    }
    return list.rows();
  }

  #named(inputs: JsonObject): readonly NamedValues[] {
    if (this.#columns.size > columnsMax) {
      throw invalid(`"inputs" has values under more than ${columnsMax} names`);
    }
    return Object.entries(inputs).map(([name, value]) => ({
      name: checkedName(name, 'a value in "inputs"'),
      values: this.#valuesOf(name, value),
      rows: undefined,
    }));
  }

  #valuesOf(name: string, value: JsonValue): Values {
    if (Array.isArray(value)) {
      const list = this.#columns.get(name);
      assert(list !== undefined, "an array was not read");
      return list.values();
    }
    const what = `"inputs.${clip(name)}"`;
    const scalar = isObject(value) ? textOf(value) : value;
    if (scalar === undefined) {
      throw invalid(`${what} is an object, but values or a string in base64 are expected`);
    }
    const problem = typeof scalar === "string" ? stringProblem(scalar, what) : undefined;
    if (problem !== undefined) throw invalid(problem);
    return { shape: [], elements: [scalar] };
  }
}

function put(lists: Map<string, Instances>, name: string, list: Instances): ArraySink {
  lists.set(name, list);
  return list;
}

/** The text of {"b64": "…"}. */
function textOf(object: JsonObject): string | undefined {
  const encoded = object[base64Key];
  return typeof encoded === "string" ? base64Text(encoded) : undefined;
}

function noInputs(): ServingError {
  return invalid('Expected "instances" to be a list, or "inputs" to be a list or an object');
}

/** A body that is an array is read to its end, but not kept. */
const nothing: ArraySink = {
  placeholder: [],
  single: false,
  numbers: () => {},
  value: () => {},
  end: () => {},
};
