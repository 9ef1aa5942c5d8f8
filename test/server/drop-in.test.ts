import { copyFileSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { http1 } from "../support/http.ts";
import { temporaryFolder } from "../support/models.ts";
import { irisModel, startServer } from "../support/server.ts";

/** thaw's image in KServe's own runtimes, with their arguments and variables as they stand. */

const root = join(import.meta.dirname, "../..");
const sklearn = join(root, "models/iris-sklearn/model.joblib");
const boosters = join(root, "test/formats/goldens/boosters");
const rows = [
  [6.8, 2.8, 4.8, 1.4],
  [6.0, 3.4, 4.5, 1.6],
];
const v1 = JSON.stringify({ instances: rows });
const v2 = JSON.stringify({
  inputs: [{ name: "input-0", shape: [2, 4], datatype: "FP32", data: rows }],
});

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (typeof address === "object" && address !== null) ports.push(address.port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}

/** A folder as KServe's storage initializer leaves it. */
function mounted(file: string, name: string): string {
  const folder = join(temporaryFolder(), "models");
  mkdirSync(join(folder, name, ".."), { recursive: true });
  copyFileSync(file, join(folder, name));
  return folder;
}

interface Runtime {
  readonly name: string;
  readonly model: [file: string, as: string];
  readonly args: (folder: string, ports: readonly number[]) => string[];
  readonly env?: (folder: string, ports: readonly number[]) => Record<string, string>;
  readonly ask: readonly [path: string, body: string];
  readonly answer: object;
  /** How many of the ports the runtime names. */
  readonly ports: number;
}

const python = (folder: string, [port]: readonly number[], ...more: string[]) => [
  "--model_name=iris",
  `--model_dir=${folder}`,
  `--http_port=${port}`,
  ...more,
];

const runtimes: readonly Runtime[] = [
  {
    name: "kserve-sklearnserver",
    model: [sklearn, "model.joblib"],
    args: python,
    ask: ["/v1/models/iris:predict", v1],
    answer: { predictions: [1, 1] },
    ports: 1,
  },
  {
    name: "kserve-sklearnserver with a user's own arguments",
    model: [sklearn, "model.joblib"],
    args: (folder, ports) =>
      python(folder, ports, "--workers=2", "--enable_grpc", "false", "--model_name", "iris"),
    ask: ["/v2/models/iris/infer", v2],
    answer: { outputs: [{ name: "output-0", datatype: "INT64", shape: [2], data: [1, 1] }] },
    ports: 1,
  },
  {
    name: "kserve-xgbserver",
    model: [join(boosters, "0.90-2.3.1/xgb-squarederror-gbtree.bst"), "model.bst"],
    args: (folder, ports) => python(folder, ports, "--nthread=1"),
    ask: ["/v2/models/iris/infer", v2],
    answer: { outputs: [{ name: "output-0", datatype: "FP32", shape: [2] }] },
    ports: 1,
  },
  {
    name: "kserve-lgbserver",
    model: [join(boosters, "3.4.1-4.7.0/lgb-multiclass-gbdt.txt"), "model.bst"],
    args: (folder, ports) => python(folder, ports, "--nthread=1"),
    ask: ["/v2/models/iris/infer", v2],
    answer: { outputs: [{ name: "output-0", datatype: "FP64", shape: [2, 3] }] },
    ports: 1,
  },
  {
    name: "kserve-predictiveserver",
    model: [sklearn, "model.joblib"],
    args: (folder, ports) => python(folder, ports, "--framework=sklearn", "--nthread=1"),
    ask: ["/v1/models/iris:predict", v1],
    answer: { predictions: [1, 1] },
    ports: 1,
  },
  {
    name: "kserve-mlserver",
    model: [sklearn, "model.joblib"],
    args: () => [],
    env: (folder, [http, grpc]) => ({
      MLSERVER_MODEL_IMPLEMENTATION: "mlserver_sklearn.SKLearnModel",
      MLSERVER_HTTP_PORT: `${http}`,
      MLSERVER_GRPC_PORT: `${grpc}`,
      MLSERVER_MODEL_NAME: "iris",
      MLSERVER_MODEL_URI: folder,
    }),
    ask: ["/v2/models/iris/infer", v2],
    answer: { outputs: [{ name: "predict", datatype: "INT64", shape: [2, 1], data: [1, 1] }] },
    ports: 2,
  },
  {
    name: "kserve-tritonserver",
    model: [irisModel, "iris/1/model.onnx"],
    args: (folder, [http, grpc]) => [
      "tritonserver",
      `--model-store=${folder}`,
      `--grpc-port=${grpc}`,
      `--http-port=${http}`,
      "--allow-grpc=true",
      "--allow-http=true",
    ],
    ask: ["/v2/models/iris/infer", v2],
    answer: { outputs: [{ name: "label", data: [1, 1] }, {}] },
    ports: 2,
  },
  {
    name: "kserve-openvino",
    model: [irisModel, "1/model.onnx"],
    args: (folder, [http, grpc]) => [
      "--model_name=iris",
      `--model_path=${folder}`,
      `--port=${grpc}`,
      `--rest_port=${http}`,
      "--file_system_poll_wait_seconds=0",
    ],
    ask: ["/v2/models/iris/infer", v2],
    answer: { outputs: [{ name: "label", data: [1, 1] }, {}] },
    ports: 2,
  },
];

describe("in the place of another server", () => {
  it.each(runtimes.map((one) => [one.name, one] as const))("%s", async (_, runtime) => {
    const folder = mounted(...runtime.model);
    const ports = await freePorts(runtime.ports);
    const env = {
      THAW_PORT: "",
      THAW_CACHE_DIR: temporaryFolder(),
      ...runtime.env?.(folder, ports),
    };
    const server = await startServer({ args: runtime.args(folder, ports), env });
    const [path, body] = runtime.ask;
    for (const port of ports) {
      const reply = await http1(port, { path, body });
      expect(reply.status, reply.text).toBe(200);
      expect(reply.json()).toMatchObject(runtime.answer);
    }
    expect(await server.stop()).toBe(0);
  });

  it("what has no meaning here is said once in the log", async () => {
    const args = [
      "tritonserver",
      `iris=${sklearn}`,
      "--exit-on-error",
      "false",
      "--allow-http=true",
    ];
    const server = await startServer({ args });
    expect(
      server.log().match(/options without effect.*--exit-on-error, --allow-http/g),
    ).toHaveLength(1);
    expect(await server.stop()).toBe(0);
  });
});
