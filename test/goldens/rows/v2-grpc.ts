import { status } from "@grpc/grpc-js";
import { floats } from "../../support/grpc.ts";
import type { Chapter, GrpcGolden, StreamGolden } from "../golden.ts";

const x = { name: "x", datatype: "FP32", shape: [1, 2] };
const typed = { ...x, contents: { fp32_contents: [1, 2] } };
const ask = (more: object = {}) => ({ model_name: "id-FP32", inputs: [typed], ...more });
const raw = (more: object = {}) => ({
  model_name: "id-FP32",
  inputs: [x],
  raw_input_contents: [floats([1, 2])],
  ...more,
});
const int = (datatype: string, contents: object) => ({
  model_name: `id-${datatype}`,
  inputs: [{ ...x, datatype, contents }],
});
const infer = { kind: "grpc", method: "ModelInfer", follows: "Triton" } as const;
const answered = { ...infer, code: status.OK } as const;
const refused = { ...infer, code: status.INVALID_ARGUMENT } as const;

const servers: readonly GrpcGolden[] = [
  {
    kind: "grpc",
    title: "a model that nobody knows is not ready",
    follows: "KServe",
    why: "as OVMS and Triton since 2026-06; older Triton says OK and false",
    method: "ModelReady",
    message: { name: "nobody" },
    code: status.NOT_FOUND,
    details: "Request for unknown model: 'nobody' is not found",
  },
  {
    kind: "grpc",
    title: "an empty version lets the policy pick",
    follows: "Triton",
    method: "ModelReady",
    message: { name: "versions", version: "" },
    code: status.OK,
    fields: { ready: true },
  },
  {
    kind: "grpc",
    title: "metadata of a version; versions are strings",
    follows: "Triton",
    method: "ModelMetadata",
    message: { name: "versions", version: "1" },
    code: status.OK,
    fields: { name: "versions", versions: ["1", "3"], platform: "onnxruntime_onnx" },
  },
  {
    kind: "grpc",
    title: "metadata of an unknown version",
    follows: "all",
    method: "ModelMetadata",
    message: { name: "versions", version: "9" },
    code: status.NOT_FOUND,
    details: "'versions' version 9 is not found",
  },
  {
    kind: "grpc",
    title: "the model's configuration",
    follows: "Triton",
    method: "ModelConfig",
    message: { name: "iris" },
    code: status.OK,
    fields: { config: { name: "iris", platform: "onnxruntime_onnx", max_batch_size: 0 } },
  },
  {
    kind: "grpc",
    title: "statistics of every model",
    follows: "Triton",
    method: "ModelStatistics",
    message: {},
    code: status.OK,
  },
  {
    kind: "grpc",
    title: "loading while the repository interface is off",
    follows: "thaw",
    why: "Triton says UNAVAILABLE, which invites to try again",
    method: "RepositoryModelLoad",
    message: { model_name: "iris" },
    code: status.PERMISSION_DENIED,
    details: "--repository-api",
  },
  {
    kind: "grpc",
    title: "health of the server",
    follows: "Triton",
    method: "Check",
    message: {},
    code: status.OK,
    fields: { status: "SERVING" },
  },
  {
    kind: "grpc",
    title: "health of a service that there is none of",
    follows: "thaw",
    why: "grpc.health.v1; Triton ignores the name",
    method: "Check",
    message: { service: "nobody" },
    code: status.NOT_FOUND,
    details: "unknown service",
  },
];

const tensors: readonly GrpcGolden[] = [
  {
    ...answered,
    title: "typed contents in, raw contents out",
    why: "KServe, MLServer and OVMS mirror the form; Triton's clients read raw only",
    message: ask({ id: "a" }),
    fields: {
      id: "a",
      model_version: "1",
      outputs: [{ name: "y", datatype: "FP32", shape: ["1", "2"], contents: null }],
      raw_output_contents: [floats([1, 2])],
    },
  },
  { ...answered, title: "raw contents", message: raw(), fields: { id: "" } },
  {
    ...answered,
    title: "typed contents out, asked for with `binary_data_output: false`",
    follows: "thaw",
    why: "the parameter by which REST asks for JSON",
    message: raw({ parameters: { binary_data_output: { bool_param: false } } }),
    fields: {
      outputs: [{ name: "y", contents: { fp32_contents: [1, 2] } }],
      raw_output_contents: [],
    },
  },
  {
    ...answered,
    title: "typed contents of an output, asked for with its own `binary_data: false`",
    follows: "thaw",
    message: {
      ...int("INT8", { int_contents: [-1, 127] }),
      outputs: [{ name: "y", parameters: { binary_data: { bool_param: false } } }],
    },
    fields: { outputs: [{ contents: { int_contents: [-1, 127] } }], raw_output_contents: [] },
  },
  {
    ...answered,
    title: "an output without typed form stays raw",
    follows: "thaw",
    message: {
      model_name: "id-FP16",
      inputs: [{ ...x, datatype: "FP16" }],
      raw_input_contents: [Buffer.from([0, 0x3c, 0, 0x40])],
      parameters: { binary_data_output: { bool_param: false } },
    },
    fields: { raw_output_contents: [Buffer.from([0, 0x3c, 0, 0x40])] },
  },
  {
    ...answered,
    title: "INT8 in `int_contents`",
    follows: "all",
    message: int("INT8", { int_contents: [-128, 127] }),
    fields: { raw_output_contents: [Buffer.from([0x80, 0x7f])] },
  },
  {
    ...refused,
    title: "INT8 beyond its range",
    follows: "thaw",
    why: "peers wrap around",
    message: int("INT8", { int_contents: [0, 128] }),
    details: "'x'",
  },
  {
    ...refused,
    title: "elements in the field of another type",
    message: int("INT64", { fp32_contents: [1, 2] }),
    details: "its elements must be in int64_contents, but they are in fp32_contents",
  },
  {
    ...refused,
    title: "FP16 in typed contents",
    message: int("FP16", { fp32_contents: [1, 2] }),
    details: "FP16, which travels in raw_input_contents only",
  },
  {
    ...refused,
    title: "typed and raw contents of one input",
    message: { ...ask(), raw_input_contents: [floats([1, 2])] },
    details: "contents field must not be specified when using raw_input_contents for 'x'",
  },
  {
    ...refused,
    title: "more raw contents than inputs",
    follows: "KServe",
    message: raw({ raw_input_contents: [floats([1, 2]), floats([1, 2])] }),
    details: "the number of inputs (1) does not match the expected number of raw input contents",
  },
  {
    ...refused,
    title: "an input without contents",
    message: { model_name: "id-FP32", inputs: [x] },
    details: "unable to find data for input tensor 'x' for model 'id-FP32' in request",
  },
  {
    ...refused,
    title: "fewer raw bytes than the shape has",
    message: raw({ raw_input_contents: [floats([1])] }),
    details: "input byte size mismatch for input 'x' for model 'id-FP32'. Expected 8, got 4",
  },
  {
    ...refused,
    title: "a BYTES element that is longer than the rest",
    message: {
      model_name: "id-BYTES",
      inputs: [{ ...x, datatype: "BYTES", shape: [1, 1] }],
      raw_input_contents: [Buffer.from([9, 0, 0, 0, 65])],
    },
    details: "incomplete string data for inference input 'x'",
  },
  {
    ...refused,
    title: "a datatype that is not the model's",
    message: { ...ask(), model_name: "id-INT32" },
    details: "inference input 'x' data-type is 'FP32', but model 'id-INT32' expects 'INT32'",
  },
  {
    ...refused,
    title: "an output asked for twice",
    message: ask({ outputs: [{ name: "y" }, { name: "y" }] }),
    details: "output 'y' already exists in request",
  },
  {
    ...infer,
    title: "an unknown model",
    message: ask({ model_name: "nobody" }),
    code: status.NOT_FOUND,
    details: "Request for unknown model: 'nobody' is not found",
  },
  {
    ...answered,
    title: "integers of the schedule as int64 or as uint64",
    message: ask({
      parameters: { priority: { uint64_param: "1" }, sequence_id: { int64_param: "3" } },
    }),
  },
  {
    ...infer,
    title: "a client's own time limit, by parameter (µs)",
    follows: "thaw",
    why: "Triton needs a queue policy for it",
    message: ask({ parameters: { timeout: { uint64_param: "1" } } }),
    code: status.DEADLINE_EXCEEDED,
  },
  {
    ...refused,
    title: "an input in shared memory",
    follows: "thaw",
    why: "not offered",
    message: {
      model_name: "id-FP32",
      inputs: [{ ...x, parameters: { shared_memory_region: { string_param: "r" } } }],
    },
    details: "input 'x': the shared memory extensions are not supported; send the tensor itself",
  },
  {
    ...refused,
    title: "classification",
    follows: "thaw",
    why: "not offered",
    message: ask({ outputs: [{ name: "y", parameters: { classification: { int64_param: 1 } } }] }),
    details: "the classification extension is not supported",
  },
];

const failing = { model_name: "nobody", id: "b", inputs: [typed] };
const final = { triton_final_response: { bool_param: true } };

const streams: readonly StreamGolden[] = [
  {
    kind: "stream",
    title: "answers in the order of the requests",
    follows: "Triton",
    why: "MLServer streams bare responses",
    messages: [ask({ id: "1" }), ask({ id: "2" })],
    answers: [{ infer_response: { id: "1" } }, { infer_response: { id: "2" } }],
    code: status.OK,
  },
  {
    kind: "stream",
    title: "an error is an answer, and the stream goes on",
    follows: "Triton",
    messages: [failing, ask({ id: "2" })],
    answers: [
      {
        error_message: "Request for unknown model: 'nobody' is not found",
        infer_response: { id: "b" },
      },
      { error_message: "", infer_response: { id: "2" } },
    ],
    code: status.OK,
  },
  {
    kind: "stream",
    title: "`triton_grpc_error: true` ends the stream with the first error's status",
    follows: "Triton",
    metadata: { triton_grpc_error: "true" },
    messages: [ask({ id: "1" }), failing, ask({ id: "2" })],
    answers: [{ infer_response: { id: "1" } }],
    code: status.NOT_FOUND,
  },
  {
    kind: "stream",
    title: "`triton_enable_empty_final_response`: the only answer is the final one",
    follows: "Triton",
    messages: [ask({ parameters: { triton_enable_empty_final_response: { bool_param: true } } })],
    answers: [{ infer_response: { parameters: final } }],
    code: status.OK,
  },
];

export const v2Grpc: readonly Chapter[] = [
  { title: "V2 gRPC: server and models", goldens: servers },
  { title: "V2 gRPC: inference", goldens: tensors },
  { title: "V2 gRPC: streams", goldens: streams },
];
