import type { Carrier, Carriers } from "../../domain/carrier.ts";
import type { FixedSignature } from "../../domain/model.ts";
import type { TensorSpec } from "../../domain/tensor.ts";
import { clip } from "../../domain/text.ts";
import { FormatError } from "../error.ts";
import { type TensorBehind, tensorsBehind } from "./behind.ts";
import { FileCursor } from "./cursor.ts";
import { castOf, outputOf, renamedInput, typeKept } from "./edits.ts";
import { datatypeOf, elementTypeName, wideningOf } from "./element-types.ts";
import { localeEdits } from "./locale.ts";
import { type Outline, readOutline, type Value } from "./outline.ts";
import { elementTypes } from "./schema.ts";
import type { Edit } from "./splice.ts";
import { typeName } from "./types.ts";
import { checkVersions } from "./versions.ts";

/** How a graph is served: its signature, and the edits that the binding needs for it. */
export interface GraphPlan {
  readonly outline: Outline;
  readonly signature: FixedSignature;
  readonly carriers: Carriers;
  /** None: the file is loaded as it is. */
  readonly edits: readonly Edit[];
}

export interface PlanOptions {
  /** Whether the system has the locales that the graph asks for. */
  readonly ownLocale?: boolean;
}

/**
 * Reads an ONNX file's inputs and outputs and decides how each is served. Initializers that old
 * files (IR before 4) list among the inputs are left out. What ONNX Runtime's binding cannot pass
 * is repaired by edits; throws FormatError for a file that is no ONNX model, or takes or gives
 * what cannot be served.
 */
export function planGraph(path: string, { ownLocale = true }: PlanOptions = {}): GraphPlan {
  const cursor = new FileCursor(path);
  try {
    const outline = readOutline(cursor);
    checkVersions(outline);
    const planner = new Planner(path, cursor, outline);
    const inputs = outline.inputs.map((value) => planner.input(value));
    const outputs = outline.outputs.flatMap((value) => planner.output(value));
    checkNames(inputs, "inputs");
    checkNames(outputs, "outputs");
    const { carriers, edits } = planner;
    if (!ownLocale) edits.push(...localeEdits(path, cursor, outline));
    return { outline, signature: { kind: "fixed", inputs, outputs }, carriers, edits };
  } finally {
    cursor.close();
  }
}

class Planner {
  readonly edits: Edit[] = [];
  readonly carriers = { inputs: new Map<string, Carrier>(), outputs: new Map<string, Carrier>() };
  readonly #path: string;
  readonly #cursor: FileCursor;
  readonly #outline: Outline;
  /** What the edited graph gives. */
  readonly #given: Set<string>;

  constructor(path: string, cursor: FileCursor, outline: Outline) {
    this.#path = path;
    this.#cursor = cursor;
    this.#outline = outline;
    this.#given = new Set(outline.outputs.map(({ name }) => name));
  }

  input(value: Value): TensorSpec {
    const { name, type } = value;
    if (type.kind !== "tensor") throw unservable("input", name, `is a ${typeName(type)}`);
    const { elementType, shape } = type;
    const datatype = datatypeOf(elementType);
    if (datatype === undefined) throw unservableType("input", name, elementType);
    const widening = wideningOf(elementType);
    if (widening === undefined) return { name, datatype, shape };
    const { carrier, opset } = widening;
    this.#needOpset(opset, `input '${clip(name)}' is ${datatype}`);
    const carried = `thaw/in/${name}`;
    const to = elementTypes[carrier];
    const { from } = this.#outline.graph;
    this.edits.push(renamedInput(this.#path, value, { name: carried, elementType: to }), {
      from,
      to: from,
      bytes: castOf(carried, name, elementType),
    });
    this.carriers.inputs.set(name, { name: carried, datatype: carrier });
    return { name, datatype, shape };
  }

  /** An output, or in place of what is no tensor those behind it. */
  output(value: Value): TensorSpec[] {
    const { name, type, range } = value;
    if (type.kind === "unknown" || type.kind === "sparse tensor") {
      throw unservable("output", name, `is a ${typeName(type)}`);
    }
    if (type.kind === "tensor") {
      const { elementType, shape, shapeRange } = type;
      if (datatypeOf(elementType) !== undefined && wideningOf(elementType) === undefined) {
        return [this.#expose({ name, value: name, elementType, shape, shapeRange })];
      }
      this.#given.delete(name);
      this.edits.push(typeKept(this.#path, range));
      return [this.#expose({ name, value: name, elementType, shape, shapeRange })];
    }
    const { tensors, edits } = tensorsBehind(this.#cursor, this.#outline.graph, value);
    this.#given.delete(name);
    this.edits.push({ ...range, bytes: new Uint8Array(0) }, ...edits);
    return tensors.map((tensor) => this.#expose(tensor));
  }

  /** Makes a tensor of the graph one of its outputs, in a type that the binding can pass. */
  #expose({ name, value, elementType, shape, shapeRange, labels }: TensorBehind): TensorSpec {
    const widening = wideningOf(elementType);
    const datatype = widening?.datatype ?? datatypeOf(elementType);
    if (datatype === undefined) throw unservableType("output", name, elementType);
    const carried = widening === undefined ? value : `thaw/out/${value}`;
    const carriedType = widening === undefined ? elementType : elementTypes[widening.carrier];
    if (widening !== undefined) {
      this.#needOpset(widening.opset, `output '${clip(name)}' is ${elementTypeName(elementType)}`);
    }
    if (!this.#given.has(carried)) {
      this.#given.add(carried);
      if (widening !== undefined) this.#append(castOf(value, carried, carriedType));
      const type = { elementType: carriedType, shapeRange };
      this.#append(outputOf(this.#path, { name: carried, ...type }));
    }
    if (carried !== name) {
      const same = widening === undefined || widening.carrier === datatype;
      const carrier = same ? undefined : widening.carrier;
      this.carriers.outputs.set(name, { name: carried, datatype: carrier });
    }
    return { name, datatype, shape, ...(labels === undefined ? {} : { labels }) };
  }

  #append(bytes: Uint8Array): void {
    const { to } = this.#outline.graph;
    this.edits.push({ from: to, to, bytes });
  }

  #needOpset(opset: number, what: string): void {
    const own = this.#outline.opsets.get("");
    if (own !== undefined && own >= opset) return;
    throw new FormatError(
      `${what}, which has to be cast for ONNX Runtime's binding: export the model with opset ` +
        `${opset} or more of ai.onnx (it has ${own ?? "none"})`,
    );
  }
}

function unservable(role: "input" | "output", name: string, what: string): FormatError {
  return new FormatError(`${role} '${clip(name)}' ${what}, but only tensors can be served`);
}

function unservableType(role: "input" | "output", name: string, elementType: number): FormatError {
  const type = elementTypeName(elementType);
  const advice = role === "input" ? "cast it inside the graph from" : "cast it inside the graph to";
  return new FormatError(
    `${role} '${clip(name)}' has element type ${type}, for which the protocols have no datatype: ` +
      `${advice} one that they have, such as FP32 or INT8`,
  );
}

function checkNames(specs: readonly TensorSpec[], role: "inputs" | "outputs"): void {
  const names = new Set<string>();
  for (const { name } of specs) {
    if (names.has(name)) throw new FormatError(`two of its ${role} are named '${clip(name)}'`);
    // The binding keeps results in a plain object, whose prototype this would set.
    if (name === "" || name === "__proto__") {
      throw new FormatError(`one of its ${role} is named '${name}', which cannot be served`);
    }
    names.add(name);
  }
}
