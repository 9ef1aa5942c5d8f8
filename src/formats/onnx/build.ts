import type { Datatype, FixedDatatype } from "../../domain/datatype.ts";
import type { Tensor, TensorSpec } from "../../domain/tensor.ts";
import { type Attribute, type Graph, type GraphNode, tensorOf, writeModel } from "./writer.ts";

/** The name of a value in a graph that is being built. */
export type Value = string;

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly domain?: string;
}

/** What ONNX Runtime 1.30 computes in double: string Equal needs 19, TreeEnsemble ai.onnx.ml 5. */
const opsets = { "": 19, "ai.onnx.ml": 5 };

/**
 * Builds a graph node by node. Values are numbers in double unless a name says otherwise; what is
 * computed twice from the same is computed once.
 */
export class GraphBuilder {
  readonly #nodes: GraphNode[] = [];
  readonly #initializers: Tensor[] = [];
  readonly #inputs: TensorSpec[] = [];
  readonly #outputs: TensorSpec[] = [];
  readonly #known = new Map<string, Value>();
  /** Before the names of values: a body's are not those of the graph around it. */
  readonly #prefix: string;
  #names = 0;
  #rowElements = 1;

  constructor(prefix = "v") {
    this.#prefix = prefix;
  }

  input(name: string, datatype: Datatype, shape: readonly number[]): Value {
    this.#inputs.push({ name, datatype, shape });
    this.widen(shape.at(-1) ?? 1);
    return name;
  }

  /** Gives a value out of the graph, under a name of its own. */
  output(value: Value, spec: TensorSpec): void {
    this.#nodes.push({ op: "Identity", inputs: [value], outputs: [spec.name] });
    this.#outputs.push(spec);
  }

  node(op: string, inputs: readonly Value[], options: NodeOptions = {}): Value {
    const { attributes, domain } = options;
    const key = isSmall(attributes) ? JSON.stringify([op, inputs, attributes, domain]) : undefined;
    const known = key === undefined ? undefined : this.#known.get(key);
    if (known !== undefined) return known;
    const [output = ""] = this.nodes(op, inputs, 1, options);
    if (key !== undefined) this.#known.set(key, output);
    return output;
  }

  /** A node of several outputs. */
  nodes(op: string, inputs: readonly Value[], count: number, options: NodeOptions = {}): Value[] {
    const outputs = Array.from({ length: count }, () => this.#name());
    this.#nodes.push({ op, inputs, outputs, ...options });
    return outputs;
  }

  /** Doubles. */
  doubles(values: ArrayLike<number>, shape: readonly number[] = [values.length]): Value {
    return this.#constant("FP64", shape, Float64Array.from(values));
  }

  floats(values: ArrayLike<number>, shape: readonly number[] = [values.length]): Value {
    return this.#constant("FP32", shape, Float32Array.from(values));
  }

  double(value: number): Value {
    return this.doubles([value], []);
  }

  float(value: number): Value {
    return this.floats([value], []);
  }

  ints(values: readonly (number | bigint)[], shape: readonly number[] = [values.length]): Value {
    return this.#constant("INT64", shape, BigInt64Array.from(values, BigInt));
  }

  booleans(values: readonly boolean[], shape: readonly number[] = [values.length]): Value {
    return this.#constant("BOOL", shape, Uint8Array.from(values, Number));
  }

  texts(strings: readonly string[], shape: readonly number[] = [strings.length]): Value {
    const name = this.#name();
    this.#initializers.push({ name, datatype: "BYTES", shape, strings });
    return name;
  }

  /** A constant whose elements may still be changed, until the graph is written. */
  lateInts(values: BigInt64Array): Value {
    const name = this.#name();
    this.#initializers.push(tensorOf(name, "INT64", [values.length], values));
    return name;
  }

  add(a: Value, b: Value): Value {
    return this.node("Add", [a, b]);
  }

  sub(a: Value, b: Value): Value {
    return this.node("Sub", [a, b]);
  }

  mul(a: Value, b: Value): Value {
    return this.node("Mul", [a, b]);
  }

  div(a: Value, b: Value): Value {
    return this.node("Div", [a, b]);
  }

  matmul(a: Value, b: Value): Value {
    return this.node("MatMul", [a, b]);
  }

  where(condition: Value, yes: Value, no: Value): Value {
    return this.node("Where", [condition, yes, no]);
  }

  cast(value: Value, to: Datatype): Value {
    return this.node("Cast", [value], { attributes: { to: { int: castTypes[to] ?? 0 } } });
  }

  gather(table: Value, indices: Value, axis = 0): Value {
    return this.node("Gather", [table, indices], { attributes: { axis: { int: axis } } });
  }

  /** Some columns of a matrix. */
  columns(matrix: Value, indices: readonly number[]): Value {
    return this.gather(matrix, this.ints(indices), 1);
  }

  concat(parts: readonly Value[], axis = 1): Value {
    const [only, second] = parts;
    if (only !== undefined && second === undefined) return only;
    return this.node("Concat", parts, { attributes: { axis: { int: axis } } });
  }

  reshape(value: Value, shape: readonly number[]): Value {
    return this.node("Reshape", [value, this.ints(shape)]);
  }

  transpose(value: Value): Value {
    return this.node("Transpose", [value], { attributes: { perm: { ints: [1, 0] } } });
  }

  /** [N, k, W] → [N, W]: summed over the middle, one after the other. */
  sum(value: Value): Value {
    const attributes = { keepdims: { int: 0 } };
    return this.node("ReduceSum", [value, this.ints([1])], { attributes });
  }

  /**
   * The sum of each row of a matrix, [N, 1]: added up one by one, so that a row's sum is the same
   * wherever it stands, which ReduceSum's is not.
   */
  rowSum(matrix: Value): Value {
    const width = this.gather(this.node("Shape", [matrix]), this.ints([1]));
    const shape = this.concat([width, this.ints([1])], 0);
    return this.matmul(matrix, this.node("Expand", [this.doubles([1], [1, 1]), shape]));
  }

  /** The sum of the squares of each row, [N, 1]. */
  rowSquares(matrix: Value): Value {
    return this.rowSum(this.mul(matrix, matrix));
  }

  /** The length of each row by a norm, [N, 1]. */
  rowNorm(matrix: Value, norm: "l1" | "l2"): Value {
    if (norm === "l1") return this.rowSum(this.node("Abs", [matrix]));
    return this.node("Sqrt", [this.rowSquares(matrix)]);
  }

  /** The largest of each row, [N, 1]. */
  rowMax(matrix: Value): Value {
    return this.node("ReduceMax", [matrix, this.ints([1])], {
      attributes: { keepdims: { int: 1 } },
    });
  }

  argMax(value: Value, axis = 1): Value {
    const attributes = { axis: { int: axis }, keepdims: { int: 0 } };
    return this.node("ArgMax", [value], { attributes });
  }

  /** 1 / (1 + e^−x): ONNX Runtime's own Sigmoid loses small results. */
  sigmoid(value: Value, exp = (x: Value) => this.exp(x)): Value {
    const one = this.double(1);
    return this.div(one, this.add(one, exp(this.node("Neg", [value]))));
  }

  softmax(value: Value, exp = (x: Value) => this.exp(x)): Value {
    const powers = exp(this.sub(value, this.rowMax(value)));
    return this.div(powers, this.rowSum(powers));
  }

  exp(value: Value): Value {
    return this.#paired("Exp", value);
  }

  log(value: Value): Value {
    return this.#paired("Log", value);
  }

  /** log(1 + x), without the loss near zero (Kahan's way: what 1 + x lost is put back). */
  log1p(x: Value): Value {
    const one = this.double(1);
    const sum = this.add(one, x);
    const log = this.log(sum);
    const exact = this.mul(log, this.div(x, this.sub(sum, one)));
    return this.#nearZero(x, this.#unless(sum, one, exact, x), log);
  }

  /** exp(x) − 1, without the loss near zero. */
  expm1(x: Value): Value {
    const one = this.double(1);
    const power = this.exp(x);
    const less = this.sub(power, one);
    const exact = this.mul(less, this.div(x, this.log(power)));
    return this.#nearZero(x, this.#unless(power, one, exact, x), less);
  }

  #unless(value: Value, other: Value, differing: Value, same: Value): Value {
    return this.where(this.node("Equal", [value, other]), same, differing);
  }

  #nearZero(x: Value, near: Value, far: Value): Value {
    const isNear = this.node("Less", [this.node("Abs", [x]), this.double(0.5)]);
    return this.where(isNear, near, far);
  }

  cos(value: Value): Value {
    return this.#paired("Cos", value);
  }

  sin(value: Value): Value {
    return this.#paired("Sin", value);
  }

  tanh(value: Value): Value {
    return this.#paired("Tanh", value);
  }

  /**
   * ONNX Runtime computes functions of doubles two elements at a time, and an odd last one by
   * another function, which may differ in the last bit. Each element beside itself has the same
   * answer in any row of any batch.
   */
  #paired(op: string, value: Value): Value {
    const pairs = this.node("Expand", [
      this.node("Unsqueeze", [value, this.ints([-1])]),
      this.ints([2]),
    ]);
    return this.gather(this.node(op, [pairs]), this.ints([0], []), -1);
  }

  /** How many rows a value has: INT64 [1]. */
  rows(value: Value): Value {
    const shape = this.node("Shape", [value]);
    return this.gather(shape, this.ints([0]));
  }

  /** A constant row, [1, k] or [1], once for each row of a value. */
  repeated(row: Value, width: number | undefined, like: Value): Value {
    const rows = this.rows(like);
    const shape = width === undefined ? rows : this.concat([rows, this.ints([width])], 0);
    return this.node("Expand", [row, shape]);
  }

  /** Says that a row needs so many elements of one value, where no constant is as wide. */
  widen(elements: number): void {
    this.#rowElements = Math.max(this.#rowElements, elements);
  }

  /** How many elements the widest value of the graph has in a row, as far as is known. */
  get rowElements(): number {
    return this.#rowElements;
  }

  /** Whether any element is true, as a scalar. */
  anyOf(flags: Value): Value {
    const counts = this.node("Cast", [flags], {
      attributes: { to: { int: castTypes.INT32 ?? 0 } },
    });
    const most = this.node("ReduceMax", [counts], { attributes: { keepdims: { int: 0 } } });
    return this.cast(most, "BOOL");
  }

  /**
   * A value of doubles that `body` makes a new one of, at most so many times, as long as it says
   * `go`. The body may use values of this graph.
   */
  loop(
    times: number,
    start: Value,
    shape: readonly number[],
    body: (inner: GraphBuilder, value: Value) => { readonly value: Value; readonly go: Value },
  ): Value {
    const name = this.#name();
    const inner = new GraphBuilder(`${name}_`);
    inner.input(`${name}_round`, "INT64", []);
    inner.input(`${name}_going`, "BOOL", []);
    const { value, go } = body(inner, inner.input(`${name}_value`, "FP64", shape));
    inner.output(go, { name: `${name}_go`, datatype: "BOOL", shape: [] });
    inner.output(value, { name: `${name}_next`, datatype: "FP64", shape });
    this.widen(inner.rowElements);
    const always = this.booleans([true], []);
    const inputs = [this.ints([times], []), always, start];
    return this.node("Loop", inputs, { attributes: { body: { graph: inner.#graph("body") } } });
  }

  finish(): Uint8Array {
    return writeModel(this.#graph("thaw"), { opsets });
  }

  #graph(name: string): Graph {
    return {
      name,
      nodes: this.#nodes,
      initializers: this.#initializers,
      inputs: this.#inputs,
      outputs: this.#outputs,
    };
  }

  #constant(datatype: FixedDatatype, shape: readonly number[], values: Typed): Value {
    // What a row is multiplied with, or held against, is as wide as what comes of it.
    this.widen(shape.at(-1) ?? 1);
    const small = values.length <= constantsSharedMax;
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    const key = small ? `${datatype} ${shape.join()} ${bytes.toString("latin1")}` : undefined;
    const known = key === undefined ? undefined : this.#known.get(key);
    if (known !== undefined) return known;
    const name = this.#name();
    this.#initializers.push(tensorOf(name, datatype, shape, values));
    if (key !== undefined) this.#known.set(key, name);
    return name;
  }

  #name(): string {
    this.#names += 1;
    return `${this.#prefix}${this.#names}`;
  }
}

type Typed = Float64Array | Float32Array | BigInt64Array | Uint8Array;

const constantsSharedMax = 64;

function isSmall(attributes: NodeOptions["attributes"]): boolean {
  return Object.values(attributes ?? {}).every(
    (attribute) =>
      "int" in attribute ||
      "float" in attribute ||
      ("ints" in attribute && attribute.ints.length < 8),
  );
}

/** TensorProto.DataType. */
const castTypes: Partial<Record<Datatype, number>> = {
  FP32: 1,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP64: 11,
};
