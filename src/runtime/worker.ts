import { rmSync } from "node:fs";
import type { InferenceSession as OrtSession } from "onnxruntime-node";
import { bytesPerElement } from "../domain/datatype.ts";
import { assert, ServingError } from "../domain/error.ts";
import { graphInputs, graphOutputs, type Signature, type Verdict } from "../domain/model.ts";
import type { LoadOutcome } from "../domain/ports.ts";
import type { Tensor, TensorSpec } from "../domain/tensor.ts";
import { FormatError } from "../formats/error.ts";
import { type Lowered, type LoweredGraph, type LowerOptions, lower } from "../formats/lower.ts";
import { Graph, type RunStages } from "./graph.ts";
import type { Reply, Task, WorkerRunOutcome } from "./messages.ts";
import { sharedNowMs } from "./monotonic.ts";
import { lacksLocale, loadRefusal } from "./refusal.ts";
import { createSession } from "./session.ts";
import { cutRows, joinRows } from "./slices.ts";
import { judgeRows } from "./verdict.ts";

/** A worker's entry: holds sessions by generation, and does what it is told. Decides nothing. */

interface Loaded {
  readonly graph: Graph;
  readonly signature: Signature;
  readonly rowsAtOnce: number;
  /** Where it was found out before. */
  readonly verdict: Verdict | undefined;
}

const sessions = new Map<number, Loaded>();

export async function perform(task: Task): Promise<Reply> {
  switch (task.kind) {
    case "load":
      return load(task);
    case "unload":
      await sessions.get(task.generation)?.graph.release();
      sessions.delete(task.generation);
      return { kind: "unloaded" };
    case "judge": {
      const { graph, signature, verdict } = heldBy(task.generation);
      if (verdict !== undefined) return { kind: "judged", verdict };
      // Graphs of ours treat each row by itself.
      if (signature.kind === "tabular") return { kind: "judged", verdict: { kind: "batchable" } };
      return { kind: "judged", verdict: await judgeRows(graph, signature) };
    }
    case "run":
      return run(task);
    default:
      return task satisfies never;
  }
}

async function load(task: Extract<Task, { kind: "load" }>): Promise<LoadOutcome> {
  const start = performance.now();
  try {
    const { lowered, session, read } = await opened(task);
    const { platform } = lowered;
    const stages = await stagesOf(lowered);
    const graph = new Graph(session, lowered.carriers, stages);
    const created = performance.now();
    const signature = graph.completed(lowered.signature);
    const verdict = lowered.graph.kind === "baked" ? lowered.graph.verdict : undefined;
    const { rowsAtOnce } = lowered;
    sessions.set(task.generation, { graph, signature, rowsAtOnce, verdict });
    const warmUpFailure = await warmUp(graph, signature, task.warmUpRows ?? 1);
    const times = {
      // Of the threads' common scale; the slot makes it one of the process.
      beganMs: sharedNowMs() - (performance.now() - start),
      readMs: read - start,
      sessionMs: created - read,
      warmMs: performance.now() - created,
    };
    return { kind: "loaded", signature, platform, times, warmUpFailure };
  } catch (error) {
    const reason = error instanceof FormatError ? error.message : loadRefusal(nativeText(error));
    return { kind: "refused", reason };
  }
}

/** What runs the stages before a graph is imported where there are any. */
async function stagesOf({ stages }: Lowered): Promise<RunStages | undefined> {
  if (stages.length === 0) return undefined;
  const { runStages } = await import("../formats/stages/run.ts");
  return (inputs) => runStages(stages, inputs);
}

interface Opened {
  readonly lowered: Lowered;
  readonly session: OrtSession;
  /** When the file had been read. */
  readonly read: number;
}

/**
 * The model's session; once more from the model file itself where what was baked of it cannot be
 * used, or where nothing but a locale was missing.
 */
async function opened(
  task: Pick<Extract<Task, { kind: "load" }>, "modelPath" | "threads" | "folder">,
  options: LowerOptions = {},
): Promise<Opened> {
  const { modelPath, threads, folder } = task;
  const lowered = await lower(modelPath, folder, options);
  const read = performance.now();
  try {
    return { lowered, session: await open(lowered.graph, threads), read };
  } catch (error) {
    if (lowered.graph.kind === "baked") return opened(task, { ...options, baked: false });
    const { ownLocale = true } = options;
    if (!ownLocale || !lacksLocale(nativeText(error))) throw error;
    return opened(task, { ...options, ownLocale: false });
  }
}

async function open(lowered: LoweredGraph, threads: number): Promise<OrtSession> {
  if (lowered.kind === "untouched" || lowered.kind === "baked") {
    return createSession({ source: lowered.path, threads });
  }
  if (lowered.kind === "converted") {
    return createSession({ source: lowered.source, threads: 1, exact: true });
  }
  const { source, weightsFolder } = lowered;
  try {
    return await createSession({ source, weightsFolder, threads });
  } finally {
    if (typeof source === "string") rmSync(source, { force: true });
  }
}

/** The first run is several times slower than the rest, so it is made before it counts. */
async function warmUp(
  graph: Graph,
  signature: Signature,
  rows: number,
): Promise<string | undefined> {
  if (rows === 0) return undefined;
  try {
    await graph.infer(
      graphInputs(signature).map((spec) => zeros(spec, rows)),
      graphOutputs(signature).map(({ name }) => name),
    );
    return undefined;
  } catch (error) {
    return nativeText(error);
  }
}

/** A tensor of zeros or empty strings with 1 for each free dimension but the first. */
function zeros({ name, datatype, shape }: TensorSpec, rows: number): Tensor {
  const dims = (shape ?? [1]).map((dim, axis) => (dim !== -1 ? dim : axis === 0 ? rows : 1));
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (datatype === "BYTES") {
    return { name, datatype, shape: dims, strings: new Array<string>(count).fill("") };
  }
  return { name, datatype, shape: dims, bytes: new Uint8Array(count * bytesPerElement(datatype)) };
}

async function run(task: Extract<Task, { kind: "run" }>): Promise<WorkerRunOutcome> {
  const { graph, rowsAtOnce } = heldBy(task.generation);
  const times = { waitMs: sharedNowMs() - task.sentMs, inputMs: 0, inferMs: 0, outputMs: 0 };
  try {
    const parts: Tensor[][] = [];
    for (const inputs of cutRows(task.inputs, rowsAtOnce)) {
      const start = performance.now();
      const feeds = graph.feeds(inputs);
      const ready = performance.now();
      const results = await graph.run(feeds, task.outputs);
      const done = performance.now();
      parts.push(graph.tensors(results, task.outputs));
      times.inputMs += ready - start;
      times.inferMs += done - ready;
      times.outputMs += performance.now() - done;
    }
    return { kind: "done", outputs: joinRows(parts), times };
  } catch (error) {
    const detail = nativeText(error);
    if (error instanceof ServingError) return { kind: "declined", detail };
    return { kind: causedByInput(detail) ? "rejected" : "failed", detail };
  }
}

function heldBy(generation: number): Loaded {
  const loaded = sessions.get(generation);
  assert(loaded !== undefined, `a task was sent to a worker without generation ${generation}`);
  return loaded;
}

function nativeText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Whether a run failed over what it was given: an invalid argument, or a node that could not go on
 * with these values and shapes. Memory is nobody's argument.
 */
function causedByInput(detail: string): boolean {
  if (/alloc|memory/i.test(detail)) return false;
  return /INVALID_ARGUMENT|invalid dimensions|Non-zero status code returned while/i.test(detail);
}
